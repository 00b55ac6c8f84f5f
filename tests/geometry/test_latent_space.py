"""Directions, walks, sums and distances in the code of a linear model, where they are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from isthmus import Autoencoder, DeepSVDD, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.geometry import (
    ConceptDirection,
    code_arithmetic,
    code_distance,
    nearest_codes,
    posterior_width,
    traversals,
)
from isthmus.models import ESTIMATORS, untrained

CODES, COLUMNS = 6, 12


@cache
def planted():
    """Return X, has the factor or not, the factor's direction in the data (of length 1)."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(COLUMNS, CODES))).Q.T
    has = np.arange(600) % 2 == 0
    factors = rng.normal(size=(600, CODES)) * [0.4, 2.0, 1.6, 1.3, 1.1, 1.0]
    factors[:, 0] += 2.0 * has
    X = factors @ directions + 0.05 * rng.normal(size=(600, COLUMNS)) + 3.0
    return X, has, directions[0]


@cache
def linear():
    """Return an estimator with the weights of PCA, all the planted directions among them."""
    X, _, _ = planted()
    pca = PCA(CODES, svd_solver="full").fit(X)
    model = untrained(
        Autoencoder(
            latent_dim=CODES,
            hidden_layer_sizes=(),
            likelihood="gaussian",
            scaling=None,
            random_state=0,
        ),
        X,
    )
    with torch.no_grad():
        for network, weight, bias in (
            (model.module_.encoder, pca.components_, -pca.components_ @ pca.mean_),
            (model.module_.decoder, pca.components_.T, pca.mean_),
        ):
            network.linears[0].weight.copy_(torch.as_tensor(weight))
            network.linears[0].bias.copy_(torch.as_tensor(bias))
    return model


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@cache
def variational():
    """Return a small VAE of digits: three numbers, of which few pay."""
    X = load_digits().data[:400] / 16
    return VariationalAutoencoder(latent_dim=3, max_epochs=12, random_state=0).fit(X), X


# Concept directions -------------------------------------------------------------------------------


def find(how, model, X, has, factor):
    if how == "pairs":
        return ConceptDirection.from_pairs(model, X[~has], X[~has] + 2 * factor)
    return ConceptDirection.from_labels(model, X, has, method=how)


@pytest.mark.parametrize("how", ["mean_difference", "logistic", "pairs"])
def test_a_planted_factor_is_found_and_added(how):
    X, has, factor = planted()
    model = linear()
    found = find(how, model, X, has, factor)
    true = model.transform(X[:1] + factor)[0] - model.transform(X[:1])[0]
    assert cosine(found.vector, true) > 0.95
    np.testing.assert_allclose(np.linalg.norm(found.unit), 1, rtol=1e-5)
    for strength in (-1.0, 0.5, 2.0):
        moved = found.apply(X[:50], strength) - model.reconstruct(X[:50])
        # The decoder is linear: along the factor, by the strength, and nowhere else.
        expected = (
            strength * found.vector @ model.module_.decoder.linears[0].weight.detach().T.numpy()
        )
        np.testing.assert_allclose(moved, np.tile(expected, (50, 1)), atol=1e-4)
        assert np.sign(strength) * cosine(moved[0], factor) > 0.95
    # A strength of 1 is the whole way: the factor is 2 longer in the mean of those that have it.
    assert found.apply(X[:1], 1.0) @ factor - found.apply(X[:1], 0.0) @ factor == pytest.approx(
        2.0, abs=0.2
    )


def test_a_strength_for_each_sample():
    X, has, _ = planted()
    found = ConceptDirection.from_labels(linear(), X, has)
    strengths = np.linspace(-1, 1, 5)
    each = found.apply(X[:5], strengths)
    for row, strength in enumerate(strengths):
        np.testing.assert_allclose(each[row], found.apply(X[row : row + 1], strength)[0], atol=1e-5)


def test_the_regression_ignores_what_comes_along_and_the_means_do_not():
    """A second thing that goes with the concept is taken along by the difference of the means."""
    X, has, factor = planted()
    other = PCA(1).fit(X - np.outer(X @ factor, factor)).components_[0]
    X = X + 2.0 * np.outer(has, other) + np.outer(has, factor)
    by_mean = ConceptDirection.from_labels(linear(), X, has)
    by_regression = ConceptDirection.from_labels(linear(), X, has, method="logistic")
    along = [abs(cosine(d.apply(X[:1], 1)[0] - d.apply(X[:1], 0)[0], other))
             for d in (by_mean, by_regression)]  # fmt: skip
    assert along[1] < along[0] / 1.5
    # The normal of the plane by another way: without a penalty to speak of, in the codes' units.
    Z = linear().transform(X)
    scale = Z.std(0)
    weight = LogisticRegression(max_iter=1000).fit((Z - Z.mean(0)) / scale, has).coef_[0]
    assert cosine(by_regression.vector / scale, weight) > 0.9999


def test_the_effect_is_what_the_decoder_does_and_that_of_random_directions_is_less():
    X, has, factor = planted()
    found = ConceptDirection.from_labels(linear(), X[:300], has[:300])
    middle = (X @ factor).mean()
    effect = found.effect(
        X[300:400],
        (-1, 0, 1, 2),
        probe=lambda samples: samples @ factor - middle,
        rest=lambda samples: (samples - samples.mean(1, keepdims=True)).argmax(1),
        n_controls=20,
    )
    step = found.apply(X[:1], 1)[0] - found.apply(X[:1], 0)[0]
    assert effect.slope == pytest.approx(step @ factor, rel=1e-3)
    start = (linear().reconstruct(X[300:400]) @ factor - middle).mean()
    np.testing.assert_allclose(
        effect.direction.score, start + effect.strengths * (step @ factor), atol=1e-3
    )
    assert effect.monotone == 1.0
    assert (np.diff(effect.direction.share) >= 0).all()
    assert effect.direction.share[-1] > 0.9 > 0.6 > effect.direction.share[0]
    # Random directions are as long, and go elsewhere.
    assert effect.control_slopes.shape == (20,)
    assert np.abs(effect.control_slopes).max() < effect.slope
    assert np.abs(effect.control_slopes).mean() < effect.slope / 2
    # The encoder undoes the decoder: nothing but the direction has changed, so all are recognised.
    assert (effect.direction.identity == 1).all()
    assert (effect.controls.identity == 1).all()
    np.testing.assert_allclose(effect.direction.change, 0, atol=1e-4)
    assert effect.direction.kept[1] == 1.0
    assert effect.controls.kept.shape == effect.controls.score.shape == (20, 4)


def test_what_else_changes_is_seen():
    """A decoder that mixes the direction into another: the edit is no longer its own original."""
    X, has, _ = planted()
    model = linear()
    found = ConceptDirection.from_labels(model, X, has)
    twisted = untrained(model, X)
    twisted.module_.load_state_dict(model.module_.state_dict())
    aside = np.linalg.svd(found.vector[None])[2][1]  # orthogonal to the direction
    with torch.no_grad():  # g(z) gains an offset along `aside` in proportion to the direction
        weight = twisted.module_.decoder.linears[0].weight
        mix = 30.0 * np.outer(aside, found.unit)
        weight += weight @ torch.as_tensor(mix, dtype=torch.float32)
    twisted.module_.encoder.load_state_dict(model.module_.encoder.state_dict())
    effect = ConceptDirection(twisted, found.vector).effect(
        X[:60], (0, 1), probe=lambda samples: samples[:, 0], n_controls=1
    )
    assert effect.direction.identity[0] == 1.0
    assert effect.direction.identity[1] < 0.2
    assert effect.direction.change[1] > 1


def test_classifiers_as_judges_and_classes_that_stay():
    X, has, _ = planted()
    model = linear()
    judge = LogisticRegression().fit(X[:300], has[:300])
    thirds = np.digitize(X[:300, 3], np.quantile(X[:300, 3], [1 / 3, 2 / 3]))
    other = LogisticRegression(max_iter=500).fit(X[:300], thirds)
    found = ConceptDirection.from_labels(model, X[:300], has[:300])
    effect = found.effect(X[300:350], (0, 1), probe=judge, rest=other)
    np.testing.assert_allclose(
        effect.direction.score[0], judge.decision_function(model.reconstruct(X[300:350])).mean(),
        rtol=1e-4,
    )  # fmt: skip

    still = other.predict(found.apply(X[300:350], 1)) == other.predict(found.apply(X[300:350], 0))
    np.testing.assert_allclose(effect.direction.kept, [1, still.mean()])

    class Sure:
        classes_ = (False, True)

        def predict_proba(self, samples):
            return judge.predict_proba(samples)

    again = found.effect(X[300:350], (0, 1), probe=Sure())
    np.testing.assert_allclose(again.direction.score, effect.direction.score, rtol=1e-3)
    assert again.direction.kept is None
    assert again.controls.kept is None
    seeded = [found.effect(X[300:320], (0, 1), probe=judge, random_state=s) for s in (0, 0, 1)]
    np.testing.assert_array_equal(seeded[0].controls.score, seeded[1].controls.score)
    assert (seeded[0].controls.score != seeded[2].controls.score).any()


def test_edits_come_back_in_the_container_of_the_data():
    X, has, _ = planted()
    names = [f"c{i}" for i in range(COLUMNS)]
    frame = pd.DataFrame(X.astype(np.float32), columns=names, index=np.arange(len(X)) + 7)
    model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(frame)
    found = ConceptDirection.from_labels(model, frame, pd.Series(has))
    edited = found.apply(frame[:4], 0.5)
    assert list(edited.columns) == names
    assert list(edited.index) == [7, 8, 9, 10]
    judge = LogisticRegression().fit(frame, has)
    assert found.effect(frame[:9], (0, 1), probe=judge, n_controls=1).slope != 0
    assert isinstance(found.apply(pl.from_pandas(frame[:4]), 1), pl.DataFrame)
    model.set_output(transform="pandas")
    np.testing.assert_array_equal(found.apply(frame[:4], 0.5), edited)
    plain = ConceptDirection.from_labels(linear(), torch.as_tensor(X), torch.as_tensor(has))
    assert isinstance(plain.apply(torch.as_tensor(X[:4]), torch.ones(4)), torch.Tensor)
    assert plain.apply(X[:4].tolist(), 1).dtype == np.float64


def test_images_and_conditions():
    images = np.random.default_rng(0).random((60, 6, 6))
    y = np.array(["up", "down"])[np.arange(60) % 2]
    model = VariationalAutoencoder(conditional=True, latent_dim=2, max_epochs=1, random_state=0)
    model.fit(images, y)
    labels = images.mean((1, 2)) > 0.5
    found = ConceptDirection.from_labels(model, images, labels, y)
    ups, downs = (found.apply(images[:5], 0.5, condition) for condition in ("up", ["down"] * 5))
    assert ups.shape == (5, 6, 6)
    assert np.abs(ups - downs).max() > 0
    judge = LogisticRegression().fit(images.reshape(60, -1), labels)
    assert found.effect(images[:9], (0, 1), probe=judge, y=y[:9], n_controls=2).strengths[1] == 1
    walks = traversals(model, images, y, n_steps=3)
    expected = model.inverse_transform(walks.codes[0], [y[0]] * 3)
    np.testing.assert_allclose(walks.samples[0], expected, atol=1e-6)
    assert posterior_width(model, images[:3], "up").shape == (3, 2)
    assert code_distance(model, images[:3], images, "up", reference_y=y).shape == (3,)
    assert nearest_codes(model, images[:3], images, 2, y="up", data_y=y).indices.shape == (3, 2)
    assert code_arithmetic(model, images[0], images[1:3], images[3], "up").sample.shape == (6, 6)
    with pytest.raises(InvalidInputError, match="^y: a conditional"):
        found.apply(images[:5])


# Walks along the numbers of the code --------------------------------------------------------------


def test_a_traversal_moves_one_number_over_its_range():
    X, _, _ = planted()
    model = linear()
    walks = traversals(model, X, n_steps=5, span=2.0)
    Z = model.transform(X)
    np.testing.assert_array_equal(walks.dimensions, np.argsort(-Z.var(0)))
    assert walks.measure == "variance"
    np.testing.assert_allclose(walks.weights, np.sort(Z.var(0))[::-1], rtol=1e-4)
    for row, dimension in enumerate(walks.dimensions):
        mean, deviation = Z[:, dimension].mean(), Z[:, dimension].std()
        expected = mean + deviation * np.array([-2, -1, 0, 1, 2])
        np.testing.assert_allclose(walks.values[row], expected, atol=1e-5)
        others = np.delete(walks.codes[row], dimension, axis=1)
        np.testing.assert_allclose(others, np.tile(others[:1], (5, 1)))
        np.testing.assert_allclose(walks.codes[row, :, dimension], walks.values[row])
        np.testing.assert_allclose(
            walks.samples[row], model.inverse_transform(walks.codes[row]), atol=1e-5
        )
    # From a code of one's own, some numbers, between two ends.
    start = Z[3]
    some = traversals(model, X, start=start, dimensions=[4, 0], n_steps=3, span=(-1, 2))
    np.testing.assert_array_equal(some.dimensions, [4, 0])
    np.testing.assert_allclose(some.values, [[-1, 0.5, 2]] * 2)
    np.testing.assert_allclose(np.delete(some.codes[0, 1], 4), np.delete(start, 4), rtol=1e-6)


def test_a_number_at_its_prior_is_moved_as_far_as_the_prior_reaches_and_does_little():
    model, X = variational()
    walks = traversals(model, X, n_steps=3, span=3.0)
    assert walks.measure == "KL"
    assert (np.diff(walks.weights) <= 0).all()
    x, _ = model.to_tensors(X, None)
    with torch.no_grad():
        h = model.module_.posterior(x)
        total = float(model.module_.latent.divergence(h).mean())
    assert walks.weights.sum() == pytest.approx(total, rel=1e-4)
    mean, log_variance = h.numpy().reshape(len(X), 2, 3).transpose(1, 0, 2)
    deviation = np.sqrt(mean.var(0) + np.exp(log_variance).mean(0))
    half = (walks.values[:, 2] - walks.values[:, 0]) / 2
    np.testing.assert_allclose(half, 3 * deviation[walks.dimensions], rtol=1e-4)


# Sums, neighbours, distances ----------------------------------------------------------------------


def test_a_sum_of_codes_of_a_linear_model_is_the_sum_of_the_samples():
    X, _, _ = planted()
    model = linear()
    back = model.reconstruct(X)
    found = code_arithmetic(model, X[0], X[1:4], X[4:9])
    expected = back[0] - back[1:4].mean(0) + back[4:9].mean(0)
    np.testing.assert_allclose(found.sample, expected, atol=1e-4)
    np.testing.assert_allclose(model.inverse_transform(found.code[None])[0], found.sample)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(COLUMNS)])
    by_name = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(frame)
    same = code_arithmetic(by_name, frame.iloc[2], frame[5:9], frame[5:9])
    np.testing.assert_allclose(same.sample, by_name.reconstruct(frame[2:3]).iloc[0], atol=1e-5)


def test_the_nearest_codes_are_those_of_a_search_of_all():
    X, _, _ = planted()
    model = linear()
    found = nearest_codes(model, X[:20], X[100:], 4)
    Z = model.transform(X).astype(float)
    for row in range(20):
        apart = np.linalg.norm(Z[100:] - Z[row], axis=1)
        np.testing.assert_array_equal(found.indices[row], np.argsort(apart)[:4])
        np.testing.assert_allclose(found.distances[row], np.sort(apart)[:4], rtol=1e-6)
    own = nearest_codes(model, X[:20], X, 1)
    np.testing.assert_array_equal(own.indices[:, 0], np.arange(20))
    np.testing.assert_allclose(own.distances, 0, atol=1e-6)


def test_the_width_is_that_of_the_posterior():
    model, X = variational()
    x, _ = model.to_tensors(X[:30], None)
    with torch.no_grad():
        log_variance = model.module_.posterior(x).chunk(2, dim=1)[1]
    np.testing.assert_allclose(posterior_width(model, X[:30]), (log_variance / 2).exp(), rtol=1e-4)
    with pytest.raises(InvalidInputError, match="^estimator: .* no posterior"):
        posterior_width(linear(), planted()[0])


def test_the_distance_is_that_of_mahalanobis():
    X, has, _ = planted()
    model = linear()
    Z = model.transform(X).astype(float)
    covariance = ledoit_wolf(Z)[0]
    expected = [mahalanobis(z, Z.mean(0), np.linalg.inv(covariance)) for z in Z[:10]]
    np.testing.assert_allclose(code_distance(model, X[:10], X), expected, rtol=1e-4)
    centres = np.stack([Z[~has].mean(0), Z[has].mean(0)])
    within = np.linalg.inv(ledoit_wolf(Z - centres[has.astype(int)], assume_centered=True)[0])
    both = np.array([[mahalanobis(z, centre, within) for centre in centres] for z in Z[:10]])
    own = code_distance(model, X[:10], X, labels=has[:10], reference_labels=has)
    np.testing.assert_allclose(own, both[np.arange(10), has[:10].astype(int)], rtol=1e-4)
    nearest = code_distance(model, X[:10], X, reference_labels=has)
    np.testing.assert_allclose(nearest, both.min(1), rtol=1e-4)
    # Of rows like the reference, about the root of the number of codes.
    assert np.square(code_distance(model, X, X)).mean() == pytest.approx(CODES, rel=0.05)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_can_be_walked_and_edited(name):
    X = np.random.default_rng(0).normal(5, [1, 9, 1, 1], size=(60, 4))
    model = ESTIMATORS[name](latent_dim=2, max_epochs=1, random_state=0).fit(X)
    assert traversals(model, X, n_steps=3).samples.shape == (2, 3, 4)
    found = ConceptDirection.from_labels(model, X, X[:, 1] > 5)
    np.testing.assert_allclose(found.apply(X, 0.0), model.reconstruct(X), atol=1e-4)
    effect = found.effect(X, (0, 1), probe=lambda samples: samples[:, 1], n_controls=2)
    assert np.isfinite(effect.control_slopes).all()
    assert np.isfinite(code_distance(model, X, X)).all()
    assert nearest_codes(model, X[:2], X, 1).distances.max() < 1e-5


# What cannot be done ------------------------------------------------------------------------------


def test_what_cannot_be_used_is_named_in_one_line():
    X, has, _ = planted()
    model = linear()
    found = ConceptDirection.from_labels(model, X, has)
    labels = ConceptDirection.from_labels
    judge = LogisticRegression().fit(X, has)
    three = LogisticRegression(max_iter=1000).fit(X, np.digitize(X[:, 0], [2, 4]))
    for call, message in (
        (lambda: labels(PCA(), X, has), "^estimator: expected"),
        (lambda: labels(DeepSVDD(), X, has), "^estimator: expected"),
        (lambda: labels(model, X, has[:5]), "^labels: expected 600"),
        (lambda: labels(model, X, np.arange(600)), "^labels: expected two kinds"),
        (lambda: labels(model, X, has, method="svm"), "^method: expected"),
        (lambda: ConceptDirection.from_pairs(model, X[:3], X[:2]), "^after: expected 3"),
        (lambda: ConceptDirection.from_pairs(model, X[:3], X[:3]), "^after: .* codes differ"),
        (lambda: ConceptDirection.from_pairs(model, X[:3, :2], X[:3]), "^before: "),
        (lambda: found.apply(X[:3], [1, 2]), "^strength: expected"),
        (lambda: found.apply(X[:3], np.nan), "^strength: expected"),
        (lambda: found.apply(X[:3], "much"), "^strength: expected"),
        (lambda: found.effect(X, (1, 0), probe=judge), "^strengths: expected"),
        (lambda: found.effect(X[:1], (0, 1), probe=judge), "^X: expected at least two"),
        (lambda: found.effect(X, probe=three), "^probe: expected .* two classes"),
        (lambda: found.effect(X, probe=3), "^probe: expected"),
        (lambda: found.effect(X[:9], probe=lambda s: s), "^probe: expected a finite score"),
        (lambda: found.effect(X, probe=judge, rest=3), "^rest: expected"),
        (lambda: found.effect(X[:9], probe=judge, rest=lambda s: s), "^rest: expected a label"),
        (lambda: found.effect(X, probe=judge, n_controls=0), "^n_controls: expected"),
        (lambda: traversals(model, X[:1]), "^X: expected at least two"),
        (lambda: traversals(model, X, n_steps=1), "^n_steps: expected"),
        (lambda: traversals(model, X, dimensions=[6]), "^dimensions: expected"),
        (lambda: traversals(model, X, dimensions=[0.5]), "^dimensions: expected"),
        (lambda: traversals(model, X, start=[1, 2]), "^start: expected"),
        (lambda: traversals(model, X, span=(2, 1)), "^span: expected"),
        (lambda: traversals(model, X, span=0), "^span: expected"),
        (lambda: code_arithmetic(model, X[0], X[:, :3], X[0]), "^b: "),
        (lambda: nearest_codes(model, X, X[:3], 4), "^n_neighbors: expected at most 3"),
        (lambda: nearest_codes(model, X, X[:3], 0), "^n_neighbors: expected"),
        (lambda: code_distance(model, X, X[:1]), "^reference: expected"),
        (lambda: code_distance(model, X, X, labels=has), "^reference_labels: expected"),
        (
            lambda: code_distance(model, X, X, labels=has + 1, reference_labels=has + 0),
            "^labels: 2 is not",
        ),
    ):
        with pytest.raises(InvalidInputError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
