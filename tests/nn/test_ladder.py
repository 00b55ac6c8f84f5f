"""The code in levels: its divergence against draws, its prior, and the product of two Gaussians."""

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import Dense, LadderLatent, LadderModule

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ladder(levels=(3, 2, 2), hidden=6):
    latent = LadderLatent(levels, hidden, generator=generator(1)).double()
    with torch.no_grad():
        for parameter in latent.parameters():
            parameter.mul_(3)  # so that the levels have something to say to each other
    return latent


def encoded(n, latent, seed=2):
    return torch.randn(n, latent.outputs(sum(latent.levels)), generator=generator(seed), dtype=F64)


@pytest.mark.parametrize("levels", [(3, 2), (3, 2, 2)])
def test_the_divergence_is_the_mean_of_the_log_ratio(levels):
    latent = ladder(levels)
    h = encoded(1, latent).expand(5_000, -1)
    noise = torch.randn(5_000, sum(levels), generator=generator(3), dtype=F64)
    with torch.no_grad():
        z, ratio = latent.log_ratio(h, noise)
        other, divergence = latent.draw(h, noise)
    assert torch.equal(z, other)
    error = float((ratio - divergence).std()) / 5_000**0.5
    assert abs(float((ratio - divergence).mean())) < 4 * error
    assert float(divergence.std()) < float(ratio.std())  # what is exact is not drawn
    per_level = latent.level_divergences(h[:100], noise[:100])
    torch.testing.assert_close(per_level.sum(1), divergence[:100])
    assert (per_level >= 0).all()


def slow(latent, h, noise):
    """One row, level by level, with torch's own distributions."""
    Normal, size = torch.distributions.Normal, latent.levels[0]
    heads = [h[: 2 * size]]
    features = torch.nn.functional.elu(h[2 * size :])
    for level, network in zip(latent.levels[1:], latent.up, strict=True):
        output = network(features[None])[0]
        heads.append(output[: 2 * level])
        features = torch.nn.functional.elu(output[2 * level :])
    draws = noise.split(latent.levels)
    parts, log_q, log_p, divergences = [], 0.0, 0.0, []
    for level in (2, 1, 0):
        mean, log_variance = heads[level].chunk(2)
        prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
        posterior = Normal(mean, log_variance.mul(0.5).exp())
        if parts:
            m, s = latent.down[level](parts[0][None])[0].chunk(2)
            prior = Normal(m, (6 * torch.tanh(s / 6)).mul(0.5).exp())
            precision = 1 / posterior.variance + 1 / prior.variance
            mean = (mean / posterior.variance + prior.mean / prior.variance) / precision
            posterior = Normal(mean, precision**-0.5)
        z = posterior.mean + posterior.stddev * draws[level]
        log_q = log_q + posterior.log_prob(z).sum()
        log_p = log_p + prior.log_prob(z).sum()
        divergences.insert(0, torch.distributions.kl_divergence(posterior, prior).sum())
        parts.insert(0, z)
    return torch.cat(parts), log_q - log_p, torch.stack(divergences), log_p


def test_every_level_is_what_the_formulas_say():
    latent = ladder()
    h = encoded(4, latent)
    noise = torch.randn(4, 7, generator=generator(4), dtype=F64)
    with torch.no_grad():
        z, ratio = latent.log_ratio(h, noise)
        divergences = latent.level_divergences(h, noise)
        log_prior = latent.log_prior(z)
        for i in range(4):
            code, log_ratio, per_level, log_p = slow(latent, h[i], noise[i])
            torch.testing.assert_close(z[i], code)
            torch.testing.assert_close(ratio[i], log_ratio)
            torch.testing.assert_close(divergences[i], per_level)
            torch.testing.assert_close(log_prior[i], log_p)
        zero = torch.zeros(4, 7, dtype=F64)
        torch.testing.assert_close(latent.mean(h), latent.at(h, zero))


def test_without_a_word_from_below_the_posterior_is_the_prior():
    latent = ladder((3, 2))
    with torch.no_grad():
        latent.up[0].linears[-1].weight.zero_()
        latent.up[0].linears[-1].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.0], dtype=F64))
    h = encoded(5, latent)
    h[:, :3], h[:, 3:6] = 0.0, 40.0  # a variance of e⁴⁰: x says nothing of the lowest level
    noise = torch.randn(5, 5, generator=generator(5), dtype=F64)
    divergences = latent.level_divergences(h, noise)
    torch.testing.assert_close(divergences, torch.zeros(5, 2, dtype=F64), atol=1e-6, rtol=0)


def test_samples_of_the_prior_have_its_density():
    latent = ladder((1, 1), 4)
    with torch.no_grad():
        z = latent.float().sample_prior(40_000, 2, generator(6)).double()
    latent.double()
    assert z.shape == (40_000, 2)
    assert abs(float(z[:, 1].mean())) < 0.03
    assert float(z[:, 1].std()) == pytest.approx(1, abs=0.03)
    # E over p of r(z)/p(z) is 1 for any density r that p covers.
    other = torch.distributions.Normal(z.mean(0), 0.5 * z.std(0))
    with torch.no_grad():
        weight = (other.log_prob(z).sum(1) - latent.log_prior(z)).exp()
    assert float(weight.mean()) == pytest.approx(1, abs=5 * float(weight.std()) / 200)


def test_gradients_are_those_of_finite_differences():
    latent = ladder((2, 1), 3)
    h = encoded(2, latent).requires_grad_()
    noise = torch.randn(2, 3, generator=generator(7), dtype=F64)
    assert torch.autograd.gradcheck(lambda h: latent.draw(h, noise), (h,))
    assert torch.autograd.gradcheck(lambda h: latent.log_ratio(h, noise), (h,))


def test_the_decoder_sees_the_lowest_level_and_all_networks_learn():
    latent = LadderLatent((3, 2), 8, generator=generator(8))
    module = LadderModule(
        Dense((4,), (14,), generator=generator(9)),
        Dense((3,), (4,), generator=generator(10)),
        latent,
    )
    z = torch.randn(6, 5, generator=generator(11))
    other = torch.cat([z[:, :3], torch.zeros(6, 2)], dim=1)
    assert torch.equal(module.decode(z), module.decode(other))
    module.losses(torch.randn(8, 4, generator=generator(12)), None, generator(13)).total.backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in module.parameters())


def test_errors_name_what_is_wrong():
    for levels in ((3,), (3, 0)):
        with pytest.raises(InvalidInputError, match="levels: expected two sizes"):
            LadderLatent(levels)
    with pytest.raises(InvalidInputError, match="expected 5, the sum of the levels; got 4"):
        LadderLatent((3, 2)).outputs(4)
