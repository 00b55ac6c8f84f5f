"""The picture of ``examples/levels.py``.

The levels are those of the Video Game Level Corpus, in ``mario/smb`` of the folder of real data.
"""

from __future__ import annotations

import os
from pathlib import Path

from examples.levels import learn, picture
from isthmus.applications.generation import level_windows, read_levels

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def draw(folder: Path) -> None:
    """Write ``levels.png``."""
    levels = read_levels(Path(os.environ.get("ISTHMUS_DATA", DATA)) / "mario" / "smb")
    windows = level_windows(levels, step=2)
    picture(learn(windows), windows).savefig(folder / "levels.png", dpi=95)
