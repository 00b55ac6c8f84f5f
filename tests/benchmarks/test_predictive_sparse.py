"""The benchmark of predictive sparse decomposition, small: its measures mean what they say."""

from __future__ import annotations

import math

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.predictive_sparse import COLUMNS, compare


def test_what_is_measured_is_what_must_be_true(monkeypatch):
    monkeypatch.setattr("benchmarks.predictive_sparse.REPEATS", 1)
    data = load_digits()
    X, y = (data.data / 16).astype(np.float32), data.target
    rows = compare(
        X[:600], y[:600], X[600:900], y[600:900],
        latent_dim=32, max_epochs=4, learning_rate=5e-3, random_state=0,
    )  # fmt: skip
    assert all(set(COLUMNS) <= set(row) for row in rows.values())
    fast, exact = rows["predictor"], rows["FISTA, to a gap of 0.1 %"]
    same, near = (
        rows[f"FISTA from 0, {how}"] for how in ("as good as the predictor", "within 1 %")
    )
    assert fast["over the minimum"] > near["over the minimum"] >= exact["over the minimum"] * 0.999
    assert near["over the minimum"] <= 1.01
    assert same["objective"] <= fast["objective"]
    assert same["steps"] < near["steps"]
    assert fast["zeros, %"] == 0 < near["zeros, %"]
    # A dictionary that was learned explains more at the same price than a random one.
    assert exact["objective"] < rows["untrained: FISTA, to a gap of 0.1 %"]["objective"]
    assert fast["objective"] < rows["untrained: predictor"]["objective"]
    assert fast["images/s"] > exact["images/s"]
    for name, row in rows.items():
        assert 0.1 < row["probe accuracy"] <= 1 or math.isnan(row["probe accuracy"]), name
