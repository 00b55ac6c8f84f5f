"""Priors are densities, their draws are theirs, and divergences agree with Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch.distributions import Independent, Normal, kl_divergence

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    FlowLatent,
    FlowPrior,
    GaussianLatent,
    MixturePrior,
    StandardNormal,
    VampPrior,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def shaken(module, seed=0, scale=0.5):
    """Move every parameter, so that nothing is tested at its special first value."""
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.empty_like(parameter).normal_(generator=generator(seed))
            parameter.add_(scale * noise)
    return module.double()


def vamp(latent_dim=2):
    prior = VampPrior((3,), 4, generator=generator())
    weight = torch.empty(3, 2 * latent_dim).normal_(generator=generator(1)).double()
    prior.bind(lambda x: x.double() @ weight)
    prior.pseudo_inputs.data = 2 * prior.pseudo_inputs.data - 1
    return prior.double()


PRIORS = {
    "normal": lambda: StandardNormal(2),
    "mixture": lambda: shaken(MixturePrior(2, 3, generator=generator())),
    "full mixture": lambda: shaken(MixturePrior(2, 3, full=True, generator=generator())),
    "vamp": vamp,
    "flow": lambda: shaken(FlowPrior(2, 4, 8, generator=generator()), scale=0.15),
}


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_integrates_to_one(name):
    prior = PRIORS[name]()
    line = torch.linspace(-14, 14, 561, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        mass = prior.log_prob(grid).exp().sum() * (line[1] - line[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", PRIORS)
def test_draws_have_the_moments_of_the_density(name):
    prior = PRIORS[name]()
    line = torch.linspace(-14, 14, 561, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        weight = prior.log_prob(grid).exp()
        weight = weight / weight.sum()
        draws = prior.sample(20_000, generator(3)).double()
    mean = weight @ grid
    covariance = (grid - mean).T @ ((grid - mean) * weight[:, None])
    error = (covariance.diagonal() / len(draws)).sqrt()
    assert ((draws.mean(0) - mean).abs() < 5 * error).all()
    assert torch.allclose(torch.cov(draws.T), covariance, atol=0.12 * float(covariance.trace()))
    again = prior.sample(20_000, generator(3)).double()
    assert torch.equal(draws, again)


def test_a_full_mixture_is_scikit_learns():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3))
    x = np.concatenate([first, rng.normal(5, 1, (99, 3))])
    reference = GaussianMixture(2, random_state=0).fit(x)
    prior = MixturePrior(3, 2, full=True).double()
    factor = reference.precisions_cholesky_
    with torch.no_grad():
        prior.logits.copy_(torch.from_numpy(np.log(reference.weights_)))
        prior.mean.copy_(torch.from_numpy(reference.means_))
        prior.log_scale.copy_(torch.from_numpy(-np.log(np.diagonal(factor, axis1=1, axis2=2))))
        prior.off_diagonal.copy_(torch.from_numpy(factor))
        found = prior.log_prob(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, reference.score_samples(x), rtol=1e-9)


def test_a_vamp_prior_is_the_mean_of_the_posteriors():
    prior = vamp()
    z = torch.randn(7, 2, dtype=torch.float64, generator=generator(2))
    mean, log_variance = prior._encode(prior.pseudo_inputs).chunk(2, dim=1)
    with torch.no_grad():
        slow = [
            np.mean(
                [
                    multivariate_normal(m.numpy(), np.diag(v.exp().numpy())).pdf(row.numpy())
                    for m, v in zip(mean.detach(), log_variance.detach(), strict=True)
                ]
            )
            for row in z
        ]
        np.testing.assert_allclose(prior.log_prob(z).exp(), slow, rtol=1e-5)
    with pytest.raises(InvalidInputError, match="bind"):
        VampPrior((3,), 4).log_prob(z)


def latents():
    yield "gaussian", GaussianLatent(), 4
    for name in ("mixture", "full mixture", "vamp", "flow"):
        yield f"gaussian, {name}", GaussianLatent(PRIORS[name]()), 4
    yield "flow", shaken(FlowLatent(2, generator=generator())), 6
    yield "flow, mixture", shaken(FlowLatent(2, PRIORS["mixture"]())), 6


LATENTS = list(latents())


@pytest.mark.parametrize("case", LATENTS, ids=[name for name, *_ in LATENTS])
def test_the_divergence_agrees_with_monte_carlo(case):
    _, latent, outputs = case
    assert latent.outputs(2) == outputs
    h = torch.randn(3, outputs, dtype=torch.float64, generator=generator(5))
    noise = torch.randn(40_000, 2, dtype=torch.float64, generator=generator(6))
    with torch.no_grad():
        for row in h:
            one = row[None].expand(len(noise), -1)
            z, ratio = latent.log_ratio(one, noise)
            error = float(ratio.std() / len(noise) ** 0.5)
            drawn = latent.draw(one, noise)
            assert torch.equal(drawn[0], z)
            assert float(drawn[1].mean() - ratio.mean()) == pytest.approx(0, abs=5 * error)
            assert float(ratio.mean()) > -5 * error
            if latent.closed_form:
                mean, log_variance = row.chunk(2)
                posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
                prior = Independent(Normal(torch.zeros(2).double(), torch.ones(2).double()), 1)
                torch.testing.assert_close(
                    latent.divergence(row[None])[0], kl_divergence(posterior, prior)
                )
            else:
                few = float(latent.divergence(row[None])[0])
                assert few == pytest.approx(float(ratio.mean()), abs=6 * float(ratio.std()) / 4)


def test_the_log_ratio_of_a_flow_is_a_density():
    """E_q[p/q] = 1 wherever q covers p: importance weights have a mean of one."""
    latent = shaken(FlowLatent(2, generator=generator()), scale=0.2)
    h = torch.zeros(1, 6, dtype=torch.float64)
    h[:, 2:4] = 1.0  # wider than the prior
    noise = torch.randn(100_000, 2, dtype=torch.float64, generator=generator(1))
    with torch.no_grad():
        ratio = latent.log_ratio(h.expand(len(noise), -1), noise)[1]
    weight = (-ratio).exp()
    assert float(weight.mean()) == pytest.approx(1, abs=6 * float(weight.std()) / len(noise) ** 0.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MixturePrior(2, 0),
        lambda: VampPrior((2,), 0),
        lambda: FlowPrior(2, 0),
        lambda: FlowLatent(2, n_layers=0),
    ],
)
def test_impossible_sizes(make):
    with pytest.raises(InvalidInputError, match="at least 1"):
        make()
