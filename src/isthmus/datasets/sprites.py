"""Sprites: small pictures of which all factors of variation are known (the recipe of dSprites)."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count

__all__ = [
    "SPRITE_FACTORS",
    "SPRITE_SIZES",
    "make_sprites",
    "sprite_factors",
    "sprite_indices",
]

SPRITE_FACTORS = ("shape", "scale", "orientation", "position_x", "position_y")
SPRITE_SIZES = (3, 6, 40, 32, 32)  # different values of each; 737,280 images in all
_SHAPES = ("square", "ellipse", "heart")

# Lengths are in 64ths of the frame. The centre moves by one of them from place to place, and no
# sprite reaches further than 16 from its centre, so that all are inside the frame. At equal scale
# the three have equal areas: how much is drawn says nothing about the shape.
_FRAME = 64.0
_FIRST_CENTRE, _LAST_CENTRE = 16.5, 47.5
_HALF_SIDE = 11.2
_AREA = (2 * _HALF_SIDE) ** 2
_ASPECT = 1.5
_SEMI_MINOR = math.sqrt(_AREA / (math.pi * _ASPECT))
_SEMI_MAJOR = _ASPECT * _SEMI_MINOR
# The heart (x² + y² − 1)³ ≤ x² y³, which has this area and this centroid.
_HEART_AREA, _HEART_CENTROID = 3.66197, 0.29349
_HEART = math.sqrt(_AREA / _HEART_AREA)

_SMALLEST = 16  # a frame of fewer pixels could miss a whole sprite
_CHUNK = 2**20  # pixels at a time, so that what is worked on stays in the cache


def sprite_factors(indices: Any) -> NDArray[np.int64]:
    """Return the factors of the sprites with these numbers.

    Parameters
    ----------
    indices : array-like of int of shape (n,)
        0 to 737,279, in the order of dSprites: the last factor varies fastest.

    Returns
    -------
    ndarray of shape (n, 5), int64
        Which value each of `SPRITE_FACTORS` has, counted from 0; see `make_sprites`.

    Raises
    ------
    InvalidInputError
        If `indices` are no whole numbers, or out of range.

    Examples
    --------
    >>> sprite_factors([0, 33, 737_279])
    array([[ 0,  0,  0,  0,  0],
           [ 0,  0,  0,  1,  1],
           [ 2,  5, 39, 31, 31]])
    """
    numbers = _whole(indices, "indices")
    total = math.prod(SPRITE_SIZES)
    if numbers.ndim != 1 or numbers.size == 0:
        raise InvalidInputError(
            f"indices: expected one number a sprite, shape (n,); got shape {numbers.shape}"
        )
    if numbers.min() < 0 or numbers.max() >= total:
        raise InvalidInputError(
            f"indices: expected 0 to {total - 1}; got {numbers.min()} to {numbers.max()}"
        )
    return np.stack(np.unravel_index(numbers, SPRITE_SIZES), axis=1).astype(np.int64)


def sprite_indices(factors: Any) -> NDArray[np.int64]:
    """Return the numbers of the sprites with these factors, the inverse of `sprite_factors`.

    Parameters
    ----------
    factors : array-like of int of shape (n, 5)
        Which value each of `SPRITE_FACTORS` has: 0 to 2, 5, 39, 31 and 31.

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    InvalidInputError
        If `factors` are no whole numbers, or out of range.

    Examples
    --------
    A heart of full size that walks from left to right:

    >>> walk = [[2, 5, 0, x, 16] for x in (0, 10, 20, 30)]
    >>> images, _ = make_sprites(indices=sprite_indices(walk))
    >>> [int(image.any(axis=0).argmax()) for image in images]
    [3, 13, 23, 33]
    """
    numbers = _whole(factors, "factors")
    if numbers.ndim != 2 or numbers.shape[1] != len(SPRITE_SIZES) or numbers.size == 0:
        raise InvalidInputError(
            f"factors: expected shape (n, {len(SPRITE_SIZES)}), one column for each of "
            f"{', '.join(SPRITE_FACTORS)}; got shape {numbers.shape}"
        )
    for name, size, column in zip(SPRITE_FACTORS, SPRITE_SIZES, numbers.T, strict=True):
        if column.min() < 0 or column.max() >= size:
            raise InvalidInputError(
                f"factors: expected {name} from 0 to {size - 1}; "
                f"got {column.min()} to {column.max()}"
            )
    return np.asarray(np.ravel_multi_index(tuple(numbers.T), SPRITE_SIZES), dtype=np.int64)


def make_sprites(
    n_samples: int = 100,
    *,
    indices: Any = None,
    size: int = 64,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Render sprites by the recipe of dSprites: one shape a picture, all its factors known.

    The factors and their values are those of dSprites (Matthey et al. 2017); the pictures are
    rendered here and are not the same to the pixel.

    ===============  ======  ======================================================
    factor           values  meaning
    ===============  ======  ======================================================
    ``shape``             3  square, ellipse (3 : 2), heart
    ``scale``             6  0.5 to 1, evenly; areas are equal at equal scale
    ``orientation``      40  0 to 2π, evenly and both ends included, clockwise
    ``position_x``       32  0 to 1, left to right: one 64th of the frame a step
    ``position_y``       32  0 to 1, top to bottom
    ===============  ======  ======================================================

    Parameters
    ----------
    n_samples : int, default=100
        How many, drawn without replacement; not used with `indices`.
    indices : array-like of int, optional
        Which sprites instead: their numbers, 0 to 737,279, see `sprite_indices`.
    size : int, default=64
        Height and width in pixels, at least 16. A pixel is 1 where its centre is in the sprite.
    random_state : int, RandomState, Generator or None, default=None
        Where the draw comes from; nothing is drawn with `indices`.

    Returns
    -------
    images : ndarray of shape (n, size, size), uint8
        0 and 1. Every sprite is wholly inside the frame.
    factors : ndarray of shape (n, 5), int64
        Which value each of `SPRITE_FACTORS` has, counted from 0.

    Raises
    ------
    InvalidInputError
        If `n_samples`, `indices` or `size` is out of range.

    Notes
    -----
    The first and the last orientation are one picture, as in dSprites; a square looks the same
    after each quarter of a turn, an ellipse after half a turn. No code of the picture alone can
    know the orientation of either.

    References
    ----------
    .. [1] L. Matthey, I. Higgins, D. Hassabis and A. Lerchner, "dSprites: Disentanglement testing
       sprites dataset" (2017), https://github.com/deepmind/dsprites-dataset. No DOI.

    Examples
    --------
    >>> images, factors = make_sprites(200, random_state=0)
    >>> images.shape, factors.shape
    ((200, 64, 64), (200, 5))
    >>> dict(zip(SPRITE_FACTORS, factors.max(axis=0).tolist()))
    {'shape': 2, 'scale': 5, 'orientation': 39, 'position_x': 31, 'position_y': 31}
    """
    check_count("size", size)
    if size < _SMALLEST:
        raise InvalidInputError(
            f"size: expected at least {_SMALLEST}, for smaller sprites would vanish; got {size}"
        )
    if indices is None:
        check_count("n_samples", n_samples)
        total = math.prod(SPRITE_SIZES)
        if n_samples > total:
            raise InvalidInputError(
                f"n_samples: expected at most {total}, for there are no more; got {n_samples}"
            )
        indices = _generator(random_state).choice(total, int(n_samples), replace=False)
    factors = sprite_factors(indices)
    ends = [(0, 0), (0.5, 1), (0, 2 * math.pi), *[(_FIRST_CENTRE, _LAST_CENTRE)] * 2]
    scale, angle, x, y = (
        np.linspace(low, high, count)[column]
        for (low, high), count, column in zip(
            ends[1:], SPRITE_SIZES[1:], factors.T[1:], strict=True
        )
    )
    return render(factors[:, 0], scale, angle, x, y, int(size)), factors


def render(
    shape: NDArray[Any],
    scale: NDArray[Any],
    angle: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    size: int,
) -> NDArray[np.uint8]:
    """Draw one sprite for each entry of the arrays, which are all of shape (n,).

    Parameters
    ----------
    shape : ndarray of int
        0 square, 1 ellipse, 2 heart.
    scale : ndarray
        1 is full size.
    angle : ndarray
        Radians, clockwise.
    x, y : ndarray
        Centre, in 64ths of the frame from its upper left corner.
    size : int
        Pixels a side.

    Returns
    -------
    ndarray of shape (n, size, size), uint8
    """
    images = np.empty((len(shape), size, size), dtype=np.uint8)
    centres = ((np.arange(size) + 0.5) * (_FRAME / size))[None]
    step = max(1, _CHUNK // size**2)
    for kind, name in enumerate(_SHAPES):
        members = np.flatnonzero(shape == kind)
        for start in range(0, len(members), step):
            rows = members[start : start + step]
            cosine, sine = np.cos(angle[rows])[:, None], np.sin(angle[rows])[:, None]
            # Turned back into the sprite's own axes: a sum of what depends on the column and what
            # depends on the row.
            across = (centres - x[rows, None]) / scale[rows, None]
            down = (centres - y[rows, None]) / scale[rows, None]
            u = _outer_sum(sine * down, cosine * across)
            v = _outer_sum(cosine * down, -sine * across)
            images[rows] = _inside(name, u, v)
    return images


def _outer_sum(down: NDArray[Any], across: NDArray[Any]) -> NDArray[np.float32]:
    """Return (n, size, size) of the sums of the entries of two arrays (n, size)."""
    single = np.float32
    return np.asarray(down.astype(single)[:, :, None] + across.astype(single)[:, None, :])


def _inside(name: str, u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which points of the sprite's own axes, v downwards, are in the shape of full size."""
    if name == "square":
        return np.maximum(np.abs(u), np.abs(v)) <= _HALF_SIDE
    if name == "ellipse":
        return np.asarray(np.square(u / _SEMI_MAJOR) + np.square(v / _SEMI_MINOR) <= 1)
    u, v = u / _HEART, _HEART_CENTROID - v / _HEART
    square = np.square(u)
    rest = square + np.square(v) - 1
    return np.asarray(rest * np.square(rest) <= square * np.square(v) * v)


def _whole(numbers: Any, name: str) -> NDArray[np.int64]:
    """Return numbers as int64, or say that they are no whole numbers."""
    array = np.asarray(numbers)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise InvalidInputError(
            f"{name}: expected whole numbers, counted from 0; got values of type {array.dtype}"
        )
    return array.astype(np.int64)


def _generator(random_state: Any) -> np.random.Generator | np.random.RandomState:
    if isinstance(random_state, np.random.Generator | np.random.RandomState):
        return random_state
    whole = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    if random_state is not None and (not whole or random_state < 0):
        raise InvalidInputError(
            "random_state: expected a whole number of at least 0, a RandomState, a Generator or "
            f"None; got {random_state!r}"
        )
    return np.random.default_rng(random_state)
