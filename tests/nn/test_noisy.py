"""A code with noise before and after its activation, and one move of the chain."""

from __future__ import annotations

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Bernoulli,
    Dense,
    GaussianLatent,
    Masking,
    NoisyCode,
    SaltAndPepper,
    transition,
)

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# The code ----------------------------------------------------------------------------------------


def test_noise_is_added_before_and_after_the_activation():
    latent, h = NoisyCode(0.7, "tanh"), torch.randn(5, 4, generator=generator(1), dtype=F64)
    z = latent(h, generator(2))
    source = generator(2)
    before = torch.empty_like(h).normal_(0, 0.7, generator=source)
    after = torch.empty_like(h).normal_(0, 0.7, generator=source)
    torch.testing.assert_close(z, torch.tanh(h + before) + after)


@pytest.mark.parametrize("training", [True, False])
def test_a_draw_is_noisy_in_both_modes_and_the_mean_in_none(training):
    latent, h = NoisyCode(0.5).train(training), torch.randn(3, 4, generator=generator(1))
    assert (latent(h, generator(2)) != latent(h, generator(3))).all()
    assert torch.equal(latent(h, generator(2)), latent(h, generator(2)))
    assert torch.equal(latent.mean(h), torch.tanh(h))
    assert latent.divergence(h) is None


def test_moments_of_a_linear_noisy_code():
    """With s the identity, z ~ N(h, 2σ²)."""
    z = NoisyCode(0.5, "identity")(torch.full((200_000, 1), 3.0, dtype=F64), generator())
    assert float(z.mean()) == pytest.approx(3, abs=0.01)
    assert float(z.var()) == pytest.approx(0.5, rel=0.02)


def test_without_noise_it_is_the_activation():
    h = torch.randn(3, 4, generator=generator())
    assert torch.equal(NoisyCode(0.0, "sigmoid")(h), torch.sigmoid(h))


def test_gradients_pass_through_the_noise():
    h = torch.randn(3, 4, generator=generator(), dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: NoisyCode(0.3)(h, generator(5)), h)


@pytest.mark.parametrize("noise", [-0.1, float("nan")])
def test_noise_that_cannot_be(noise):
    with pytest.raises(InvalidInputError, match="^noise: .*got"):
        NoisyCode(noise)


# The move ----------------------------------------------------------------------------------------


def module(latent=None, **kwargs):
    heads = 2 if isinstance(latent, GaussianLatent) else 1
    networks = (
        Dense((6,), (heads * 3,), [8], dropout=0.3, generator=generator(1)),
        Dense((3,), (6,), generator=generator(2)),
    )
    return AutoencoderModule(*networks, latent, Bernoulli(), **kwargs)


@pytest.mark.parametrize("latent", [None, NoisyCode(0.4), GaussianLatent()])
def test_a_move_goes_through_what_the_loss_goes_through(latent):
    """In training mode, from the same generator: the loss is that of the move's parameters."""
    x = torch.bernoulli(torch.full((20, 6), 0.4), generator=generator(3))
    corruption = SaltAndPepper(0.3)
    full = module(latent, corruption=corruption).train()
    move = transition(full, x, corruption, generator=generator(4))
    losses = full.losses(x, generator=generator(4))
    assert torch.equal(Bernoulli().loss(move.parameters, x), losses["reconstruction"])
    assert torch.equal(move.seen, corruption(x, generator(4)))


def test_a_move_corrupts_in_evaluation_mode_and_drops_nothing_out():
    x = torch.ones(50, 6)
    quiet = module().eval()
    move = transition(quiet, x, Masking(0.5), generator=generator())
    assert 0.3 < float(move.seen.mean()) < 0.7
    torch.testing.assert_close(move.parameters, quiet.decode_parameters(quiet.encode(move.seen)))
    still = transition(quiet, x, None)
    assert torch.equal(still.seen, x)


def test_what_is_missing_is_zero_for_the_encoder():
    x = torch.tensor([[1.0, float("nan"), 1.0, 0.0, 1.0, 1.0]])
    move = transition(module(missing=True).eval(), x, None)
    assert move.seen.tolist() == [[1, 0, 1, 0, 1, 1]]
    assert move.parameters.isfinite().all()


def test_a_corruption_that_changes_the_shape():
    with pytest.raises(InvalidInputError, match="corruption: expected to keep the shape"):
        transition(module(), torch.ones(4, 6), lambda x, generator: x[:, :3])
