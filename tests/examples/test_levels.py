"""The example of levels, small: what it writes can be read again, and it beats its control."""

from __future__ import annotations

import numpy as np
from PIL import Image

from examples import levels
from isthmus.applications.generation import check_levels, format_level, read_levels, write_level

SMALL = {
    "latent_dim": 8,
    "max_epochs": 20,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "channels": (24,),
}


def made(seed, width=60):
    """A level with ground, pipes of different heights and gaps of two."""
    rng = np.random.default_rng(seed)
    level = np.full((14, width), levels.SUPER_MARIO.empty)
    symbol = levels.SUPER_MARIO.symbols.index
    level[-1] = symbol("X")
    for start in range(2, width - 8, 8):
        top = 13 - int(rng.integers(2, 5))
        level[top, start : start + 2] = symbol("<"), symbol(">")
        level[top + 1 : 13, start : start + 2] = symbol("["), symbol("]")
        if rng.random() < 0.5:
            level[-1, start + 5 : start + 7] = levels.SUPER_MARIO.empty
    return level


def test_levels_are_learned_drawn_judged_and_written(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for seed in range(4):
        write_level(tmp_path / "in" / f"{seed}.txt", made(seed))
    found = levels.main(tmp_path / "in", tmp_path / "out", **SMALL)
    assert found["real"]["playable"] == 1
    assert found["sampled"]["playable"] > found["tiles at random"]["playable"] + 0.4
    assert found["sampled"]["different"] > 0.2  # not one window again and again
    assert "sampled: " in capsys.readouterr().out
    (new,) = read_levels(tmp_path / "out" / "new.txt").values()
    assert new.shape[0] == 14
    assert new.shape[1] % 16 == 0
    windows = np.stack(np.split(new, new.shape[1] // 16, axis=1))
    assert check_levels(windows).playable.all(), format_level(new)
    for name in ("levels.png", "new.png"):
        with Image.open(tmp_path / "out" / name) as image:
            assert min(image.size) > 100
