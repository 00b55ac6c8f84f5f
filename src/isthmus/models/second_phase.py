"""What is trained further on an autoencoder's encoder, for another end than reconstruction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from isthmus.models.base import BaseAutoencoder
from isthmus.models.trained import TrainedEstimator

__all__ = ["SecondPhase"]


@dataclass(kw_only=True, eq=False, repr=False)
class SecondPhase(TrainedEstimator):
    """An estimator whose data go through the autoencoder that it began with."""

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
    def _widest(self) -> int:
        return self.autoencoder_._widest

    @property
    def _description(self) -> str:
        return self.autoencoder_._description

    @property
    def _draws_globally(self) -> bool:
        return self.autoencoder_._draws_globally
