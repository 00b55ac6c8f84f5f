"""Chorales: a model that writes on at a piece, step by step, and a walk between two bars.

    python examples/chorales.py jsb-chorales-quarter.json OUT

The file is JSON, ``{"train": [piece, ...], "test": [...]}``, such as those of the JSB chorales
(https://github.com/czhuang/JSB-Chorales-dataset). Written are ``chorales.png``, ``continued.mid``
and ``walk.mid``. Printed are nats a step on the test pieces, with a control.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import VariationalAutoencoder
from isthmus.applications.generation import (
    continue_roll,
    read_chorales,
    roll_windows,
    steps_and_history,
    write_midi,
)
from isthmus.geometry import interpolate
from isthmus.plotting import roll_grid

KEYS = (43, 96)  # all that occur in the chorales
HISTORY = 2  # steps that the model of a step sees
WINDOW = 8  # steps of a window: two bars

Rolls = dict[str, list[Any]]  # by split
COMMON: dict[str, Any] = {
    "hidden_layer_sizes": (400,),
    "learning_rate": 2e-3,
    "batch_size": 128,
    "early_stopping": False,
    "random_state": 0,
}


def learn_steps(pieces: Rolls, max_epochs: int = 15) -> Any:
    """Fit a model of a step given those before it: it writes on at a piece."""
    return VariationalAutoencoder(
        conditional=True,
        likelihood="bernoulli",
        latent_dim=16,
        dropout=0.5,
        max_epochs=max_epochs,
        **COMMON,
    ).fit(*steps_and_history(pieces["train"], HISTORY))


def learn_windows(pieces: Rolls, max_epochs: int = 20) -> Any:
    """Fit a model of windows, each with a code of its own: it walks between two."""
    return VariationalAutoencoder(
        layout="signal",
        network="dense",
        latent_dim=32,
        dropout=0.2,
        max_epochs=max_epochs,
        **COMMON,
    ).fit(roll_windows(pieces["train"], WINDOW, step=2))


def music(pieces: Rolls, steps: Any, windows: Any) -> dict[str, Any]:
    """Return a piece, two continuations of its beginning, a control, and a walk, by their names."""
    piece, first, last = (pieces["test"][i % len(pieces["test"])] for i in (5, 3, 9))
    rolls = {"a chorale": piece[:32]}
    for seed in range(2):
        name = f"its first 8 steps, continued ({seed + 1})"
        rolls[name] = continue_roll(steps, piece[:8], 24, random_state=seed)
    frequency = np.concatenate(pieces["train"]).mean(0)
    drawn = np.random.default_rng(0).random((32, len(frequency))) < frequency
    rolls["keys by their frequency"] = drawn.astype(int)
    start, end = (roll_windows([roll], WINDOW)[0] for roll in (first, last))
    for number, probabilities in enumerate(interpolate(windows, start, end, 4).samples):
        rolls[f"a walk of 8-step windows, {number} of 3"] = probabilities
    return rolls


def nats(pieces: Rolls, steps: Any) -> dict[str, float]:
    """Return −log p a step of the test pieces: by each key's frequency, and the model's bound."""
    train, test = np.concatenate(pieces["train"]), np.concatenate(pieces["test"])
    p = (train.sum(0) + 1) / (len(train) + 2)
    return {
        "keys by their frequency": float(
            -(test * np.log(p) + (1 - test) * np.log1p(-p)).sum(1).mean()
        ),
        "model of a step (bound)": -steps.score(*steps_and_history(pieces["test"], HISTORY)),
    }


def main(
    chorales: Path, output: Path, *, keys: tuple[int, int] = KEYS, max_epochs: int | None = None
) -> dict[str, float]:
    """Learn the pieces of a file, write into a folder, and return nats a step."""
    pieces = read_chorales(chorales, keys)
    epochs = {} if max_epochs is None else {"max_epochs": max_epochs}
    steps, windows = learn_steps(pieces, **epochs), learn_windows(pieces, **epochs)
    found = nats(pieces, steps)
    for name, value in found.items():
        print(f"{name}: {value:.2f} nats a step")
    output.mkdir(parents=True, exist_ok=True)
    rolls = music(pieces, steps, windows)
    roll_grid(rolls, keys, title="Chorales as piano rolls").savefig(output / "chorales.png", dpi=95)
    continued = next(roll for name, roll in rolls.items() if "continued" in name)
    write_midi(output / "continued.mid", continued, keys, tempo=72)
    walk = np.concatenate([roll for name, roll in rolls.items() if "walk" in name])
    write_midi(output / "walk.mid", walk > 0.5, keys, tempo=72)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chorales, continued.")
    parser.add_argument("chorales", type=Path, help="JSON, also with gzip")
    parser.add_argument("output", type=Path, help="where to write")
    main(**vars(parser.parse_args()))
