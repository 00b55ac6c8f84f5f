"""The benchmark of network intrusions on a small made file of the same form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import nsl_kdd


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Files with the names and the form of the real ones; attacks break one dependence."""
    base = tmp_path / "nsl_kdd"
    base.mkdir()
    names = ["duration", "service", "bytes", "flag"]
    pd.Series(names).to_frame().assign(type="x").to_csv(
        base / "field_names.csv", header=False, index=False
    )
    rng = np.random.default_rng(0)
    for name, n, attacks in (("KDDTrain+", 900, ["normal", "old"]), ("KDDTest+", 400, None)):
        attacks = attacks or ["normal", "old", "new"]
        service = rng.integers(0, 3, n)
        label = rng.choice(attacks, n)
        shift = np.where(label == "normal", 0.0, 12.0)
        frame = pd.DataFrame(
            {
                "duration": 5.0 * service + rng.normal(size=n) + shift,
                "service": np.array(["http", "ftp", "dns"])[service],
                "bytes": np.exp(service + rng.normal(size=n)),
                "flag": np.where(rng.random(n) < 0.5, "SF", "S0"),
                "attack": label,
                "difficulty": 21,
            }
        )
        frame.to_csv(base / f"{name}.txt.gz", header=False, index=False)
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))


def test_the_table_is_made_of_every_method(small):
    names = ("Isthmus, default", "IsolationForest", "PCA reconstruction")
    found = nsl_kdd.table(seeds=(0,), rows=300, names=names)
    assert list(found) == list(names)
    for values in found.values():
        assert 0 <= values["false alarms"] <= 1
        assert values["best F1 (needs labels)"] >= values["F1 at the line"]
    assert found["Isthmus, default"]["AUROC"] > 0.9
    assert "types that KDDTrain+ does not have" in nsl_kdd.counts()
    assert " 1 types" in nsl_kdd.counts()


def test_the_line_of_a_peer_keeps_its_rate(small):
    X, labels = nsl_kdd.load("KDDTrain+")
    assert list(X.columns) == ["duration", "service", "bytes", "flag"]
    normal = X[labels == "normal"]
    score, line = nsl_kdd.METHODS["PCA reconstruction"](normal, 0)
    assert 0 < (score(normal) > line).mean() < 0.12
