"""From an estimator and its tensors to a trained module: device, seeds, held-out rows, hooks."""

from __future__ import annotations

import dataclasses
import json
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isthmus.atomic import check_place
from isthmus.errors import InvalidInputError
from isthmus.models.architecture import build
from isthmus.models.parameters import auto_batch_size, auto_max_epochs
from isthmus.nn import AutoencoderModule
from isthmus.training import (
    Checkpoint,
    EpochProgress,
    History,
    TrainingConfig,
    TrainingState,
    drawn_binary,
    fingerprint,
    new_state,
    train,
    trimmed,
)

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder
    from isthmus.models.trained import TrainedEstimator

__all__ = [
    "check_resumable",
    "choose_device",
    "draw_seed",
    "fit",
    "initial_module",
    "partial_fit",
    "run",
]

_FEWEST_HELD_OUT = 10  # with fewer rows than this held out, chance would decide when to stop


def fit(estimator: BaseAutoencoder, X: Any, y: Any, x: Tensor, condition: Tensor | None) -> None:
    """Train a new module for `estimator` on scaled data `x` (n, *module_shape)."""
    check_resumable(estimator)
    seed = draw_seed(estimator.random_state)
    module = initial_module(estimator, x, seed)
    if estimator._initialise(module, X, seed):
        state = new_state(module.to(choose_device(estimator.device)).eval(), TrainingConfig())
        state.outcome = "pretrained"
    else:
        state = run(estimator, module, X, y, x, condition, seed)
    estimator._adopt(state)
    estimator.__dict__.pop("_state", None)


def run(
    estimator: TrainedEstimator,
    module: AutoencoderModule,
    X: Any,
    y: Any,
    x: Tensor,
    condition: Tensor | None,
    seed: int,
) -> TrainingState:
    """Train `module` as the parameters of `estimator` say, with its callbacks and its progress.

    Parameters
    ----------
    estimator : estimator
        Whose parameters these are.
    module : AutoencoderModule
        With its initial weights.
    X, y
        The data as the user gave them, for callbacks.
    x : Tensor of shape (n, *module_shape)
        The scaled data.
    condition : Tensor of shape (n, ...) or None
        What goes with each row.
    seed : int
        Of the order of rows, the held-out rows and the noise.

    Returns
    -------
    TrainingState
        With the trained module.
    """
    device = choose_device(estimator.device)
    module = module.to(device)
    split_seed = seed if estimator._split_seed is None else estimator._split_seed
    keep, held_out = _split(estimator, len(x), split_seed)
    config = _config(estimator, len(x) if keep is None else len(keep), seed, device)
    checkpoint = _checkpoint(estimator, x, condition, config)
    validation = None
    if keep is not None and held_out is not None:
        validation = (
            x[held_out].to(device),
            None if condition is None else condition[held_out].to(device),
        )
        if getattr(estimator, "dynamic_binarization", False):
            draws = torch.Generator(device).manual_seed(seed + 6)
            validation = (drawn_binary(validation[0], draws), validation[1])
        x = x[keep]
        condition = None if condition is None else condition[keep]
    root = estimator._init_callback_context(max_subtasks=config.max_epochs)
    root.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    current: list[Any] = []

    def begin(state: TrainingState) -> None:
        current[:] = [root.subcontext(task_name="epoch")]
        current[0].call_on_fit_task_begin(estimator=estimator, X=X, y=y)

    def end(state: TrainingState, record: dict[str, float]) -> bool:
        progress.update(record)
        stop = current[0].call_on_fit_task_end(
            estimator=estimator,
            X=X,
            y=y,
            reconstruction_attributes=lambda: estimator._snapshot(state),
        )
        return bool(stop)

    with EpochProgress(estimator._label, config.max_epochs, int(estimator.verbose)) as progress:
        state = train(
            module,
            x.to(device),
            None if condition is None else condition.to(device),
            config=config,
            validation=validation,
            step=trimmed(estimator._step(), estimator._trim),
            before_epoch=begin,
            after_epoch=[end],
            checkpoint=checkpoint,
        )
    root.call_on_fit_task_end(
        estimator=estimator,
        X=X,
        y=y,
        reconstruction_attributes=lambda: estimator._snapshot(state),
    )
    return state


def partial_fit(estimator: BaseAutoencoder, x: Tensor, condition: Tensor | None) -> None:
    """Train the estimator's module one epoch on `x`, going on with the optimiser's state."""
    device = choose_device(estimator.device)
    if len(x) == 1 and estimator.normalization == "batch":
        raise InvalidInputError(
            "X: normalization='batch' needs at least two rows at a time; got one; collect more "
            "rows for each call, or use normalization='layer'"
        )
    state: TrainingState | None = getattr(estimator, "_state", None)
    if state is None:
        seed = draw_seed(estimator.random_state)
        config = _config(estimator, len(x), seed, device)
        module = getattr(estimator, "module_", None)
        if module is None:
            module = initial_module(estimator, x, seed)
        else:
            module.corruption = estimator._corruption(x)
            module.penalties = estimator._penalties(x)
        state = new_state(module.to(device), config)
        if hasattr(estimator, "history_"):
            state.history = History(estimator.history_.records)
            state.epoch, state.seconds = estimator.n_iter_, estimator.fit_seconds_
    config = dataclasses.replace(
        # Networks of the user's own draw from a generator that is seeded anew in each call.
        _config(estimator, len(x), state.shuffler.initial_seed() + state.epoch, device),
        max_epochs=1,
        early_stopping=False,
        learning_rate_schedule="constant",
    )
    estimator._state = state
    train(
        state.module,
        x.to(device),
        None if condition is None else condition.to(device),
        config=config,
        step=estimator._step(),
        state=state,
    )
    estimator._adopt(state)


def initial_module(estimator: BaseAutoencoder, x: Tensor, seed: int) -> AutoencoderModule:
    """Build the module of an estimator's architecture with its initial weights."""
    generator = torch.Generator().manual_seed(seed)
    module = build(
        estimator.architecture_,
        generator,
        custom=estimator._custom(),
        corruption=estimator._corruption(x),
        penalties=estimator._penalties(x),
    )
    estimator._begin(module, x, generator)
    return module


def draw_seed(random_state: Any) -> int:
    """Return a seed; from the system where none is given, never from a global generator."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 8))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 8))
    if not isinstance(random_state, Integral) or random_state < 0:
        raise InvalidInputError(
            f"random_state: expected a whole number, a RandomState or None; got {random_state!r}"
        )
    return int(random_state)


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is a GPU where there is one.

    Raises
    ------
    InvalidInputError
        If this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        torch.Generator(device)  # not every device that holds numbers can draw them
    except (RuntimeError, AssertionError) as error:
        raise InvalidInputError(
            f"device: {name!r} cannot be used here ({str(error).splitlines()[0]}); "
            "use device='auto' or 'cpu'"
        ) from error
    return device


def _split(
    estimator: TrainedEstimator, n_rows: int, seed: int
) -> tuple[Tensor | None, Tensor | None]:
    count = int(estimator.validation_fraction * n_rows)
    if not estimator.early_stopping or count < _FEWEST_HELD_OUT:
        return None, None
    order = torch.randperm(n_rows, generator=torch.Generator().manual_seed(seed + 5))
    return order[count:].sort().values, order[:count].sort().values


def _config(
    estimator: TrainedEstimator, n_rows: int, seed: int, device: torch.device
) -> TrainingConfig:
    size, epochs = estimator.batch_size, estimator.max_epochs
    batch_size = auto_batch_size(n_rows) if isinstance(size, str) else int(size)
    max_epochs = auto_max_epochs(n_rows, batch_size) if isinstance(epochs, str) else int(epochs)
    coefficients = estimator._coefficients()
    return TrainingConfig(
        max_epochs=max_epochs,
        batch_size=min(batch_size, n_rows),
        learning_rate=float(estimator.learning_rate),
        learning_rate_schedule=estimator.learning_rate_schedule,
        optimizer=estimator.optimizer,
        momentum=estimator._momentum,
        weight_decay=float(estimator.weight_decay),
        gradient_clip=estimator.gradient_clip,
        early_stopping=bool(estimator.early_stopping),
        patience=int(estimator.patience),
        autocast=_autocast(estimator, device),
        coefficients=coefficients,
        unmonitored=estimator._unmonitored,
        annealing=estimator._annealing(max_epochs),
        global_random=estimator._draws_globally,
        seed=seed,
    )


def _autocast(estimator: TrainedEstimator, device: torch.device) -> bool:
    if estimator.precision != "auto":
        return estimator.precision == "bfloat16"
    # Where the hardware multiplies in bfloat16 and the layers are wide enough to gain from it.
    if device.type == "cuda":
        capable = torch.cuda.is_bf16_supported()
    else:
        capable = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return capable and estimator._widest >= 256


def _checkpoint(
    estimator: TrainedEstimator, x: Tensor, condition: Tensor | None, config: TrainingConfig
) -> Checkpoint | None:
    if estimator.checkpoint is None:
        return None
    ignored = ("checkpoint", "checkpoint_interval", "verbose", "network")
    settings = {
        name: repr(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in ignored
    }
    description = json.dumps([type(estimator).__name__, settings, estimator._description])
    if estimator._origin is None:
        key = fingerprint(description, x, condition)
    else:  # codes of a phase before: their last bits depend on the number of threads
        key = fingerprint(description + estimator._origin)
    estimator.__dict__["_fingerprint"] = key
    return Checkpoint(estimator.checkpoint, key, float(estimator.checkpoint_interval))


def check_resumable(estimator: TrainedEstimator) -> None:
    """Refuse a checkpoint that could not be written or resumed from: now, not after an hour."""
    if estimator.checkpoint is None:
        return
    if estimator.random_state is None:
        raise InvalidInputError(
            "checkpoint: a fit can be resumed only with a fixed seed; set random_state to a number"
        )
    check_place(Path(estimator.checkpoint))
