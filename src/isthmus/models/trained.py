"""What every estimator that is trained by the loop shares, whatever its network is for."""

from __future__ import annotations

import copy
import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from isthmus.models.parameters import unknown_parameter
from isthmus.nn import AutoencoderModule
from isthmus.training import (
    Annealing,
    Coefficient,
    History,
    Step,
    TrainingState,
    backpropagation,
)

__all__ = ["TrainedEstimator"]


@dataclass(kw_only=True, eq=False, repr=False)
class TrainedEstimator(CallbackSupportMixin, BaseEstimator):
    """How a network is trained, and what is known after; see `Autoencoder` for the parameters."""

    max_epochs: int | str = "auto"
    batch_size: int | str = "auto"
    learning_rate: float = 1e-3
    learning_rate_schedule: str = "cosine"
    optimizer: str = "adam"
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    early_stopping: bool = True
    validation_fraction: float = 0.1
    patience: int = 20
    precision: str = "float32"
    device: str = "auto"
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_interval: float = 10.0
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0

    # Fitted attributes: fields that no constructor sets, so that type checkers know them.
    module_: AutoencoderModule = field(init=False)
    history_: History = field(init=False)
    n_iter_: int = field(init=False)
    fit_seconds_: float = field(init=False)
    outcome_: str = field(init=False)

    # Of an estimator that is a phase of another's fit: what the bar calls it, the seed of the rows
    # that are held out, and the fit whose result is its data, by which its checkpoint is known.
    _name: ClassVar[str] = ""
    _split_seed: ClassVar[int | None] = None
    _origin: ClassVar[str | None] = None
    _fingerprint: ClassVar[str | None] = None
    # Of the optimiser: adversaries, whose target moves, want less of the past.
    _momentum: ClassVar[float] = 0.9
    # Terms of the loss by which the best weights are not chosen.
    _unmonitored: ClassVar[tuple[str, ...]] = ()
    # The share of each batch that is not learned from, see `isthmus.training.trimmed`.
    _trim: ClassVar[float] = 0.0

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse an unknown parameter with the nearest name; everything else is for `__init__`."""
        known = [f.name for f in dataclasses.fields(cls) if f.init]
        for name in kwargs:
            if name not in known:
                raise unknown_parameter(name, known, cls.__name__)
        instance: Self = super().__new__(cls)
        return instance

    def set_params(self, **params: Any) -> Self:
        """Set parameters; an unknown one is refused with the nearest name."""
        known = list(self.get_params())
        for name in params:
            if name not in known and "__" not in name:
                raise unknown_parameter(name, known, type(self).__name__)
        super().set_params(**params)
        return self

    @property
    def n_parameters_(self) -> int:
        """Trained numbers of the network."""
        return sum(p.numel() for p in self.module_.parameters())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one safe file, see `isthmus.load`.

        Parameters
        ----------
        path : path-like
            Usually ending in ``.safetensors``.

        Raises
        ------
        InvalidInputError
            If the file cannot be written there.
        """
        from isthmus.persistence import save

        save(self, path)

    def _coefficients(self) -> dict[str, Coefficient]:
        """Return the coefficients of the terms of the loss that have one."""
        return {}

    def _annealing(self, max_epochs: int) -> Annealing | None:
        """Return what changes the module from epoch to epoch, if anything does."""
        return None

    def _step(self) -> Step:
        """Return the training rule."""
        return backpropagation

    def _untrained(self, X: Any) -> Self:
        """Become the control of this estimator, where it has one of its own; see `untrained`."""
        raise NotImplementedError

    @property
    def _label(self) -> str:
        """What the progress bar calls the fit."""
        return self._name or type(self).__name__

    @property
    def _widest(self) -> int:
        """Units of the widest layer, by which precision="auto" is decided."""
        raise NotImplementedError

    @property
    def _description(self) -> str:
        """What fixes the network, for the digest that a checkpoint is known by."""
        raise NotImplementedError

    @property
    def _draws_globally(self) -> bool:
        """Whether the network may draw from torch's global generator."""
        return False

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def _adopt(self, state: TrainingState) -> None:
        """Take over what a fit ended with."""
        self.module_ = state.module
        self.history_ = state.history
        self.n_iter_ = state.epoch
        self.fit_seconds_ = state.seconds
        self.outcome_ = state.outcome

    def _snapshot(self, state: TrainingState) -> dict[str, Any]:
        """Return the fitted attributes as they are now, for callbacks that ask for them."""
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_")
        }
        return {
            **fitted,
            "module_": copy.deepcopy(state.module).eval(),
            "history_": History(state.history.records),
            "n_iter_": state.epoch,
            "fit_seconds_": state.seconds,
            "outcome_": state.outcome,
        }
