"""Small versions of the tables of anomaly detection, on made rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.adbench import METHODS, SETTINGS, case, collect, summarise, tables
from benchmarks.false_alarms import measure


def made(n=500, odd=40, seed=0):
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(2, 6))
    X = rng.normal(size=(n, 2)) @ axes + 0.2 * rng.normal(size=(n, 6))
    X[-odd:] += rng.normal(0, 1.5, size=(odd, 6))
    y = np.zeros(n, dtype=int)
    y[-odd:] = 1
    return X, y


def test_the_cases_are_what_they_say():
    X, y = made()
    train, new, labels = case(X, y, "transductive", 0)
    assert train is new
    assert len(train) == 500
    assert labels.sum() == 40
    train, new, labels = case(X, y, "inductive", 0)
    assert (len(train), len(new), labels.sum()) == (230, 270, 40)
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-9)
    normal = {tuple(row) for row in np.round(new[labels == 0], 6)}
    assert not normal & {tuple(row) for row in np.round(train, 6)}


def test_a_run_that_was_stopped_goes_on_and_is_summed_up(tmp_path):
    np.savez(tmp_path / "made.npz", X=made()[0], y=made()[1])
    data = tables(tmp_path)
    methods = ["PCA reconstruction", "IsolationForest"]
    store = tmp_path / "store.jsonl"
    first = collect(data, methods[:1], seeds=(0,), store=store)
    done = collect(data, methods, seeds=(0,), store=store)
    assert {k: done[k] for k in first} == first
    assert len(store.read_text().splitlines()) == len(done) == 4
    rows = summarise(done, "inductive", methods)
    assert sum(row["mean rank by AUROC"] for row in rows) == 3
    key = "inductive|made|0|IsolationForest"
    assert rows[1]["AUROC, mean"] == done[key]["auroc"]


def test_ours_beats_the_trivial_scores_on_rows_off_a_plane():
    data = {"made": made()}
    done = collect(data, ["Isthmus", "Isthmus untrained"], seeds=(0,))
    for setting in SETTINGS:
        reached = done[f"{setting}|made|0|Isthmus"]
        assert reached["auroc"] > 0.85
        assert reached["auroc"] > done[f"{setting}|made|0|Isthmus untrained"]["auroc"]
        assert reached["ap"] > 3 * 40 / 500


def test_every_method_is_known_by_a_name():
    pytest.importorskip("pyod")
    X, y = made(n=80, odd=8)
    for name in ("PyOD ECOD", "PyOD KNN", "LocalOutlierFactor"):
        train, new, _ = case(X, y, "inductive", 0)
        assert np.isfinite(METHODS[name](train, new, 0)).all()


def test_false_alarms_are_as_many_as_asked_for():
    X, y = made(n=4000, odd=1)
    found = measure(X[y == 0], 0, rates=(0.1, 0.05))
    assert len(found) == 2
    for entry in found:
        # Of an interval of 95 % a fixed seed may miss by little; by a half of it, it may not.
        slack = (entry["high"] - entry["low"]) / 2
        assert entry["low"] - slack <= entry["measured"] <= entry["high"] + slack
