"""Rows and grids of images, joined to one picture so that a hundred cost no more than one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._mosaic import Mosaic, as_images, in_rows, join, shades, value_limits
from isthmus.plotting._style import INK, TEXT_SIZE, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["image_rows", "sample_grid", "walk"]

_INCHES = 0.72  # longer side of a tile on paper


def image_rows(
    rows: Mapping[str, Any],
    *,
    n_images: int = 10,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw one row of images a name, below one another: originals, reconstructions, …

    Parameters
    ----------
    rows : mapping of str to array-like
        Label of each row to its images, ``(n, height, width)``, ``(n, height, width, channels)``
        with 1, 3 or 4 channels, or ``(n, values)`` together with `image_shape`.
    n_images : int, default 10
        Columns: the first `n_images` of each row, fewer where a row has fewer.
    image_shape : tuple of int, optional
        Shape of one image, where the rows hold flat ones.
    value_range : (float, float), optional
        Values shown as black and as white, the same in all rows. Without it: 0 and 255 for 8-bit
        images, 0 and 1 if the first row lies between, else the ends of the first row.
    title : str, optional
        Text above the picture.
    ax : matplotlib Axes or Figure, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no images or their shapes are none of the above.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(0, 1, 3 * 16).reshape(3, 16)
    >>> figure = image_rows({"data": X, "half": X / 2}, image_shape=(4, 4))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['data', 'half']
    """
    if not rows:
        raise InvalidInputError("rows: expected at least one row of images, got none; name one")
    stacks = [as_images(images, image_shape, f"rows[{name!r}]") for name, images in rows.items()]
    limits = value_limits(next(iter(rows.values())), stacks[0], value_range)
    columns = max(1, min(int(n_images), max(len(stack) for stack in stacks)))
    mosaic = join([list(shades(stack[:columns], limits)) for stack in stacks])
    figure, axes = _show(mosaic, ax, title, left=max(map(_text_width, rows)) + 0.1)
    axes.set_yticks(mosaic.row_middles, list(rows), color=INK, fontsize=TEXT_SIZE, parse_math=False)
    return figure


def sample_grid(
    images: Any,
    *,
    n_columns: int | None = None,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw images in a grid, row by row.

    Parameters
    ----------
    images : array-like
        ``(n, height, width[, channels])``, or ``(n, values)`` together with `image_shape`.
    n_columns : int, optional
        Images a row; without it, a grid about twice as wide as high.
    image_shape, value_range, title, ax
        As in `image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no images or their shapes are none of the above.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> figure = sample_grid(np.zeros((8, 4, 4)), n_columns=4)
    >>> len(figure.axes)
    1
    """
    stack = as_images(images, image_shape, "images")
    limits = value_limits(images, stack, value_range)
    return _show(join(in_rows(shades(stack, limits), n_columns)), ax, title)[0]


def walk(
    images: Any,
    *,
    ends: tuple[str, str] | None = None,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw the steps of a walk through the latent space, decoded, from left to right.

    Parameters
    ----------
    images : array-like
        Steps in order, ``(n, height, width[, channels])``, or flat with `image_shape`.
    ends : (str, str), optional
        Texts under the first and the last step.
    image_shape, value_range, title, ax
        As in `image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no images or their shapes are none of the above.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> figure = walk(np.zeros((5, 4, 4)), ends=("a three", "an eight"))
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['a three', 'an eight']
    """
    stack = as_images(images, image_shape, "images")
    mosaic = join([list(shades(stack, value_limits(images, stack, value_range)))])
    figure, axes = _show(mosaic, ax, title, bottom=0.25 if ends else 0.0)
    if ends is not None:
        places = [mosaic.column_middles[0], mosaic.column_middles[-1]]
        axes.set_xticks(places, list(ends), color=INK, fontsize=TEXT_SIZE, parse_math=False)
    return figure


def _show(
    mosaic: Mosaic, ax: Any, title: str | None, *, left: float = 0.0, bottom: float = 0.0
) -> tuple[Figure, Axes]:
    """Draw a mosaic; a new figure fits it exactly, with room in inches for texts beside it.

    The room is reckoned here because matplotlib's layout engines misjudge the labels of axes
    whose aspect is fixed, and cut them off.
    """
    height, width = mosaic.picture.shape[0], mosaic.picture.shape[1]
    wide, high = (side * _INCHES / mosaic.tile for side in (width, height))
    edge, top = 0.06, 0.3 if title else 0.0
    if ax is None:
        size = left + wide + 2 * edge, bottom + high + top + 2 * edge
        figure, axes = new_axes(None, *size, layout=None)
        axes.set_position(
            (
                (left + edge) / size[0],
                (bottom + edge) / size[1],
                wide / size[0],
                high / size[1],
            )
        )
    else:
        figure, axes = new_axes(ax, 0, 0)
    # "none" puts the pixels as they are into an SVG or PDF, where other settings blur them.
    axes.imshow(mosaic.picture, interpolation="none", aspect="equal")
    tidy(axes, title=title, grid=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    return figure, axes


def _text_width(text: str) -> float:
    """Return the width of a label in inches."""
    path = require("matplotlib.textpath", "plot").TextPath((0, 0), text or " ", size=TEXT_SIZE)
    return float(path.get_extents().width) / 72
