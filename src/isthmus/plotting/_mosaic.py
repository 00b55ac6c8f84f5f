"""Images joined to one picture with transparent gaps: plain arrays, no matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = ["Mosaic", "as_images", "in_rows", "join", "shades", "value_limits"]

_TILE = 64  # pixels a side of a tile in the joined picture, about: small images are enlarged


@dataclass(frozen=True)
class Mosaic:
    """A joined picture and where its tiles are, in pixels.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 4)
        Red, green, blue, opacity.
    row_middles, column_middles : tuple of float
        Middles of the tiles.
    tile : int
        Longer side of a tile.
    """

    picture: NDArray[np.uint8]
    row_middles: tuple[float, ...]
    column_middles: tuple[float, ...]
    tile: int


def as_images(images: Any, image_shape: tuple[int, ...] | None, name: str) -> NDArray[np.float64]:
    """Return images as floats of shape (n, height, width, 1 or 3 or 4)."""
    try:
        stack = np.asarray(images, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name}: expected an array of numbers, got {type(images).__name__}; "
            "pass images as (n, height, width[, channels])"
        ) from error
    if image_shape is not None and stack.ndim and stack.shape[1:] != tuple(image_shape):
        if stack[:1].size != math.prod(image_shape):
            raise InvalidInputError(
                f"{name}: expected {math.prod(image_shape)} values an image for image_shape="
                f"{tuple(image_shape)}, got shape {stack.shape}; correct image_shape"
            )
        stack = stack.reshape(len(stack), *image_shape)
    if stack.ndim == 3:
        stack = stack[..., None]
    if stack.ndim != 4 or stack.size == 0 or stack.shape[-1] not in (1, 3, 4):
        raise InvalidInputError(
            f"{name}: expected images (n, height, width) or (n, height, width, 1, 3 or 4 channels),"
            f" got shape {np.shape(images)}; pass image_shape=(height, width) for flat ones"
        )
    return stack


def value_limits(
    images: Any, stack: NDArray[np.float64], value_range: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the values of black and white."""
    if value_range is not None:
        low, high = map(float, value_range)
        if not low < high:
            raise InvalidInputError(
                f"value_range: expected (black, white) with black < white, got {value_range}; "
                "for example (0, 1)"
            )
        return low, high
    if getattr(images, "dtype", None) == np.uint8:
        return 0.0, 255.0
    low, high = float(np.nanmin(stack)), float(np.nanmax(stack))
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def shades(stack: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    """Map values to shades in [0, 1]; what lies outside of the range, and NaN, is clipped."""
    low, high = limits
    return np.nan_to_num(np.clip((stack - low) / (high - low), 0.0, 1.0))


def in_rows(
    stack: NDArray[np.float64], n_columns: int | None
) -> list[list[NDArray[np.float64] | None]]:
    """Break images into rows; without a number of columns, about twice as wide as high."""
    columns = n_columns or _columns(len(stack))
    return [
        [stack[i] if i < len(stack) else None for i in range(start, start + columns)]
        for start in range(0, len(stack), columns)
    ]


def _columns(count: int) -> int:
    """Return the columns of a grid twice as wide as high, about, so that its last row is full."""
    ideal = math.sqrt(2 * count)
    near = [c for c in range(1, count + 1) if count % c == 0 and ideal / 1.5 < c < ideal * 1.5]
    return min(near, key=lambda c: abs(c - ideal), default=max(1, min(count, math.ceil(ideal))))


def join(rows: Sequence[Sequence[NDArray[np.float64] | None]]) -> Mosaic:
    """Join rows of tiles in [0, 1]; an absent tile is transparent.

    Small images are enlarged by a whole number, so that every value is a square of the same size
    whatever the resolution they are drawn at. A row is as high as its own images.
    """
    shapes = [_first(row).shape for row in rows]
    zooms = [max(1, round(_TILE / max(int(shape[0]), int(shape[1])))) for shape in shapes]
    sizes = [(shape[0] * zoom, shape[1] * zoom) for shape, zoom in zip(shapes, zooms, strict=True)]
    tile_width = max(width for _, width in sizes)
    gap = max(2, max(height for height, _ in sizes) // 12)
    n_columns = max(len(row) for row in rows)
    lefts = [column * (tile_width + gap) for column in range(n_columns)]
    tops = [sum(height + gap for height, _ in sizes[:r]) for r in range(len(rows))]
    picture = np.zeros((tops[-1] + sizes[-1][0], lefts[-1] + tile_width, 4), np.uint8)
    for row, zoom, top, (height, width) in zip(rows, zooms, tops, sizes, strict=True):
        for tile, left in zip(row, lefts, strict=False):
            if tile is not None:
                picture[top : top + height, left : left + width] = _coloured(tile, zoom)
    return Mosaic(
        picture,
        tuple(top + size[0] / 2 - 0.5 for top, size in zip(tops, sizes, strict=True)),
        tuple(left + tile_width / 2 - 0.5 for left in lefts),
        max(max(size) for size in sizes),
    )


def _first(row: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    return next(tile for tile in row if tile is not None)


def _coloured(tile: NDArray[np.float64], zoom: int) -> NDArray[np.uint8]:
    """Return one image as red, green, blue, opacity, enlarged."""
    big = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
    opacity = big[..., 3:] if big.shape[-1] == 4 else np.ones_like(big[..., :1])
    colour = np.broadcast_to(big[..., :3], (*big.shape[:2], 3))
    return np.round(np.concatenate([colour, opacity], axis=-1) * 255).astype(np.uint8)
