"""The picture of ``examples/chorales.py``.

The chorales are in ``jsb_chorales`` of the folder of real data.
"""

from __future__ import annotations

import os
from pathlib import Path

from examples.chorales import KEYS, learn_steps, learn_windows, music
from isthmus.applications.generation import read_chorales
from isthmus.plotting import roll_grid

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def draw(folder: Path) -> None:
    """Write ``chorales.png``."""
    data = Path(os.environ.get("ISTHMUS_DATA", DATA)) / "jsb_chorales"
    pieces = read_chorales(data / "jsb-chorales-quarter.json.gz", KEYS)
    rolls = music(pieces, learn_steps(pieces), learn_windows(pieces))
    figure = roll_grid(rolls, KEYS, title="Chorales as piano rolls")
    figure.savefig(folder / "chorales.png", dpi=95)
