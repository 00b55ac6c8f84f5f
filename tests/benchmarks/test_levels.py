"""The measures of the levels benchmark on windows whose answer is known, and a small run."""

import numpy as np
import pytest

from benchmarks.levels import (
    CONTROLS,
    OURS,
    REAL,
    bigrams,
    by_frequency,
    columns,
    measure,
    pattern_distance,
    sources,
)
from isthmus.applications.generation import check_levels, level_windows, parse_level


def made(seed, width=60):
    """A level with ground, pipes of different heights, gaps of two, and blocks in the air."""
    rng = np.random.default_rng(seed)
    rows = np.full((14, width), "-")
    rows[-1] = "X"
    for start in range(2, width - 8, 8):
        height = int(rng.integers(2, 5))
        rows[13 - height, start : start + 2] = list("<>")
        rows[14 - height : 13, start : start + 2] = list("[]")
        rows[9, start + 3 : start + 3 + rng.integers(1, 4)] = "S"
        if rng.random() < 0.5:
            rows[-1, start + 5 : start + 7] = "-"
    return parse_level("\n".join("".join(row) for row in rows))


TRAIN = level_windows([made(seed) for seed in range(4)], step=2)


def test_the_made_levels_are_playable_and_their_tiles_at_random_are_not():
    rng = np.random.default_rng(0)
    assert check_levels(TRAIN).playable.all()
    for rows in (False, True):
        drawn = by_frequency(TRAIN, 60, rng, rows=rows)
        assert drawn.shape == (60, 14, 16)
        assert not check_levels(drawn).consistent.any()
    in_rows = by_frequency(TRAIN, 400, rng, rows=True)
    kept, shares = (x == TRAIN.min() for x in (in_rows, TRAIN))
    np.testing.assert_allclose(kept.mean((0, 2)), shares.mean((0, 2)), atol=0.03)
    mixed = columns(TRAIN, 50, rng)
    found, known = (set(map(bytes, w.swapaxes(1, 2).reshape(-1, 14))) for w in (mixed, TRAIN))
    assert found <= known


def test_bigrams_follow_each_other_in_training():
    def pairs(windows):
        return {(w[:, i].tobytes(), w[:, i + 1].tobytes()) for w in windows for i in range(15)}

    drawn = bigrams(TRAIN, 30, np.random.default_rng(0))
    ends = {w[:, -1].tobytes() for w in TRAIN} - {first for first, _ in pairs(TRAIN)}
    assert {pair for pair in pairs(drawn) if pair[0] not in ends} <= pairs(TRAIN)
    assert len(np.unique(drawn.reshape(30, -1), axis=0)) > 20


def test_patterns_are_as_far_apart_as_they_can_be_or_not_at_all():
    flat, full = np.full((3, 4, 4), 2), np.full((3, 4, 4), 0)
    assert pattern_distance(flat, flat) == 0
    assert pattern_distance(flat, full) == pytest.approx(np.log(2))
    half = np.concatenate([flat, full])
    assert pattern_distance(half, flat) == pytest.approx(0.2158, abs=1e-3)  # by hand


def test_flat_ground_is_playable_but_nothing_else():
    flat = np.full((5, 14, 16), 2)
    flat[:, -1] = 0
    found = measure(flat, TRAIN)
    assert found["playable"] == 1
    assert found["not flat"] == 0
    assert found["different"] == 1 / 5


def test_the_small_version_already_beats_its_controls():
    settings = {
        "latent_dim": 8, "max_epochs": 20, "batch_size": 16, "learning_rate": 5e-3,
        "channels": (24,), "early_stopping": False,
    }  # fmt: skip
    found = sources(TRAIN, level_windows([made(9)]), 0, 40, settings)
    playable = {name: check_levels(windows).playable.mean() for name, windows in found.items()}
    assert playable[REAL] == 1
    assert playable["reconstructed training windows"] > 0.3
    assert min(playable[name] for name in OURS) > max(playable[name] for name in CONTROLS)
    ends = playable["tiles of either end of such a walk"]
    assert playable["walks between two training windows"] > ends
