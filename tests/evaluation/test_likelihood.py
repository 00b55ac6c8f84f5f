"""log p(x) by importance sampling against a linear-Gaussian model, where it is known.

Probabilistic PCA (Tipping & Bishop 1999): z ~ N(0, I), x|z ~ N(Wz + b, σ²I), so
x ~ N(b, WWᵀ + σ²I), and the posterior is N(M⁻¹Wᵀ(x − b), σ²M⁻¹) with M = WᵀW + σ²I, diagonal where
the columns of W are orthogonal. A linear variational autoencoder can be given these weights.
"""

from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.evaluation import bits_per_dimension, likelihood, log_likelihood
from isthmus.evaluation._memory import peak_bytes

D, K, SIGMA = 6, 2, 0.5


@cache
def weights():
    rng = np.random.default_rng(0)
    W = np.linalg.qr(rng.normal(size=(D, D)))[0][:, :K] * [1.2, 0.8]
    return W, 0.3 * rng.normal(size=D)


def linear_model(*, mean_factor=1.0, variance_factor=1.0, **parameters):
    """Return an estimator with the weights of probabilistic PCA in units of its own scaling."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, D)) * np.arange(1, D + 1) + 3
    model = VariationalAutoencoder(
        latent_dim=K,
        hidden_layer_sizes=(),
        likelihood="gaussian_learned_scale",
        scaling="standard",
        max_epochs=1,
        early_stopping=False,
        random_state=0,
        **parameters,
    ).fit(X)
    W, b = weights()
    M = W.T @ W + SIGMA**2 * np.eye(K)
    to_mean = mean_factor * np.linalg.solve(M, W.T)
    log_variance = np.log(variance_factor * SIGMA**2 / np.diag(M))
    encoder, decoder = (part.linears[0] for part in (model.module_.encoder, model.module_.decoder))
    tensors = {
        encoder.weight: np.vstack([to_mean, np.zeros((K, D))]),
        encoder.bias: np.concatenate([-to_mean @ b, log_variance]),
        decoder.weight: W,
        decoder.bias: b,
        model.module_.likelihood.raw_log_scale: np.full((), np.log(SIGMA) / 10),
    }
    with torch.no_grad():
        for parameter, value in tensors.items():
            parameter.copy_(torch.from_numpy(np.broadcast_to(value, parameter.shape).copy()))
    return model


def exact(model, X, columns=slice(None)):
    """log p of the columns of X that there are, in the units of the data."""
    W, b = weights()
    covariance = W @ W.T + SIGMA**2 * np.eye(D)
    log_scale = np.broadcast_to(model.scaler_.log_scale(model.schema_), D)[columns]
    scaled = model.scaler_.forward(X, model.schema_)[:, columns]
    normal = stats.multivariate_normal(b[columns], covariance[columns][:, columns])
    return np.atleast_1d(normal.logpdf(scaled)) - log_scale.sum()


def data(n=8, seed=2):
    return np.random.default_rng(seed).normal(size=(n, D)) * np.arange(1, D + 1) + 3


def test_with_the_true_posterior_every_draw_is_exact():
    model, X = linear_model(), data()
    values, errors = log_likelihood(model, X, n_samples=3)
    np.testing.assert_allclose(values, exact(model, X), rtol=1e-5)
    assert values.dtype == np.float32
    assert errors.max() < 1e-3


def test_it_rises_with_the_draws_to_the_exact_value_from_below():
    model, X = linear_model(mean_factor=0.6, variance_factor=2.0), data()
    true = exact(model, X)
    gaps, errors = [], []
    for draws, repeats in ((1, 800), (8, 800), (64, 400)):
        # The same rows again and again have draws of their own each time.
        values = log_likelihood(model, np.tile(X, (repeats, 1)), n_samples=draws).values
        found = values.reshape(repeats, len(X)).mean(1, dtype=float)
        gaps.append(true.mean() - found.mean())
        errors.append(found.std() / np.sqrt(repeats))
    assert gaps[0] > gaps[1] + 4 * errors[0]
    assert gaps[1] > gaps[2] + 4 * errors[1]
    assert gaps[2] > -4 * errors[2]
    # One draw is the evidence lower bound, of which score_samples has another estimate.
    assert abs(true.mean() - gaps[0] - model.score(X)) < 4 * errors[0]
    values, told = log_likelihood(model, X, n_samples=40_000)
    assert (np.abs(values - true) < 4 * told + 1e-4).all()
    assert told.max() < 0.02


def test_the_standard_error_is_the_spread_over_seeds():
    model, X = linear_model(mean_factor=0.8, variance_factor=1.6), data(3)
    runs = log_likelihood(model, np.tile(X, (400, 1)), n_samples=500)
    values, errors = (part.reshape(400, 3) for part in runs)
    told = np.sqrt(np.square(errors).mean(0))
    np.testing.assert_allclose(values.std(0), told, rtol=0.2)


def test_missing_values_do_not_count():
    model = linear_model(missing="ignore", variance_factor=3.0)
    X = data()
    X[:, [0, 3]] = np.nan
    seen = np.array([1, 2, 4, 5])
    values, errors = log_likelihood(model, X, n_samples=40_000)
    # The encoder sees 0 for a missing value: another proposal, and the same p(x).
    assert (np.abs(values - exact(model, X, seen)) < 4 * errors + 1e-3).all()
    assert errors.max() < 0.1


def test_parts_do_not_matter_nor_what_else_is_asked():
    model, X = linear_model(mean_factor=0.7), data(11)
    whole = log_likelihood(model, X, n_samples=100, max_memory=2**30)
    for memory in (20_000, 100_000):  # parts of draws, and of rows
        for part, other in zip(
            log_likelihood(model, X, n_samples=100, max_memory=memory), whole, strict=True
        ):
            np.testing.assert_allclose(part, other, rtol=1e-5, atol=1e-5)
    first = log_likelihood(model, X[:4], n_samples=100)
    np.testing.assert_allclose(first.values, whole.values[:4], rtol=1e-5)
    other = log_likelihood(model, X, n_samples=100, random_state=1)
    assert (other.values != whole.values).all()


NETWORKS = {
    "dense": {"hidden_layer_sizes": (64,)},
    "convolutional": {"network": "convolutional", "channels": (8, 8)},
    "classes": {"hidden_layer_sizes": (16,), "likelihood": "categorical"},
    "missing": {"hidden_layer_sizes": (16,), "missing": "ignore"},
    "conditional": {"hidden_layer_sizes": (64,), "conditional": True},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_keeps_to_the_memory_and_uses_it(name):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, size=(40, 8, 8))
    X = X if name == "classes" else (X / 4).astype(np.float32)
    y = rng.integers(0, 3, size=40)
    model = VariationalAutoencoder(
        latent_dim=3, max_epochs=1, early_stopping=False, random_state=0, **NETWORKS[name]
    ).fit(X, y)
    if name == "missing":
        X[0, 0, 0] = np.nan
    limit = 1_000_000
    peak = peak_bytes(lambda: log_likelihood(model, X, y, n_samples=300, max_memory=limit))
    data_itself = 4 * X.size * 2  # scaled, and as it came
    assert peak < limit + data_itself
    assert peak > limit / 6


@pytest.mark.parametrize(
    "parameters",
    [
        {"prior": "vamp", "n_components": 5},
        {"prior": "mixture", "n_components": 5},
        {"posterior": "flow", "prior": "flow"},
    ],
    ids=lambda p: "-".join(map(str, p.values())),
)
def test_with_any_prior_and_posterior_it_is_the_integral(parameters):
    """With a code of two numbers, log ∫ p(x|z) p(z) dz can be summed up on a grid."""
    X = np.random.default_rng(0).normal(size=(240, D)).astype(np.float32)
    model = VariationalAutoencoder(
        latent_dim=2, scaling=None, max_epochs=2, early_stopping=False, random_state=0, **parameters
    ).fit(X)
    module, step = model.module_, 0.05
    line = torch.arange(-7, 7, step)
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_prior = module.latent.log_prior(z).double()
        assert float(log_prior.exp().sum()) * step**2 == pytest.approx(1, abs=1e-3)
        decoded = module.decode_parameters(z)
        true = [
            float(
                (module.likelihood.log_prob(decoded, row.expand(len(z), -1)).sum(1) + log_prior)
                .add(2 * np.log(step))
                .logsumexp(0)
            )
            for row in torch.from_numpy(X[:6])
        ]
    values, errors = log_likelihood(model, X[:6], n_samples=20_000)
    assert (np.abs(values - true) < 4 * errors + 2e-3).all()
    assert errors.max() < 0.2
    assert values.mean() > model.score(X[:6])


def test_too_little_memory_and_codes_without_a_posterior_are_refused():
    model, X = linear_model(), data()
    with pytest.raises(InvalidInputError, match=r"max_memory: expected at least \d+ bytes"):
        log_likelihood(model, X, max_memory=100)
    least = int(str(_error(lambda: log_likelihood(model, X, max_memory=100))).split()[4])
    assert np.isfinite(log_likelihood(model, X, n_samples=5, max_memory=least).values).all()
    with pytest.raises(InvalidInputError, match="model: expected a code that is drawn"):
        log_likelihood(Autoencoder(latent_dim=2, max_epochs=1).fit(X), X)
    with pytest.raises(InvalidInputError, match="n_samples: expected a whole number"):
        log_likelihood(model, X, n_samples=0)
    with pytest.raises(InvalidInputError, match="NaN"):
        log_likelihood(model, np.full((2, D), np.nan))


def _error(call):
    with pytest.raises(InvalidInputError) as caught:
        call()
    return caught.value


def test_the_sum_of_exponentials_survives_what_a_plain_one_does_not():
    numbers = torch.tensor([[-2000.0, -2001.0, 700.0], [-800.0, -900.0, -1e4]])
    total = likelihood._Sum(2, torch.device("cpu"))
    for column in numbers.split(1, dim=1):
        total.add(column)
    wanted = torch.logsumexp(numbers.double(), 1) - np.log(3)
    torch.testing.assert_close(total.result()[0], wanted)


def test_bits_of_known_densities():
    """Bytes of a known distribution, with uniform noise: the bits of its entropy."""
    p = np.array([0.5, 0.25, 0.125, 0.125])  # of the bytes 0, 64, 128, 192: 1.75 bits
    density = np.zeros(256)
    density[[0, 64, 128, 192]] = 256 * p  # of (byte + u) / 256
    rng = np.random.default_rng(0)
    draws = rng.choice([0, 64, 128, 192], size=(20_000, 3), p=p)
    nats = np.log(density[draws]).sum(1)
    assert bits_per_dimension(nats, 3, levels=256).mean() == pytest.approx(1.75, abs=0.02)
    # As whole numbers plus noise, in units of the byte, the density is 256 times lower.
    nats_in_bytes = np.log(density[draws] / 256).sum(1)
    np.testing.assert_allclose(
        bits_per_dimension(nats_in_bytes, 3), bits_per_dimension(nats, 3, levels=256)
    )
    with pytest.raises(InvalidInputError, match="levels: expected"):
        bits_per_dimension(nats, 3, levels=0)
    with pytest.raises(InvalidInputError, match="n_values: expected"):
        bits_per_dimension(nats, 0)
