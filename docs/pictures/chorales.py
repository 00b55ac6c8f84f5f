"""A chorale of the test split, what a model writes on after its first bars, and a walk.

The chorales are in ``jsb_chorales`` of the folder of real data.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from isthmus import VariationalAutoencoder
from isthmus.applications.generation import (
    continue_roll,
    read_chorales,
    roll_windows,
    steps_and_history,
)
from isthmus.geometry import interpolate
from isthmus.plotting import roll_grid

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
KEYS = (43, 96)


def draw(folder: Path) -> None:
    """Write ``chorales.png``."""
    data = Path(os.environ.get("ISTHMUS_DATA", DATA)) / "jsb_chorales"
    pieces = read_chorales(data / "jsb-chorales-quarter.json.gz", KEYS)
    model = VariationalAutoencoder(
        conditional=True,
        likelihood="bernoulli",
        latent_dim=16,
        hidden_layer_sizes=(400,),
        dropout=0.5,
        learning_rate=2e-3,
        batch_size=128,
        max_epochs=15,
        early_stopping=False,
        random_state=0,
    ).fit(*steps_and_history(pieces["train"], length=2))
    piece = pieces["test"][5]
    rolls = {"a chorale": piece[:32]}
    for seed in range(2):
        name = f"its first 8 steps, continued ({seed + 1})"
        rolls[name] = continue_roll(model, piece[:8], 24, random_state=seed)
    rng = np.random.default_rng(0)
    frequency = np.concatenate(pieces["train"]).mean(0)
    rolls["keys by their frequency"] = (rng.random((32, len(frequency))) < frequency).astype(int)

    windows = VariationalAutoencoder(
        layout="signal",
        network="dense",
        latent_dim=32,
        hidden_layer_sizes=(400,),
        dropout=0.2,
        learning_rate=2e-3,
        batch_size=128,
        max_epochs=20,
        early_stopping=False,
        random_state=0,
    ).fit(roll_windows(pieces["train"], 8, step=2))
    first, last = (roll_windows([pieces["test"][i]], 8)[0] for i in (3, 9))
    steps = interpolate(windows, first, last, 4).samples
    for number, probabilities in enumerate(steps):
        rolls[f"a walk of 8-step windows, {number} of 3"] = probabilities
    roll_grid(rolls, KEYS, title="Chorales as piano rolls").savefig(folder / "chorales.png", dpi=95)
