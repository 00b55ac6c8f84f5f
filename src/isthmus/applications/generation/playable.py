"""Can a level be played? Rules for its tiles, and a path finder limited by gravity and jumps."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.applications.generation.legend import SUPER_MARIO, Legend
from isthmus.applications.generation.levels import as_level
from isthmus.errors import InvalidInputError, check_count

__all__ = ["Fault", "Playability", "check_levels", "find_faults", "find_path"]

_BESIDE = {"<": (">", 1), ">": ("<", -1), "[": ("]", 1), "]": ("[", -1)}
_OFF_THE_FLOOR = "Eo?Q"  # never in the last row, which is the ground or a fall


class Fault(NamedTuple):
    """A tile that breaks a rule.

    Parameters
    ----------
    rule : {"pipe", "cannon", "ground", "floor"}
        Which rule, see `find_faults`.
    row, column : int
        Where, from the top left.
    """

    rule: str
    row: int
    column: int


class Playability(NamedTuple):
    """What `check_levels` says of each level.

    Parameters
    ----------
    consistent : ndarray of bool, shape (n,)
        No tile breaks a rule.
    passable : ndarray of bool, shape (n,)
        There is a path from the left edge to the right.
    """

    consistent: NDArray[np.bool_]
    passable: NDArray[np.bool_]

    @property
    def playable(self) -> NDArray[np.bool_]:
        """Both: bool (n,)."""
        return self.consistent & self.passable


def find_faults(level: ArrayLike, legend: Legend = SUPER_MARIO) -> list[Fault]:
    """Return the tiles that break a rule, in the notation of the Video Game Level Corpus.

    Nothing is said of what lies beyond the edges of a window. The rules:

    - "pipe": ``<`` is left of ``>`` and ``[`` left of ``]``. The pieces of a pipe in one column,
      without a break, are one mouth (``<`` or ``>``) and trunk (``[`` or ``]``): the mouth on top
      and something solid under the trunk, or the mouth below and something solid above. What an
      edge cuts off may lack its mouth.
    - "cannon": ``B`` or ``b`` is above every ``b``, and something solid is below ``B`` and ``b``.
    - "ground": a tile ``X`` above the last row has another one on one of its four sides. Single
      blocks are of other kinds; ground comes in slabs, steps and pillars.
    - "floor": no enemy, coin or question block is in the last row.

    Parameters
    ----------
    level : array-like of shape (height, width)
        Classes.
    legend : Legend, default=SUPER_MARIO
        The game's; rules for symbols that it does not have say nothing.

    Returns
    -------
    list of Fault
        By row, then column.

    Examples
    --------
    >>> from isthmus.applications.generation import parse_level
    >>> find_faults(parse_level("-<>- X[]X"))
    []
    >>> find_faults(parse_level("-<-- X[]X"))
    [Fault(rule='pipe', row=0, column=1), Fault(rule='pipe', row=1, column=2)]
    """
    classes = as_level(level, legend)
    tiles, solid = legend.characters(classes), legend.solid[classes]
    height, width = tiles.shape

    faults = [*dict.fromkeys(_pipes(tiles, solid))]
    for row, column in np.argwhere(tiles != legend.symbols[legend.empty]).tolist():
        tile = str(tiles[row, column])
        last = row == height - 1
        above = str(tiles[row - 1, column]) if row else "b"
        if tile in "Bb":
            if not (last or solid[row + 1, column]) or (tile == "b" and above not in "Bb"):
                faults.append(Fault("cannon", row, column))
        elif tile == "X" and not last:
            inside = row > 0 and 0 < column < width - 1  # else there may be one beyond the edge
            left, right = tiles[row, column - 1], tiles[row, min(column + 1, width - 1)]
            sides = (above, tiles[row + 1, column], left, right)
            if inside and "X" not in sides:
                faults.append(Fault("ground", row, column))
        elif tile in _OFF_THE_FLOOR and last:
            faults.append(Fault("floor", row, column))
    return sorted(faults, key=lambda fault: fault[1:])


def _pipes(tiles: NDArray[np.str_], solid: NDArray[np.bool_]) -> Iterator[Fault]:
    """Give the tiles of pipes that lack their other half, and the tops of pipes that are broken."""
    height, width = tiles.shape
    for row, column in np.argwhere(np.isin(tiles, list(_BESIDE))).tolist():
        other, way = _BESIDE[str(tiles[row, column])]
        if 0 <= column + way < width and tiles[row, column + way] != other:
            yield Fault("pipe", row, column)
        if row and _side(tiles[row - 1, column]) == _side(tiles[row, column]):
            continue  # not the top of its pipe
        end = row + 1
        while end < height and _side(tiles[end, column]) == _side(tiles[row, column]):
            end += 1
        mouths = [r for r in range(row, end) if tiles[r, column] in "<>"]
        at_top = row == 0 or bool(solid[row - 1, column])  # the pipe hangs from there
        at_end = end == height or bool(solid[end, column])  # the pipe stands there
        stands = (mouths == [row] or (not mouths and row == 0)) and at_end
        hangs = (mouths == [end - 1] or (not mouths and end == height)) and at_top
        if not (stands or hangs):
            yield Fault("pipe", row, column)


def _side(tile: str) -> str:
    """Return which half of a pipe a tile is: left, right, or none."""
    return {"<": "left", "[": "left", ">": "right", "]": "right"}.get(tile, tile)


def find_path(
    level: ArrayLike,
    legend: Legend = SUPER_MARIO,
    *,
    jump_height: int = 4,
    hang: int = 2,
) -> NDArray[np.int64] | None:
    """Look for a way through a level from left to right: A* over what a player can do.

    The player is one tile large. In a tick it moves up, down or not, and then one column to a side
    or not, and every tile it enters must be free. Standing on something solid it may stay, walk or
    jump. A jump rises one row a tick for `jump_height` ticks, less if its head meets something
    solid, and keeps its height for `hang` more; after that, and beside an edge, it falls one row a
    tick. So it gets onto a wall of `jump_height` tiles, and over a gap of 2 · `jump_height` +
    `hang` − 1. It cannot leave the level at the top, and falls out of it at the bottom.

    The start is any place to stand in the leftmost column that has one. For a window that begins
    in a gap it may lie as far in as a jump could have come; the end is any place in the last
    column, in the air too: what lies beyond the edges is not known.

    Parameters
    ----------
    level : array-like of shape (height, width)
        Classes.
    legend : Legend, default=SUPER_MARIO
        Says which are solid. Enemies do not block: they can be jumped over or on.
    jump_height : int, default=4
        Tiles.
    hang : int, default=2
        Ticks at the top of a jump; 0 for none.

    Returns
    -------
    ndarray of int64, shape (n, 2), or None
        Row and column at each tick, on a way of the fewest ticks, and of those one with the fewest
        in the air; None if there is none.

    References
    ----------
    .. [1] P. E. Hart, N. J. Nilsson and B. Raphael, "A formal basis for the heuristic determination
       of minimum cost paths", IEEE Transactions on Systems Science and Cybernetics 1968,
       doi:10.1109/TSSC.1968.300136.

    Examples
    --------
    >>> from isthmus.applications.generation import parse_level
    >>> find_path(parse_level("----- --S-- XXXXX"))[:, 0].tolist()
    [1, 0, 0, 0, 1]
    >>> find_path(parse_level("--S-- --S-- XXXXX")) is None
    True
    """
    check_count("jump_height", jump_height)
    if isinstance(hang, bool) or not isinstance(hang, int | np.integer) or hang < 0:
        raise InvalidInputError(f"hang: expected a whole number of at least 0; got {hang!r}")
    solid = legend.solid[as_level(level, legend)]
    height, width = solid.shape
    states = _starts(solid, 2 * jump_height + hang)
    # A tick moves one column at most: the columns that are left are never too many ticks.
    queue = [(_TICK * (width - 1 - column), 0, (row, column, 0)) for row, column in states]
    heapq.heapify(queue)
    came_from: dict[_State, _State | None] = {state: None for _, _, state in queue}
    costs = dict.fromkeys(came_from, 0)
    while queue:
        _, spent, state = heapq.heappop(queue)
        if spent > costs[state]:
            continue  # a longer way to a place that has been left already
        if state[1] == width - 1:
            return _trace(state, came_from)
        for following in _moves(solid, state, jump_height, hang):
            row, column, left = following
            in_the_air = bool(left) or row + 1 == height or not solid[row + 1, column]
            cost = spent + _TICK + in_the_air
            if cost < costs.get(following, math.inf):
                costs[following] = cost
                came_from[following] = state
                least = cost + _TICK * (width - 1 - column)
                heapq.heappush(queue, (least, cost, following))
    return None


_TICK = 1 << 32  # what a tick costs; one in the air costs 1 more, so that it decides between equals

# Row, column, and the ticks that are left of a jump: 0 while walking or falling.
_State = tuple[int, int, int]


def _starts(solid: NDArray[np.bool_], reach: int) -> list[tuple[int, int]]:
    """Return the places to stand in the leftmost column that has one, within reach of the edge."""
    floor = ~solid[:-1] & solid[1:]
    columns = np.flatnonzero(floor[:, :reach].any(0))
    if not len(columns):
        return []
    return [(row, int(columns[0])) for row in np.flatnonzero(floor[:, columns[0]]).tolist()]


def _moves(
    solid: NDArray[np.bool_], state: _State, jump_height: int, hang: int
) -> Iterator[_State]:
    """Give where a tick can lead."""
    row, column, left = state
    height, width = solid.shape
    stands = row + 1 < height and bool(solid[row + 1, column])
    if stands and left <= hang:
        left = 0  # landed
    for air in (0, jump_height + hang) if stands and not left else (left,):
        to = row
        after = max(air - 1, 0)
        if air > hang:
            if row and not solid[row - 1, column]:
                to = row - 1
            else:
                after = 0  # the head meets something
        elif not air and not stands:
            to = row + 1
            if to == height:
                continue  # out of the level
        for side in (column - 1, column, column + 1):
            if 0 <= side < width and not solid[to, side]:
                yield to, side, after


def _trace(state: _State, came_from: dict[_State, _State | None]) -> NDArray[np.int64]:
    places = []
    step: _State | None = state
    while step is not None:
        places.append(step[:2])
        step = came_from[step]
    return np.array(places[::-1], np.int64)


def check_levels(
    levels: ArrayLike, legend: Legend = SUPER_MARIO, *, jump_height: int = 4, hang: int = 2
) -> Playability:
    """Tell of each of some levels whether its tiles fit together and whether it can be crossed.

    Parameters
    ----------
    levels : array-like of shape (n, height, width)
        Classes, such as an estimator's samples.
    legend, jump_height, hang
        As in `find_path`.

    Returns
    -------
    Playability
        `consistent`: `find_faults` finds none; `passable`: `find_path` finds one; `playable`: both.

    Examples
    --------
    >>> from isthmus.applications.generation import parse_level
    >>> flat, hole = parse_level("---- XXXX"), parse_level("-E-- XXE-")
    >>> check_levels([flat, hole]).playable.tolist()
    [True, False]
    """
    stack = np.asarray(levels)
    if stack.ndim != 3:
        raise InvalidInputError(
            f"levels: expected shape (n, height, width); got {stack.shape}; put one level in a list"
        )
    consistent = [not find_faults(level, legend) for level in stack]
    paths = [find_path(level, legend, jump_height=jump_height, hang=hang) for level in stack]
    return Playability(np.array(consistent), np.array([path is not None for path in paths]))
