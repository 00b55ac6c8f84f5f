"""What happened in each epoch of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus.errors import InvalidInputError, require

__all__ = ["History"]


class History:
    """One record an epoch: losses in nats a sample, the learning rate, coefficients, seconds.

    The columns are ``epoch`` (from 1), ``loss`` (the weighted sum that was minimised), one a term
    (``reconstruction``, ``divergence``, the penalties, each without its coefficient), the same with
    ``val_`` in front where rows were held out, ``learning_rate``, ``coefficient_NAME`` for each
    term that has one, and ``seconds`` since the fit began.

    Parameters
    ----------
    records : iterable of mapping, optional
        Records to begin with.

    Examples
    --------
    >>> history = History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}])
    >>> history["loss"], len(history), history.names
    ([2.0, 1.5], 2, ['epoch', 'loss'])
    """

    def __init__(self, records: Iterable[Mapping[str, float]] = ()) -> None:
        self.records: list[dict[str, float]] = [dict(record) for record in records]

    @property
    def names(self) -> list[str]:
        """The columns, in the order in which they first appeared."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def append(self, record: Mapping[str, float]) -> None:
        """Add the record of one epoch."""
        self.records.append(dict(record))

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> list[float]:
        """Return one column as a list, NaN where an epoch has no such value."""
        if name not in self:
            raise InvalidInputError(
                f"history: expected one of {', '.join(self.names)}; got {name!r}"
            )
        return [record.get(name, float("nan")) for record in self.records]

    def to_frame(self) -> Any:
        """Return the records as a pandas DataFrame, one row an epoch, indexed by ``epoch``."""
        pandas = require("pandas", "table")
        return pandas.DataFrame(self.records, columns=self.names or ["epoch"]).set_index("epoch")

    def __repr__(self) -> str:
        if not self.records:
            return "History(0 epochs)"
        last = self.records[-1]
        shown = ", ".join(f"{k}={last[k]:.6g}" for k in ("loss", "val_loss") if k in last)
        return f"History({len(self)} epochs, {shown})"
