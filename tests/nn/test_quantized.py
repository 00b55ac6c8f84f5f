"""Quantised codes: what is nearest, what is learned, what is revived, and whose gradient it is."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Commitment,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    FiniteScalar,
    Perplexity,
    VectorQuantized,
)
from isthmus.nn.latent import vector_quantized

KINDS = {
    "vq": lambda: VectorQuantized(6, 2, 5, generator=seeded()),
    "fsq": lambda: FiniteScalar(6, (3, 4), generator=seeded()),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def outputs(n=20, seed=1):
    return torch.randn(n, 6, generator=seeded(seed))


def step(latent, h, seed=2):
    return latent.draw(h, latent.noise(h, seeded(seed)))


def buffers(latent):
    return {name: value.clone() for name, value in latent.named_buffers()}


# The codebook ------------------------------------------------------------------------------------


def test_every_slot_is_the_nearest_codeword_of_all():
    latent, h = KINDS["vq"]().eval(), outputs()
    vectors = h.view(20, 3, 2)
    apart = torch.stack([((vectors - word) ** 2).sum(-1) for word in latent.codebook], -1)
    assert torch.equal(latent.indices(h), apart.argmin(-1))
    z = latent.mean(h)
    assert torch.equal(z, latent.codebook[apart.argmin(-1)].flatten(1))  # to the last bit
    assert torch.equal(latent.lookup(latent.indices(h)), z)
    assert torch.equal(latent.indices(z), latent.indices(h))


def test_the_codebook_is_the_running_mean_by_definition():
    latent = KINDS["vq"]().train()
    step(latent, outputs())  # the first batch fills it
    gamma = latent.decay
    for seed in range(3, 9):
        before, h = buffers(latent), outputs(seed=seed)
        usage = before["usage"]
        if (usage <= 0.1 * usage.mean()).any():
            pytest.fail("revival has a test of its own")
        step(latent, h)
        index, vectors = latent_indices(before["codebook"], h), h.view(-1, 2)
        for k in range(5):
            mine = vectors[index == k]
            count = gamma * usage[k] + (1 - gamma) * len(mine)
            total = gamma * before["total"][k] + (1 - gamma) * mine.sum(0)
            torch.testing.assert_close(latent.usage[k], count)
            torch.testing.assert_close(latent.codebook[k], total / count)


def latent_indices(codebook, h):
    return torch.cdist(h.view(-1, 2), codebook).argmin(1)


def test_the_running_means_come_to_the_centres_of_clusters():
    centres = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0], [-5.0, -5.0]])
    latent = KINDS["vq"]().train()
    for seed in range(200):
        generator = seeded(seed)
        which = torch.randint(5, (90,), generator=generator)
        h = centres[which] + 0.1 * torch.randn(90, 2, generator=generator)
        step(latent, h.view(30, 6), seed)
    apart = torch.cdist(centres, latent.codebook).min(1).values
    assert apart.max() < 0.1
    assert latent.perplexity() == pytest.approx(5, rel=0.03)


def test_dead_codewords_come_to_life_and_without_it_they_stay_dead(monkeypatch):
    used, usual = {}, vector_quantized._DEAD
    for dead in (usual, -1.0):
        monkeypatch.setattr(vector_quantized, "_DEAD", dead)
        latent = KINDS["vq"]().train()
        with torch.no_grad():  # one codeword in the data, four far away, that were used once
            latent.codebook.copy_(torch.tensor([[0.0, 0.0]] + [[90.0, 90.0]] * 4))
            latent.usage.fill_(12.0)
            latent.total.copy_(12 * latent.codebook)
        for seed in range(60):
            step(latent, outputs(seed=seed), seed)
        used[dead] = latent.perplexity().item(), len(latent.indices(outputs()).unique())
    assert used[-1.0] == (pytest.approx(1, abs=0.05), 1)
    assert used[usual][0] > 3.5
    assert used[usual][1] == 5


def test_a_revived_codeword_is_a_vector_of_the_batch_that_the_noise_chose():
    latent, h = KINDS["vq"]().train(), outputs()
    noise = latent.noise(h, seeded(7))
    z, _ = latent.draw(h, noise)  # at first all are dead
    chosen = h.view(-1, 2)[(noise * 60).long()]
    for slot in z.view(-1, 2):
        assert (slot == chosen).all(1).any()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_learned_in_evaluation(kind):
    latent, h = KINDS[kind](), outputs()
    step(latent.train(), h)
    before = buffers(latent)
    latent.eval()
    assert latent.noise(h, seeded()).numel() == 0
    step(latent, outputs(seed=5))
    latent.train().mean(h)
    latent.divergence(h)
    for name, value in latent.named_buffers():
        assert torch.equal(value, before[name])


def test_perplexity_is_the_exponential_of_the_entropy():
    latent = KINDS["vq"]()
    assert latent.perplexity() == 1  # nothing used yet
    latent.usage.copy_(torch.tensor([2.0, 2.0, 0.0, 0.0, 4.0]))
    share = np.array([0.25, 0.25, 0.5])
    assert latent.perplexity().item() == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    latent.usage.fill_(3.0)
    assert latent.perplexity().item() == pytest.approx(5)


# Levels ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(3, 9), min_size=1, max_size=4))
def test_all_points_of_the_grid_have_an_index_of_their_own(levels):
    n = math.prod(levels)
    latent = FiniteScalar(len(levels), levels, prior_units=4, generator=seeded())
    points = latent.lookup(torch.arange(n)[:, None])
    assert len(points.unique(dim=0)) == n == latent.n_codes
    assert torch.equal(latent.nearest(points[:, None]), torch.arange(n)[:, None])
    for i, level in enumerate(levels):
        values = points[:, i].unique()
        assert len(values) == level
        torch.testing.assert_close(values.diff(), torch.full((level - 1,), 1 / (level // 2)))
        assert values[0] == -1
        assert values[-1].item() == pytest.approx(1 if level % 2 else 1 - 2 / level)


def test_every_point_of_the_grid_can_be_reached():
    latent = FiniteScalar(2, (8, 5), generator=seeded())
    side = torch.linspace(-6, 6, 400)
    h = torch.stack([side, side], 1)
    assert [len(latent.mean(h)[:, i].unique()) for i in range(2)] == [8, 5]
    z = latent.mean(torch.zeros(1, 2))
    assert torch.equal(z, torch.zeros(1, 2))
    apart = (latent.mean(h) - latent.continuous(h)).abs().max(0).values
    assert (apart <= torch.tensor([0.5 / 4, 0.5 / 2]) + 1e-3).all()  # half a step


def test_the_gradient_of_levels_is_that_of_the_bounded_number():
    latent = KINDS["fsq"]().double()
    h = outputs().double().requires_grad_()
    weight = torch.randn(20, 6, generator=seeded(4), dtype=torch.float64)
    (latent.mean(h) * weight).sum().backward()
    small = 1e-6
    for i in range(6):
        moved = torch.zeros(20, 6, dtype=torch.float64)
        moved[:, i] = small
        with torch.no_grad():
            slope = (latent.continuous(h + moved) - latent.continuous(h - moved)) / (2 * small)
        torch.testing.assert_close(h.grad[:, i], (slope * weight).sum(1), atol=1e-7, rtol=1e-6)


# Gradients and divergence ------------------------------------------------------------------------


def test_the_gradient_passes_straight_through_the_codebook():
    latent = KINDS["vq"]().train()
    h = outputs().requires_grad_()
    weight = torch.randn(20, 6, generator=seeded(4))
    z, divergence = step(latent, h)
    ((z * weight).sum() + divergence.sum()).backward()
    assert torch.equal(h.grad, weight)  # all of it, and none of the prior's


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_of_the_indices_and_its_gradient_ends_in_the_prior(kind):
    latent = KINDS[kind]().train()
    h = outputs().requires_grad_()
    z, divergence = step(latent, h)
    torch.testing.assert_close(divergence, torch.full((20,), 3 * math.log(latent.n_codes)))
    assert divergence.requires_grad
    assert torch.autograd.grad(divergence.sum(), h, allow_unused=True, retain_graph=True) == (None,)
    divergence.sum().backward()
    assert latent.prior.head.weight.grad.abs().max() > 0
    assert not any(b.requires_grad for b in latent.buffers())
    latent.eval()
    with torch.no_grad():
        latent.prior.head.bias.add_(torch.arange(float(latent.n_codes)))
    expected = -latent.prior.log_prob(latent.indices(h))
    torch.testing.assert_close(latent.divergence(h), expected)
    z, ratio = latent.log_ratio(h, torch.zeros(1))
    torch.testing.assert_close(ratio, expected)
    torch.testing.assert_close(latent.log_prior(z), -expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_prior_draws_is_made_of_codewords(kind):
    latent = KINDS[kind]()
    z = latent.sample_prior(50, 6, seeded())
    assert z.shape == (50, 6)
    assert torch.equal(latent.lookup(latent.nearest(z.view(50, 3, 2))), z)
    assert torch.equal(latent.sample_prior(50, 6, seeded()), z)


def test_the_terms_of_the_loss():
    module = AutoencoderModule(
        Dense((4,), (6,), generator=seeded()),
        Dense((6,), (4,), generator=seeded()),
        KINDS["vq"](),
        penalties={"commitment": Commitment(), "perplexity": Perplexity()},
    )
    x = torch.randn(16, 4, generator=seeded())
    module.train()
    before = copy.deepcopy(module)
    losses = module.losses(x, None, seeded(9))
    assert set(losses) == {"reconstruction", "divergence", "commitment", "perplexity"}
    h = before.posterior(x)
    z, _ = before.latent.draw(h, before.latent.noise(h, seeded(9)))
    torch.testing.assert_close(losses["commitment"], ((h - z) ** 2).sum(1).mean())
    torch.testing.assert_close(losses["perplexity"], before.latent.perplexity())
    losses["commitment"].backward()
    assert module.encoder.linears[0].weight.grad.abs().max() > 0


# Places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 12, 9), (2, 21)])
def test_a_local_code_has_a_slot_for_each_place(shape):
    places = [math.ceil(math.ceil(side / 2) / 2) for side in shape[1:]]
    size = 3 * math.prod(places)
    style = {"code_channels": 3, "generator": seeded()}
    encoder = ConvolutionalEncoder(shape, size, (4, 5), **style)
    decoder = ConvolutionalDecoder(size, shape, (4, 5), **style)
    x = torch.randn(2, *shape, generator=seeded())
    code = encoder(x)
    assert code.shape == (2, size)
    assert decoder(code).shape == x.shape
    moved = x.clone()
    moved[..., -1] += 1.0  # the last column, or step
    changed = (encoder(moved) != code).any(0).view(*places, 3).any(-1)
    assert changed[..., -1].all()
    assert not changed[..., 0].any()  # far away
    other = code.clone().view(2, *places, 3)
    other[..., 0, :] += 1.0  # the first place of each row
    apart = (decoder(other.flatten(1)) != decoder(code)).flatten(0, -2).any(0)
    assert apart[0]
    assert not apart[-1]


def test_what_cannot_be_is_named():
    for call, words in (
        (lambda: VectorQuantized(6, 4), "latent_dim: expected a multiple of the 4"),
        (lambda: VectorQuantized(6, 2, decay=1.0), "decay: expected"),
        (lambda: FiniteScalar(6, (5, 2)), "levels: expected"),
        (lambda: FiniteScalar(6, ()), "levels: expected"),
        (lambda: ConvolutionalEncoder((1, 8, 8), 5, (4,), code_channels=2), "code_channels"),
        (
            lambda: ConvolutionalDecoder(32, (1, 8, 8), (4,), code_channels=2, condition_dim=1),
            "code_channels: a code of places takes no condition",
        ),
    ):
        with pytest.raises(InvalidInputError, match=words):
            call()
