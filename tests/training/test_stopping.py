"""When a fit ends and with which weights: early stopping, warm-ups and divergence."""

import math

import pytest
import torch

from isthmus.errors import DivergedError, DivergenceWarning
from isthmus.nn import AutoencoderModule, Dense, GaussianLatent, Losses
from isthmus.training import TrainingConfig, Warmup, backpropagation, evaluate, train


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n, seed=1):
    return torch.randn(n, 6, generator=generator(seed))


def wide(latent=None):
    """A network that is large enough to learn twenty rows by heart."""
    heads = 5 if latent is None else 10
    return AutoencoderModule(
        Dense((6,), (heads,), [64], generator=generator(1)),
        Dense((5,), (6,), [64], generator=generator(2)),
        latent,
    )


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Marked(AutoencoderModule):
    """A module with one number that says which epoch its weights are of."""

    def __init__(self):
        super().__init__(Dense((6,), (2,), generator=generator()), Dense((2,), (6,)))
        self.register_buffer("mark", torch.tensor(0))


def scripted(values, name="reconstruction", **others):
    """A step that changes nothing but the mark, and whose losses follow a script."""

    def step(state, batch):
        state.module.mark.fill_(state.epoch + 1)
        terms = {"reconstruction": 0.0, **others, name: values[state.epoch]}
        return Losses({key: torch.tensor(float(value)) for key, value in terms.items()})

    return step


# Early stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("latent", [None, GaussianLatent()])
def test_the_best_weights_are_restored(latent):
    """Twenty rows of noise are learnt by heart: the held-out loss falls, and then rises."""
    module, x, held_out = wide(latent), rows(20), rows(50, seed=2)
    config = TrainingConfig(max_epochs=400, batch_size=20, learning_rate=0.02, patience=15, seed=3)
    at_epoch = {}

    def keep(state, record):
        at_epoch[record["epoch"]] = state_of(state.module)

    state = train(module, x, config=config, validation=(held_out, None), after_epoch=[keep])
    values = state.history["val_loss"]
    best = values.index(min(values))
    assert 3 < best < len(values) - 1
    assert state.outcome == "early stopping"
    assert state.best_epoch == best + 1
    assert same(state_of(module), at_epoch[best + 1])
    again = evaluate(module, held_out, seed=config.seed)
    assert again.total.item() == min(values) == state.best_value
    # It waited as long as it was told, and no longer.
    assert len(values) == state.best_epoch + 15 or state.waited == 15


def test_without_early_stopping_the_last_weights_are_kept():
    module, x, held_out = wide(), rows(20), rows(50, seed=2)
    config = TrainingConfig(
        max_epochs=60, batch_size=20, learning_rate=0.02, patience=5, early_stopping=False
    )
    state = train(module, x, config=config, validation=(held_out, None))
    assert (state.epoch, state.outcome) == (60, "epochs")
    last = evaluate(module, held_out, seed=config.seed).total.item()
    assert last == state.history["val_loss"][-1] > min(state.history["val_loss"])


@pytest.mark.parametrize(
    ("values", "epochs", "best"),
    [
        ([5, 4, 3, 3, 3, 3, 3, 3], 6, 3),  # three epochs of patience after the third
        ([5, 4, 4.1, 4.1, 3, 3.1, 3.1, 3.1, 3.1], 8, 5),  # an improvement sets the clock back
        ([1, 2, 2, 2, 2, 2], 4, 1),
        # Changes below a ten-thousandth do not count as progress, but the best is the best.
        ([1, 0.99999, 0.99998, 0.99997, 0.99996], 4, 4),
        ([-1, -1.00001, -1.00002, -1.00003, -1.00004], 4, 4),
        ([-1, -2, -3, -4, -5], 5, 5),
    ],
)
def test_patience_is_counted_from_the_last_improvement(values, epochs, best):
    module = Marked()
    config = TrainingConfig(max_epochs=len(values), batch_size=10, patience=3)
    state = train(module, rows(10), config=config, step=scripted(values))
    assert state.epoch == epochs
    assert state.outcome == ("early stopping" if epochs < len(values) else "epochs")
    assert (state.best_epoch, int(module.mark)) == (best, best)


# Warm-ups -----------------------------------------------------------------------------------------


def test_early_stopping_waits_for_the_warm_up():
    """Weights that never change: without a warm-up the fit ends as soon as patience is over."""
    epochs = {}
    for warmup in (0, 10):
        config = TrainingConfig(
            max_epochs=40,
            batch_size=10,
            patience=3,
            coefficients={"divergence": Warmup(1.0, warmup)},
        )
        step = scripted([5.0] * 40, divergence=1.0)
        module = Marked()
        held_out = (rows(10, seed=2), None)
        state = train(module, rows(10), config=config, step=step, validation=held_out)
        assert state.outcome == "early stopping"
        assert int(module.mark) == state.best_epoch
        epochs[warmup] = state.epoch
    assert epochs[0] == 1 + 3
    assert epochs[10] >= 10 + 3


@pytest.mark.parametrize("held_out", [True, False])
def test_a_rising_coefficient_is_not_mistaken_for_a_worsening_fit(held_out):
    """A variational fit: the loss rises with its coefficient though the network gets better."""
    module, x = wide(GaussianLatent()), rows(200)
    warmup = 12
    config = TrainingConfig(
        max_epochs=20,
        batch_size=50,
        learning_rate=1e-4,
        patience=2,
        coefficients={"divergence": Warmup(50.0, warmup)},
    )
    validation = (rows(50, seed=2), None) if held_out else None
    state = train(module, x, config=config, validation=validation)
    losses = state.history["loss"]
    assert losses[warmup - 1] > losses[0]  # the case is what it claims to be
    assert state.epoch > warmup
    assert state.best_epoch > warmup


def test_the_best_weights_are_those_of_the_whole_objective():
    """Without held-out rows: epochs of a warm-up have a smaller loss, but not a better network."""
    warmup = 5
    reconstruction = [10 - 0.1 * epoch for epoch in range(20)]  # better in every epoch
    config = TrainingConfig(
        max_epochs=20,
        batch_size=10,
        patience=4,
        coefficients={"divergence": Warmup(1.0, warmup)},
    )
    module = Marked()
    step = scripted(reconstruction, divergence=20.0)
    state = train(module, rows(10), config=config, step=step)
    assert (state.epoch, state.outcome) == (20, "epochs")
    assert int(module.mark) == state.best_epoch == 20
    assert state.best_value == pytest.approx(reconstruction[-1] + 20)


def test_a_good_loss_during_the_warm_up_is_forgotten():
    """An unused code costs nothing: a state from before β mattered must not be the result."""
    config = TrainingConfig(
        max_epochs=8,
        batch_size=10,
        patience=6,
        coefficients={"divergence": Warmup(1.0, 4)},
    )
    module = Marked()
    step = scripted([1, 1, 7, 6, 5, 4, 3, 3.5], divergence=0.0)
    state = train(module, rows(10), config=config, step=step)
    assert int(module.mark) == state.best_epoch == 7
    assert state.best_value == 3


def test_the_plateau_rule_waits_for_the_warm_up_too():
    config = TrainingConfig(
        max_epochs=12,
        batch_size=10,
        patience=4,
        learning_rate=0.1,
        coefficients={"divergence": Warmup(1.0, 6)},
    )
    step = scripted([5.0] * 12, divergence=1.0)
    held_out = (rows(10, seed=2), None)
    state = train(Marked(), rows(10), config=config, step=step, validation=held_out)
    assert state.history["learning_rate"][:7] == [0.1] * 7
    assert state.history["learning_rate"][-1] < 0.1


# Divergence ---------------------------------------------------------------------------------------


def poisoned(epoch, value=math.nan):
    """A step that puts a bad number into the weights in a given epoch (from 1)."""

    def step(state, batch):
        losses = backpropagation(state, batch)
        if state.epoch + 1 == epoch:
            with torch.no_grad():
                next(state.module.parameters()).fill_(value)
        return losses

    return step


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_diverging_fit_stops_at_the_best_state(value, held_out, early_stopping):
    module, x, at_epoch = wide(), rows(64), {}

    def keep(state, record):
        at_epoch[record["epoch"]] = state_of(state.module)

    config = TrainingConfig(max_epochs=9, batch_size=16, early_stopping=early_stopping)
    with pytest.warns(
        DivergenceWarning, match=r"in epoch 3; .*weights of epoch 2; lower"
    ) as caught:
        state = train(
            module,
            x,
            config=config,
            step=poisoned(3, value),
            validation=(rows(20, seed=2), None) if held_out else None,
            after_epoch=[keep],
        )
    assert len(caught) == 1
    assert (state.epoch, state.outcome, state.best_epoch) == (3, "diverged", 2)
    assert same(state_of(module), at_epoch[2])
    assert torch.isfinite(module(x)).all()
    assert not module.training
    assert len(state.history) == 3


@pytest.mark.parametrize("held_out", [True, False])
def test_divergence_in_the_first_epoch_is_an_error(held_out):
    validation = (rows(20, seed=2), None) if held_out else None
    with pytest.raises(DivergedError, match="in epoch 1, before .*lower learning_rate") as caught:
        train(
            wide(),
            rows(64),
            config=TrainingConfig(max_epochs=9, batch_size=16),
            step=poisoned(1),
            validation=validation,
        )
    assert "\n" not in str(caught.value)


def test_huge_data_diverge_in_a_real_fit():
    x = 1e25 * rows(64)
    with pytest.raises(DivergedError):
        train(wide(), x, config=TrainingConfig(max_epochs=3))


def test_a_bad_number_in_the_held_out_rows_alone_stops_the_fit():
    held_out = rows(20, seed=2)
    held_out[3, 3] = math.nan
    with pytest.raises(DivergedError):
        train(wide(), rows(64), config=TrainingConfig(max_epochs=3), validation=(held_out, None))


class EasyAtFirst:
    """An annealing after which the loss is of a harder problem."""

    epochs = 3

    def __call__(self, module, epoch):
        hard = {"hard": lambda module, x, z, generator: x.new_tensor(100.0)}
        module.penalties = hard if epoch >= self.epochs else {}


def test_an_epoch_of_the_annealing_is_never_the_best_one():
    generator = torch.Generator().manual_seed(0)
    module = AutoencoderModule(
        Dense((4,), (2,), generator=generator), Dense((2,), (4,), generator=generator)
    )
    config = TrainingConfig(max_epochs=8, batch_size=16, annealing=EasyAtFirst(), patience=2)
    state = train(module, torch.randn(64, 4, generator=generator), config=config)
    assert len(state.history) == 8  # nor does it count as waiting
    assert state.best_epoch > 3
    assert state.best_value > 100
