"""Base class of estimators that train an autoencoder first, and then its encoder for a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.trained import TrainedEstimator

__all__ = ["SecondPhase"]


@dataclass(kw_only=True, eq=False, repr=False)
class SecondPhase(TrainedEstimator):
    """Base of classifiers and of Deep SVDD: data are prepared as by the pretrained autoencoder."""

    autoencoder_: BaseAutoencoder = field(init=False)

    @property
    def n_features_in_(self) -> int:
        """Columns, or values along the first axis, of a sample."""
        return self.autoencoder_.n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns, where the fit had some."""
        names: NDArray[Any] = self.autoencoder_.feature_names_in_
        return names

    @property
    def widest_layer(self) -> int:
        """Units of the widest layer of the autoencoder."""
        return self.autoencoder_.widest_layer

    @property
    def network_digest(self) -> str:
        """What fixes the network, for the digest that a checkpoint is known by."""
        return self.autoencoder_.network_digest

    @property
    def came_to(self) -> dict[str, Any]:
        """What each parameter that may be "auto" came to, as far as the network says it."""
        return self.autoencoder_.came_to

    @property
    def draws_globally(self) -> bool:
        """Whether the network may draw from torch's global generator."""
        return self.autoencoder_.draws_globally
