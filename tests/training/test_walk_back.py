"""Walk-back training: beside back-propagation, a slow reference, and an interrupted fit."""

from __future__ import annotations

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    L1,
    AutoencoderModule,
    Bernoulli,
    Dense,
    Gaussian,
    GaussianLatent,
    GaussianNoise,
    Masking,
    NoisyCode,
    Record,
    SaltAndPepper,
)
from isthmus.training import (
    Batch,
    Checkpoint,
    TrainingConfig,
    backpropagation,
    new_state,
    train,
    walk_back,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


BINARY = torch.bernoulli(torch.full((60, 6), 0.4), generator=generator(1))
REAL = torch.randn(60, 6, generator=generator(2))
HOLES = torch.where(torch.rand(60, 6, generator=generator(3)) < 0.2, torch.nan, BINARY)


def binary(latent=None, missing=False, corruption=None, **style):
    heads = 2 if isinstance(latent, GaussianLatent) else 1
    source = generator()
    return AutoencoderModule(
        Dense((6,), (heads * 3,), [8], generator=source, **style),
        Dense((3,), (6,), [8], generator=source, **style),
        latent,
        Bernoulli(),
        corruption=SaltAndPepper(0.3) if corruption is None else corruption,
        missing=missing,
    )


def real():
    """A likelihood whose draws could carry a gradient, a penalty, dropout and batch statistics."""
    style = {"dropout": 0.2, "normalization": "batch", "generator": generator()}
    return AutoencoderModule(
        Dense((6,), (4,), [8], **style),
        Dense((4,), (6,), [8], **style),
        NoisyCode(0.3),
        Gaussian("learned"),
        corruption=GaussianNoise(0.2),
        penalties={"l1": L1()},
    )


CASES = {
    "plain": (binary, BINARY),
    "noisy code": (lambda: binary(NoisyCode(0.5)), BINARY),
    "posterior": (lambda: binary(GaussianLatent()), BINARY),
    "missing": (lambda: binary(missing=True), HOLES),
    "real": (real, REAL),
}


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
def test_one_step_is_back_propagation_bit_for_bit(case, autocast):
    make, x = CASES[case]
    config = TrainingConfig(max_epochs=3, batch_size=16, gradient_clip=0.5, autocast=autocast)
    results = []
    for rule in (backpropagation, walk_back(1)):
        module = make()
        state = train(module, x, config=config, step=rule)
        history = [{k: v for k, v in r.items() if k != "seconds"} for r in state.history.records]
        results.append((weights(module), history, state.seed))
    assert same(results[0][0], results[1][0])
    assert results[0][1:] == results[1][1:]
    control = make()
    train(control, x, config=config, step=walk_back(2))
    assert not same(weights(control), results[0][0])


def reference(module, x, n_steps, source):
    """Return the loss of a plain denoiser by hand: loops over steps, rows and values."""
    total = 0.0
    state = x
    for _ in range(n_steps):
        noisy = module.corruption(state, source)
        chances = torch.sigmoid(module.decoder(module.encoder(noisy)))
        for row, target in zip(chances, x, strict=True):
            for chance, value in zip(row, target, strict=True):
                if not torch.isnan(value):
                    total -= torch.log(chance if value == 1 else 1 - chance)
        state = torch.bernoulli(chances.detach(), generator=source)
    return total / (n_steps * len(x))


@pytest.mark.parametrize("n_steps", [1, 2, 4])
def test_loss_and_gradient_are_those_of_a_slow_reference(n_steps):
    x = BINARY[:7]
    fast, slow = binary(), binary()
    state = new_state(fast, TrainingConfig(optimizer="sgd", learning_rate=0.1))
    losses = walk_back(n_steps)(state, Batch(x, noise=generator(9)))
    expected = reference(slow, x, n_steps, generator(9))
    expected.backward()
    torch.testing.assert_close(losses["reconstruction"], expected)
    for moved, start in zip(fast.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(moved, start - 0.1 * start.grad)


def test_missing_values_do_not_count_and_are_filled_by_the_chain():
    """Reference with holes: 0 for the encoder in the first step, a draw later."""
    x = HOLES[:9]
    seen = []

    def watch(value, source):
        seen.append(value.clone())
        return value

    module = binary(missing=True, corruption=watch)
    state = new_state(module, TrainingConfig(optimizer="sgd"))
    losses = walk_back(3)(state, Batch(x))
    assert torch.equal(seen[0], torch.nan_to_num(x))
    holes = torch.isnan(x)
    later = torch.cat([value[holes] for value in seen[1:]])
    assert later.isfinite().all()
    assert 0 < later.mean() < 1  # drawn, and not left at 0
    blank = binary(missing=True, corruption=lambda value, source: value)
    nothing = torch.full_like(x, torch.nan)
    state = new_state(blank, TrainingConfig(optimizer="sgd"))
    assert walk_back(3)(state, Batch(nothing))["reconstruction"].detach() == 0
    assert losses["reconstruction"].detach() > 0


def test_no_gradient_passes_through_what_is_drawn():
    """Gaussian draws are differentiable in the decoder: cut, the gradient is that of two losses."""
    make = CASES["real"][0]
    module, by_hand = make(), make()
    for part in (module, by_hand):
        part.train()
    state = new_state(module, TrainingConfig(optimizer="sgd", learning_rate=1.0))
    walk_back(2)(state, Batch(REAL, noise=generator(4)))

    source = generator(4)
    inputs, x = [], REAL
    total = torch.zeros(())
    for step in range(2):
        noisy = by_hand.corruption(x, source)
        inputs.append(noisy)
        h = by_hand.encoder(noisy, None, source)
        z = by_hand.latent(h, source)
        location = by_hand.decoder(z, None, source)
        total = total + by_hand.likelihood.loss(location, REAL) + z.abs().sum(1).mean()
        if step == 0:
            x = by_hand.likelihood.sample(location, source).detach()
    (total / 2).backward()
    assert not any(value.requires_grad for value in inputs)
    for moved, start in zip(module.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(moved, start - start.grad, rtol=1e-4, atol=1e-6)


def test_the_average_keeps_the_loss_in_nats_a_sample():
    """A network that gives ½ for every value pays log 2 a value however long the chain is."""
    for n_steps in (1, 5):
        module = binary(corruption=Masking(0.5))
        for parameter in module.parameters():
            parameter.data.zero_()
        state = new_state(module, TrainingConfig(optimizer="sgd"))
        loss = walk_back(n_steps)(state, Batch(BINARY, None))["reconstruction"]
        assert float(loss.detach()) == pytest.approx(6 * 0.693147, rel=1e-5)


class Interrupted(Exception):
    """Stands for whatever ends a process in the middle of a fit."""


@pytest.mark.parametrize("epoch", [2, 5])
def test_interrupted_and_resumed_is_the_same_fit(epoch, tmp_path):
    config = TrainingConfig(max_epochs=7, batch_size=16, learning_rate=0.02, seed=3)
    whole = real()
    expected = train(whole, REAL, config=config, step=walk_back(3))

    def stop(state, record):
        if state.epoch == epoch:
            raise Interrupted

    place = Checkpoint(tmp_path / "fit.checkpoint", "the fit", 0.0)
    with pytest.raises(Interrupted):
        train(
            real(),
            REAL,
            config=config,
            step=walk_back(3),
            after_epoch=[stop],
            checkpoint=place,
        )
    module, steps = real(), []
    rule = walk_back(3)

    def counted(state, batch):
        steps.append(state.epoch)
        return rule(state, batch)

    state = train(module, REAL, config=config, step=counted, checkpoint=place)
    assert steps[0] == epoch - 1  # it went on; it did not begin anew
    assert same(weights(module), weights(whole))
    assert (state.seed, state.epoch) == (expected.seed, expected.epoch)
    assert state.history["loss"] == expected.history["loss"]


def test_there_is_at_least_one_step():
    with pytest.raises(InvalidInputError, match=r"n_steps: .*at least 1; got 0"):
        walk_back(0)


def test_a_penalty_that_takes_the_condition_gets_it():
    given = []

    class Watch:
        takes_condition = True

        def __call__(self, module, seen, z, generator=None, condition=None):
            given.append(condition)
            return z.new_zeros(())

    module = AutoencoderModule(
        Dense((6,), (3,), condition_dim=2),
        Dense((3,), (6,), condition_dim=2),
        likelihood=Bernoulli(),
        corruption=Masking(0.2),
        penalties={"watch": Watch()},
    )
    condition = torch.randn(60, 2, generator=generator(4))
    walk_back(2)(new_state(module, TrainingConfig()), Batch(BINARY, condition=condition))
    assert len(given) == 2
    assert all(c is condition for c in given)
    assert set(
        module.penalty_terms(
            Record(Batch(BINARY, condition=condition), seen=BINARY, z=torch.zeros(60, 3))
        )
    ) == {"watch"}
