"""Windows of Super Mario Bros., samples, a walk between two, and the ways through them.

The levels are those of the Video Game Level Corpus, in ``mario/smb`` of the folder of real data.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from isthmus import VariationalAutoencoder
from isthmus.applications.generation import level_windows, read_levels
from isthmus.geometry import interpolate
from isthmus.plotting import level_rows

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def draw(folder: Path) -> None:
    """Write ``levels.png``."""
    levels = read_levels(Path(os.environ.get("ISTHMUS_DATA", DATA)) / "mario" / "smb")
    windows = level_windows(levels, step=2)
    model = VariationalAutoencoder(
        latent_dim=32,
        likelihood="categorical:13",
        layout="image",
        max_epochs=80,
        batch_size=64,
        learning_rate=2e-3,
        early_stopping=False,
        random_state=0,
    ).fit(windows)
    real = windows[np.random.default_rng(3).choice(len(windows), 6, replace=False)]
    drawn = np.asarray(model.sample(12, random_state=1)).astype(int)
    walk = interpolate(model, real[1], real[4], 6).samples.astype(int)
    figure = level_rows(
        {"real": real, "sampled": drawn[:6], " ": drawn[6:], "a walk": walk},
        checks=True,
        title="Windows of levels, and ways through them",
    )
    figure.savefig(folder / "levels.png", dpi=95)
