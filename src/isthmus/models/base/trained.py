"""Base class of everything that is trained: the parameters of training, and what a fit leaves."""

from __future__ import annotations

import copy
import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from isthmus import storage
from isthmus.models.base.parameters import unknown_parameter
from isthmus.models.base.phase import Phase
from isthmus.nn import AutoencoderModule
from isthmus.training import (
    History,
    TrainingState,
)

__all__ = ["TrainedEstimator"]

_BY_ITSELF = Phase()


@dataclass(kw_only=True, eq=False, repr=False)
class TrainedEstimator(CallbackSupportMixin, BaseEstimator):
    """Parameters of training, and the state after a fit; see `Autoencoder` for the parameters."""

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
    device: str | torch.device = "auto"
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_interval: float = 10.0
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0

    # Fitted attributes: fields that no constructor sets, so that type checkers know them.
    module_: AutoencoderModule = field(init=False)
    # With a checkpoint: a digest of the data and of all that changed the fit, max_epochs included.
    fingerprint_: str | None = field(init=False)
    history_: History = field(init=False)
    n_iter_: int = field(init=False)
    fit_seconds_: float = field(init=False)
    outcome_: str = field(init=False)

    # Set where this estimator is fitted as a part of another's fit.
    phase: Phase = field(init=False, default=_BY_ITSELF)

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
        storage.save(self, path)

    def untrained_on(self, X: Any) -> Self:
        """Become the control of this estimator: fitted to the data, its network untrained.

        `isthmus.models.base.control.untrained` calls it; autoencoders do without.
        """
        raise NotImplementedError

    @property
    def widest_layer(self) -> int:
        """Units of the widest layer, by which precision="auto" is decided."""
        raise NotImplementedError

    @property
    def network_digest(self) -> str:
        """What fixes the network, for the digest that a checkpoint is known by."""
        raise NotImplementedError

    @property
    def came_to(self) -> dict[str, Any]:
        """What each parameter that may be "auto" came to, as far as the network says it."""
        return {}

    @property
    def draws_globally(self) -> bool:
        """Whether the network may draw from torch's global generator."""
        return False

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def adopt(self, state: TrainingState) -> None:
        """Take over what a fit ended with."""
        self.module_ = state.module
        self.history_ = state.history
        self.n_iter_ = state.epoch
        self.fit_seconds_ = state.seconds
        self.outcome_ = state.outcome

    def snapshot(self, state: TrainingState) -> dict[str, Any]:
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
