"""Statistics of the rows of a fit, from which every "auto" is decided; made in parts and merged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.data.fences import Fences
from isthmus.data.rows import Digest, KeptRows
from isthmus.data.statistics import Extremes, Levels, Moments, Whole, flat_parts
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.data.schema import Schema

__all__ = ["Summary"]

_FEW_LEVELS = 256


class _Part(Protocol):
    def merge(self, other: Any) -> Any: ...


PartT = TypeVar("PartT", bound=_Part)


class Summary:
    """What must be known of some rows to choose scaling, likelihood and penalties.

    It is made from blocks of rows by `update`, in one pass, and summaries of consecutive rows can
    be joined by `merge`. `of` looks at an array in memory: at no more of it than is asked for, and
    again with the arithmetic of one block, so that the array must not change until then.

    A column is a feature of a table, or a channel of signals and images.

    Parameters
    ----------
    schema : Schema
        The form of a sample.
    start : int, default=0
        Number of the first row among all rows, where this is a later part of them.
    digest : bool, default=False
        Whether a digest of the rows is worked out as well (for rows in memory: when it is asked
        for).
    most_levels : int, default=256
        How many different values of a column are kept before they are given up.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    dtype : numpy.dtype or None
        That all blocks can be converted to; None before the first one.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus.data.schema import Schema
    >>> schema = Schema((2,), "table")
    >>> summary = Summary(schema).update(np.array([[0.0, 2.0]])).update(np.array([[1.0, np.nan]]))
    >>> summary.n_rows, summary.low.tolist(), summary.high.tolist(), summary.missing.tolist()
    (2, [0.0, 2.0], [1.0, 2.0], [0, 1])
    >>> summary.moments().mean.tolist()
    [0.5, 2.0]
    """

    def __init__(
        self,
        schema: Schema,
        *,
        start: int = 0,
        digest: bool = False,
        most_levels: int = _FEW_LEVELS,
    ) -> None:
        self.schema = schema
        self.start = start
        self.n_rows = 0
        self.dtype: np.dtype[Any] | None = None
        self._digested = digest
        self._most_levels = most_levels
        self._array: NDArray[Any] | None = None
        self._parts: dict[type, Any] = {}
        self._fences: Fences | None = None

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema) -> Self:
        """Return the summary of an array in memory, which it looks at when it is asked.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The data; NaN where missing.
        schema : Schema
            The form of a sample.
        """
        summary = cls(schema, digest=True)
        summary._array, summary.n_rows, summary.dtype = array, len(array), array.dtype
        return summary

    # In one pass -----------------------------------------------------------------------------

    def update(self, block: NDArray[Any]) -> Self:
        """Add the next rows (n, *sample_shape), which are looked at now; return this summary.

        Raises
        ------
        InvalidInputError
            If samples have another shape.
        """
        if block.shape[1:] != self.schema.sample_shape:
            raise InvalidInputError(
                f"block: expected samples of shape {self.schema.sample_shape}; "
                f"got {block.shape[1:]}"
            )
        if len(block) == 0:
            return self
        later = Summary(
            self.schema,
            start=self.start + self.n_rows,
            digest=self._digested,
            most_levels=self._most_levels,
        )
        later._array, later.n_rows, later.dtype = block, len(block), block.dtype
        return self.merge(later)

    def merge(self, other: Summary) -> Self:
        """Add the rows of `other`, which come right after these; return this summary.

        Raises
        ------
        InvalidInputError
            If `other` is of other samples, or does not begin where this one ends.
        """
        if other.schema != self.schema or other.start != self.start + self.n_rows:
            raise InvalidInputError(
                f"other: expected {self.schema} from row {self.start + self.n_rows}; "
                f"got {other.schema} from row {other.start}"
            )
        if other.n_rows == 0:
            return self
        self._digested = self._digested and other._digested
        self._most_levels = min(self._most_levels, other._most_levels)
        kinds: list[Any] = [
            Extremes,
            Whole,
            Moments,
            Levels,
            KeptRows,
            *([Digest] if self._digested else []),
        ]
        parts: dict[type, Any] = {kind: other._part(kind) for kind in kinds}
        if self.n_rows:
            parts = {kind: self._part(kind).merge(part) for kind, part in parts.items()}
        self.dtype = other.dtype if self.dtype is None else np.result_type(self.dtype, other.dtype)
        self.n_rows += other.n_rows
        self._parts, self._array, self._fences = parts, None, None
        return self

    def _part(self, kind: type[PartT]) -> PartT:
        """Return one part; of an array in memory it is worked out now."""
        if kind not in self._parts:
            if self._array is None or len(self._array) == 0:
                raise InvalidInputError("summary: there are no rows in it")
            options = {
                Levels: (self._most_levels,),
                KeptRows: (self.start,),
                Digest: (self.start,),
            }.get(kind, ())
            self._parts[kind] = kind.of(self._array, self.schema, *options)  # type: ignore[attr-defined]
        part: PartT = self._parts[kind]
        return part

    # What it says ------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.schema.module_shape[0]

    @property
    def extremes(self) -> Extremes:
        """Least and greatest value, and number of missing ones, of each entry of a sample."""
        return self._part(Extremes)

    @property
    def low(self) -> NDArray[np.float64]:
        """The least value of each column; NaN where there is none."""
        low: NDArray[np.float64] = np.fmin.reduce(self._by_column(self.extremes.low), axis=1)
        return low

    @property
    def high(self) -> NDArray[np.float64]:
        """The greatest value of each column; NaN where there is none."""
        high: NDArray[np.float64] = np.fmax.reduce(self._by_column(self.extremes.high), axis=1)
        return high

    @property
    def missing(self) -> NDArray[np.int64]:
        """How many values of each column are missing."""
        missing: NDArray[np.int64] = self._by_column(self.extremes.missing).sum(1)
        return missing

    @property
    def all_missing(self) -> bool:
        """Whether there is no value at all."""
        return bool(np.isnan(self.extremes.low).all())

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Whether all values of a column are equal, or there are none."""
        return ~(self.low < self.high)

    @property
    def whole(self) -> Whole:
        """Whether all values of a column are whole numbers."""
        return self._part(Whole)

    @property
    def levels(self) -> list[NDArray[np.float64] | None]:
        """The different values of each column in order; None where there are too many."""
        return self._part(Levels).seen

    @property
    def kept(self) -> KeptRows:
        """A few rows, the same ones however the data were cut."""
        return self._part(KeptRows)

    @property
    def rows(self) -> NDArray[Any]:
        """Rows to draw from, (m, *sample_shape): all of them in memory, else those kept."""
        return self.kept.rows if self._array is None else self._array

    @property
    def digest(self) -> str:
        """SHA-256 of all rows in order, 64 hexadecimal digits.

        Raises
        ------
        InvalidInputError
            If it was not asked for when the summary was made.
        """
        if not self._digested:
            raise InvalidInputError("digest: was not asked for; make it Summary(..., digest=True)")
        return self._part(Digest).hexdigest()

    @property
    def fences(self) -> Fences:
        """Bounds beyond which values tell nothing of the spread; from the rows that are kept."""
        if self._fences is None:
            self._fences = Fences.of(self.kept.rows, self.schema)
        return self._fences

    @property
    def wild(self) -> NDArray[np.bool_]:
        """Whether a column has values beyond its fences."""
        beyond: NDArray[np.bool_] = (self.low < self.fences.low) | (self.high > self.fences.high)
        return beyond

    def usual_moments(self, columns: NDArray[np.bool_]) -> Moments:
        """Return mean and squared deviation of the columns marked, of what lies in the fences.

        Of a column without wild values they are those of all rows, else those of the rows kept.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of what is set aside below
            moments, wild = self.moments(columns), self.wild[columns]
        if not wild.any():
            return moments
        low, high = self.fences.low, self.fences.high
        kept = Moments(np.zeros(self.width), np.zeros(self.width), np.zeros(self.width))
        for part in flat_parts(self.kept.rows, self.schema):
            inside = (part >= low) & (part <= high)
            kept = kept.merge(Moments.of_values(np.where(inside, part, np.nan)))
        of_kept = (kept.count[columns], kept.mean[columns], kept.squares[columns])
        of_all = (moments.count, moments.mean, moments.squares)
        return Moments(*(np.where(wild, a, b) for a, b in zip(of_kept, of_all, strict=True)))

    def moments(self, columns: NDArray[np.bool_] | None = None) -> Moments:
        """Return mean and squared deviation of all columns, or of those marked."""
        if columns is None or columns.all():
            return self._part(Moments)
        if self._array is not None:  # the last bits depend on which columns stand side by side
            return Moments.of(self._array, self.schema, columns)
        all_of_them = self._part(Moments)
        return Moments(
            all_of_them.count[columns], all_of_them.mean[columns], all_of_them.squares[columns]
        )

    def values(self) -> Iterator[NDArray[Any]]:
        """Yield arrays (m, columns) in which every known value of every column stands.

        For rows in memory it is they; else one array of the levels, NaN where a column has fewer.
        Of a column with too many levels only the extremes are there.
        """
        if self._array is not None:
            yield from flat_parts(self._array, self.schema)
            return
        seen = [
            np.array([low, high]) if levels is None else levels
            for levels, low, high in zip(self.levels, self.low, self.high, strict=True)
        ]
        table = np.full((max(map(len, seen)), self.width), np.nan)
        for column, levels in enumerate(seen):
            table[: len(levels), column] = levels
        yield table.astype(np.float32) if self.dtype == np.float32 else table

    def too_many(self) -> NDArray[np.bool_]:
        """Tell of each column whether `values` has left out values that are no whole numbers."""
        if self._array is not None:
            return np.zeros(self.width, dtype=bool)
        return np.array([levels is None for levels in self.levels]) & ~self.whole.rounded

    def _by_column(self, entries: NDArray[Any]) -> NDArray[Any]:
        """Return something of each entry of a sample as (columns, entries)."""
        columns: NDArray[Any] = self.schema.channels_first(entries[None])[0]
        return columns.reshape(self.width, -1)
