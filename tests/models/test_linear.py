"""What mathematics says of linear models: PCA (Baldi & Hornik 1989) and probabilistic PCA."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import Autoencoder, VariationalAutoencoder

LOG_2PI = float(np.log(2 * np.pi))


def digits():
    X = load_digits().data / 16
    return X[np.random.default_rng(0).permutation(len(X))], 8


def standardised_digits():
    X, _ = digits()
    X = X[:, X.std(0) > 0.05]
    return (X - X.mean(0)) / X.std(0), 4


def low_rank():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.normal(size=(12, 3)))
    codes = rng.normal(size=(1600, 3)) * [2.0, 1.5, 1.0]
    return codes @ basis.T + 0.2 * rng.normal(size=(1600, 12)) + 0.5, 3


DATA = {f.__name__: f for f in (digits, standardised_digits, low_rank)}


@cache
def fitted(name):
    X, size = DATA[name]()
    train, held_out = X[:1400], X[1400:]
    model = Autoencoder(
        latent_dim=size,
        hidden_layer_sizes=(),
        likelihood="gaussian",
        scaling=None,
        early_stopping=False,
        learning_rate=0.05,
        batch_size=128,
        max_epochs=400,  # with 200 the largest angle is from 0.1 to 25 degrees, by the seed
        random_state=0,
    ).fit(train)
    return model, PCA(size).fit(train), train, held_out


def squared_error(X, Y):
    return float(((np.asarray(Y, dtype=float) - X) ** 2).sum(1).mean())


@pytest.mark.parametrize("name", DATA)
def test_held_out_error_is_that_of_pca(name):
    model, pca, _, held_out = fitted(name)
    reached = squared_error(held_out, model.reconstruct(held_out))
    best = squared_error(held_out, pca.inverse_transform(pca.transform(held_out)))
    assert reached == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("name", DATA)
def test_decoder_spans_the_subspace_of_pca(name):
    model, pca, *_ = fitted(name)
    columns = model.module_.decoder.layers[0].weight.detach().numpy()
    angle = np.degrees(subspace_angles(columns.astype(float), pca.components_.T)).max()
    assert angle < 1.0


@pytest.mark.parametrize("name", DATA)
def test_loss_is_the_sum_of_the_discarded_eigenvalues(name):
    model, _, train, _ = fitted(name)
    eigenvalues = np.linalg.eigvalsh(np.cov(train.T, bias=True))
    discarded = eigenvalues[: -model.latent_dim_].sum()
    assert squared_error(train, model.reconstruct(train)) == pytest.approx(discarded, rel=1e-4)
    # The recorded loss is ½ ‖x − x̂‖² + ½ d log 2π in nats: a Gaussian of scale 1.
    recorded = 2 * model.history_["loss"][-1] - train.shape[1] * LOG_2PI
    assert recorded == pytest.approx(discarded, rel=2e-3)


def test_no_linear_model_can_do_better_on_the_training_data():
    model, pca, train, _ = fitted("digits")
    best = squared_error(train, pca.inverse_transform(pca.transform(train)))
    assert squared_error(train, model.reconstruct(train)) >= best * (1 - 1e-6)


# Probabilistic PCA -----------------------------------------------------------------------------


@cache
def probabilistic():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2, 6))
    X = rng.normal(size=(2500, 2)) @ mixing + 0.5 * rng.normal(size=(2500, 6))
    X -= X[:1500].mean(0)
    model = VariationalAutoencoder(
        latent_dim=2,
        hidden_layer_sizes=(),
        scaling=None,
        early_stopping=False,
        learning_rate=0.01,
        batch_size=200,
        max_epochs=150,
        random_state=0,
    ).fit(X[:1500])
    return model, PCA(2).fit(X[:1500]), X[:1500], X[1500:]


def exact_log_density(model, X):
    """Log N(x; b, WWᵀ + σ²I): what a linear decoder with a standard normal code gives exactly."""
    layer = model.module_.decoder.layers[0]
    W, b = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
    variance = float(model.module_.likelihood.log_scale.detach().double().exp()) ** 2
    covariance = W @ W.T + variance * np.eye(len(b))
    centred = X - b
    distance = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(covariance), centred)
    return -0.5 * (distance + np.linalg.slogdet(covariance)[1] + len(b) * LOG_2PI)


def test_trained_marginal_is_that_of_probabilistic_pca():
    model, pca, train, held_out = probabilistic()
    # No model of this family beats the closed-form maximum on its own training data.
    assert exact_log_density(model, train).mean() <= pca.score(train) + 1e-3
    assert exact_log_density(model, held_out).mean() == pytest.approx(pca.score(held_out), abs=0.02)


@pytest.mark.parametrize("part", ["train", "held out"])
def test_score_is_a_bound_of_the_exact_log_density_and_near_it(part):
    model, pca, train, held_out = probabilistic()
    X = train if part == "train" else held_out
    exact = exact_log_density(model, X)
    scores = model.score_samples(X)
    assert scores.mean() <= exact.mean() + 5e-3
    assert scores.mean() >= exact.mean() - 0.05
    assert scores.mean() == pytest.approx(pca.score(X), abs=0.05)
    assert np.corrcoef(scores, exact)[0, 1] > 0.999


def test_bound_with_many_draws_is_below_the_exact_log_density():
    model, _, train, _ = probabilistic()
    x = torch.from_numpy(train[:300].astype(np.float32))
    noise = torch.randn(3000, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        log_prob, divergence = model.module_.log_prob(x, None, torch.cat([noise, -noise]))
    bound = (log_prob.sum(1) - divergence).numpy()
    exact = exact_log_density(model, train[:300])
    assert (bound <= exact + 0.02).all()
    assert bound.mean() >= exact.mean() - 0.05


def test_divergence_is_not_zero_and_is_that_of_the_exact_posterior():
    model, _, train, _ = probabilistic()
    assert model.history_["divergence"][-1] > 0.5
    layer = model.module_.decoder.layers[0]
    W = layer.weight.detach().double().numpy()
    variance = float(model.module_.likelihood.log_scale.detach().double().exp()) ** 2
    precision = W.T @ W / variance + np.eye(2)
    means = (train - layer.bias.detach().double().numpy()) @ W / variance @ np.linalg.inv(precision)
    np.testing.assert_allclose(model.transform(train), means, atol=0.1)
    log_det = np.linalg.slogdet(precision)[1]
    divergence = 0.5 * (np.trace(np.linalg.inv(precision)) + (means**2).sum(1).mean() - 2 + log_det)
    assert model.history_["divergence"][-1] == pytest.approx(divergence, rel=0.02)
