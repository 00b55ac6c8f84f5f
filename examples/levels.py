"""New levels of a game: learn windows of real ones, draw others, ask whether they can be played.

    python examples/levels.py "TheVGLC/Super Mario Bros/Processed" OUT

The levels are text, one character a tile, such as those of the Video Game Level Corpus
(https://github.com/TheVGLC/TheVGLC). Written are ``levels.png`` (real windows, samples, a walk
between two windows, and the ways through them) and a level made of samples that can be played,
``new.txt`` and ``new.png``. Printed are the shares of windows that can be played, with a
control.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from isthmus import VariationalAutoencoder
from isthmus.applications.generation import (
    SUPER_MARIO,
    check_levels,
    join_windows,
    level_windows,
    read_levels,
    write_level,
)
from isthmus.geometry import interpolate
from isthmus.plotting import level_rows

Windows = Any  # classes of tiles (n, height, width)


SETTINGS: dict[str, Any] = {
    "latent_dim": 32,
    "max_epochs": 80,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "early_stopping": False,
    "random_state": 0,
}


def learn(windows: Windows, **settings: Any) -> Any:
    """Fit a convolutional model with a probability of each kind of tile at each place."""
    return VariationalAutoencoder(
        likelihood=f"categorical:{SUPER_MARIO.n_tiles}", layout="image", **(SETTINGS | settings)
    ).fit(windows)


def draw(model: Any, count: int) -> Windows:
    """Return windows from the prior, the most probable tile at each place."""
    return np.asarray(model.sample(count, random_state=1)).astype(np.int64)


def picture(model: Any, windows: Windows) -> Figure:
    """Return real windows, samples and a walk, with the ways through them."""
    real = windows[np.random.default_rng(3).choice(len(windows), 6, replace=False)]
    drawn = draw(model, 12)
    walk = list(interpolate(model, real[1], real[4], 6).samples.astype(int))
    return level_rows(
        {"real": real, "sampled": drawn[:6], " ": drawn[6:], "a walk": walk},
        checks=True,
        title="Windows of levels, and ways through them",
    )


def judge(windows: Windows) -> dict[str, float]:
    """Return the share of windows that can be played, and how many of them are different."""
    playable = check_levels(windows).playable
    return {
        "playable": float(playable.mean()),
        "different": len(np.unique(windows, axis=0)) / len(windows),
    }


def main(levels: Path, output: Path, **settings: Any) -> dict[str, dict[str, float]]:
    """Learn the levels of a folder, write into another, and judge real and drawn windows."""
    windows = level_windows(read_levels(levels), step=2)
    model = learn(windows, **settings)
    drawn = draw(model, 200)
    # The control takes each tile from a real window of its own: the right tiles at every place,
    # and nothing of how they hang together.
    donors = np.random.default_rng(0).integers(len(windows), size=drawn.shape)
    shuffled = np.take_along_axis(windows, donors, axis=0)
    kinds = {"real": windows, "sampled": drawn, "tiles at random": shuffled}
    found = {name: judge(kind) for name, kind in kinds.items()}
    for name, shares in found.items():
        print(f"{name}: {shares['playable']:.0%} playable, {shares['different']:.0%} different")
    output.mkdir(parents=True, exist_ok=True)
    picture(model, windows).savefig(output / "levels.png", dpi=95)
    playable = check_levels(drawn).playable
    good = drawn[playable] if playable.any() else drawn
    for name in ("new.txt", "new.png"):
        write_level(output / name, join_windows(good[:6]))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="New levels of a game.")
    parser.add_argument("levels", type=Path, help="folder of .txt files, or one file")
    parser.add_argument("output", type=Path, help="where to write")
    main(**vars(parser.parse_args()))
