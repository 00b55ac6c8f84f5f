"""The reasons of a table whose columns were encoded, in the table's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.explanation import Explanation
from isthmus.data.table import TableEncoder

__all__ = ["in_columns"]


def in_columns(explanation: Explanation, encoder: TableEncoder, frame: Any) -> Explanation:
    """Return the explanation of encoded rows as one of the columns that they came from.

    A column may be encoded by several numbers, as a date is: what these contribute adds up.

    Parameters
    ----------
    explanation : Explanation
        Of the encoded rows.
    encoder : TableEncoder
        Fitted.
    frame : DataFrame of pandas or polars
        The rows as they came.

    Returns
    -------
    Explanation
        Values and expectations are objects: numbers, texts, dates.
    """
    n, n_columns = len(explanation), len(encoder.fields_)
    nats = np.zeros((n, n_columns))
    np.add.at(nats.T, encoder.origin_, np.nan_to_num(explanation.contributions).T)
    values, expected = (np.empty((n, n_columns), dtype=object) for _ in range(2))
    spread = np.full((n, n_columns), np.nan)
    for i, (name, field) in enumerate(zip(encoder.names_, encoder.fields_, strict=True)):
        own = encoder.origin_ == i
        values[:, i] = list(frame[name])
        expected[:, i] = list(field.decode(explanation.expected[:, own]))
        if len(field.likelihoods) == 1 and field.likelihoods[0] == "gaussian":
            missing = [value is None or value != value for value in values[:, i]]
            spread[:, i] = np.where(missing, np.nan, _spread(field, expected, explanation, own, i))
    return Explanation(values, nats, expected, spread, list(encoder.names_))


def _spread(
    field: Any, expected: NDArray[Any], explanation: Explanation, own: NDArray[Any], i: int
) -> NDArray[np.float64]:
    """Return the spread of a number in its own units; of a logarithm it depends on the number."""
    around = float(explanation.spread[own][0])
    if not getattr(field, "log", False):
        return np.full(len(expected), around)
    code = np.log1p(np.abs(expected[:, i].astype(np.float64)))
    return np.asarray((np.expm1(code + around) - np.expm1(np.maximum(code - around, 0.0))) / 2)
