"""Relaxed discrete codes: divergence, gradients, and what they come to as the temperature falls."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import log_ndtr
from torch.autograd import gradcheck

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Bernoulli,
    BernoulliLatent,
    CategoricalLatent,
    Dense,
    Deterministic,
)
from isthmus.training import TemperatureSchedule, evaluate

KINDS = {
    "classes": lambda **kw: CategoricalLatent(3, **kw),
    "bits": lambda **kw: BernoulliLatent(**kw),
}
DRAWS = 40_000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(n=4, size=6, scale=1.5):
    return scale * torch.randn(n, size, generator=seeded(3), dtype=torch.float64)


def many(h, latent):
    """The same row often, and noise for each."""
    wide = h[:1].expand(DRAWS, -1)
    return wide, torch.randn(DRAWS, h.shape[1], generator=seeded(), dtype=h.dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_the_mean_of_the_log_ratio(kind):
    latent = KINDS[kind]()
    wide, noise = many(logits(), latent)
    _, ratio = latent.log_ratio(wide, noise)
    error = ratio.std() / math.sqrt(DRAWS)
    exact = latent.divergence(wide[:1])
    assert abs(ratio.mean() - exact[0]) < 4 * error
    assert 4 * error < 0.05 * exact[0]  # a test that could fail


def test_divergences_by_definition():
    h = logits()
    share = torch.softmax(h.view(4, 2, 3), -1)
    by_hand = (share * (share / (1 / 3)).log()).sum((1, 2))
    torch.testing.assert_close(CategoricalLatent(3).divergence(h), by_hand)
    p = torch.sigmoid(h)
    by_hand = (p * (2 * p).log() + (1 - p) * (2 * (1 - p)).log()).sum(1)
    torch.testing.assert_close(BernoulliLatent().divergence(h), by_hand)


@pytest.mark.parametrize("kind", KINDS)
def test_discrete_draws_have_the_probabilities_of_the_posterior(kind):
    latent = KINDS[kind]().eval()
    wide, noise = many(logits(), latent)
    z = latent.at(wide, noise)
    assert set(z.unique().tolist()) == {0.0, 1.0}
    expected = latent.mean(wide[:1])[0]
    error = (expected * (1 - expected) / DRAWS).sqrt()
    assert ((z.mean(0) - expected).abs() < 4.5 * error).all()
    if kind == "classes":
        assert (z.view(-1, 2, 3).sum(2) == 1).all()


def test_the_noise_is_exact_in_its_tails():
    noise = torch.linspace(-6, 6, 25)
    exact = log_ndtr(noise.double().numpy())
    gumbel, logistic = -np.log(-exact), exact - exact[::-1]
    z = BernoulliLatent(1.0).relaxed(torch.zeros(1, 25), noise)
    np.testing.assert_allclose(torch.logit(z.double())[0, :17], logistic[:17], rtol=1e-4, atol=1e-4)
    # Two classes: the second without noise, whose Gumbel number is that of ε = 0.
    pairs = torch.stack([noise, torch.zeros(25)], 1)
    share = CategoricalLatent(2, 1.0).relaxed(torch.zeros(25, 2), pairs).double()
    difference = gumbel + math.log(math.log(2))
    np.testing.assert_allclose(share.log().diff(dim=1)[:, 0], -difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_gradients_of_the_relaxed_objective_are_those_of_finite_differences(kind, temperature):
    latent = KINDS[kind](temperature=temperature).train()
    noise = torch.randn(4, 6, generator=seeded(1), dtype=torch.float64)
    target = torch.rand(4, 6, generator=seeded(2), dtype=torch.float64)

    def objective(h):
        z, divergence = latent.draw(h, noise)
        return ((z - target) ** 2).sum(1) + divergence

    assert gradcheck(objective, logits().requires_grad_())


@pytest.mark.parametrize("kind", KINDS)
def test_the_straight_through_gradient_is_that_of_the_relaxed_draw(kind):
    noise = torch.randn(4, 6, generator=seeded(1), dtype=torch.float64)
    weight = torch.randn(4, 6, generator=seeded(2), dtype=torch.float64)
    found = {}
    for straight in (True, False):
        latent = KINDS[kind](temperature=0.7, straight_through=straight).train()
        h = logits().requires_grad_()
        z = latent.at(h, noise)
        (z * weight).sum().backward()  # linear in z: the same gradient wherever z is
        found[straight] = z.detach(), h.grad
    torch.testing.assert_close(found[True][1], found[False][1])
    assert found[True][1].abs().max() > 0.05
    hard = KINDS[kind]().eval().at(logits(), noise)
    torch.testing.assert_close(found[True][0], hard)
    assert (found[False][0] - hard).abs().max() > 0.1  # the relaxed draw is another


@pytest.mark.parametrize("kind", KINDS)
def test_a_low_temperature_gives_the_discrete_draw(kind):
    noise = torch.randn(4, 6, generator=seeded(1), dtype=torch.float64)
    hard = KINDS[kind]().discrete(logits(), noise)
    apart = [
        (KINDS[kind](temperature=t).relaxed(logits(), noise) - hard).abs().max().item()
        for t in (1.0, 0.3, 0.001)
    ]
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_one_draw_is_for_all_rows(kind):
    latent = KINDS[kind]().eval()
    one = torch.randn(6, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(latent.at(logits(), one), latent.at(logits(), one.expand(4, 6)))
    assert torch.equal(latent.log_ratio(logits(), one)[1], latent.log_ratio(logits(), one[None])[1])


def tiny(latent, size):
    generator = seeded(5)
    encoder = Dense((1, 5), (size,), [8], generator=generator)
    decoder = Dense((size,), (1, 5), [8], generator=generator)
    module = AutoencoderModule(encoder, decoder, latent, Bernoulli()).double().eval()
    with torch.no_grad():
        for parameter in module.decoder.parameters():
            parameter.mul_(2.5)
    x = (torch.rand(6, 1, 5, generator=generator, dtype=torch.float64) > 0.5).double()
    return module, x


def exact(module, x, codes):
    """Log p(x), by adding up all codes that there are."""
    parts = [
        module.likelihood.log_prob(module.decode_parameters(z.expand(len(x), -1)), x).sum((1, 2))
        for z in codes
    ]
    return torch.logsumexp(torch.stack(parts), 0) - math.log(len(codes))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_bounds_lie_below_the_exact_likelihood_and_come_to_it(kind):
    latent = KINDS[kind]()
    if kind == "bits":
        codes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)), dtype=torch.float64)
    else:
        both = list(itertools.product(range(3), repeat=2))
        codes = latent.lookup(torch.tensor(both)).double()
    module, x = tiny(latent, 6)
    truth = exact(module, x, codes)
    noise = torch.randn(2000, 6, generator=seeded(), dtype=torch.float64)
    log_prob, divergence = module.log_prob(x, None, noise)
    bound = log_prob.sum((1, 2)) - divergence
    h = module.posterior(x)
    weights = []
    for draw in noise:
        z, ratio = latent.log_ratio(h, draw)
        log_prob = module.likelihood.log_prob(module.decode_parameters(z), x).sum((1, 2))
        weights.append(log_prob - ratio)
    weighted = torch.logsumexp(torch.stack(weights), 0) - math.log(len(weights))
    assert (bound < truth).all()
    assert (truth - bound).mean() > 0.05
    torch.testing.assert_close(weighted, truth, atol=0.05, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_out_loss_is_of_the_discrete_model_at_any_temperature(kind):
    losses = []
    for temperature in (0.1, 5.0):
        module, x = tiny(KINDS[kind](temperature=temperature), 6)
        losses.append(float(evaluate(module, x).total))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_prior_is_uniform(kind):
    latent = KINDS[kind]()
    z = latent.sample_prior(30_000, 6, seeded())
    share, each = (1 / 3, math.log(3) / 3) if kind == "classes" else (1 / 2, math.log(2))
    np.testing.assert_allclose(z.mean(0), share, atol=0.012)
    torch.testing.assert_close(latent.log_prior(z[:2]), torch.full((2,), -6 * each))
    assert torch.equal(latent.sample_prior(5, 6, seeded()), latent.sample_prior(5, 6, seeded()))
    assert not torch.equal(
        latent.sample_prior(9, 6, seeded()), latent.sample_prior(9, 6, seeded(1))
    )


def test_indices_go_there_and_back():
    for latent in (CategoricalLatent(3), BernoulliLatent()):
        z = latent.sample_prior(20, 6, seeded())
        found = latent.indices(20 * (z - 0.5))
        assert found.shape == (20, 2 if isinstance(latent, CategoricalLatent) else 6)
        assert torch.equal(latent.lookup(found), z)


def test_the_schedule_falls_by_the_same_factor_and_ends():
    schedule = TemperatureSchedule(2.0, 0.5, 10)
    values = np.array([schedule.at(epoch) for epoch in range(14)])
    np.testing.assert_allclose(values[1:11] / values[:10], 0.25**0.1)
    assert (values[10:] == 0.5).all()
    assert TemperatureSchedule(2.0, 0.5, 0).at(0) == 0.5
    module, _ = tiny(BernoulliLatent(), 6)
    schedule(module, 5)
    assert module.latent.temperature == pytest.approx(1.0)


def test_what_cannot_be_is_named():
    plain = AutoencoderModule(Dense((2,), (2,)), Dense((2,), (2,)), Deterministic())
    for call, words in (
        (lambda: BernoulliLatent(0.0), "temperature: expected"),
        (lambda: CategoricalLatent(1), "n_classes: expected"),
        (lambda: TemperatureSchedule(0.0, 1.0, 3), "start: expected"),
        (lambda: TemperatureSchedule(1.0, 1.0, -1), "epochs: expected"),
        (lambda: TemperatureSchedule(1.0, 1.0, 3)(plain, 0), "annealing: a temperature"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            call()
