"""The table that measures of disentanglement are taken from: codes beside ground-truth factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from isthmus.data.containers import is_tensor, to_arrays
from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows

__all__ = ["FactorTable", "factor_table", "generator"]


@dataclass(frozen=True, eq=False)
class FactorTable:
    """Codes and the factors of the same samples.

    Attributes
    ----------
    codes : ndarray of shape (n, d), float64
        Each code with mean 0 and deviation 1, so that its units do not matter; all 0 where it is
        constant.
    factors : ndarray of shape (n, k), int
        Which of its values each factor has, counted from 0 in the order of the values.
    sizes : tuple of int
        Different values of each factor.
    """

    codes: NDArray[np.float64]
    factors: NDArray[np.int64]
    sizes: tuple[int, ...]

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which codes are not constant."""
        return np.asarray(self.codes.any(axis=0))

    def take(self, rows: NDArray[Any]) -> FactorTable:
        """Return some of the rows, with the factors counted anew."""
        return factor_table(self.codes[rows], self.factors[rows])

    def halves(self, random: np.random.RandomState) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the rows to learn from and the rows to judge by, half of all each."""
        order = random.permutation(len(self.codes))
        middle = len(order) // 2
        return order[:middle], order[middle:]


def factor_table(codes: Any, factors: Any) -> FactorTable:
    """Return codes and factors in the one form that the measures work on.

    Raises
    ------
    InvalidInputError
        If a code is NaN or infinite, the lengths differ, there are fewer than two factors, or a
        factor has one value only or never the same twice.
    """
    z = as_rows(to_arrays(codes), "codes")
    array = np.asarray(to_arrays(factors) if is_tensor(factors) else factors)  # text is welcome
    if array.ndim != 2 or array.shape[1] < 2:
        raise InvalidInputError(
            "factors: expected two or more factors, shape (n_samples, n_factors); got shape "
            f"{array.shape}; one factor alone cannot be entangled with another"
        )
    if len(array) != len(z):
        raise InvalidInputError(
            f"factors: expected one row for each of the {len(z)} codes; got {len(array)}; "
            "pass the factors of the same samples in the same order"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise InvalidInputError(
            f"factors: expected known values; got NaN or infinity, first in row {bad}; "
            "drop those rows"
        )
    columns = [_numbered(column, position) for position, column in enumerate(array.T)]
    return FactorTable(
        codes=_standardised(z),
        factors=np.stack(columns, axis=1),
        sizes=tuple(int(column.max()) + 1 for column in columns),
    )


def generator(random_state: Any) -> np.random.RandomState:
    """Return scikit-learn's generator for `random_state`; None is fresh entropy, no global one."""
    if random_state is None:
        return np.random.RandomState(np.random.MT19937())
    try:
        random: np.random.RandomState = check_random_state(random_state)
    except ValueError:
        raise InvalidInputError(
            f"random_state: expected a whole number, a RandomState or None; got {random_state!r}"
        ) from None
    return random


def _numbered(column: NDArray[Any], position: int) -> NDArray[np.int64]:
    try:
        values, numbers = np.unique(column, return_inverse=True)
    except TypeError:  # mixed types have no order
        values, numbers = np.unique(column.astype(str), return_inverse=True)
    if len(values) == 1:
        raise InvalidInputError(
            f"factors: expected two or more values of each; got one in column {position}; "
            "leave it out, since nothing can be learned of it"
        )
    if len(values) == len(column):
        raise InvalidInputError(
            f"factors: expected values that recur; got {len(values)} different ones in column "
            f"{position}; cut continuous factors into bins, with numpy.digitize for example"
        )
    return numbers.reshape(-1).astype(np.int64)


def _standardised(z: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = z.min(axis=0), z.max(axis=0)
    # Halves first, so that numbers at both ends of the range of floats have a finite spread.
    spread = high / 2 - low / 2
    largest = np.maximum(np.abs(low), np.abs(high))
    constant = spread <= 4 * np.finfo(np.float64).eps * largest  # but for rounding
    scaled: NDArray[np.float64] = (z / 2 - low / 2) / np.where(constant, 1.0, spread)
    scaled[:, constant] = 0.0
    scaled -= scaled.mean(axis=0)
    deviation = scaled.std(axis=0)
    scaled /= np.where(constant, 1.0, deviation)
    scaled[:, constant] = 0.0
    return scaled
