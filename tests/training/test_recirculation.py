"""Recirculation: its formulas one synapse at a time, and where they are the gradient."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoencoderModule, Bernoulli, Dense, Deterministic, Gaussian
from isthmus.training import (
    Batch,
    Checkpoint,
    TrainingConfig,
    new_state,
    recirculation,
    train,
)
from isthmus.training.recirculation import alignment

LIKELIHOODS = {"logistic": Bernoulli, "linear": Gaussian}


def make(units="logistic", d=5, k=3, seed=0, missing=False, double=True):
    generator = torch.Generator().manual_seed(seed)
    module = AutoencoderModule(
        Dense((d,), (k,), generator=generator),
        Dense((k,), (d,), generator=generator),
        Deterministic("sigmoid"),
        LIKELIHOODS[units](),
        missing=missing,
    )
    return module.double() if double else module


def data(n=7, d=5, seed=1, dtype=torch.float64):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed)).to(dtype)


def linears(module):
    return module.encoder.linears[0], module.decoder.linears[0]


def changes(module, x, regression=0.75):
    """Return what one step asks the optimiser for, as (V, c, W, b)."""
    module = copy.deepcopy(module)
    state = new_state(module, TrainingConfig(optimizer="sgd", learning_rate=1e-3))
    recirculation(regression)(state, Batch(x))
    up, down = linears(module)
    return [-p.grad for p in (down.weight, down.bias, up.weight, up.bias)]


def logistic(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize("units", LIKELIHOODS)
@pytest.mark.parametrize("regression", [0.0, 0.5, 0.75, 0.95])
def test_one_update_synapse_by_synapse(units, regression):
    module, x = make(units), data()
    up, down = linears(module)
    W, b, V, c = (p.detach().numpy() for p in (up.weight, up.bias, down.weight, down.bias))
    show = logistic if units == "logistic" else lambda a: a
    dV, dc, dW, db = (np.zeros_like(p) for p in (V, c, W, b))
    for row in x.numpy():
        h0 = [logistic(sum(W[j, i] * row[i] for i in range(5)) + b[j]) for j in range(3)]
        guess = [show(sum(V[i, j] * h0[j] for j in range(3)) + c[i]) for i in range(5)]
        x1 = [regression * row[i] + (1 - regression) * guess[i] for i in range(5)]
        again = [logistic(sum(W[j, i] * x1[i] for i in range(5)) + b[j]) for j in range(3)]
        h1 = [regression * h0[j] + (1 - regression) * again[j] for j in range(3)]
        for i in range(5):
            dc[i] += row[i] - x1[i]
            for j in range(3):
                dV[i, j] += (row[i] - x1[i]) * h0[j]
        for j in range(3):
            db[j] += h0[j] - h1[j]
            for i in range(5):
                dW[j, i] += (h0[j] - h1[j]) * x1[i]
    for ours, sums in zip(changes(module, x, regression), (dV, dc, dW, db), strict=True):
        np.testing.assert_allclose(ours.numpy(), sums / len(x), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("units", LIKELIHOODS)
def test_the_decoders_change_is_its_gradient(units):
    """The delta rule, with linear units; and the cross-entropy has the same one with logistic."""
    module, x = make(units), data()
    module.losses(x).total.backward()
    _, down = linears(module)
    dV, dc, *_ = changes(module, x, 0.75)
    torch.testing.assert_close(dV, -0.25 * down.weight.grad)
    torch.testing.assert_close(dc, -0.25 * down.bias.grad)


@pytest.mark.parametrize("units", LIKELIHOODS)
def test_with_symmetric_weights_and_little_regression_the_encoders_change_is_its_gradient(units):
    """h₀ − h₁ → (1 − λ)² s′ ⊙ W(x₀ − g) as λ → 1, which is back-propagation's if W = Vᵀ."""
    module, x = make(units), data()
    up, down = linears(module)
    with torch.no_grad():
        down.weight.copy_(up.weight.t())
    angles = [alignment(module, x, regression)["encoder"] for regression in (0.0, 0.75, 0.9999)]
    assert angles == sorted(angles)
    assert angles[-1] > 1 - 1e-6
    assert alignment(make(units, seed=3), x, 0.9999)["encoder"] < 0.9  # not symmetric
    assert alignment(module, x)["decoder"] == pytest.approx(1, abs=1e-12)


def test_a_perfect_autoencoder_is_not_changed():
    module, x = make("linear"), data()[:1].expand(4, 5)
    _, down = linears(module)
    with torch.no_grad():  # what is the same in all rows is shown perfectly by the bias
        down.weight.zero_()
        down.bias.copy_(x[0])
    for change in changes(module, x):
        assert change.abs().max() < 1e-14
    with torch.no_grad():
        down.bias.add_(0.5)
    assert all(change.abs().max() > 1e-4 for change in changes(module, x))


def test_nothing_goes_through_autograd(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("back-propagation was asked for")

    monkeypatch.setattr(torch.Tensor, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    module = make(double=False)
    with torch.autograd.graph.saved_tensors_hooks(refuse, refuse):  # nor is anything kept for it
        state = new_state(module, TrainingConfig())
        before = [p.detach().clone() for p in module.parameters()]
        losses = recirculation()(state, Batch(data(dtype=torch.float32)))
    assert not losses["reconstruction"].requires_grad
    for old, new in zip(before, module.parameters(), strict=True):
        assert not torch.equal(old, new)


def test_the_loss_is_that_of_the_module():
    module, x = make(double=False), data(dtype=torch.float32)
    expected = module.losses(x)["reconstruction"]
    ours = recirculation()(new_state(module, TrainingConfig()), Batch(x))
    torch.testing.assert_close(ours["reconstruction"], expected.detach())


def test_missing_values_teach_nothing_about_themselves():
    module = make("linear", missing=True, double=False)
    x = data(dtype=torch.float32)
    x[:, 2] = float("nan")
    x[3, 4] = float("nan")
    dV, dc, dW, db = changes(module, x)
    assert (dV[2] == 0).all()
    assert dc[2] == 0
    assert (dW[:, 2] == 0).all()
    assert all(torch.isfinite(change).all() for change in (dV, dc, dW, db))
    assert (dV[[0, 1, 3, 4]] != 0).all()


def test_images_are_flat_inside():
    generator = torch.Generator().manual_seed(0)
    module = AutoencoderModule(
        Dense((1, 3, 3), (4,), generator=generator),
        Dense((4,), (1, 3, 3), generator=generator),
        Deterministic("sigmoid"),
        Bernoulli(),
    )
    x = torch.rand(6, 1, 3, 3, generator=generator)
    flat = make(d=9, k=4, double=False)
    flat.load_state_dict(module.state_dict())
    for one, other in zip(changes(module, x), changes(flat, x.flatten(1)), strict=True):
        torch.testing.assert_close(one, other)


def test_clipping_and_weight_decay_are_the_optimisers():
    x = data(dtype=torch.float32)
    module = make(double=False)
    state = new_state(module, TrainingConfig(gradient_clip=1e-3))
    recirculation()(state, Batch(x))
    norm = torch.cat([p.grad.flatten() for p in module.parameters()]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    weights = []
    for decay in (0.0, 0.5):
        config = TrainingConfig(optimizer="adamw", weight_decay=decay, learning_rate=0.1)
        module = make(double=False)
        recirculation()(new_state(module, config), Batch(x))
        weights.append(module.encoder.linears[0].weight.detach())
    start = make(double=False).encoder.linears[0].weight
    torch.testing.assert_close(weights[0] - weights[1], 0.05 * start.detach())


@pytest.mark.parametrize("regression", [-0.1, 1.0, float("nan")])
def test_a_regression_out_of_range(regression):
    with pytest.raises(InvalidInputError, match="^regression: "):
        recirculation(regression)


def test_a_fit_that_was_interrupted_ends_with_the_same_weights(tmp_path):
    x = data(60, dtype=torch.float32)
    config = TrainingConfig(max_epochs=8, batch_size=16, learning_rate=0.02, seed=3)
    whole, again = make(double=False), make(double=False)
    train(whole, x, config=config, step=recirculation())

    class Stop(Exception):
        pass

    def stop(state, record):
        if state.epoch == 5:
            raise Stop

    checkpoint = Checkpoint(tmp_path / "c.safetensors", "the fit", 0.0)
    with pytest.raises(Stop):
        train(
            again, x, config=config, step=recirculation(), after_epoch=[stop], checkpoint=checkpoint
        )
    resumed = make(seed=9, double=False)
    state = train(resumed, x, config=config, step=recirculation(), checkpoint=checkpoint)
    assert state.epoch == 8
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
