"""From an estimator and its tensors to a trained module: device, seeds, held-out rows, hooks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.models.base.choices import Choices, Recipe
from isthmus.models.base.identity import IndescribableError, described, described_class
from isthmus.models.base.parameters import auto_batch_size, auto_max_epochs
from isthmus.nn import AutoencoderModule
from isthmus.nn.corruption.base import changed_shape, takes_record
from isthmus.nn.noise import seed_of
from isthmus.storage.atomic import check_place
from isthmus.training import (
    Checkpoint,
    EpochProgress,
    History,
    TensorBatches,
    TrainingConfig,
    TrainingState,
    choose_device,
    draw_seed,
    drawn_binary,
    fingerprint,
    held_out,
    new_state,
    train,
    trimmed,
)

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder
    from isthmus.models.base.phase import Phase
    from isthmus.models.base.trained import TrainedEstimator

__all__ = [
    "check_resumable",
    "held_out_rows",
    "partial_fit",
    "run",
]

# Parameters that a checkpoint is not known by, and those by which it is as what they come to.
_INDIFFERENT = ("checkpoint", "checkpoint_interval", "verbose", "max_epochs")
_DECIDED = ("device", "batch_size", "precision", "random_state")
_FEWEST_HELD_OUT = 10  # with fewer rows than this held out, chance would decide when to stop


def run(
    estimator: TrainedEstimator,
    module: AutoencoderModule,
    X: Any,
    y: Any,
    x: Tensor,
    condition: Tensor | None,
    seed: int,
    *,
    recipe: Recipe | None = None,
    phase: Phase | None = None,
    held_out: NDArray[np.bool_] | None = None,
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
        The seed of the order of rows, the held-out rows and the noise.
    recipe : Recipe, optional
        How this kind of model is trained; by plain back-propagation when absent.
    phase : Phase, optional
        Where this is a part of another fit; `estimator.phase` when absent.
    held_out : ndarray of bool, of shape (n,), optional
        Rows that decide when to stop, and that nothing is learned from; see `held_out_rows`.

    Returns
    -------
    TrainingState
        With the trained module.
    """
    device = choose_device(estimator.device)
    module = module.to(device)
    phase = estimator.phase if phase is None else phase
    recipe = Recipe() if recipe is None else recipe
    draws = seed if phase.split_seed is None else phase.split_seed
    data = _data(recipe, x, condition, held_out, draws, device)
    if data.held_out is not None:
        _corrupt_once(data.held_out, module, draws)
    config = _config(estimator, recipe, len(data), seed, device)
    checkpoint = _checkpoint(estimator, x, condition, config, phase)
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
            reconstruction_attributes=lambda: estimator.snapshot(state),
        )
        return bool(stop)

    name = phase.name or type(estimator).__name__
    with EpochProgress(name, config.max_epochs, int(estimator.verbose)) as progress:
        state = train(
            module,
            data,
            config=config,
            step=trimmed(recipe.rule, phase.trim),
            before_epoch=begin,
            after_epoch=[end],
            checkpoint=checkpoint,
        )
    root.call_on_fit_task_end(
        estimator=estimator,
        X=X,
        y=y,
        reconstruction_attributes=lambda: estimator.snapshot(state),
    )
    return state


def partial_fit(
    estimator: BaseAutoencoder,
    choices: Choices,
    x: Tensor,
    condition: Tensor | None,
    state: TrainingState | None,
    *,
    first: bool,
) -> TrainingState:
    """Train an estimator's module one epoch on `x`, going on with the optimiser's state.

    Parameters
    ----------
    estimator : estimator
        Whose parameters these are.
    choices : Choices
        What the estimator has chosen for these rows.
    x : Tensor of shape (n, *module_shape)
        The scaled data.
    condition : Tensor of shape (n, ...) or None
        What goes with each row.
    state : TrainingState or None
        The state that the call before left; None at the first.
    first : bool
        Whether there is no module yet.

    Returns
    -------
    TrainingState
    """
    device = choose_device(estimator.device)
    if len(x) == 1 and estimator.normalization == "batch":
        raise InvalidInputError(
            "X: normalization='batch' needs at least two rows at a time; got one; collect more "
            "rows for each call, or use normalization='layer'"
        )
    if state is None:
        seed = draw_seed(estimator.random_state)
        config = _config(estimator, choices, len(x), seed, device)
        if first:
            module = estimator.initial_module(choices, seed)
        else:
            module = estimator.module_
            module.corruption = choices.corruption
            learned = dict(module.penalty_modules.items())
            module.penalties = {k: learned.get(k, v) for k, v in choices.penalties.items()}
        state = new_state(module.to(device), config)
        if not first:
            state.history = History(estimator.history_.records)
            state.epoch, state.seconds = estimator.n_iter_, estimator.fit_seconds_
    config = dataclasses.replace(
        _config(estimator, choices, len(x), state.seed, device),
        max_epochs=1,
        early_stopping=False,
        learning_rate_schedule="constant",
    )
    return train(
        state.module,
        x.to(device),
        None if condition is None else condition.to(device),
        config=config,
        step=choices.rule,
        state=state,
    )


def held_out_rows(estimator: TrainedEstimator, n_rows: int, seed: int) -> NDArray[np.bool_] | None:
    """Return which rows of a fit are held out (n_rows,); None where there are too few for that.

    Parameters
    ----------
    estimator : estimator
        Whose parameters these are; its phase may have a seed of the choice of its own.
    n_rows : int
        Rows of the fit.
    seed : int
        The seed of the fit.
    """
    count = int(estimator.validation_fraction * n_rows)
    if not estimator.early_stopping or count < _FEWEST_HELD_OUT:
        return None
    chosen = estimator.phase.split_seed
    return held_out(np.arange(n_rows), n_rows, count, seed if chosen is None else chosen)


def _data(
    recipe: Recipe,
    x: Tensor,
    condition: Tensor | None,
    out: NDArray[np.bool_] | None,
    seed: int,
    device: torch.device,
) -> TensorBatches:
    """Return the rows as batches, with some held out."""
    data = TensorBatches(x, condition)
    data = (data if out is None else data.split(out)).to(device)
    if data.held_out is not None and recipe.binary_draws:
        draws = torch.Generator(device).manual_seed(seed + 6)  # once, so that epochs compare
        data.held_out.x = drawn_binary(data.held_out.x, draws)
    return data


def _corrupt_once(data: TensorBatches, module: AutoencoderModule, seed: int) -> None:
    """Corrupt held-out rows as the training ones are: a model is judged by what it is trained for.

    Drawn once, so that epochs compare.
    """
    corruption = module.corruption
    if corruption is None or takes_record(corruption):
        return
    seen = module.features(data.x)
    if changed_shape(corruption, seen.shape[1:]) is not None:
        return  # that one is applied in any mode
    draws = torch.Generator(seen.device).manual_seed(seed_of(seed, 8))
    data.target, data.x = data.x, corruption(seen, draws)


def _config(
    estimator: TrainedEstimator, recipe: Recipe, n_rows: int, seed: int, device: torch.device
) -> TrainingConfig:
    size, epochs = estimator.batch_size, estimator.max_epochs
    batch_size = auto_batch_size(n_rows) if isinstance(size, str) else int(size)
    max_epochs = auto_max_epochs(n_rows, batch_size) if isinstance(epochs, str) else int(epochs)
    return TrainingConfig(
        max_epochs=max_epochs,
        batch_size=min(batch_size, n_rows),
        learning_rate=float(estimator.learning_rate),
        learning_rate_schedule=estimator.learning_rate_schedule,
        optimizer=estimator.optimizer,
        momentum=recipe.momentum,
        weight_decay=float(estimator.weight_decay),
        gradient_clip=estimator.gradient_clip,
        early_stopping=bool(estimator.early_stopping),
        patience=int(estimator.patience),
        autocast=_autocast(estimator, device),
        coefficients=dict(recipe.coefficients),
        unmonitored=recipe.unmonitored,
        annealing=recipe.annealing(max_epochs),
        global_random=estimator.draws_globally,
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
    return capable and estimator.widest_layer >= 256


def _checkpoint(
    estimator: TrainedEstimator,
    x: Tensor,
    condition: Tensor | None,
    config: TrainingConfig,
    phase: Phase,
) -> Checkpoint | None:
    """Return where the fit is written, known by all that changes it but `max_epochs`."""
    estimator.fingerprint_ = None
    if estimator.checkpoint is None:
        return None
    came_to = estimator.came_to
    settings = {
        name: came_to.get(name, value) if isinstance(value, str) and value == "auto" else value
        for name, value in estimator.get_params(deep=False).items()
        if name not in (*_INDIFFERENT, *_DECIDED)
    }
    device = choose_device(estimator.device).type
    decided: list[Any] = [config.batch_size, config.autocast, device, config.seed, phase.trim]
    decided += [phase.split_seed, estimator.network_digest]
    description = json.dumps([described_class(type(estimator)), described([settings, decided])])
    if phase.origin is None:
        key = fingerprint(description, x, condition)
    else:
        key = fingerprint(description + phase.origin)
    estimator.fingerprint_ = fingerprint(f"{key} {config.max_epochs}")
    return Checkpoint(estimator.checkpoint, key, float(estimator.checkpoint_interval))


def check_resumable(estimator: TrainedEstimator) -> None:
    """Refuse a checkpoint that could not be written or resumed from: now, not after an hour."""
    if estimator.checkpoint is None:
        return
    if estimator.random_state is None:
        raise InvalidInputError(
            "checkpoint: a fit can be resumed only with a fixed seed; set random_state to a number"
        )
    for name, value in estimator.get_params(deep=False).items():
        if name in _INDIFFERENT:
            continue
        try:
            described(value)
        except IndescribableError as error:
            raise InvalidInputError(
                f"checkpoint: {name} holds {error}, which a new process cannot know again; use a "
                "registered part or a function at the top of a module, or set checkpoint to None"
            ) from error
    check_place(Path(estimator.checkpoint))
