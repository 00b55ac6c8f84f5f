"""Free bits and capacity: what they add, and that they do what they are for."""

from __future__ import annotations

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Batch,
    Capacity,
    Dense,
    Deterministic,
    FreeBits,
    GaussianLatent,
    MixturePrior,
    Record,
)
from isthmus.training import CapacitySchedule


def module(latent=None):
    latent = GaussianLatent() if latent is None else latent
    return AutoencoderModule(Dense((5,), (6,)), Dense((3,), (5,)), latent).double()


def test_free_bits_raise_each_number_to_its_share():
    h = torch.randn(40, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h[:, 0], h[:, 3] = 0.0, 0.0  # one number that says nothing
    net = module()
    each = net.latent.divergences(h).mean(0)
    for nats in (0.0, 0.3, 100.0):
        penalty = FreeBits(nats)(net, h, h[:, :3], None, h)
        torch.testing.assert_close(each.sum() + penalty, each.clamp(min=nats).sum())


def test_no_gradient_asks_for_less_than_the_free_bits():
    h = torch.full((4, 6), 0.01, dtype=torch.float64, requires_grad=True)
    net = module()
    (net.latent.divergence(h).mean() + FreeBits(5.0)(net, h, h[:, :3], None, h)).backward()
    assert h.grad.abs().max() < 1e-12


def test_capacity_pulls_from_both_sides():
    net = module().train()
    penalty = Capacity(2.0)
    for size, sign in ((0.1, -1), (3.0, 1)):
        h = torch.full((4, 6), 0.0, dtype=torch.float64)
        h[:, :3] = size
        h.requires_grad_()
        value = penalty(net, h, h[:, :3], None, h)
        divergence = net.latent.divergence(h).mean()
        torch.testing.assert_close(value, (divergence - 2.0).abs())
        value.backward()
        assert (h.grad[:, :3].sign() == sign).all()


def test_the_schedule_moves_the_training_target_alone():
    net = module()
    net.penalties["capacity"] = Capacity(8.0)
    schedule = CapacitySchedule(8.0, 4)
    assert [schedule.at(epoch) for epoch in range(6)] == [0, 2, 4, 6, 8, 8]
    schedule(net, 1)
    h = torch.zeros(2, 6, dtype=torch.float64)
    terms = {
        mode: net.train(mode).penalty_terms(Record(Batch(h), seen=h, z=h[:, :3], h=h))
        for mode in (True, False)
    }
    assert float(terms[True]["capacity"]) == 2
    assert float(terms[False]["capacity"]) == 8
    assert CapacitySchedule(8.0, 0).at(0) == 8


@pytest.mark.parametrize("make", [FreeBits, Capacity])
@pytest.mark.parametrize("nats", [-1.0, float("nan")])
def test_impossible_amounts(make, nats):
    with pytest.raises(InvalidInputError, match="at least 0"):
        make(nats)


def test_codes_they_are_not_for():
    h = torch.zeros(2, 6, dtype=torch.float64)
    with pytest.raises(InvalidInputError, match="free_bits"):
        FreeBits(1.0)(module(GaussianLatent(MixturePrior(3, 2))), h, h, None, h)
    with pytest.raises(InvalidInputError, match="capacity"):
        Capacity(1.0)(module(Deterministic()), h, h, None, h)
