"""The importance weighted bound: probabilistic PCA, its gradients, and its relatives."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Dense,
    Deterministic,
    Gaussian,
    GaussianLatent,
    ImportanceWeightedModule,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(dim=5, code=2, **options):
    """A linear-Gaussian model, whose p(x) is known, with a posterior that is not the exact one."""
    encoder = Dense((dim,), (2 * code,), generator=generator(1))
    decoder = Dense((code,), (dim,), generator=generator(2))
    encoder.layers[-1].bias.data[code:] += 1.0  # wide, so that the weights have a variance
    module = ImportanceWeightedModule(encoder, decoder, GaussianLatent(), Gaussian(), **options)
    return module.double().eval()


def exact(module, x):
    layer = module.decoder.layers[-1].requires_grad_(False)
    covariance = layer.weight @ layer.weight.T + torch.eye(len(layer.bias), dtype=x.dtype)
    return MultivariateNormal(layer.bias, covariance).log_prob(x)


def bound(module, x, seed=0):
    return float(-module.losses(x, generator=generator(seed)).total.detach())


def test_the_bound_rises_with_k_and_stays_under_the_exact_likelihood():
    x = torch.randn(64, 5, dtype=torch.float64, generator=generator(3))
    module = linear()
    truth = float(exact(module, x).mean())
    means = []
    for k in (1, 5, 50, 2000):
        module.n_samples = k
        repeats = 40 if k < 2000 else 4
        values = torch.tensor([bound(module, x, seed) for seed in range(repeats)])
        means.append(float(values.mean()))
        error = float(values.std()) / math.sqrt(repeats)
        assert means[-1] < truth + 4 * error
    assert means == sorted(means)
    # What is missing falls as 1/k where the weights have a variance: here at least as 1/√k.
    assert truth - means[-1] < (truth - means[-2]) / (2000 / 50) ** 0.5


def test_with_one_draw_it_is_the_evidence_lower_bound():
    x = torch.randn(2000, 5, dtype=torch.float64, generator=generator(3))
    module = linear(n_samples=1)
    plain = AutoencoderModule(module.encoder, module.decoder, module.latent, module.likelihood)
    ours = [bound(module, x, seed) for seed in range(20)]
    theirs = float(-plain.eval().losses(x, generator=generator()).total.detach())
    assert sum(ours) / 20 == pytest.approx(theirs, abs=0.05)


def by_hand(module, x, seed):
    """log w (k, n) from its definition, one draw at a time."""
    h = module.encoder(x)
    draws = module.n_samples * module.n_groups
    noise = torch.empty(draws * len(x), 2, dtype=x.dtype).normal_(generator=generator(seed))
    mean, log_variance = h.chunk(2, dim=1)
    rows = []
    for one in noise.view(draws, len(x), 2):
        z = mean + (0.5 * log_variance).exp() * one
        standard = torch.distributions.Normal(0.0, 1.0)
        posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        likelihood = torch.distributions.Normal(module.decoder(z), 1.0)
        ratio = posterior.log_prob(z).sum(1) - standard.log_prob(z).sum(1)
        rows.append(likelihood.log_prob(x).sum(1) - ratio)
    return torch.stack(rows)


CASES = {
    "iwae": ({"n_samples": 4}, lambda w: w.logsumexp(0) - math.log(4)),
    "miwae": (
        {"n_samples": 3, "n_groups": 2},
        lambda w: w.view(2, 3, -1).logsumexp(1).mean(0) - math.log(3),
    ),
    "ciwae": (
        {"n_samples": 4, "elbo_weight": 0.3},
        lambda w: 0.7 * (w.logsumexp(0) - math.log(4)) + 0.3 * w.mean(0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_definition(name):
    options, definition = CASES[name]
    x = torch.randn(6, 5, dtype=torch.float64, generator=generator(3))
    module = linear(**options).train()
    module.losses(x, generator=generator(7)).total.backward()
    ours = {n: p.grad.clone() for n, p in module.named_parameters()}
    module.zero_grad()
    expected = -definition(by_hand(module, x, 7)).mean()
    expected.backward()
    torch.testing.assert_close(module.losses(x, generator=generator(7)).total, expected)
    for n, p in module.named_parameters():
        torch.testing.assert_close(ours[n], p.grad)


def test_the_partial_gradient_is_two_bounds():
    """PIWAE: the encoder's gradient is MIWAE's, the decoder's that of IWAE with all draws."""
    x = torch.randn(6, 5, dtype=torch.float64, generator=generator(3))
    gradients = {}
    for name, options in {
        "partial": {"n_samples": 3, "n_groups": 2, "partial": True},
        "miwae": {"n_samples": 3, "n_groups": 2},
        "iwae": {"n_samples": 6},
    }.items():
        module = linear(**options).train()
        module.losses(x, generator=generator(7)).total.backward()
        gradients[name] = {n: p.grad for n, p in module.named_parameters()}
        assert all(p.requires_grad for p in module.parameters())
    for n, gradient in gradients["partial"].items():
        source = "miwae" if n.startswith("encoder") else "iwae"
        other = "iwae" if source == "miwae" else "miwae"
        torch.testing.assert_close(gradient, gradients[source][n])
        assert not torch.allclose(gradient, gradients[other][n])


def test_scores_are_the_bound_of_the_draws_they_are_given():
    x = torch.randn(6, 5, dtype=torch.float64, generator=generator(3))
    module = linear(n_samples=4)
    noise = torch.randn(9, 2, dtype=torch.float64, generator=generator(4))
    with torch.no_grad():
        values, rest = module.log_prob(x, noise=noise)
        h = module.posterior(x)
        weights = []
        for one in noise:
            z, ratio = module.latent.log_ratio(h, one)
            log_prob = module.likelihood.log_prob(module.decode_parameters(z), x).sum(1)
            weights.append(log_prob - ratio)
        expected = torch.stack(weights).logsumexp(0) - math.log(9)
    torch.testing.assert_close(values.sum(1) - rest, expected)


def test_missing_values_do_not_count():
    x = torch.randn(6, 5, dtype=torch.float64, generator=generator(3))
    x[:, 0] = torch.nan
    module = linear(n_samples=4)
    module.missing = True
    value = bound(module, x)
    module.decoder.layers[-1].bias.data[0] += 5  # what is said of a value that nobody saw
    assert bound(module, x) == pytest.approx(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_groups": 0}, "n_groups"),
        ({"elbo_weight": 1.5}, "elbo_weight"),
    ],
)
def test_impossible_settings(options, message):
    with pytest.raises(InvalidInputError, match=message):
        linear(**options)
    with pytest.raises(InvalidInputError, match="posterior"):
        ImportanceWeightedModule(Dense((4,), (2,)), Dense((2,), (4,)), Deterministic())
