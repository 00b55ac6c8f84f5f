"""Levels and piano rolls as pictures: every tile and every key where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from isthmus.applications.generation import SUPER_MARIO, parse_level
from isthmus.applications.generation.levels import tile_colours
from isthmus.errors import InvalidInputError
from isthmus.plotting import level_rows, roll_grid

FLAT = parse_level("---- -<>- -[]- XXXX")
WALL = parse_level("-X-- -X-- -X-- XXXX")


def test_tiles_have_their_colours_and_the_key_names_them():
    figure = level_rows({"one": [FLAT, WALL], "two": [FLAT]})
    axes = figure.axes[0]
    picture = np.asarray(axes.images[0].get_array())
    colours = np.array([to_rgb(colour) for colour in tile_colours(SUPER_MARIO)]) * 255
    for level, top, left in ((FLAT, 0, 0), (WALL, 0, 4 * 8 + 10), (FLAT, 4 * 8 + 10, 0)):
        middles = picture[top + 3 : top + 32 : 8, left + 3 : left + 32 : 8, :3]
        np.testing.assert_allclose(middles, colours[level], atol=1)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["ground", "empty", "pipe"]


def test_a_way_is_drawn_where_there_is_one_and_a_cross_where_there_is_none():
    def lines(level):
        return level_rows({"": [level]}, checks=True).axes[0].lines

    way = lines(FLAT)[-1]
    assert way.get_xdata()[0] == 3.5  # the middle of the first column
    assert way.get_xdata()[-1] == 3 * 8 + 3.5
    crosses = lines(WALL)
    assert len(crosses) == 2
    assert all(len(line.get_xdata()) == 2 for line in crosses)


def test_tiles_that_break_a_rule_are_framed():
    half = parse_level("---- -<-- -[]- XXXX")
    axes = level_rows({"": [FLAT, half]}, checks=True).axes[0]
    left = 4 * 8 + 10 - 0.5
    assert [patch.get_xy() for patch in axes.patches] == [(left + 8, 7.5), (left + 16, 15.5)]
    assert not level_rows({"": [half]}).axes[0].patches


def test_a_roll_shows_the_keys_that_occur():
    low, high = np.zeros((6, 12)), np.zeros((4, 12))
    low[2:4, 3] = 1
    high[:, 8] = 0.5
    figure = roll_grid({"low": low, "high": high}, keys=(50, 61), title="two $ rolls")
    assert isinstance(figure, Figure)
    first, second = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    assert first.shape == (6, 6)  # keys 53 to 58, the lowest first
    np.testing.assert_array_equal(first[0], low[:, 3])
    np.testing.assert_array_equal(second[-1], high[:, 8])


def test_pictures_in_a_figure_of_ones_own_and_in_a_file(tmp_path):
    own = Figure(figsize=(6, 3))
    assert level_rows({"a": [FLAT]}, title="title", ax=own) is own
    own.savefig(tmp_path / "levels.png")
    roll_grid({str(i): np.zeros((4, 88)) for i in range(5)}).savefig(tmp_path / "rolls.png")
    for name in ("levels.png", "rolls.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_mistakes_are_named_in_one_line():
    for act, expected in (
        (lambda: level_rows({}), "at least one level"),
        (lambda: level_rows({"a": []}), "at least one level"),
        (lambda: level_rows({"a": [np.full((2, 2), 20)]}), "0 to 12"),
        (lambda: roll_grid({}), "at least one"),
        (lambda: roll_grid({"a": np.zeros((3, 5))}), "'a'"),
    ):
        with pytest.raises(InvalidInputError) as error:
            act()
        assert expected in str(error.value)
        assert "\n" not in str(error.value)
