"""Base class of the estimators with a discrete code: encoding into indices, and decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.data.containers import like, to_arrays
from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.nn import BernoulliLatent, CategoricalLatent, QuantizedLatent

__all__ = ["IndexedAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class IndexedAutoencoder(BaseAutoencoder):
    """Base of the estimators with a discrete code: what they offer besides."""

    def encode_indices(self, X: Any, y: Any = None) -> NDArray[np.int64]:
        """Encode into indices: the codeword, the most probable class or bit of each slot.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            Ignored.

        Returns
        -------
        ndarray of shape (n, n_slots), int64
        """
        x, condition = self.to_tensors(X, y)
        latent = self._discrete()

        def indices(part: Tensor, c: Tensor | None) -> Tensor:
            return latent.indices(self.module_.posterior(part, c))

        return self.map_rows(indices, x, condition).astype(np.int64)

    def decode_indices(self, indices: Any) -> Any:
        """Decode indices: the mean of p(x|z) for the code that each row of them stands for.

        Parameters
        ----------
        indices : array-like of int of shape (n, n_slots)
            From 0 to ``n_codes_ - 1``.

        Returns
        -------
        array of shape (n, *sample_shape), float32
            In the container of `indices`, in the units of the data.

        Raises
        ------
        InvalidInputError
            If they are not whole numbers of that shape and range.
        """
        check_is_fitted(self, "module_")
        array = np.asarray(to_arrays(indices))
        shape = (len(array) if array.ndim else 0, self.n_slots_)
        if array.dtype.kind not in "iu" or array.shape != shape or not len(array):
            raise InvalidInputError(
                f"indices: expected whole numbers of shape (n, {self.n_slots_}); got "
                f"{array.dtype} of shape {array.shape}"
            )
        if array.min() < 0 or array.max() >= self.n_codes_:
            raise InvalidInputError(
                f"indices: expected 0 to {self.n_codes_ - 1}; got {array.min()} to {array.max()}"
            )
        latent = self._discrete()

        def decode(part: Tensor, c: Tensor | None) -> Tensor:
            return self.module_.decode(latent.lookup(part), c)

        decoded = self.map_rows(decode, torch.from_numpy(array.astype(np.int64)), None)
        return like(self.in_units(decoded), indices, self.column_names)

    @property
    def n_codes_(self) -> int:
        """What an index can be: codewords, classes, or 2 for bits."""
        latent = self._discrete()
        if isinstance(latent, QuantizedLatent):
            return latent.n_codes
        return latent.n_classes if isinstance(latent, CategoricalLatent) else 2

    @property
    def n_slots_(self) -> int:
        """Indices in a code."""
        latent = self._discrete()
        if isinstance(latent, QuantizedLatent):
            return latent.n_slots
        size = latent.n_classes if isinstance(latent, CategoricalLatent) else 1
        return self.latent_dim_ // size

    def _discrete(self) -> QuantizedLatent | CategoricalLatent | BernoulliLatent:
        check_is_fitted(self, "module_")
        latent = self.module_.latent
        assert isinstance(latent, QuantizedLatent | CategoricalLatent | BernoulliLatent)
        return latent
