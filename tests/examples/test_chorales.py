"""The example of chorales, small, on chords that follow each other by a rule."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from examples import chorales
from isthmus.applications.generation import read_midi

CHORDS = [[48, 60, 64, 67], [43, 59, 62, 67], [45, 60, 64, 69], [53, 60, 65, 69]]


def test_chorales_are_learned_continued_and_written(tmp_path, capsys):
    rng = np.random.default_rng(0)
    pieces = [
        [CHORDS[(start + t) % 4] for t in range(32)] for start in rng.integers(4, size=24).tolist()
    ]
    file = tmp_path / "pieces.json"
    file.write_text(json.dumps({"train": pieces[:20], "test": pieces[20:]}))
    found = chorales.main(file, tmp_path / "out", max_epochs=8)
    # Chords in turn are certain given the step before, which frequencies do not see.
    assert found["model of a step (bound)"] < 0.8 * found["keys by their frequency"]
    assert "nats a step" in capsys.readouterr().out
    continued = read_midi(tmp_path / "out" / "continued.mid", chorales.KEYS)
    low = chorales.KEYS[0]
    np.testing.assert_array_equal(  # the beginning is that of a test piece
        continued[:8], [[low + key in chord for key in range(54)] for chord in pieces[21][:8]]
    )
    assert len(continued) == 32
    assert len(read_midi(tmp_path / "out" / "walk.mid", chorales.KEYS)) == 4 * chorales.WINDOW
    with Image.open(tmp_path / "out" / "chorales.png") as image:
        assert min(image.size) > 100
