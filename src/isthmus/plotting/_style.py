"""The look that all figures share, set on each figure and never on matplotlib's global state.

Figures are made from `matplotlib.figure.Figure` directly: pyplot keeps every figure in a global
list, wants a display, and is not safe in threads; ``rc_context`` changes settings for all threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["INK", "PALETTE", "PAPER", "TEXT_SIZE", "colours", "new_axes", "tidy"]

# Ink and paper are plain black and white but for one step in blue, so that the report can find
# them in an SVG and exchange them for the colours of a light or dark page.
INK = "#1d2127"
PAPER = "#fdfdfe"
TEXT_SIZE = 10.0
TITLE_SIZE = 11.5
SMALL_SIZE = 9.0

# Ten colours chosen to stay apart under the three common kinds of colour blindness and to be
# readable on white and on near-black (M. A. Petroff, 2021, "Accessible color sequences for data
# visualization", arXiv:2107.02270).
PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)


def colours(count: int) -> list[Any]:
    """Return `count` colours: the palette while it lasts, then even steps of a colour map."""
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    steps = require("matplotlib", "plot").colormaps["turbo"].resampled(count)
    return [steps(step) for step in range(count)]


def new_axes(
    ax: Any, width: float, height: float, *, layout: str | None = "constrained"
) -> tuple[Figure, Axes]:
    """Return the given axes and their figure, or new ones of that size in inches."""
    figure_class = require("matplotlib.figure", "plot").Figure
    axes_class = require("matplotlib.axes", "plot").Axes
    if ax is None:
        figure = figure_class(figsize=(width, height), layout=layout, facecolor=PAPER)
        return figure, figure.add_subplot()
    if isinstance(ax, figure_class):
        return ax, ax.add_subplot()
    if not isinstance(ax, axes_class):
        raise InvalidInputError(
            f"ax: expected matplotlib axes or a Figure, got {type(ax).__name__}; "
            "leave it out for a new figure"
        )
    return ax.get_figure(root=True), ax


def tidy(
    ax: Axes,
    *,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    grid: bool = True,
) -> None:
    """Give axes the shared look: ink on nothing, two thin spines, a faint grid."""
    ax.set_facecolor("none")
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=INK, alpha=0.45, linewidth=0.8)
    ax.tick_params(colors=INK, labelsize=SMALL_SIZE, length=3, width=0.8)
    for label, put in ((xlabel, ax.set_xlabel), (ylabel, ax.set_ylabel)):
        if label is not None:
            put(label, color=INK, fontsize=TEXT_SIZE, parse_math=False)
    if title is not None:
        ax.set_title(
            title, color=INK, fontsize=TITLE_SIZE, loc="left", fontweight="bold", parse_math=False
        )
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, color=INK, alpha=0.12, linewidth=0.8)
    else:
        ax.grid(False)
