"""What a diagnosis measures of a posterior, of whatever kind, and with whatever prior."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import Autoencoder, VariationalAutoencoder, diagnose
from isthmus.evaluation.probes import posterior_measures
from isthmus.models import VectorQuantizedAutoencoder, untrained
from isthmus.nn import GaussianLatent


@cache
def digits():
    return load_digits().data[:300] / 16


def small(**parameters):
    defaults = {"latent_dim": 3, "hidden_layer_sizes": (16,), "max_epochs": 2, "random_state": 0}
    return VariationalAutoencoder(**{**defaults, **parameters})


def linear_posterior(slopes, log_variance, **parameters):
    """Return a model whose posterior is N(slopes · x, variance), of data of the same width."""
    X = np.random.default_rng(0).normal(size=(2000, len(slopes)))
    model = untrained(
        VariationalAutoencoder(
            latent_dim=len(slopes),
            hidden_layer_sizes=(),
            scaling=None,
            random_state=0,
            **parameters,
        ),
        X,
    )
    layer = model.module_.encoder.linears[0]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[: len(slopes)] = torch.diag(torch.tensor(slopes))
        layer.bias[len(slopes) : 2 * len(slopes)] = torch.tensor(log_variance)
    return model, X


def measured(model, X):
    return posterior_measures(model.module_, *model.to_tensors(X, None))


def test_the_information_is_that_of_a_gaussian_channel():
    """Exact for this one: I(z; x) = ½ log(1 + slope² Var x / σ²)."""
    slopes, log_variance = [2.0, 0.5, 0.0], [-1.0, 0.0, 0.3]
    model, X = linear_posterior(slopes, log_variance)
    found = measured(model, X)
    between, within = np.square(slopes) * X.var(0), np.exp(log_variance)
    expected = 0.5 * np.log1p(between / within)
    np.testing.assert_allclose(found.information_per_code, expected, rtol=1e-4, atol=1e-6)
    mean_square = np.square(slopes) * np.square(X).mean(0)
    kl = 0.5 * (mean_square + within - 1 - np.array(log_variance))
    np.testing.assert_allclose(found.divergence_per_code, kl, rtol=1e-4)
    assert found.divergence == pytest.approx(kl.sum(), rel=1e-4)


def test_draws_estimate_what_the_closed_form_says():
    """The same posterior, once with its closed form and once, as other kinds have it, without."""
    model, X = linear_posterior([1.0, 0.5, 0.0], [-1.0, -0.5, 0.0])
    exact = measured(model, X)
    module = model.module_
    assert isinstance(module.latent, GaussianLatent)
    module.latent.closed_form = False
    drawn = measured(model, X)
    assert drawn.divergence == pytest.approx(exact.divergence, rel=0.05)
    assert not drawn.divergence_per_code.size
    np.testing.assert_allclose(drawn.information_per_code, exact.information_per_code, rtol=1e-5)
    # The draws are always the same, so that a diagnosis is.
    assert measured(model, X).divergence == drawn.divergence


@pytest.mark.parametrize(
    "parameters",
    [
        {"posterior": "flow"},
        {"prior": "mixture", "n_components": 3},
        {"prior": "vamp", "n_components": 5},
        {"prior": "flow"},
        {"posterior": "flow", "prior": "flow"},
        {"free_bits": 0.5},
        {"capacity": 2.0},
    ],
    ids=str,
)
def test_every_posterior_and_prior_can_be_diagnosed(parameters):
    X = digits()
    model = small(**parameters).fit(X[:200])
    diagnosis = diagnose(model, X[200:], X_train=X[:200])
    assert [f for f in diagnosis if f.name == "posterior collapse"]
    evidence = diagnosis.evidence
    assert np.isfinite(evidence.divergence)
    assert evidence.information_per_code.shape == (3,)
    assert diagnose(model, X[200:], X_train=X[:200]).to_dict() == diagnosis.to_dict()


@pytest.mark.parametrize("posterior", ["gaussian", "flow"])
def test_a_collapse_is_seen_without_a_closed_form(posterior):
    X = digits()
    for beta, collapsed in ((50.0, True), (0.0, False)):
        model = small(
            posterior=posterior, prior="mixture", beta=beta, beta_warmup=0, learning_rate=0.01,
            max_epochs=20,
        ).fit(X[:200])  # fmt: skip
        diagnosis = diagnose(model, X[200:])
        assert not diagnosis.evidence.divergence_per_code.size
        (finding,) = (f for f in diagnosis if f.name == "posterior collapse")
        assert (finding.severity == "problem") is collapsed
        assert "information of 0.01 nats" in finding.text


@pytest.mark.parametrize("estimator", [Autoencoder, VectorQuantizedAutoencoder])
def test_a_code_that_is_not_drawn_cannot_collapse(estimator):
    X = digits()
    model = estimator(latent_dim=2, max_epochs=1, random_state=0).fit(X[:100])
    diagnosis = diagnose(model, X[100:200])
    assert bool(np.isnan(diagnosis.evidence.divergence)) is (estimator is Autoencoder)
    assert not diagnosis.evidence.information_per_code.size
    assert "posterior collapse" not in {finding.name for finding in diagnosis}
