"""A detector on a table of numbers, categories, flags, dates and missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector, Autoencoder, load
from isthmus.data.table import TableEncoder
from isthmus.errors import InvalidInputError

N, NEW = 1200, 500
QUICK = {"max_epochs": 15, "learning_rate": 3e-3, "random_state": 0}


def made(n, seed, holes=0.0):
    """Machines of three kinds: the kind says where speed and heat lie, the hour says the load."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    minute = rng.integers(0, 60 * 1440, n)
    day = (minute % 1440 > 480) & (minute % 1440 < 1080)
    frame = pd.DataFrame(
        {
            "kind": np.array(["pump", "fan", "press"])[kind],
            "speed": 10.0 * kind + rng.normal(size=n),
            "heat": 50 - 5.0 * kind + rng.normal(scale=0.5, size=n),
            "busy": day ^ (rng.random(n) < 0.02),
            "when": pd.Timestamp("2026-03-01") + pd.to_timedelta(minute, unit="min"),
        }
    )
    for name in ("kind", "speed", "heat"):
        frame.loc[rng.random(n) < holes, name] = None
    return frame


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(made(N, 0))


def planted(rows, fault):
    """Return the rows with a fault in the first half."""
    broken, half = rows.copy(), len(rows) // 2
    part = broken.iloc[:half].copy()
    if fault == "kind of another machine":
        part["kind"] = part["kind"].map({"pump": "fan", "fan": "press", "press": "pump"})
    elif fault == "speed of another machine":
        part["speed"] = (part["speed"] + 10) % 30
    elif fault == "busy at night":
        night = (part["when"].dt.hour < 7) | (part["when"].dt.hour >= 19)
        part = part[night].assign(busy=True)
    else:
        part["heat"] += 12.0
    return pd.concat([part, broken.iloc[half:]]), np.arange(len(part) + len(rows) - half) < len(
        part
    )


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ("kind of another machine", 0.97),
        ("speed of another machine", 0.97),
        ("hot", 0.97),
        ("busy at night", 0.8),  # as 2 % of the normal rows are
    ],
)
def test_what_the_columns_have_to_do_with_each_other_is_known(detector, fault, least):
    """None of these values is odd by itself; each contradicts another column."""
    rows, odd = planted(made(NEW, 1), fault)
    assert roc_auc_score(odd, -detector.score_samples(rows)) >= least


def test_polars_gives_the_same(detector):
    rows = made(200, 2)
    polar = pl.DataFrame({name: rows[name].to_list() for name in rows.columns if name != "when"})
    polar = polar.with_columns(pl.Series("when", [t.to_pydatetime() for t in rows["when"]]))
    np.testing.assert_array_equal(
        detector.score_samples(polar.select(rows.columns)), detector.score_samples(rows)
    )


def test_a_file_holds_the_encoder(detector, tmp_path):
    path = tmp_path / "d.safetensors"
    detector.save(path)
    again = load(path)
    rows = made(200, 3)
    assert again.score_samples(rows).tobytes() == detector.score_samples(rows).tobytes()
    assert again.p_values(rows).tobytes() == detector.p_values(rows).tobytes()
    rows.loc[3, "kind"] = "crane"
    for each in (detector, again):
        with pytest.warns(UserWarning, match="'crane' in column 'kind'"):
            assert each.p_values(rows)[3] < 0.05


def test_missing_values_that_the_fit_has_seen():
    detector = AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(made(N, 0, holes=0.1))
    fresh = made(NEW, 1, holes=0.1)
    fresh = fresh[fresh[["kind", "speed", "heat"]].notna().any(axis=1)]
    alarms = (detector.predict(fresh) == -1).mean()
    assert alarms < 0.1
    # A hole is no excuse: what is left still contradicts itself.
    rows, odd = planted(fresh, "hot")
    seen = (
        rows["heat"].notna().to_numpy() & (rows[["kind", "speed"]].notna().any(axis=1)).to_numpy()
    )
    assert roc_auc_score(odd[seen], -detector.score_samples(rows)[seen]) >= 0.95
    # And it makes no row look more normal than whole ones do.
    holes = fresh.isna().any(axis=1).to_numpy()
    p_values = detector.p_values(fresh)
    assert p_values[holes].mean() < p_values[~holes].mean() + 0.05
    assert (p_values[holes] <= 0.05).mean() < 0.2


def test_missing_values_that_the_fit_has_not_seen(detector):
    rows = made(50, 4)
    rows.loc[5, "speed"] = None
    with pytest.raises(InvalidInputError, match="'speed' had no missing values in the fit"):
        detector.score_samples(rows)
    rows = made(50, 4)
    usual = detector.score_samples(rows)
    rows.loc[5, "kind"] = None
    with pytest.warns(UserWarning, match="a missing value in column 'kind'"):
        assert detector.score_samples(rows)[5] < usual[5]


def test_any_member_takes_an_encoded_table():
    """The line that connects them, for estimators without a detector."""
    train, new = made(600, 0), made(200, 1)
    encoder = TableEncoder().fit(train)
    model = Autoencoder(**QUICK, likelihood=encoder.likelihoods_).fit(encoder.transform(train))
    usual = model.score_samples(encoder.transform(new))
    assert np.isfinite(usual).all()
    back = encoder.inverse_transform(model.reconstruct(encoder.transform(new)))
    assert (back["kind"].to_numpy() == new["kind"].to_numpy()).mean() > 0.9
    assert set(back["kind"]) <= {"pump", "fan", "press"}
    with pytest.warns(UserWarning, match="'crane' in column 'kind'"):
        Z = encoder.transform(new.assign(kind="crane"))
    # Not by chance and not by training long: every row with what was never seen is odder.
    assert (model.score_samples(Z) < usual - 30).all()
