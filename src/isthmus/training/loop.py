"""The training loop: epochs of steps, held-out losses, early stopping, history, checkpoints.

The losses of an epoch stay on the device and are read once, at its end, because each reading would
make a GPU wait. How the weights change in a step is the business of a training rule, see
`isthmus.training.step`.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from isthmus.errors import DivergedError, DivergenceWarning
from isthmus.nn import AutoencoderModule, Losses
from isthmus.nn.global_random import global_random
from isthmus.nn.record import Batch
from isthmus.training.batches import Batches, TensorBatches, count_batches
from isthmus.training.checkpoint import Checkpoint
from isthmus.training.config import TrainingConfig, new_state
from isthmus.training.objective import Objective
from isthmus.training.schedule import LEARNING_RATE_SCHEDULES
from isthmus.training.step import Step, TrainingState, backpropagation

__all__ = ["EpochHook", "evaluate", "train"]

# Called after each epoch with its record; True ends the fit.
EpochHook = Callable[[TrainingState, dict[str, float]], bool | None]

_HELD_OUT_ROWS = 4096  # at a time
_PLATEAU_FACTOR = 0.3
_IMPROVEMENT = 1e-4  # share of the best loss by which a new one must be lower to count


def evaluate(
    module: AutoencoderModule,
    x: Tensor | Batches,
    condition: Tensor | None = None,
    *,
    batch_size: int = _HELD_OUT_ROWS,
    seed: int = 0,
) -> Losses:
    """Return the losses over all rows, in evaluation mode and without gradients.

    Parameters
    ----------
    module : AutoencoderModule
        Left in the mode it was in.
    x : Tensor of shape (n, channels, ...) or Batches
        The data, scaled.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models, beside a tensor.
    batch_size : int, default=4096
        Rows at a time.
    seed : int, default=0
        The seed of the draws of the code: the same from one call to the next, so that two epochs
        differ by their weights alone.
    """
    data = TensorBatches(x, condition) if isinstance(x, Tensor) else x
    device = next(module.parameters()).device
    return _evaluate(Objective(module), data.epoch(seed, None, batch_size, device))


def _evaluate(objective: Objective, batches: Iterable[Batch]) -> Losses:
    module = objective.module
    was_training = module.training
    module.eval()
    parts: list[Losses] = []
    sizes: list[int] = []
    with torch.no_grad():
        for batch in batches:
            parts.append(objective(batch))
            sizes.append(len(batch))
    module.train(was_training)
    return _average(parts, sizes)


def _average(parts: Sequence[Losses], sizes: Sequence[int]) -> Losses:
    weights = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
    return Losses(
        {
            name: torch.dot(torch.stack([part[name] for part in parts]).double().cpu(), weights)
            for name in parts[0]
        }
    )


def train(
    module: AutoencoderModule,
    x: Tensor | Batches,
    condition: Tensor | None = None,
    *,
    config: TrainingConfig | None = None,
    validation: tuple[Tensor, Tensor | None] | None = None,
    step: Step = backpropagation,
    before_epoch: Callable[[TrainingState], None] | None = None,
    after_epoch: Sequence[EpochHook] = (),
    checkpoint: Checkpoint | None = None,
    state: TrainingState | None = None,
) -> TrainingState:
    """Train a module.

    Parameters
    ----------
    module : AutoencoderModule
        Changed in place, and left in evaluation mode.
    x : Tensor of shape (n, channels, ...) or Batches
        The data, scaled.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models, beside a tensor.
    config : TrainingConfig, optional
        How to train.
    validation : tuple of (x, condition), optional
        Held-out rows, beside a tensor; `Batches` bring their own. Without any the training loss is
        what is monitored.
    step : callable, default=backpropagation
        One step of training.
    before_epoch : callable, optional
        Called with the state before each epoch.
    after_epoch : sequence of callable
        Called after each epoch, see `EpochHook`.
    checkpoint : Checkpoint, optional
        Where the state is written; if its file is there, the fit goes on from it.
    state : TrainingState, optional
        A state to go on from, for data that arrive in pieces.

    Returns
    -------
    TrainingState
        With the history, the outcome and the optimiser.

    Raises
    ------
    DivergedError
        If the loss is NaN or infinite before one epoch was completed.

    Warns
    -----
    DivergenceWarning
        If that happens later: the fit stops at the best weights so far.
    UserWarning
        If the checkpoint is of a fit with another `max_epochs`: it goes on by the new schedule.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense
    >>> module = AutoencoderModule(Dense((4,), (2,)), Dense((2,), (4,)))
    >>> state = train(module, torch.rand(64, 4), config=TrainingConfig(max_epochs=3))
    >>> len(state.history)
    3
    """
    config = TrainingConfig() if config is None else config
    data = x
    if isinstance(data, Tensor):
        held_out = None if validation is None else TensorBatches(*validation)
        data = TensorBatches(data, condition, held_out=held_out)
    device = next(module.parameters()).device
    state = new_state(module, config) if state is None else state
    state.outcome = ""
    state.max_epochs = config.max_epochs
    end = state.epoch + config.max_epochs
    if checkpoint is not None and checkpoint.restore(state):
        data.restore(state.data)
        if state.outcome == "epochs" and state.epoch < end:
            state.outcome = ""  # it was the end of a shorter fit
        if state.epoch >= end and not state.outcome:
            state.outcome = "epochs"
    if device.type == "cpu":
        # glibc gives large blocks back to the kernel after every step until one of this size
        # has been freed once; from then on it keeps them. Measured: up to 1.7 times faster.
        torch.empty(31 << 20, dtype=torch.uint8)
    clock = time.perf_counter() - state.seconds
    while state.epoch < end and not state.outcome:
        if before_epoch is not None:
            before_epoch(state)
        module.train()
        # Only for the epoch: what the hooks draw is the user's own, and they may fit as well.
        with global_random(config.global_random):
            record, monitored = _epoch(state, data, config, step, device)
        state.seconds = record["seconds"] = time.perf_counter() - clock
        _judge(state, record["loss"], monitored, config)
        state.history.append(record)
        stops = [hook(state, record) for hook in after_epoch]  # every hook is called
        if any(stops) and not state.outcome:
            state.outcome = "callback"
        if state.epoch == end and not state.outcome:
            state.outcome = "epochs"
        if checkpoint is not None and state.outcome != "diverged":
            state.data = data.state()
            checkpoint.save_if_due(state)
    if state.outcome == "diverged" or (config.early_stopping and state.best):
        module.load_state_dict(state.best)
    module.eval()
    if data.held_out is None or state.outcome == "diverged":
        with global_random(config.global_random):
            _check_usable(module, data, config, device)
    return state


def _check_usable(
    module: AutoencoderModule, data: Batches, config: TrainingConfig, device: torch.device
) -> None:
    """Refuse weights that no held-out loss has vouched for and that give no finite loss.

    The loss of an epoch is of the weights before each of its steps: those after the last step may
    be useless though it is finite.
    """
    first = next(iter(data.epoch(config.seed, None, 128, device)))
    losses = _evaluate(Objective(module), [first])
    value = float(losses.weighted(config.coefficients_at(config.warmup_epochs)))
    if not math.isfinite(value):
        raise DivergedError(
            f"the loss of the trained network is {value}: lower learning_rate, set "
            "gradient_clip=1.0, or check the data for huge values"
        )


def _epoch(
    state: TrainingState,
    data: Batches,
    config: TrainingConfig,
    step: Step,
    device: torch.device,
) -> tuple[dict[str, float], float]:
    """Run one epoch; return its record, and the loss by which it is judged."""
    state.coefficients = config.coefficients_at(state.epoch)
    if config.annealing is not None:
        config.annealing(state.module, state.epoch)
    total_steps = config.max_epochs * count_batches(len(data), config.batch_size)
    factor = LEARNING_RATE_SCHEDULES[config.learning_rate_schedule]
    moves = config.learning_rate_schedule == "cosine"
    rate = config.learning_rate * state.rate_scale
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    parts: list[Losses] = []
    sizes: list[int] = []
    batches = data.epoch(state.seed, state.epoch, config.batch_size, device)
    for batch in _seeded(batches) if config.global_random else batches:
        if moves:
            rate = config.learning_rate * factor(state.steps / total_steps)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
        losses = step(state, batch)
        parts.append(Losses({name: value.detach() for name, value in losses.items()}))
        sizes.append(len(batch))
        state.steps += 1
    state.epoch += 1
    means = _average(parts, sizes)
    record = {"epoch": state.epoch, "loss": float(means.weighted(state.coefficients))}
    record |= {name: float(value) for name, value in means.items()}
    # Judged with the coefficients as they will be: epochs of a warm-up compare with later ones.
    final = config.coefficients_at(max(state.epoch - 1, config.warmup_epochs))
    judged = {**final, **dict.fromkeys(config.unmonitored, 0.0)}
    monitored = float(means.weighted(judged))
    if data.held_out is not None:
        batches = data.held_out.epoch(state.seed, None, _HELD_OUT_ROWS, device)
        batches = _seeded(batches) if config.global_random else batches
        found = _evaluate(Objective(state.module), batches)
        record["val_loss"] = float(found.weighted(final))
        monitored = float(found.weighted(judged))
        record |= {f"val_{name}": float(value) for name, value in found.items()}
    record["learning_rate"] = rate
    record |= {f"coefficient_{name}": value for name, value in state.coefficients.items()}
    return record, monitored


def _judge(state: TrainingState, loss: float, value: float, config: TrainingConfig) -> None:
    """Keep the best weights, lower the learning rate, and decide whether to stop."""
    if not (math.isfinite(value) and math.isfinite(loss)):
        if not state.best:
            raise DivergedError(
                f"the loss became {value} in epoch {state.epoch}, before there was a usable state: "
                "lower learning_rate, set gradient_clip=1.0, or check the data for huge values"
            )
        warnings.warn(
            f"the loss became {value} in epoch {state.epoch}; the fit stopped and kept the weights "
            f"of epoch {state.best_epoch}; lower learning_rate or set gradient_clip=1.0",
            DivergenceWarning,
            stacklevel=3,
        )
        state.outcome = "diverged"
        return
    warming = state.epoch <= config.warmup_epochs
    # While a module is annealed its loss may be of an easier problem: what came before is no mark.
    first = not state.best or (
        config.annealing is not None and state.epoch == config.warmup_epochs + 1
    )
    improved = first or value < state.best_value - _IMPROVEMENT * abs(state.best_value)
    if warming or first or value < state.best_value:
        # During a warm-up the latest state counts as the best: the objective is not yet its own.
        state.best_value, state.best_epoch = value, state.epoch
        for name, tensor in state.module.state_dict().items():
            if name in state.best:
                state.best[name].copy_(tensor)
            else:
                state.best[name] = tensor.detach().clone()
    state.waited = 0 if warming or improved else state.waited + 1
    plateau = state.waited > 0 and state.waited % max(config.patience // 2, 1) == 0
    if plateau and config.learning_rate_schedule == "plateau":
        state.rate_scale *= _PLATEAU_FACTOR
    if config.early_stopping and not warming and state.waited >= config.patience:
        state.outcome = "early stopping"


def _seeded(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Seed torch's global generator as that of each batch, for networks that draw from it."""
    for batch in batches:
        if batch.noise is not None:
            torch.manual_seed(batch.noise.initial_seed())
        yield batch
