"""Which rows are held out: a function of their numbers and a seed, without a list of all rows.

The rows 0 … n − 1 are permuted by a key, and those that land on the first `count` places are held
out. The permutation is a Feistel network: it is worked out for any row by itself, so that a stream
needs no memory for it, and every process of several finds the same rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.errors import InvalidInputError
from isthmus.nn.noise import seed_of

__all__ = ["held_out", "held_out_by_hash", "permuted"]

_ROUNDS = 6


def permuted(rows: ArrayLike, n_rows: int, seed: int) -> NDArray[np.int64]:
    """Return where a permutation of 0 … `n_rows` − 1 takes some of these numbers.

    A Feistel network permutes the numbers below the next power of two; one that it takes beyond the
    last row goes on until it is back (cycle walking), which on average takes less than four rounds.

    Parameters
    ----------
    rows : array-like of int, any shape
        Numbers from 0 to below `n_rows`.
    n_rows : int
        How many there are.
    seed : int
        Which permutation.

    Returns
    -------
    ndarray of int64, in the shape of `rows`

    Raises
    ------
    InvalidInputError
        If a number is not in that range.

    Examples
    --------
    >>> sorted(permuted(range(5), 5, seed=0).tolist())
    [0, 1, 2, 3, 4]
    """
    numbers = np.asarray(rows, dtype=np.int64)
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < n_rows):
        raise InvalidInputError(
            f"rows: expected numbers from 0 to {n_rows - 1}; got {numbers.min()} to {numbers.max()}"
        )
    half = max((max(n_rows - 1, 1).bit_length() + 1) // 2, 1)
    keys = [seed_of(seed, n_rows, number) for number in range(_ROUNDS)]
    places = _feistel(numbers.astype(np.uint64).ravel(), half, keys)
    while (beyond := np.flatnonzero(places >= n_rows)).size:
        places[beyond] = _feistel(places[beyond], half, keys)
    return places.astype(np.int64).reshape(numbers.shape)


def held_out(rows: ArrayLike, n_rows: int, count: int, seed: int) -> NDArray[np.bool_]:
    """Tell which rows are held out, where exactly `count` of `n_rows` are to be.

    Parameters
    ----------
    rows : array-like of int, any shape
        Numbers of rows, from 0 to below `n_rows`: all of them, or those that are at hand.
    n_rows : int
        Rows in all.
    count : int
        Rows to hold out.
    seed : int
        The key of the permutation.

    Returns
    -------
    ndarray of bool, in the shape of `rows`

    Examples
    --------
    >>> int(held_out(range(100), 100, 10, seed=0).sum())
    10
    """
    return permuted(rows, n_rows, seed) < count


def held_out_by_hash(rows: ArrayLike, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Tell which rows are held out where nobody knows how many rows there will be.

    Each row is held out with the same chance, by a hash of its number; their count is therefore
    that of a draw.

    Parameters
    ----------
    rows : array-like of int, any shape
        Numbers of rows, at least 0.
    fraction : float
        The chance, from 0 to 1.
    seed : int
        The key of the hash.

    Returns
    -------
    ndarray of bool, in the shape of `rows`

    Examples
    --------
    >>> share = held_out_by_hash(range(10_000), 0.1, seed=0).mean()
    >>> bool(abs(share - 0.1) < 0.01)
    True
    """
    numbers = np.asarray(rows, dtype=np.int64).astype(np.uint64)
    hashed = _mixed(_mixed(numbers, seed_of(seed, 0)), seed_of(seed, 1))
    shares: NDArray[np.float64] = (hashed >> np.uint64(11)).astype(np.float64) / 2**53
    return shares < fraction


def _feistel(numbers: NDArray[np.uint64], half: int, keys: list[int]) -> NDArray[np.uint64]:
    """Permute numbers of 2 · `half` bits: each round adds to one half a hash of the other."""
    mask, shift = np.uint64((1 << half) - 1), np.uint64(half)
    left, right = numbers >> shift, numbers & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right, key) & mask)
    joined: NDArray[np.uint64] = (left << shift) | right
    return joined


def _mixed(numbers: NDArray[np.uint64], key: int) -> NDArray[np.uint64]:
    """Hash 64 bits to 64 bits: the finaliser of SplitMix64, of the sum with a key."""
    hashed = numbers + np.uint64(key)  # arithmetic of unsigned arrays is modulo 2⁶⁴
    hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = hashed ^ (hashed >> np.uint64(31))
    return mixed
