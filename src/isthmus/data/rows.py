"""What a `Summary` holds of the rows themselves: a few of them, and a digest of all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from isthmus.data.schema import Schema

__all__ = ["Digest", "KeptRows"]

_MOST_ROWS, _MOST_VALUES = 1024, 1 << 24
_SEGMENT = 1 << 17  # values that are hashed together


@dataclass(frozen=True)
class KeptRows:
    """A random choice of rows that does not depend on how the data were cut into blocks.

    Each row has a key that is worked out from its number; the rows with the least keys are kept.

    Parameters
    ----------
    numbers : ndarray of int64, of shape (kept,)
        The numbers of the rows, in ascending order.
    rows : ndarray of shape (kept, *sample_shape)
        The rows, at most 1024, or fewer where they are large.
    """

    numbers: NDArray[np.int64]
    rows: NDArray[Any]

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema, start: int) -> Self:
        """Choose from the rows (n, *sample_shape), the first of which has the number `start`.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        start : int
            The number of the first row among all data.
        """
        chosen = _least(np.arange(start, start + len(array)), schema.n_values)
        return cls(chosen + start, array[chosen])  # indexed by numbers: a copy

    def merge(self, other: KeptRows) -> KeptRows:
        """Return what is kept of the rows of both."""
        numbers = np.concatenate([self.numbers, other.numbers])
        rows = np.concatenate([self.rows, other.rows])
        chosen = _least(numbers, rows[0].size)
        return KeptRows(numbers[chosen], rows[chosen])


def _least(numbers: NDArray[np.int64], n_values: int) -> NDArray[np.int64]:
    """Return the places of the numbers with the least keys, in ascending order."""
    most = max(16, min(_MOST_ROWS, _MOST_VALUES // n_values))
    if len(numbers) <= most:
        return np.arange(len(numbers))
    key = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)  # splitmix64: a bijection
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    return np.sort(np.argpartition(key, most)[:most])


@dataclass(frozen=True)
class Digest:
    """SHA-256 of all rows in order, of which parts can be joined.

    Rows are hashed in segments of a fixed number of them, counted from row 0 of all data, and the
    digest is that of the segments' hashes. What is not yet a whole segment is kept as it is.
    Values are hashed as float64 (bytes and booleans as bytes).

    Parameters
    ----------
    start : int
        Number of the first row.
    head, tail : bytes
        The rows before the first whole segment, and those after the last one.
    hashes : bytes
        Those of the whole segments, 32 bytes each.
    n_rows : int
        Rows in all.
    shape : tuple of int
        The shape of a row.
    """

    start: int
    head: bytes
    hashes: bytes
    tail: bytes
    n_rows: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema, start: int) -> Self:
        """Return the digest of rows (n, *sample_shape), the first of which has the number `start`.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        start : int
            The number of the first row among all data.
        """
        per = _per_segment(schema.sample_shape)
        first = min(-start % per, len(array))
        whole = first + (len(array) - first) // per * per
        hashes = [
            hashlib.sha256(_bytes(array[at : at + per])).digest() for at in range(first, whole, per)
        ]
        head, tail = _bytes(array[:first]), _bytes(array[whole:])
        return cls(start, head, b"".join(hashes), tail, len(array), schema.sample_shape)

    def merge(self, other: Digest) -> Digest:
        """Return the digest of these rows and those of `other`, which come next."""
        per = _per_segment(self.shape)
        n_rows = self.n_rows + other.n_rows
        if self.n_rows <= -self.start % per:  # no segment has begun: all of it is head
            head = self.head + other.head
            return Digest(self.start, head, other.hashes, other.tail, n_rows, self.shape)
        middle, hashes = self.tail + other.head, self.hashes
        if other.n_rows < -other.start % per:  # the segment that has begun is not full yet
            return Digest(self.start, self.head, hashes, middle, n_rows, self.shape)
        if middle:
            hashes += hashlib.sha256(middle).digest()
        return Digest(self.start, self.head, hashes + other.hashes, other.tail, n_rows, self.shape)

    def hexdigest(self) -> str:
        """Return the digest of the rows so far: 64 hexadecimal digits."""
        found = hashlib.sha256(repr((self.start, self.n_rows, self.shape)).encode())
        for part in (self.head, self.hashes, self.tail):
            found.update(hashlib.sha256(part).digest())
        return found.hexdigest()


def _per_segment(shape: tuple[int, ...]) -> int:
    return max(1, _SEGMENT // max(1, int(np.prod(shape))))


def _bytes(rows: NDArray[Any]) -> bytes:
    return rows.astype("u1" if rows.dtype in (np.uint8, np.bool_) else "<f8").tobytes()
