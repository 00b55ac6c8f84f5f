"""Drift: no alarm while nothing changes, one when the stream moves, whatever the sample sizes."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.applications.anomaly import Calibration, measure_drift
from isthmus.errors import InvalidInputError


def test_it_keeps_its_level_also_for_a_long_stream_and_few_held_out_rows():
    # A test of p-values against the uniform distribution would reject nearly every time here.
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        calibration = Calibration(np.sort(rng.normal(size=80)))
        alarms += measure_drift(calibration, rng.normal(size=20_000), 5, level=0.05).drifted
    assert alarms / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_it_finds_where_the_stream_moved():
    rng = np.random.default_rng(1)
    calibration = Calibration(np.sort(rng.normal(size=500)))
    for moved in (rng.normal(1.0, 1, size=400), rng.normal(0, 0.3, size=400)):
        drift = measure_drift(calibration, np.concatenate([rng.normal(size=600), moved]))
        assert drift.since == 600
        assert "since row 600" in str(drift)
    assert "no drift" in str(measure_drift(calibration, rng.normal(size=600)))


def test_few_rows():
    calibration = Calibration(np.arange(50.0))
    with pytest.raises(InvalidInputError, match="at least 20 rows"):
        measure_drift(calibration, np.zeros(19))
    assert len(measure_drift(calibration, np.arange(50.0), n_blocks=10).blocks) == 2
