"""The raw scores against formulas, and the tail that makes one unit of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from isthmus import AnomalyDetector, Autoencoder, VariationalAutoencoder
from isthmus.applications.anomaly.rows.ensemble import fit_scores
from isthmus.applications.anomaly.scores import SCORES, Evidence, TailScale
from isthmus.errors import InvalidInputError


def plane(n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(9).normal(size=(2, 6))
    return rng.normal(size=(n, 2)) @ axes + noise * rng.normal(size=(n, 6))


@pytest.fixture(scope="module")
def variational():
    X = plane(400)
    return X, VariationalAutoencoder(
        latent_dim=2, hidden_layer_sizes=(16,), max_epochs=20, random_state=0
    ).fit(X)


@pytest.fixture(scope="module")
def deterministic():
    X = plane(400)
    return X, Autoencoder(
        latent_dim=2, hidden_layer_sizes=(16,), max_epochs=20, random_state=0
    ).fit(X)


def member(fitted, *names):
    X, estimator = fitted
    return fit_scores(estimator, names, X, np.random.default_rng(0))


def test_reconstruction_is_the_gaussian_likelihood_with_a_spread_for_each_value(deterministic):
    X, estimator = deterministic
    one = member(deterministic, "reconstruction")
    scaler = estimator.scaler_
    residual = (X - estimator.reconstruct(X)) / scaler.scale
    sigma = np.sqrt(np.mean(residual**2, axis=0))
    slow = 0.5 * (residual / sigma) ** 2 + np.log(sigma) + 0.5 * math.log(2 * math.pi)
    np.testing.assert_allclose(one.raw(X)[:, 0], slow.sum(1), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(one.spread, sigma * scaler.scale, rtol=1e-3)


def test_a_learned_scale_gives_way_to_the_spreads_and_other_likelihoods_stay(variational):
    X, estimator = variational
    one = member(variational, "reconstruction")
    residual = (X - estimator.reconstruct(X)) / estimator.scaler_.scale
    sigma = np.sqrt(np.mean(residual**2, axis=0))
    slow = 0.5 * (residual / sigma) ** 2 + np.log(sigma) + 0.5 * math.log(2 * math.pi)
    assert estimator.likelihood_ == "gaussian_learned_scale"
    np.testing.assert_allclose(one.raw(X)[:, 0], slow.sum(1), rtol=2e-3, atol=2e-3)
    bits = (X > 0).astype(float)
    binary = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(bits)
    raw = member((bits, binary), "reconstruction").raw(bits)[:, 0]
    np.testing.assert_allclose(raw, -binary.score_samples(bits), rtol=1e-5)


def test_the_bound_and_the_divergence_are_those_of_the_model(variational):
    X, estimator = variational
    raw = member(variational, "bound", "divergence").raw(X)
    np.testing.assert_allclose(raw[:, 0], -estimator.score_samples(X), rtol=1e-5, atol=1e-4)
    x = estimator.scale(X, None)[0]
    with torch.no_grad():
        h = estimator.module_.posterior(x)
        divergence = estimator.module_.latent.divergence(h)
    np.testing.assert_allclose(raw[:, 1], divergence, rtol=1e-4, atol=1e-5)


def test_the_importance_weighted_bound_lies_above_the_evidence_bound(variational):
    X, _ = variational
    raw = member(variational, "bound", "importance").raw(X)
    # In the units of the network: the bound of the model is in those of the data.
    shift = np.log(variational[1].scaler_.scale).sum()
    assert (-raw[:, 1] >= -raw[:, 0] + shift - 0.5).all()
    assert -raw[:, 1].mean() > -raw[:, 0].mean() + shift


def test_densities_of_the_code_are_those_of_scikit_learn(deterministic):
    X, estimator = deterministic
    one = member(deterministic, "mahalanobis", "mixture")
    raw = one.raw(X)
    codes = estimator.transform(X).astype(float)
    distance = 0.5 * LedoitWolf().fit(codes).mahalanobis(codes)
    np.testing.assert_allclose(raw[:, 0], distance, rtol=1e-3, atol=1e-4)
    score = one.scores[1]
    weights, means, factors = (score.arrays[k] for k in ("weights", "means", "precisions"))
    scale = score.arrays["scale"]
    density = sum(
        w * multivariate_normal.pdf(codes / scale, m, np.linalg.inv(f @ f.T))
        for w, m, f in zip(weights, means, factors, strict=True)
    )
    np.testing.assert_allclose(
        raw[:, 1], -np.log(density) + np.log(scale).sum(), rtol=1e-4, atol=1e-4
    )
    single = GaussianMixture(1, reg_covar=1e-4, random_state=0).fit(codes / scale)
    assert -raw[:, 1].mean() >= single.score(codes / scale) - np.log(scale).sum() - 1e-6


def test_neighbours_is_the_distance_to_the_fifth(deterministic):
    X, estimator = deterministic
    raw = member(deterministic, "neighbours").raw(X)
    codes = estimator.transform(X)
    codes = codes / codes.std(0)
    distances = np.sort(np.linalg.norm(codes[:, None] - codes[None], axis=2), axis=1)
    np.testing.assert_allclose(raw[:, 0], distances[:, 4], rtol=1e-3, atol=1e-4)


def test_local_is_the_distance_to_five_over_the_root_of_their_own(deterministic):
    X, estimator = deterministic
    one = member(deterministic, "local")
    codes = estimator.transform(X)
    scale = codes.std(0)
    new = plane(50, seed=3, noise=0.5)

    def slow(rows, own):
        distances = np.linalg.norm((rows[:, None] - codes[None]) / scale, axis=2)
        order = np.argsort(distances, axis=1)[:, own : own + 5]
        return np.take_along_axis(distances, order, 1).mean(1), order

    reach, places = slow(codes, 1)  # a row is no neighbour of its own, in the fit or later
    expected = reach / np.sqrt(reach[places].mean(1))
    np.testing.assert_allclose(one.raw(X)[:, 0], expected, rtol=1e-3)
    distance, places = slow(estimator.transform(new), 0)
    expected = distance / np.sqrt(reach[places].mean(1))
    np.testing.assert_allclose(one.raw(new)[:, 0], expected, rtol=1e-3)


def of_codes(name, codes):
    score = SCORES[name]()
    score.fit(None, Evidence(codes, codes, None), np.random.default_rng(0))
    return lambda rows: score(None, None, Evidence(rows, rows, None))


def test_local_sees_what_stands_apart_from_a_dense_group_and_what_is_far_from_all():
    rng = np.random.default_rng(0)
    dense, sparse = rng.normal(0, 0.02, (500, 2)), rng.normal((8, 0), 1, (500, 2))
    codes = np.concatenate([dense, sparse])
    usual = np.concatenate([rng.normal(0, 0.02, (500, 2)), rng.normal((8, 0), 1, (500, 2))])
    beside, far = np.array([[0.3, 0.0]]), np.array([[4.0, 9.0]])
    share = {}
    for name in ("neighbours", "local"):
        score = of_codes(name, codes)
        share[name] = [float(np.mean(score(usual) >= score(odd))) for odd in (beside, far)]
    assert share["local"][0] < 0.01 < 0.1 < share["neighbours"][0]
    assert share["local"][1] == share["neighbours"][1] == 0.0


@pytest.mark.parametrize("n", [1, 2, 4, 300])
def test_local_is_finite_where_rows_are_few_or_there_many_times(n):
    codes = np.zeros((n, 3))
    codes[: n // 3] = np.random.default_rng(0).normal(size=(n // 3, 3))
    raw = of_codes("local", codes)(np.concatenate([codes, np.ones((1, 3))]))
    assert np.isfinite(raw).all()
    assert raw[-1] > raw[n // 3 : n].max()


def test_every_score_finds_what_is_far_away(variational):
    X, _ = variational
    far = plane(200, seed=5) + np.random.default_rng(6).normal(0, 4, size=(200, 6))
    labels = np.repeat([0, 1], [len(X), len(far)])
    names = [name for name in SCORES if name != "distance"]  # that is of Deep SVDD alone
    one = member(variational, *names)
    raw = one.raw(np.concatenate([X, far]))
    for name, column in zip(names, raw.T, strict=True):
        assert roc_auc_score(labels, column) > 0.8, name
    assert roc_auc_score(labels, one.surprise(np.concatenate([X, far]))) > 0.95


def test_a_score_that_needs_a_posterior_says_so():
    for name in ("divergence", "importance"):
        detector = AnomalyDetector(estimator=Autoencoder(max_epochs=1), scores=name)
        with pytest.raises(InvalidInputError, match="VariationalAutoencoder"):
            detector.fit(plane(100))


def test_the_tail_is_minus_the_log_of_the_share_beyond():
    rng = np.random.default_rng(0)
    scores = rng.exponential(2.0, size=200_000)
    tail = TailScale.fit(scores)
    at = np.array([0.1, 1.0, 3.0, 10.0, 25.0])
    np.testing.assert_allclose(tail(at), at / 2, rtol=0.02, atol=0.02)
    everywhere = tail(np.linspace(-50, 50, 5001))
    assert (np.diff(everywhere) > 0).all()


def test_anomalies_among_the_training_rows_do_not_stretch_the_tail():
    rng = np.random.default_rng(0)
    clean = rng.exponential(size=5000)
    dirty = np.concatenate([clean, np.full(100, 1e4)])
    at = np.array([8.0])
    ratio = TailScale.fit(dirty)(at) / TailScale.fit(clean)(at)
    assert 0.7 < float(ratio[0]) <= 1.0


def test_tied_scores_have_the_share_that_is_at_least_as_odd():
    tail = TailScale.fit(np.repeat([0.0, 1.0], 500))
    # The grid is one of percentiles: log(0.50 / 0.49) = 0.0202.
    np.testing.assert_allclose(tail(np.array([0.0, 1.0])), [0, math.log(2)], atol=0.021)
    near = tail(np.array([1.0, 1.0 + 1e-13, 1.0 - 1e-13]))
    np.testing.assert_allclose(near, near[0], atol=1e-6)
    assert float(TailScale.fit(np.ones(50))(np.array([1.0]))[0]) == 0


def test_scores_that_are_all_alike_still_have_a_tail():
    tail = TailScale.fit(np.full(100, 3.0))
    low, same, high = tail(np.array([2.0, 3.0, 4.0]))
    assert low < same < high
