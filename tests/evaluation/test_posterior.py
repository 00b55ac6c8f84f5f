"""Mutual information and the aggregate posterior against closed forms of normal distributions."""

from functools import cache

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.evaluation import (
    aggregate_posterior_divergence,
    aggregate_posterior_mmd,
    mutual_information,
)
from isthmus.evaluation.posterior import _gaussian
from isthmus.models import DiscreteVariationalAutoencoder

N, D, K = 2400, 3, 2


@cache
def rows():
    return np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)


@cache
def blank():
    return VariationalAutoencoder(
        latent_dim=K,
        hidden_layer_sizes=(),
        scaling=None,
        max_epochs=1,
        early_stopping=False,
        random_state=0,
    ).fit(rows()[:20])


def with_posterior(scale, shift, variance):
    """Return a model with q(zⱼ|x) = N(scale xⱼ + shift, variance): for x ~ N(0, I) all is known."""
    model = blank()
    linear = model.module_.encoder.linears[0]
    weight = np.zeros((2 * K, D), dtype=np.float32)
    weight[:K, :K] = np.diag(scale)
    bias = np.concatenate([shift, np.log(variance)]).astype(np.float32)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
        linear.bias.copy_(torch.from_numpy(bias))
    return model


CASES = {
    "fills the prior": ([0.8, 0.6], [0.0, 0.0], [0.36, 0.64]),
    "unused": ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0]),
    "narrow": ([0.9, 0.0], [0.0, 0.0], [0.05, 1.0]),
    "shifted and wide": ([1.5, 0.5], [1.0, -0.5], [0.25, 0.25]),
}


@pytest.mark.parametrize("name", CASES)
def test_both_parts_of_the_divergence_have_their_closed_form(name):
    scale, shift, variance = (np.array(part) for part in CASES[name])
    model = with_posterior(scale, shift, variance)
    total = scale**2 + variance  # of the aggregate, which is normal
    information = 0.5 * np.log(total / variance).sum()
    divergence = 0.5 * (total + shift**2 - 1 - np.log(total)).sum()
    # Each code brings an error of about one nat; 2,400 rows, and a little of the mixture's own.
    found = mutual_information(model, rows())
    assert found == pytest.approx(information, abs=0.06)
    assert aggregate_posterior_divergence(model, rows()) == pytest.approx(divergence, abs=0.09)


def test_the_two_parts_are_the_divergence():
    """Hoffman & Johnson: an identity for the same draws, whatever the posterior and the data."""
    model, X = with_posterior([2.0, 0.3], [1.0, 0.0], [0.02, 0.5]), rows()[:50]
    parts = mutual_information(model, X) + aggregate_posterior_divergence(model, X)
    draws = np.random.default_rng(0).standard_normal((50, K), np.float32)
    with torch.no_grad():
        h = model.module_.posterior(torch.from_numpy(X))
        ratio = model.module_.latent.log_ratio(h, torch.from_numpy(draws))[1]
    assert parts == pytest.approx(float(ratio.mean()), rel=1e-5)


def test_no_more_is_told_than_which_row_it_was():
    model, X = with_posterior([1.0, 1.0], [0.0, 0.0], [1e-8, 1e-8]), rows()[:200]
    assert mutual_information(model, X) == pytest.approx(np.log(200), rel=1e-3)
    assert mutual_information(with_posterior(*CASES["unused"]), X) == pytest.approx(0, abs=1e-6)


def test_the_mixture_is_the_sum_over_its_components():
    z, mean, log_variance = torch.randn(
        3, 7, 4, generator=torch.Generator().manual_seed(0)
    ).double()
    each = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    slow = torch.stack([each.log_prob(row).sum(1).logsumexp(0) for row in z]) - np.log(7)
    own, mixture = _gaussian(z, mean, log_variance)
    torch.testing.assert_close(mixture, slow)
    torch.testing.assert_close(own, each.log_prob(z).sum(1))


@pytest.mark.parametrize("code", ["bernoulli", "categorical"])
def test_of_discrete_codes_it_is_the_sum_over_all_codes(code):
    """Few codes, all of which can be written down: I(x; z) = H(z) − mean H(z|x), exactly."""
    X = rows()[:40]
    model = DiscreteVariationalAutoencoder(
        code=code, latent_dim=3, hidden_layer_sizes=(), max_epochs=1, random_state=0
    ).fit(X)
    with torch.no_grad():
        model.module_.encoder.linears[0].weight.mul_(4)
        p = torch.from_numpy(model.transform(X)).double()
    if code == "bernoulli":
        p = torch.stack([1 - p, p], dim=2)
        p = torch.einsum("na,nb,nc->nabc", *p.unbind(1)).flatten(1)
    q = p.mean(0)
    information = float(-(q * q.log()).sum() + (p * p.log()).sum(1).mean())
    divergence = float((q * (q * p.shape[1]).log()).sum())
    assert information > 0.2
    # 40 rows, 400 draws each.
    assert mutual_information(model, X, n_draws=400) == pytest.approx(information, abs=0.03)
    found = aggregate_posterior_divergence(model, X, n_draws=400)
    assert found == pytest.approx(divergence, abs=0.03)


def test_mmd_is_zero_where_the_codes_fill_the_prior_and_grows_with_the_distance():
    X = rows()[:480]
    filled = np.array(
        [
            aggregate_posterior_mmd(
                with_posterior(*CASES["fills the prior"]), rows()[480 * k :][:480], random_state=k
            )
            for k in range(5)
        ]
    )
    near, far = (
        aggregate_posterior_mmd(with_posterior([0.8, 0.6], [s, 0.0], [0.36, 0.64]), X)
        for s in (0.5, 3.0)
    )
    assert filled.min() < 0 < near  # unbiased, so that it can be below
    assert abs(filled.mean()) < near / 5
    assert near < far / 5
    assert far < 2


def test_mmd_takes_any_code_that_can_be_sampled():
    X = rows()[:400]
    model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    with pytest.raises(InvalidInputError, match="fit_density"):
        aggregate_posterior_mmd(model, X)
    with pytest.raises(InvalidInputError, match="expected a Gaussian code or a discrete one"):
        mutual_information(model, X)
    fitted = aggregate_posterior_mmd(model.fit_density(X, n_components=1, random_state=0), X)
    assert abs(fitted) < 0.02
    with pytest.raises(InvalidInputError, match="at least 2 rows"):
        aggregate_posterior_mmd(model, X[:1])
