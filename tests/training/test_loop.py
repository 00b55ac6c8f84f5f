"""The loop against loops written out by hand, and what it promises of each epoch."""

import copy
import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    L1,
    AutoencoderModule,
    Dense,
    Deterministic,
    Gaussian,
    GaussianLatent,
    Masking,
)
from isthmus.nn.noise import seed_of
from isthmus.training import (
    Batch,
    TrainingConfig,
    Warmup,
    backpropagation,
    evaluate,
    new_state,
    train,
)

QUIET = {"early_stopping": False, "learning_rate_schedule": "constant", "batch_size": 32}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=100, seed=1):
    return torch.randn(n, 6, generator=generator(seed))


def linear(seed=0):
    source = generator(seed)
    return AutoencoderModule(
        Dense((6,), (2,), generator=source), Dense((2,), (6,), generator=source)
    )


def everything(seed=0):
    """Corruption, dropout, a posterior, a learned scale, batch normalisation and a penalty."""
    source = generator(seed)
    style = {"dropout": 0.2, "normalization": "batch", "generator": source}
    return AutoencoderModule(
        Dense((6,), (4,), [8], **style),
        Dense((2,), (6,), [8], **style),
        GaussianLatent(),
        Gaussian("learned"),
        corruption=Masking(0.2),
        penalties={"l1": L1()},
    )


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Against a loop written out -----------------------------------------------------------------------


@pytest.mark.parametrize("make", [linear, everything])
@pytest.mark.parametrize("n", [96, 97, 100])
def test_training_is_the_loop_one_would_write_bit_for_bit(make, n):
    x, seed, epochs = rows(n), 5, 3
    ours, theirs = make(), make()
    config = TrainingConfig(max_epochs=epochs, seed=seed, **QUIET)
    state = train(ours, x, config=config)

    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3, fused=True)
    history = []
    for epoch in range(epochs):
        theirs.train()
        order = torch.randperm(n, generator=generator(seed_of(seed, epoch)))
        parts = [order[:32], order[32:64], order[64:]] if n < 100 else order.split(32)
        total = 0.0
        for number, part in enumerate(parts):
            losses = theirs.losses(x[part], generator=generator(seed_of(seed, epoch, number)))
            loss = sum(losses.values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(part) / n
        history.append(total)
    assert same(state_of(ours), state_of(theirs))
    assert state.history["loss"] == pytest.approx(history, rel=1e-5)
    assert state.history["epoch"] == [1, 2, 3]
    assert (state.epoch, state.steps, state.outcome) == (3, 3 * len(parts), "epochs")
    assert not ours.training


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    x = rows()
    results = []
    for seed in (1, 1, 2):
        module = everything()
        train(module, x, config=TrainingConfig(max_epochs=2, seed=seed, **QUIET))
        results.append(state_of(module))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_global_generators_are_left_alone():
    x, before = rows(), torch.get_rng_state()
    train(everything(), x, config=TrainingConfig(max_epochs=2), validation=(rows(20), None))
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_that_use_the_global_generator_get_a_seeded_one():
    """Dropout of torch draws from the global generator: it is lent out, and put back."""
    x, results = rows(), []
    for outside in (1, 2):
        torch.manual_seed(0)
        module = AutoencoderModule(
            nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 2)), nn.Linear(2, 6)
        )
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        train(module, x, config=TrainingConfig(max_epochs=2, global_random=True, **QUIET))
        assert torch.equal(torch.get_rng_state(), before)
        results.append(state_of(module))
    assert same(*results)


def test_a_condition_follows_its_rows():
    """The condition tells the data; only if the rows stay together can it be used."""
    condition = torch.eye(4)[torch.arange(400) % 4]
    x = 5 * condition @ torch.randn(4, 6, generator=generator(1))
    x = x[torch.randperm(4, generator=generator(2))[torch.arange(400) % 4]]
    module = AutoencoderModule(
        Dense((6,), (1,), condition_dim=4, generator=generator()),
        Dense((1,), (6,), condition_dim=4, generator=generator()),
        penalties={"silence": lambda module, x, z, generator: 10 * z.square().sum(1).mean()},
    )
    config = TrainingConfig(max_epochs=40, learning_rate=0.1, batch_size=50)
    train(module, x, condition, config=config, validation=(x[:40], condition[:40]))
    with torch.no_grad():
        error = (module(x, condition) - x).square().mean()
    assert error < 0.01 * x.var()


# Batches: see test_batches.py ---------------------------------------------------------------------


def test_the_step_gets_every_row_and_its_losses_are_averaged_by_rows():
    x, seen, sizes = torch.arange(65.0).repeat(6, 1).T.contiguous(), [], []

    def step(state, batch):
        seen.extend(batch.x[:, 0].tolist())
        sizes.append(len(batch.x))
        state.module.zero_grad()
        losses = state.module.losses(batch.x, generator=batch.noise)
        return type(losses)(reconstruction=batch.x[:, 0].mean())

    config = TrainingConfig(max_epochs=2, **QUIET)
    state = train(linear(), x, config=config, step=step)
    assert sizes == [32, 33, 32, 33]
    assert sorted(seen[:65]) == sorted(seen[65:]) == list(range(65))
    assert seen[:65] != seen[65:]
    assert state.history["loss"] == pytest.approx([32.0, 32.0])  # the mean over rows, not batches


# Steps and hooks ----------------------------------------------------------------------------------


def test_a_step_of_ones_own_replaces_the_rule():
    """Gradient descent written out, on batches that the loop hands over."""
    module, x = linear(), rows(64)
    before, calls = state_of(module), []

    def descend(state, batch):
        assert isinstance(batch, Batch)
        assert state.module.training
        calls.append(state.steps)
        losses = state.module.losses(batch.x, batch.condition, batch.noise)
        gradients = torch.autograd.grad(losses.total, list(state.module.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(state.module.parameters(), gradients, strict=True):
                parameter -= 0.01 * gradient
        return losses

    config = TrainingConfig(max_epochs=10, **QUIET)
    state = train(module, x, config=config, step=descend)
    assert calls == list(range(20))
    assert state.history["loss"][-1] < state.history["loss"][0] - 0.1
    assert not same(state_of(module), before)
    assert not state.optimizer.state  # ours was never used


def test_hooks_are_called_in_order_and_one_can_end_the_fit():
    calls = []

    def before(state):
        calls.append(("before", state.epoch))

    def first(state, record):
        calls.append(("first", record["epoch"]))
        return state.epoch == 3

    def second(state, record):
        calls.append(("second", record["epoch"]))
        assert state.history["epoch"][-1] == record["epoch"]

    config = TrainingConfig(max_epochs=9, **QUIET)
    state = train(linear(), rows(), config=config, before_epoch=before, after_epoch=[first, second])
    assert calls == [
        (name, epoch - (name == "before"))
        for epoch in (1, 2, 3)
        for name in ("before", "first", "second")
    ]
    assert (state.epoch, state.outcome) == (3, "callback")
    assert len(state.history) == 3


def test_a_state_can_go_on_with_other_rows():
    """For data that arrive in pieces: two calls are one fit, with the optimiser's moments."""
    config = TrainingConfig(max_epochs=2, **QUIET)
    module, x = everything(), rows(64)
    state = train(module, x, config=config)
    state = train(module, x, config=config, state=state)
    whole = everything()
    once = train(whole, x, config=dataclasses.replace(config, max_epochs=4))
    assert same(state_of(module), state_of(whole))
    assert state.history["epoch"] == once.history["epoch"] == [1, 2, 3, 4]
    assert state.history["loss"] == once.history["loss"]


# The optimiser ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_touches_weights_only(name):
    """With every loss switched off, decay is all that moves anything."""
    module = everything()
    module.penalties = {}
    before = state_of(module)
    config = TrainingConfig(
        max_epochs=2,
        learning_rate=0.01,
        optimizer=name,
        weight_decay=0.1,
        coefficients={"reconstruction": 0.0, "divergence": 0.0},
        **QUIET,
    )
    train(module, rows(64), config=config)
    for key, parameter in module.named_parameters():
        old = before[key]
        if parameter.ndim > 1:
            assert parameter.abs().sum() < old.abs().sum(), key
            if name == "adamw":  # decoupled: four steps of 1 − 0.01 · 0.1
                torch.testing.assert_close(parameter.detach(), old * (1 - 0.001) ** 4)
        else:
            assert torch.equal(parameter, old), key


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimisers_are_those_of_torch(name):
    x, ours, theirs = rows(32), linear(), linear()
    train(ours, x, config=TrainingConfig(max_epochs=5, optimizer=name, **QUIET))
    optimizer = {
        "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
        "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.0),
        "sgd": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9),
    }[name](theirs.parameters())
    for _ in range(5):
        optimizer.zero_grad()
        theirs.losses(x).total.backward()
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_an_unknown_optimiser_is_named():
    config = TrainingConfig(optimizer="adma")
    with pytest.raises(InvalidInputError, match="^optimizer: expected 'adam'.*got 'adma'"):
        train(linear(), rows(), config=config)


def test_frozen_parts_stay_frozen():
    module = linear()
    module.encoder.requires_grad_(False)
    before = state_of(module)
    train(module, rows(), config=TrainingConfig(max_epochs=2, gradient_clip=1.0, **QUIET))
    after = state_of(module)
    assert [torch.equal(before[k], after[k]) for k in before] == [True, True, False, False]


@pytest.mark.parametrize("clip", [0.5, 1e6])
def test_gradients_are_clipped_to_the_norm(clip):
    norms, free = [], []

    def step(state, batch):
        copied = copy.deepcopy(state.module)
        copied.losses(batch.x).total.backward()
        free.append(nn.utils.get_total_norm([p.grad for p in copied.parameters()]).item())
        losses = backpropagation(state, batch)
        norms.append(nn.utils.get_total_norm([p.grad for p in state.module.parameters()]).item())
        return losses

    config = TrainingConfig(max_epochs=2, gradient_clip=clip, **QUIET)
    train(linear(), 10 * rows(64), config=config, step=step)
    assert min(free) > 1  # so that there is something to clip
    assert norms == pytest.approx([min(norm, clip) for norm in free], rel=1e-4)


# Learning rates and coefficients ------------------------------------------------------------------


def recorded_rates(config, n=64, before_epoch=None):
    rates = []

    def step(state, batch):
        rates.append({group["lr"] for group in state.optimizer.param_groups})
        return state.module.losses(batch.x)  # nothing changes: no improvement, ever

    state = train(linear(), rows(n), config=config, step=step)
    assert all(len(group) == 1 for group in rates)
    return [rate for (rate,) in rates], state


@pytest.mark.parametrize("n", [64, 65, 90, 161])
def test_cosine_falls_to_zero_over_all_steps(n):
    config = TrainingConfig(
        max_epochs=5,
        batch_size=32,
        learning_rate=0.1,
        learning_rate_schedule="cosine",
        early_stopping=False,
    )
    rates, state = recorded_rates(config, n)
    total = 5 * (math.ceil(n / 32) - (n % 32 == 1))
    assert len(rates) == total == state.steps
    expected = [0.05 * (1 + math.cos(math.pi * step / total)) for step in range(total)]
    assert rates == pytest.approx(expected)
    assert state.history["learning_rate"][-1] == rates[-1]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_constant_rate(weight_decay):
    config = TrainingConfig(max_epochs=3, learning_rate=0.1, weight_decay=weight_decay, **QUIET)
    rates, state = recorded_rates(config)
    assert rates == [0.1] * 6
    assert state.history["learning_rate"] == [0.1] * 3


@pytest.mark.parametrize("early_stopping", [True, False])
def test_plateau_lowers_the_rate_whenever_half_the_patience_has_passed(early_stopping):
    config = TrainingConfig(
        max_epochs=9,
        batch_size=64,
        learning_rate=0.1,
        learning_rate_schedule="plateau",
        patience=6,
        early_stopping=early_stopping,
    )
    rates, state = recorded_rates(config)
    # Epoch 1 sets the mark; after three and six epochs without a better one the rate falls.
    expected = [0.1] * 4 + [0.03] * 3 + [0.009] * 2
    if early_stopping:
        expected = expected[:7]
        assert state.outcome == "early stopping"
    assert rates == pytest.approx(expected)


def test_plateau_leaves_the_rate_while_the_loss_falls():
    config = TrainingConfig(
        max_epochs=20, batch_size=64, learning_rate=0.01, patience=2, early_stopping=False
    )
    state = train(linear(), rows(64), config=config)
    assert state.history["loss"] == sorted(state.history["loss"], reverse=True)
    assert state.history["learning_rate"] == [0.01] * 20


@pytest.mark.parametrize("epochs", [0, 1, 4])
@pytest.mark.parametrize("value", [0.5, 3.0])
def test_warm_up_is_a_straight_line(value, epochs):
    warmup = Warmup(value, epochs)
    expected = [value * min(epoch / epochs, 1) if epochs else value for epoch in range(8)]
    assert [warmup(epoch) for epoch in range(8)] == pytest.approx(expected)


def test_a_negative_warm_up_is_refused():
    with pytest.raises(InvalidInputError, match="^epochs: expected at least 0; got -1"):
        Warmup(1.0, -1)


def test_coefficients_weigh_the_terms_in_each_epoch():
    config = TrainingConfig(
        max_epochs=4,
        coefficients={"divergence": Warmup(2.0, 2), "l1": lambda epoch: 0.1 * epoch},
        **QUIET,
    )
    module, seen = everything(), []

    def step(state, batch):
        seen.append(dict(state.coefficients))
        return backpropagation(state, batch)

    history = train(module, rows(64), config=config, step=step).history
    assert config.warmup_epochs == 2
    assert history["coefficient_divergence"] == [0, 1, 2, 2]
    assert history["coefficient_l1"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [s["divergence"] for s in seen] == [0, 0, 1, 1, 2, 2, 2, 2]
    for record in history.records:
        total = (
            record["reconstruction"]
            + record["coefficient_divergence"] * record["divergence"]
            + record["coefficient_l1"] * record["l1"]
        )
        assert record["loss"] == pytest.approx(total)


def test_a_coefficient_of_zero_switches_a_term_off():
    """The gradient is that of the weighted sum."""
    x, plain, weighted = rows(64), linear(), linear()
    weighted.penalties = {"huge": lambda module, x, z, generator: 1e3 * z.square().sum()}
    train(plain, x, config=TrainingConfig(max_epochs=2, **QUIET))
    config = TrainingConfig(max_epochs=2, coefficients={"huge": 0.0}, **QUIET)
    train(weighted, x, config=config)
    assert same(state_of(plain), state_of(weighted))


def test_held_out_losses_use_the_coefficients_of_after_the_warm_up():
    config = TrainingConfig(max_epochs=4, coefficients={"divergence": Warmup(2.0, 3)}, **QUIET)
    history = train(everything(), rows(64), config=config, validation=(rows(20), None)).history
    for record in history.records:
        total = record["val_reconstruction"] + 2 * record["val_divergence"] + record["val_l1"]
        assert record["val_loss"] == pytest.approx(total)


def test_held_out_losses_of_an_epoch_use_its_own_schedule():
    """A schedule without an end: training and held-out loss of an epoch are to be compared."""
    config = TrainingConfig(max_epochs=3, coefficients={"l1": lambda epoch: 1.0 + epoch}, **QUIET)
    history = train(everything(), rows(64), config=config, validation=(rows(20), None)).history
    for record in history.records:
        total = record["val_reconstruction"] + record["val_divergence"]
        total += record["coefficient_l1"] * record["val_l1"]
        assert record["val_loss"] == pytest.approx(total)


# Evaluation ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), size=st.integers(1, 50))
def test_evaluation_does_not_depend_on_the_batches(n, size):
    module, x = linear(), rows(n)
    losses = evaluate(module, x, batch_size=size)
    expected = module.losses(x)
    assert losses["reconstruction"].item() == pytest.approx(expected["reconstruction"].item())


def test_evaluation_leaves_no_trace():
    module, x = everything(), rows()
    train(module, x, config=TrainingConfig(max_epochs=1, **QUIET))
    before, random = state_of(module), torch.get_rng_state()
    for training in (True, False):
        module.train(training)
        first, again, other = (evaluate(module, x, seed=seed) for seed in (1, 1, 2))
        assert module.training is training
        assert dict(first) == dict(again)
        assert first["reconstruction"] != other["reconstruction"]
        assert first["divergence"] == other["divergence"]
        assert not first["reconstruction"].requires_grad
    assert same(state_of(module), before)
    assert torch.equal(torch.get_rng_state(), random)
    quiet = copy.deepcopy(module).eval()
    noise = quiet.losses(
        x, generator=generator(seed_of(1, -1, 0))
    )  # without corruption and dropout
    assert first.keys() == noise.keys()
    assert evaluate(module, x, seed=1)["reconstruction"].item() == pytest.approx(
        noise["reconstruction"].item(), rel=1e-5
    )


# bfloat16 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [linear, everything])
def test_bfloat16_reaches_a_similar_loss(make):
    x = torch.randn(400, 2, generator=generator(1)) @ torch.randn(2, 6, generator=generator(2))
    losses, dtypes = [], set()
    for autocast in (False, True):
        module = make()

        def see(layer, arguments, output, autocast=autocast):
            dtypes.add((autocast, output.dtype))

        module.encoder.linears[0].register_forward_hook(see)
        config = TrainingConfig(max_epochs=30, learning_rate=0.01, autocast=autocast, **QUIET)
        state = train(module, x, config=config)
        assert all(p.dtype == torch.float32 for p in module.parameters())
        assert all(math.isfinite(value) for value in state.history["loss"])
        losses.append(evaluate(module, x)["reconstruction"].item())
    assert dtypes == {(False, torch.float32), (True, torch.bfloat16)} | {(True, torch.float32)}
    start = evaluate(make(), x)["reconstruction"].item()
    assert losses[1] == pytest.approx(losses[0], abs=0.1 * (start - losses[0]))
    assert losses[0] < start - 1


def test_new_state_is_the_state_before_the_first_step():
    module = everything()
    config = TrainingConfig(seed=5, gradient_clip=2.0, autocast=True)
    state = new_state(module, config)
    assert (state.epoch, state.steps, state.waited, state.outcome) == (0, 0, 0, "")
    assert (state.seed, state.gradient_clip, state.autocast) == (5, 2.0, True)
    assert state.objective.module is state.module is module
    assert isinstance(module.latent, GaussianLatent)
    assert not isinstance(module.latent, Deterministic)
