"""The condition y of a conditional model as numbers: classes one-hot, amounts standardised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import is_tensor
from isthmus.errors import InvalidInputError

__all__ = ["ConditionEncoder", "fit_condition"]


@dataclass(frozen=True)
class ConditionEncoder:
    """Turns y into (n, dim) numbers.

    Parameters
    ----------
    classes : list or None
        The classes, sorted; None for amounts.
    shift, scale : list of float
        Mean and standard deviation of each amount.

    Examples
    --------
    >>> ConditionEncoder(["a", "b"], [], []).encode(["b"], 1)
    array([[0., 1.]], dtype=float32)
    """

    classes: list[Any] | None
    shift: list[float]
    scale: list[float]

    @property
    def dim(self) -> int:
        """How many numbers a condition is."""
        return len(self.shift) if self.classes is None else len(self.classes)

    def encode(self, y: Any, n_samples: int) -> NDArray[np.float32]:
        """Return y as numbers (n_samples, dim).

        Parameters
        ----------
        y : array-like of shape (n,) or (n, amounts)
            The conditions.
        n_samples : int
            How many there must be.

        Raises
        ------
        InvalidInputError
            If there is no y, it has another length, or it has a class that was not in the fit.
        """
        if y is None:
            raise InvalidInputError("y: a conditional model needs y, the condition of each sample")
        values = _as_array(y, n_samples)
        if len(values) != n_samples:
            raise InvalidInputError(
                f"y: expected {n_samples} values, one a sample; got {len(values)}"
            )
        if self.classes is None:
            numbers = _amounts(values)
            if numbers.shape[1] != self.dim:
                raise InvalidInputError(f"y: expected {self.dim} columns; got {numbers.shape[1]}")
            return ((numbers - self.shift) / self.scale).astype(np.float32)
        index = {value: i for i, value in enumerate(self.classes)}
        codes = np.zeros((n_samples, self.dim), dtype=np.float32)
        for row, value in enumerate(values.tolist()):
            if value not in index:
                raise InvalidInputError(
                    f"y: {value!r} in row {row} was not among the classes of the fit: "
                    f"{', '.join(map(repr, self.classes[:12]))}"
                )
            codes[row, index[value]] = 1.0
        return codes

    def neutral(self, n_samples: int) -> NDArray[np.float32]:
        """Return the condition between all (n_samples, dim): every class alike, mean amounts."""
        share = 0.0 if self.classes is None else 1 / len(self.classes)
        return np.full((n_samples, self.dim), share, dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"classes": self.classes, "shift": self.shift, "scale": self.scale}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ConditionEncoder:
        """Return the encoder that `to_json` described."""
        return cls(value["classes"], list(value["shift"]), list(value["scale"]))


def fit_condition(y: Any, n_samples: int) -> ConditionEncoder:
    """Look at y: text, booleans and whole numbers are classes, fractions are amounts.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, amounts)
        The conditions of the fit.
    n_samples : int
        How many there must be.

    Raises
    ------
    InvalidInputError
        If there is no y, or it has another length than the data.
    """
    if y is None:
        raise InvalidInputError(
            "y: conditional=True needs y, the label or amounts of each sample; "
            "pass fit(X, y) or set conditional=False"
        )
    values = _as_array(y, n_samples)
    if len(values) != n_samples:
        raise InvalidInputError(f"y: expected {n_samples} values, one a sample; got {len(values)}")
    fractions = values.dtype.kind == "f" and not (values == np.rint(values)).all()
    if values.ndim == 1 and not fractions:
        return ConditionEncoder(np.unique(values).tolist(), [], [])
    numbers = _amounts(values)
    deviation = numbers.std(0)
    deviation[deviation == 0] = 1.0
    return ConditionEncoder(None, numbers.mean(0).tolist(), deviation.tolist())


def _as_array(y: Any, n_samples: int) -> NDArray[Any]:
    values = np.asarray(y.detach().cpu() if is_tensor(y) else y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise InvalidInputError(
            f"y: expected {n_samples} labels, or rows of amounts, one a sample; got "
            f"{'one value' if values.ndim == 0 else f'{values.ndim} axes'}"
        )
    if values.dtype == object:
        if any(value is None or value != value for value in values.ravel()):
            raise InvalidInputError("y: expected a label for every sample; got None or NaN")
        values = values.astype(str)
    if values.dtype.kind not in "biufU":
        raise InvalidInputError(
            f"y: expected text, booleans or numbers; got {values.dtype}; convert them first"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidInputError("y: expected finite numbers; got NaN or infinity")
    return values


def _amounts(values: NDArray[Any]) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except ValueError as error:
        raise InvalidInputError("y: expected numbers; got text") from error
    if not np.isfinite(numbers).all():
        raise InvalidInputError("y: expected finite numbers; got NaN or infinity")
    return numbers[:, None] if numbers.ndim == 1 else numbers
