"""Levels whose answer is obvious, a slow search that agrees with A*, and the real levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.applications.generation import (
    SUPER_MARIO,
    check_levels,
    find_faults,
    find_path,
    join_windows,
    level_windows,
    parse_level,
    read_levels,
)
from isthmus.errors import InvalidInputError


def level(*rows):
    return parse_level("\n".join(rows))


def ground(width, gap=0, wall=0, height=10):
    """Flat ground with a gap or a wall in the middle."""
    rows = np.full((height, width), "-")
    rows[-1] = "X"
    middle = (width - gap) // 2
    rows[-1, middle : middle + gap] = "-"
    rows[height - 1 - wall : height - 1, width // 2] = "X"
    return level(*("".join(row) for row in rows))


@pytest.mark.parametrize("wall", range(7))
def test_a_wall_is_passed_up_to_the_height_of_a_jump(wall):
    assert (find_path(ground(12, wall=wall)) is not None) == (wall <= 4)
    assert (find_path(ground(12, wall=wall), jump_height=2) is not None) == (wall <= 2)


@pytest.mark.parametrize(("jump_height", "hang"), [(4, 2), (4, 0), (2, 1), (1, 0)])
def test_a_gap_is_passed_up_to_the_length_of_a_jump(jump_height, hang):
    widest = 2 * jump_height + hang - 1
    for gap in range(widest + 3):
        path = find_path(ground(40, gap=gap, height=12), jump_height=jump_height, hang=hang)
        assert (path is not None) == (gap <= widest), gap


def test_obvious_levels():
    assert find_path(level("---", "---", "XXX")).tolist() == [[1, 0], [1, 1], [1, 2]]
    assert find_path(level("----", "----", "----")) is None  # nowhere to stand
    assert find_path(level("-X--", "-X--", "XXXX")) is None  # a wall up to the top
    assert find_path(level("XXXX", "XXXX", "XXXX")) is None
    assert find_path(level("-E--", "-oE-", "XXXX")) is not None  # coins and enemies do not block
    low = level("------", "------", "--XX--", "XX--XX")
    assert find_path(low) is not None  # over the step
    ceiling = level("XXXXXXXX", "--------", "XX----XX")
    assert find_path(ceiling) is None  # no room to jump over the gap
    assert find_path(level("--------", "--------", "--------", "XX----XX")) is not None


def test_a_head_that_meets_something_ends_the_jump():
    # The opening in the wall is at the height of the second tile; the block stops the jump below.
    opening = level("XXXX--", "XXXX--", "------", "---X--", "---X--", "XXXXXX")
    assert find_path(opening) is not None  # onto the wall of two, under the ceiling
    low = level("XXXX--", "XXX---", "---X--", "---X--", "---X--", "XXXXXX")
    assert find_path(low) is None  # the wall has three, and the ceiling leaves a jump of two
    assert find_path(low[:, 1:]) is None
    high = level("XXXX--", "------", "---X--", "---X--", "---X--", "XXXXXX")
    assert find_path(high) is not None


def test_a_window_may_begin_and_end_in_a_gap():
    assert find_path(level("--------", "--------", "--XXXX--")) is not None
    late = level(*["-" * 24] * 6, "-" * 20 + "XXXX")
    assert find_path(late) is None  # further in than any jump comes


def slowest(solid, jump_height, hang):
    """Return the least number of ticks by trying everything, or None; the rules written anew."""
    height, width = solid.shape

    def stands(r, c):
        return r + 1 < height and solid[r + 1, c]

    def free(r, c):
        return 0 <= r < height and 0 <= c < width and not solid[r, c]

    for first in range(min(width, 2 * jump_height + hang)):
        now = {
            (r, first, "ground", 0) for r in range(height) if free(r, first) and stands(r, first)
        }
        if now:
            break
    seen, ticks = set(now), 0
    while now:
        if any(c == width - 1 for _, c, _, _ in now):
            return ticks
        later = set()
        for r, c, phase, spent in now:
            options = []
            if phase == "ground":
                options.append((r, "settle", 0))
                phase = "rise"
            if phase == "rise":
                if free(r - 1, c):
                    top = spent + 1 == jump_height
                    options.append((r - 1, "hang" if top else "rise", 0 if top else spent + 1))
                else:
                    options.append((r, "settle", 0))
            elif phase == "hang":
                options.append((r, "hang", spent + 1))
            elif phase == "fall":
                options.append((r + 1, "settle", 0))
            for to, then, used in options:
                for side in (-1, 0, 1):
                    if not (free(to, c) and free(to, c + side)):
                        continue
                    after, count = then, used
                    if then == "hang" and (used >= hang or stands(to, c + side)):
                        after, count = "settle", 0
                    if after == "settle":
                        after = "ground" if stands(to, c + side) else "fall"
                    later.add((to, c + side, after, count))
        now = later - seen
        seen |= now
        ticks += 1
    return None


@settings(max_examples=300, deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(2, 9), st.integers(1, 14)), elements=st.booleans()),
    st.floats(0.05, 0.9),
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_a_star_finds_what_trying_everything_finds(shape_of, share, seed, jump_height, hang):
    solid = np.random.default_rng(seed).random(shape_of.shape) < share
    solid |= shape_of & (share > 0.5)
    tiles = np.where(solid, SUPER_MARIO.symbols.index("S"), SUPER_MARIO.empty)
    path = find_path(tiles, jump_height=jump_height, hang=hang)
    least = slowest(solid, jump_height, hang)
    assert (None if path is None else len(path) - 1) == least
    if path is not None:
        assert not solid[tuple(path.T)].any()
        assert np.abs(np.diff(path, axis=0)).max(initial=0) <= 1
        assert path[-1, 1] == solid.shape[1] - 1


WHOLE = {
    "flat": ("----", "XXXX"),
    "pipe": ("-<>-", "-[]-", "XXXX"),
    "short pipe": ("-<>-", "XXXX"),
    "pipe on a block": ("-<>-", "-[]-", "-SS-"),
    "hanging pipe": ("SSSS", "-[]-", "-<>-", "----", "XXXX"),
    "cut at the left": (">---", "]---", "XXXX"),
    "cut at the top": ("-[]-", "-[]-", "XXXX"),
    "cut at the bottom": ("-<>-", "-[]-"),
    "cannon": ("-B--", "-b--", "XXXX"),
    "cannon cut at the top": ("-b--", "XXXX"),
    "floating block": ("-S?-", "----", "XXXX"),
    "slab": ("----", "-XX-", "----", "XXXX"),
    "ground beyond the edge": ("----", "X---", "----", "XXXX"),
    "one block of floor": ("----", "-X--"),
}
BROKEN = {
    "half a mouth": (("pipe", 0, 1), ("-<--", "-[]-", "XXXX")),
    "a mouth turned round": (("pipe", 0, 1), ("-><-", "-[]-", "XXXX")),
    "a trunk without a mouth": (("pipe", 1, 1), ("----", "-[]-", "XXXX")),
    "a mouth in the middle": (("pipe", 1, 1), ("----", "-[]-", "-<>-", "-[]-", "XXXX")),
    "a pipe on air": (("pipe", 0, 1), ("-<>-", "-[]-", "----", "XXXX")),
    "a shifted trunk": (("pipe", 1, 2), ("-<>--", "--[]-", "XXXXX")),
    "a cannon on air": (("cannon", 0, 1), ("-B--", "----", "XXXX")),
    "a foot without a cannon": (("cannon", 1, 1), ("----", "-b--", "XXXX")),
    "floating ground": (("ground", 1, 1), ("----", "-X--", "----", "XXXX")),
    "an enemy in the floor": (("floor", 1, 2), ("----", "XXEX")),
    "a coin in the floor": (("floor", 1, 2), ("----", "XXoX")),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_things_have_no_fault(name):
    assert find_faults(level(*WHOLE[name])) == []


@pytest.mark.parametrize("name", BROKEN)
def test_broken_things_have_one_and_it_is_found(name):
    fault, rows = BROKEN[name]
    assert fault in find_faults(level(*rows))
    assert not check_levels([level(*rows)]).consistent[0]


@given(arrays(np.int64, (6, 7), elements=st.integers(0, 12)))
def test_faults_lie_at_tiles_that_the_rules_are_about(tiles):
    symbols = SUPER_MARIO.characters(tiles)
    about = {"pipe": "<>[]", "cannon": "Bb", "ground": "X", "floor": "Eo?Q"}
    faults = find_faults(tiles)
    assert faults == sorted(faults, key=lambda fault: fault[1:])
    for rule, row, column in faults:
        assert symbols[row, column] in about[rule]
        assert rule != "floor" or row == 5


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_window_has_no_fault_that_its_level_does_not_have(seed):
    rng = np.random.default_rng(seed)
    tall = rng.choice(13, size=(8, 12), p=[0.2, 0.1, 0.4, *[0.03] * 10])
    start = int(rng.integers(0, 7))
    found = {(f.row, f.column) for f in find_faults(tall)}
    inside = [f for f in find_faults(tall[:, start : start + 6]) if f.rule != "pipe"]
    assert {(f.row, f.column + start) for f in inside} <= found


def test_the_real_levels_keep_the_rules_and_can_be_played(real_data):
    folder = real_data / "mario" / "smb"
    if not folder.is_dir():
        pytest.skip(f"no levels at {folder}")
    levels = read_levels(folder)
    assert len(levels) == 15
    assert sum(len(find_faults(one)) for one in levels.values()) == 2  # of 2,900 columns
    assert all(find_path(one) is not None for one in levels.values())
    found = check_levels(level_windows(levels, step=16))
    assert found.consistent.mean() > 0.97
    assert found.passable.mean() > 0.97
    # And the path finder is no formality: the least jumps do not do.
    assert sum(find_path(one, jump_height=2) is None for one in levels.values()) > 7
    both = join_windows([levels["mario-1-1"], levels["mario-1-1"]])
    assert find_path(both) is not None


def test_mistakes_are_named_in_one_line():
    flat = level("---", "XXX")
    for act, expected in (
        (lambda: find_path(flat, jump_height=0), "jump_height"),
        (lambda: find_path(flat, hang=-1), "hang"),
        (lambda: find_path(flat[None]), "(height, width)"),
        (lambda: find_path(flat + 0.5), "whole numbers"),
        (lambda: find_faults(flat + 20), "0 to 12"),
        (lambda: check_levels(flat), "in a list"),
    ):
        with pytest.raises(InvalidInputError) as error:
            act()
        assert expected in str(error.value)
        assert "\n" not in str(error.value)
