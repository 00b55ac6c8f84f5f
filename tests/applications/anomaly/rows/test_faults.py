"""Faults in new data: a clear error, or a score that says so; never a score as if all were well."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from isthmus import AnomalyDetector
from isthmus.errors import InvalidInputError

N, NEW = 1500, 400
NUMBERS = ["flow", "pressure", "heat", "size", "setting"]


def made(n, seed):
    """Two hidden causes, five numbers, a category, a flag and a date that follow from them."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    noise = rng.normal(scale=0.2, size=(n, 4))
    return pd.DataFrame(
        {
            "flow": 20 + 3 * a + noise[:, 0],
            "pressure": 5 - a + 0.5 * b + noise[:, 1],
            "heat": 300 + 10 * b + 10 * noise[:, 2],
            "size": np.exp(8 + 2 * b + noise[:, 3]),
            "setting": 4.0,
            "kind": np.array(["low", "mid", "high"])[np.digitize(a, [-0.5, 0.5])],
            "open": a + b > 0,
            "when": pd.Timestamp("2026-03-01")
            + pd.to_timedelta(rng.integers(0, 90 * 1440, n), unit="min"),
        }
    )


TRAIN, FRESH = made(N, 0), made(NEW, 1)
TABLES = {"numbers": NUMBERS, "mixed": list(TRAIN.columns)}


@pytest.fixture(scope="module", params=TABLES)
def case(request):
    """A fitted detector and whole new rows for it."""
    columns = TABLES[request.param]
    detector = AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(TRAIN[columns])
    return request.param, detector, FRESH[columns]


@pytest.fixture(scope="module")
def mixed():
    return AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(TRAIN), FRESH


METHODS = ("score_samples", "predict", "decision_function", "p_values", "explain", "drift")


def refused(detector, rows, *words):
    """Assert that every method refuses the rows in one line with these words."""
    for method in METHODS:
        with pytest.raises(InvalidInputError) as caught:
            getattr(detector, method)(rows)
        message = str(caught.value)
        # scikit-learn's word for other names of columns has a line for each kind of difference.
        assert "\n" not in message or message.startswith("X: The feature names")
        for word in words:
            assert word.lower() in message.lower(), f"{method}: {word!r} is not in: {message}"


def alarming(detector, rows, share=0.95):
    """Assert that nearly all rows raise an alarm, and that the drift test fires."""
    p_values = detector.p_values(rows)
    assert (p_values <= 0.05).mean() >= share
    assert (detector.predict(rows) == -1).mean() >= share
    assert detector.drift(rows).drifted


def test_whole_rows_raise_as_many_alarms_as_promised(case):
    _, detector, rows = case
    alarms = (detector.predict(rows) == -1).sum()
    assert alarms <= 40  # 20 expected of 400; more than 40 has a probability of 1e-5
    assert not detector.drift(rows).drifted


# Values that are missing or no numbers -----------------------------------------------------------


def test_everything_missing(case):
    _, detector, rows = case
    nothing = pd.DataFrame(np.nan, index=rows.index, columns=rows.columns)
    refused(detector, nothing)


def test_a_column_that_is_missing_now(case):
    _, detector, rows = case
    refused(detector, rows.assign(heat=np.nan), "heat")
    hole = rows.copy()
    hole.loc[7, "pressure"] = np.nan
    refused(detector, hole, "pressure", "row 7")


def test_infinity(case):
    _, detector, rows = case
    for value in (np.inf, -np.inf):
        broken = rows.copy()
        broken.loc[9, "flow"] = value
        refused(detector, broken, "infinity", "row 9", "flow")


def test_text_where_numbers_were(case):
    _, detector, rows = case
    broken = rows.astype({"heat": object})
    broken.loc[5, "heat"] = "hot"
    refused(detector, broken, "heat")


def test_times_where_numbers_were(case):
    _, detector, rows = case
    refused(detector, rows.assign(heat=pd.Timestamp("2026-01-01")), "heat")


# Columns -----------------------------------------------------------------------------------------


def test_a_column_gone(case):
    _, detector, rows = case
    refused(detector, rows.drop(columns="pressure"), "pressure")


def test_a_column_more(case):
    _, detector, rows = case
    refused(detector, rows.assign(more=1.0), "more")


def test_columns_in_another_order(case):
    name, detector, rows = case
    other = rows[list(rows.columns[::-1])]
    if name == "mixed":  # found by their names
        np.testing.assert_array_equal(detector.score_samples(other), detector.score_samples(rows))
    else:  # scikit-learn's rule
        refused(detector, other, "order")


def test_a_column_under_another_name(case):
    _, detector, rows = case
    refused(detector, rows.rename(columns={"flow": "Flow"}), "flow")


@pytest.mark.parametrize("rows", [0, 1], ids=["empty", "one row"])
def test_few_rows(case, rows):
    _, detector, whole = case
    if rows == 0:
        refused(detector, whole.head(0), "0")
    else:
        alone, among = detector.score_samples(whole.head(1)), detector.score_samples(whole)
        np.testing.assert_allclose(alone, among[:1], rtol=1e-5)


# Values that cannot be right ---------------------------------------------------------------------


@pytest.mark.parametrize("column", ["flow", "pressure", "heat"])
@pytest.mark.parametrize("factor", [1000.0, 0.001, -1.0])
def test_a_shifted_unit(case, column, factor):
    _, detector, rows = case
    shifted = rows.assign(**{column: rows[column] * factor})
    alarming(detector, shifted)
    if factor == 1000:
        assert detector.p_values(shifted).max() <= 2 * detector.p_values(shifted).min() + 0.01


def test_a_shifted_unit_of_a_heavy_tail(case):
    """Of a log-normal column a factor of 1000 is three and a half standard deviations."""
    _, detector, rows = case
    alarming(detector, rows.assign(size=rows["size"] * 1000), share=0.8)


def test_a_constant_that_changes(case):
    name, detector, rows = case
    changed = rows.assign(setting=5.0)
    if name == "mixed":
        with pytest.warns(UserWarning, match=r"5\.0 in column 'setting'"):
            found = detector.p_values(changed)
    else:
        found = detector.p_values(changed)
    assert (found <= 0.05).mean() >= 0.95


def test_a_column_that_froze(case):
    """A plausible value that no longer follows the others."""
    _, detector, rows = case
    frozen = rows.assign(flow=rows["flow"].mean())
    assert detector.drift(frozen).drifted
    assert detector.p_values(frozen).mean() < 0.45  # 0.5 if nothing were wrong, ± 0.015


def test_a_category_never_seen(mixed):
    detector, rows = mixed
    new = rows.assign(kind="enormous")
    with pytest.warns(UserWarning, match="'enormous' in column 'kind'"):
        scores = detector.score_samples(new)
    usual = detector.score_samples(rows)
    assert (scores < usual).mean() >= 0.99
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alarming(detector, new)


def test_a_category_that_does_not_belong(mixed):
    detector, rows = mixed
    swapped = rows.assign(kind=rows["kind"].map({"low": "high", "high": "low", "mid": "mid"}))
    touched = (rows["kind"] != "mid").to_numpy()
    scores, usual = detector.score_samples(swapped), detector.score_samples(rows)
    assert (scores[touched] < usual[touched]).mean() >= 0.95
    np.testing.assert_array_equal(scores[~touched], usual[~touched])
    assert detector.drift(swapped).drifted


def test_dates_far_outside(mixed):
    detector, rows = mixed
    later = rows.assign(when=rows["when"] + pd.Timedelta(days=3650))
    with pytest.warns(UserWarning, match="most dates in column 'when' lie outside"):
        p_values = detector.p_values(later)
    assert (p_values <= 0.05).mean() >= 0.95
