"""Mixed tables: what each column becomes, what comes back, and what is refused."""

from __future__ import annotations

import datetime
import json
import math
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from isthmus.data.table import TableEncoder, is_mixed
from isthmus.errors import InvalidInputError

RNG = np.random.default_rng(0)
N = 60
WHEN = pd.Timestamp("2026-03-02 06:30") + pd.to_timedelta(RNG.permutation(N) * 7.25, unit="h")
FRAME = pd.DataFrame(
    {
        "service": RNG.choice(["http", "ftp", "smtp"], N),
        "bytes": RNG.permutation(np.exp(np.linspace(0, 20, N))),
        "rate": RNG.normal(size=N),
        "count": RNG.integers(-5, 40, N),
        "land": RNG.integers(0, 2, N),
        "outbound": 0,
        "login": RNG.random(N) < 0.5,
        "when": WHEN,
    }
)
HOLES = FRAME.copy()
HOLES.loc[3, "service"] = None
HOLES.loc[4, "rate"] = np.nan
HOLES["login"] = HOLES["login"].astype("boolean")
HOLES.loc[5, "login"] = pd.NA
HOLES.loc[6, "when"] = pd.NaT


def fitted(frame=FRAME, **parameters):
    return TableEncoder(**parameters).fit(frame)


def fails(call, *words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInputError) as caught:
            call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


# What each column becomes ------------------------------------------------------------------------


def test_each_column_gets_its_likelihood():
    encoder = fitted()
    assert dict(zip(encoder.get_feature_names_out(), encoder.likelihoods_, strict=True)) == {
        "service": "categorical:3+1",
        "bytes (log)": "gaussian",
        "rate": "gaussian",
        "count": "gaussian",
        "land": "categorical:2+1",
        "outbound": "categorical:1+1",
        "login": "bernoulli",
        "when (seconds)": "gaussian",
        "when (time of day, sine)": "gaussian",
        "when (time of day, cosine)": "gaussian",
        "when (day of week, sine)": "gaussian",
        "when (day of week, cosine)": "gaussian",
    }
    assert encoder.origin_.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7]
    assert encoder.names_ == list(FRAME.columns)
    assert encoder.n_features_in_ == 8


def test_the_values_by_hand():
    Z = fitted().transform(FRAME)
    assert Z.dtype == np.float64
    np.testing.assert_array_equal(Z[:, 0], FRAME.service.map({"ftp": 0, "http": 1, "smtp": 2}))
    np.testing.assert_allclose(Z[:, 1], np.log1p(FRAME.bytes))
    for i, name in ((2, "rate"), (3, "count"), (4, "land"), (5, "outbound"), (6, "login")):
        np.testing.assert_array_equal(Z[:, i], FRAME[name].astype(float))
    first = WHEN.min()
    for row, when in zip(Z, WHEN, strict=True):
        assert row[7] == (when - first).total_seconds()
        day = 2 * math.pi * (when.hour * 3600 + when.minute * 60 + when.second) / 86_400
        week = 2 * math.pi * when.weekday() / 7
        expected = [math.sin(day), math.cos(day), math.sin(week), math.cos(week)]
        np.testing.assert_allclose(row[8:], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "log"),
    [
        (np.exp(RNG.normal(0, 2, 500)), True),
        (RNG.pareto(1.5, 500), True),
        (RNG.normal(size=500), False),
        (RNG.exponential(size=500), False),
        (-np.exp(RNG.normal(0, 2, 500)), False),
        (np.append(np.exp(RNG.normal(0, 2, 500)), -1.0), False),
        (np.append(np.zeros(499), [1.0, 2.0]), False),  # rare events: a log would not help
        (np.full(500, 1e300) * RNG.random(500), False),
    ],
    ids=["log-normal", "Pareto", "normal", "exponential", "negative", "mostly", "rare", "huge"],
)
def test_heavy_tails_get_a_logarithm(values, log):
    encoder = TableEncoder().fit(values[:, None])
    assert encoder.get_feature_names_out().tolist() == ["x0 (log)" if log else "x0"]
    assert encoder.likelihoods_ == ["gaussian"]
    back = encoder.inverse_transform(encoder.transform(values[:, None]))
    np.testing.assert_allclose(back[:, 0].astype(float), values, rtol=1e-9)


def test_a_negative_number_in_a_logarithm_is_mirrored_and_not_lost():
    encoder = TableEncoder().fit(np.exp(RNG.normal(0, 2, 500))[:, None])
    Z = encoder.transform(np.array([[7.0], [-7.0], [0.0]]))
    assert Z.ravel().tolist() == [math.log(8), -math.log(8), 0.0]
    assert encoder.inverse_transform(Z).ravel().tolist() == pytest.approx([7, -7, 0])


@pytest.mark.parametrize(
    ("values", "levels"),
    [([5.0] * 9, [5]), ([0, 1] * 5, [0, 1]), ([-1.5, 2.5] * 5, [-1.5, 2.5])],
    ids=["constant", "0 and 1", "any two"],
)
def test_numbers_of_one_or_two_values_are_levels(values, levels):
    X = np.array(values, dtype=float)[:, None]
    encoder = TableEncoder().fit(X)
    assert encoder.likelihoods_ == [f"categorical:{len(levels)}+1"]
    assert encoder.transform(np.array(levels)[:, None]).ravel().tolist() == [*range(len(levels))]
    with pytest.warns(UserWarning, match=r"7\.0 in column 0 \(1 rows\)"):
        assert encoder.transform([[7.0], [levels[0]]]).ravel().tolist() == [len(levels), 0]


def test_the_rarest_categories_share_a_code():
    names = [f"c{i:03}" for i in range(40)]
    column = RNG.permutation(np.repeat(names, range(1, 41)))
    encoder = TableEncoder(max_categories=10).fit(pd.DataFrame({"c": column}))
    assert encoder.likelihoods_ == ["categorical:10+1"]  # nine of their own, the rare, never seen
    Z = encoder.transform(pd.DataFrame({"c": names}))[:, 0]
    most = [name for name, _ in Counter(column.tolist()).most_common(9)]
    assert len({Z[names.index(name)] for name in most}) == 9
    shared = {Z[i] for i, name in enumerate(names) if name not in most}
    assert shared == {9.0}
    back = encoder.inverse_transform([[9.0], [Z[-1]], [10.0]])
    assert back["c"].tolist() == ["(rare)", "c039", "(never seen)"]


def test_255_categories_are_the_most():
    names = [f"c{i:04}" for i in range(400)]
    encoder = TableEncoder().fit(pd.DataFrame({"c": names * 3}))
    assert encoder.likelihoods_ == ["categorical:255+1"]


# Dates -------------------------------------------------------------------------------------------


def test_a_log_keeps_what_comes_back_and_no_seconds():
    hours = pd.date_range("2026-01-01", periods=24 * 21, freq="h")
    encoder = TableEncoder().fit(pd.DataFrame({"when": hours}))
    parts = [name.removeprefix("when ") for name in encoder.get_feature_names_out()]
    assert parts == [
        "(time of day, sine)",
        "(time of day, cosine)",
        "(day of week, sine)",
        "(day of week, cosine)",
    ]
    later = pd.DataFrame({"when": hours + pd.Timedelta(weeks=52)})
    np.testing.assert_allclose(
        encoder.transform(later), encoder.transform(pd.DataFrame({"when": hours})), atol=1e-9
    )
    back = encoder.inverse_transform(encoder.transform(later.head(30)))
    assert back["when"][0] == "Thursday 00:00"
    assert back["when"][29] == "Friday 05:00"
    shuffled = TableEncoder().fit(pd.DataFrame({"when": RNG.permutation(hours)}))
    assert shuffled.get_feature_names_out()[0] == "when (seconds)"


@pytest.mark.parametrize(
    ("periods", "freq", "parts"),
    [(50, "h", 2), (15 * 24, "h", 4), (60, "D", 2), (20, "7D", 0), (30, "min", 0)],
    ids=["two days", "two weeks", "whole days", "always Monday midnight", "half an hour"],
)
def test_only_cycles_that_were_seen_twice_are_encoded(periods, freq, parts):
    days = pd.date_range("2026-01-05", periods=periods, freq=freq)
    frame = pd.DataFrame({"when": days, "x": np.arange(periods) % 7})
    if parts:
        encoder = fitted(frame)
    else:
        with pytest.warns(UserWarning, match="column 'when' is not used") as record:
            encoder = fitted(frame)
        assert len(record) == 1
    assert (encoder.origin_ == 0).sum() == parts
    assert encoder.transform(frame).shape == (periods, parts + 1)
    assert encoder.inverse_transform(encoder.transform(frame)).shape == (periods, 2)


def test_dates_outside_the_fit_are_mentioned():
    encoder = fitted()
    later = FRAME.assign(when=WHEN + pd.Timedelta(days=365))
    with pytest.warns(UserWarning, match="most dates in column 'when' lie outside the 2026-03-02"):
        Z = encoder.transform(later)
    np.testing.assert_allclose(Z[:, 7] - encoder.transform(FRAME)[:, 7], 365 * 86_400)


def test_text_in_iso_8601_is_dates():
    text = FRAME.assign(when=[str(when) for when in WHEN])
    encoder = fitted(text)
    np.testing.assert_array_equal(encoder.transform(text), fitted().transform(FRAME))
    np.testing.assert_array_equal(encoder.transform(FRAME), encoder.transform(text))
    for bad in ("yesterday", "2026-13-01", "2026-03-02T10:00+02:00", "02.03.2026"):
        broken = text.copy()
        broken.loc[2, "when"] = bad
        fails(lambda broken=broken: encoder.transform(broken), "'when'", bad, "dates")
    days = TableEncoder().fit([[datetime.date(2026, 1, 1)], [None], [datetime.date(2025, 1, 1)]])
    assert days.get_feature_names_out()[0] == "x0 (seconds)"


def test_time_zones_are_compared():
    zoned = FRAME.assign(when=WHEN.tz_localize("UTC"))
    encoder = fitted(zoned)
    np.testing.assert_array_equal(encoder.transform(zoned), fitted().transform(FRAME))
    fails(lambda: encoder.transform(FRAME), "'when'", "None", "UTC")
    other = zoned.assign(when=zoned.when.dt.tz_convert("Asia/Tokyo"))
    fails(lambda: encoder.transform(other), "'when'", "Asia/Tokyo")


# There and back ----------------------------------------------------------------------------------


def same(a, b):
    return a == b or (pd.isna(a) and pd.isna(b))


@pytest.mark.parametrize("frame", [FRAME, HOLES], ids=["whole", "with holes"])
def test_what_is_encoded_comes_back(frame):
    encoder = fitted(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert isinstance(back, pd.DataFrame)
    assert list(back.columns) == list(frame.columns)
    for name in ("service", "land", "outbound", "login", "when", "count"):
        assert all(map(same, back[name], frame[name])), name
    for name in ("bytes", "rate"):
        np.testing.assert_allclose(back[name], frame[name], rtol=1e-12)


cells = {
    "text": st.sampled_from(["a", "b", "Ä ö", "", " ", "nan", "1", "1.0", "None"]),
    "number": st.floats(-1e6, 1e6, width=32) | st.integers(-1000, 1000),
    "flag": st.booleans(),
    "time": st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)).map(
        lambda time: time.replace(microsecond=0)
    ),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_comes_back(data):
    kinds = data.draw(st.lists(st.sampled_from(list(cells)), min_size=1, max_size=4))
    n = data.draw(st.integers(2, 12))
    columns = [
        data.draw(st.lists(cells[k] | st.none(), min_size=n, max_size=n).filter(any_known))
        for k in kinds
    ]
    rows = np.empty((n, len(kinds)), dtype=object)
    for i, column in enumerate(columns):
        rows[:, i] = column
    rows = rows[[any(v is not None for v in row) for row in rows]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short log is not used, and says so
        try:
            encoder = TableEncoder().fit(rows)
        except InvalidInputError as error:
            assert "something can be learned" in str(error)
            assert set(kinds) == {"time"}
            return
    Z = encoder.transform(rows)
    back = encoder.inverse_transform(Z)
    assert Z.shape == (len(rows), len(encoder.likelihoods_))
    for i in range(len(kinds)):
        if not getattr(encoder.fields_[i], "elapsed", True):
            continue  # of a log, the time of day and the day of the week come back
        for was, now in zip(rows[:, i], back[:, i], strict=True):
            if was is None:
                assert pd.isna(now)
            elif kinds[i] == "number":
                assert now == pytest.approx(was, rel=1e-9, abs=1e-9)
            elif kinds[i] == "time":
                assert pd.Timestamp(now) == pd.Timestamp(was)
            else:
                assert now == was
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again.transform(rows).tobytes() == Z.tobytes()


def any_known(column):
    return any(value is not None for value in column)


@pytest.mark.parametrize("frame", [FRAME, HOLES], ids=["whole", "with holes"])
def test_every_container_gives_the_same(frame):
    expected = fitted(frame).transform(frame)
    plain = frame.astype(object).where(frame.notna(), None)
    columns = {name: plain[name].tolist() for name in plain.columns}
    columns["when"] = [None if t is None else t.to_pydatetime() for t in columns["when"]]
    polar = pl.DataFrame(columns)
    encoder = fitted(polar)
    np.testing.assert_array_equal(encoder.transform(polar), expected)
    back = encoder.inverse_transform(expected)
    assert isinstance(back, pl.DataFrame)
    assert back["service"].to_list() == polar["service"].to_list()
    np.testing.assert_array_equal(encoder.transform(frame), expected)  # fitted on the other
    objects = plain.to_numpy()
    np.testing.assert_array_equal(TableEncoder().fit_transform(objects), expected)
    np.testing.assert_array_equal(TableEncoder().fit_transform(objects.tolist()), expected)
    categories = frame.assign(service=frame["service"].astype("category"))
    np.testing.assert_array_equal(TableEncoder().fit_transform(categories), expected)
    strings = frame.assign(service=frame["service"].astype("string"))
    np.testing.assert_array_equal(TableEncoder().fit_transform(strings), expected)
    nullable = frame.assign(count=frame["count"].astype("Int64"))
    np.testing.assert_array_equal(TableEncoder().fit_transform(nullable), expected)


def test_polars_categories_durations_and_nothing():
    frame = pl.DataFrame(
        {
            "c": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
            "e": pl.Series(["x", "y", "y", "x"], dtype=pl.Enum(["x", "y"])),
            "d": pl.Series([datetime.timedelta(seconds=s) for s in (1, 2, 3, 60)]),
            "t": pl.Series([datetime.date(2026, 1, day) for day in (4, 1, 9, 2)]),
        }
    )
    Z = TableEncoder().fit_transform(frame)
    np.testing.assert_array_equal(Z[:, :3], [[0, 0, 1], [1, 1, 2], [np.nan, 1, 3], [0, 0, 60]])
    np.testing.assert_array_equal(Z[:, 3], np.array([3, 0, 8, 1]) * 86_400)


def test_a_number_as_category_is_found_however_it_is_written():
    encoder = TableEncoder().fit(pd.DataFrame({"c": pd.Categorical([1, 2, 3] * 4)}))
    assert encoder.likelihoods_ == ["categorical:3+1"]
    for values in ([1, 3], [1.0, 3.0], ["1", "3"], pd.Categorical([1, 3])):
        assert encoder.transform(pd.DataFrame({"c": values})).ravel().tolist() == [0, 2]


def test_whether_a_frame_is_mixed():
    assert is_mixed(FRAME)
    assert is_mixed(pl.DataFrame({"a": ["x"]}))
    assert not is_mixed(FRAME[["bytes", "rate", "land", "login"]])
    assert not is_mixed(pl.DataFrame({"a": [1, 2]}))
    assert not is_mixed(FRAME.to_numpy())


# What the fit has not seen -----------------------------------------------------------------------


def test_what_was_never_seen_gets_the_last_code_and_a_warning():
    encoder = fitted()
    new = FRAME.copy()
    new.loc[2, "service"] = "gopher"
    new.loc[[3, 4], "service"] = "dns"
    new.loc[5, "outbound"] = 1
    with pytest.warns(UserWarning, match="never seen in the fit and count as improbable") as record:
        Z = encoder.transform(new)
    assert len(record) == 1
    assert record[0].filename == __file__  # the warning points at who called
    message = str(record[0].message)
    assert "'gopher', 'dns' in column 'service' (3 rows)" in message
    assert "1.0 in column 'outbound' (1 rows)" in message
    expected = fitted().transform(FRAME)
    expected[[2, 3, 4], 0] = 3  # categorical:3+1 has the codes 0 to 3
    expected[5, 5] = 1
    np.testing.assert_array_equal(Z, expected)
    strict = fitted(unknown="error")
    np.testing.assert_array_equal(strict.transform(FRAME), encoder.transform(FRAME))
    fails(lambda: strict.transform(new), "'gopher', 'dns'", "'service'", "row 2", "3 such rows")


def test_a_value_that_is_missing_for_the_first_time():
    encoder = fitted()
    new = FRAME.copy()
    new.loc[7, "service"] = None
    with pytest.warns(UserWarning, match=r"a missing value in column 'service' \(1 rows\)"):
        assert encoder.transform(new)[7, 0] == 3
    fails(lambda: fitted(unknown="error").transform(new), "'service'", "missing", "row 7")
    for name in ("rate", "when", "login"):
        new = FRAME.astype({"login": "boolean"})
        new.loc[7, name] = None
        fails(lambda new=new: encoder.transform(new), repr(name), "no missing values", "row 7")


def test_one_of_two_numbers_that_is_missing_for_the_first_time_is_never_seen():
    new = FRAME.copy()
    new["land"] = new["land"].astype(float)
    new.loc[7, "land"] = np.nan
    with pytest.warns(UserWarning, match=r"a missing value in column 'land' \(1 rows\)"):
        codes = fitted().transform(new)
    assert codes[7, fitted().origin_ == 4] == 2


def test_a_value_that_was_missing_before_may_be_missing():
    encoder = fitted(HOLES)
    assert encoder.complete_ == [False, True, False, True, True, True, False, False]
    Z = encoder.transform(HOLES)
    holes = np.argwhere(np.isnan(Z)).tolist()
    assert holes == [[3, 0], [4, 2], [5, 6], *([6, i] for i in range(7, 12))]


def test_a_row_of_nothing_is_refused():
    rows = [["a", 1.0], ["b", None], [None, 2.5], ["a", 7.0]]
    encoder = TableEncoder().fit(rows)
    fails(lambda: encoder.transform([["a", 1.0], [None, None]]), "row 1", "every value", "drop")


# Faults ------------------------------------------------------------------------------------------


def test_columns_are_found_by_name():
    encoder = fitted()
    Z = encoder.transform(FRAME)
    np.testing.assert_array_equal(encoder.transform(FRAME[FRAME.columns[::-1]]), Z)
    fails(lambda: encoder.transform(FRAME.drop(columns="rate")), "lacks column 'rate'")
    fails(lambda: encoder.transform(FRAME.assign(more=1)), "'more'", "not in the fit", "drop")
    fails(lambda: encoder.transform(FRAME.to_numpy()[:, :7]), "8 columns", "got 7")
    with pytest.warns(UserWarning, match="names in the fit and have none now; .* by place"):
        np.testing.assert_array_equal(encoder.transform(FRAME.to_numpy(dtype=object)), Z)
    twice = pd.concat([FRAME, FRAME[["rate"]]], axis=1)
    fails(lambda: encoder.transform(twice), "'rate'", "twice")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate", "high", ["'rate'", "'high'", "numbers"]),
        ("bytes", np.inf, ["'bytes'", "infinity", "row 4"]),
        ("rate", -np.inf, ["'rate'", "infinity", "row 4"]),
        ("login", 7, ["'login'", "7", "True and False"]),
        ("when", "soon", ["'when'", "'soon'", "dates"]),
    ],
)
def test_a_value_of_another_kind(name, value, words):
    new = FRAME.astype({name: object})
    new.loc[4, name] = value
    fails(lambda: fitted().transform(new), *words)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("rate", WHEN, ["'rate'", "numbers", "times"]),
        ("when", np.arange(N), ["'when'", "dates", "numbers"]),
        ("when", np.arange(N) % 2 == 0, ["'when'", "dates", "flags"]),
        ("service", WHEN, ["'service'", "text", "times"]),
        ("login", WHEN, ["'login'", "times"]),
    ],
)
def test_a_column_of_another_kind(name, values, words):
    fails(lambda: fitted().transform(FRAME.assign(**{name: values})), *words)


def test_kinds_that_say_the_same_are_taken():
    encoder = fitted()
    Z = encoder.transform(FRAME)
    text = FRAME.assign(rate=FRAME["rate"].map(repr), login=FRAME["login"].map(str))
    np.testing.assert_array_equal(encoder.transform(text), Z)
    np.testing.assert_array_equal(encoder.transform(FRAME.astype({"login": int})), Z)
    np.testing.assert_array_equal(encoder.transform(FRAME.astype({"land": bool})), Z)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (None, ["None"]),
        (FRAME.head(0), ["0 rows"]),
        (FRAME[[]], ["0 columns"]),
        (np.zeros(5), ["1 axes"]),
        (np.zeros((5, 2, 2)), ["3 axes"]),
        ([[1, 2], [3]], ["one length"]),
        (pl.DataFrame({"a": [1]}).lazy(), ["collect"]),
        (pl.DataFrame({"a": [[1, 2]]}), ["'a'", "List"]),
        (np.array([[1j], [2j]]), ["complex"]),
        (pd.DataFrame({"a": [1.0, np.inf, 3.0]}), ["'a'", "infinity", "row 1"]),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [None, None]}), ["'b'", "every one is missing"]),
        (pd.DataFrame({"id": [f"row {i}" for i in range(50)]}), ["'id'", "50 different", "drop"]),
    ],
)
def test_tables_that_cannot_be_fitted(table, words):
    fails(lambda: TableEncoder().fit(table), *words)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"unknown": "ignore"}, ["unknown", "'ignore'"]),
        ({"max_categories": 1}, ["max_categories", "1"]),
        ({"max_categories": 2.5}, ["max_categories", "2.5"]),
        ({"max_categories": True}, ["max_categories", "True"]),
    ],
)
def test_parameters_that_cannot_be(parameters, words):
    fails(lambda: TableEncoder(**parameters).fit(FRAME), *words)


def test_it_is_one_of_scikit_learn():
    encoder = TableEncoder(max_categories=7)
    with pytest.raises(NotFittedError):
        encoder.transform(FRAME)
    assert clone(encoder.fit(FRAME)).get_params() == {"max_categories": 7, "unknown": "rare"}
    assert repr(encoder) == "TableEncoder(max_categories=7)"
    encoder.fit([["a", 1.0], ["b", 2.0], ["a", 3.0]])  # a refit forgets
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.likelihoods_ == ["categorical:2+1", "gaussian"]
    fails(lambda: encoder.inverse_transform(np.zeros((3, 5))), "(n, 2)", "(3, 5)")


@pytest.mark.parametrize("frame", [FRAME, HOLES, pl.DataFrame({"a": ["x", "y"]}), [["x"], ["y"]]])
def test_a_file_can_hold_it(frame):
    encoder = fitted(frame, unknown="error", max_categories=9)
    text = json.dumps(encoder.to_json(), allow_nan=False)
    again = TableEncoder.from_json(json.loads(text))
    assert again.transform(frame).tobytes() == encoder.transform(frame).tobytes()
    assert again.get_params() == encoder.get_params()
    assert again.likelihoods_ == encoder.likelihoods_
    assert again.names_ == encoder.names_
    assert again.complete_ == encoder.complete_
    np.testing.assert_array_equal(again.origin_, encoder.origin_)
    assert again.to_json() == encoder.to_json()
    back = again.inverse_transform(again.transform(frame))
    assert type(back) is type(encoder.inverse_transform(encoder.transform(frame)))


CRAFTED = {
    "codes with a gap": {"fields": {0: {"codes": {"x": 0, "y": 2}}}},
    "a huge code": {"fields": {0: {"codes": {"x": 0, "y": 3 * 10**9}}}},
    "a negative code": {"fields": {0: {"codes": {"x": 0, "y": -1}}}},
    "a code that is text": {"fields": {0: {"codes": {"x": 0, "y": "q"}}}},
    "no codes": {"fields": {0: {"codes": {}}}},
    "codes in a list": {"fields": {0: {"codes": [0, 1]}}},
    "a logarithm or not": {"fields": {1: {"log": "no"}}},
    "three levels": {"fields": {4: {"levels": [0.0, 1.0, 2.0]}}},
    "levels that are text": {"fields": {4: {"levels": ["a"]}}},
    "one level twice": {"fields": {4: {"levels": [1.0, 1.0]}}},
    "a level of NaN": {"fields": {4: {"levels": [math.nan]}}},
    "no first date": {"fields": {7: {"first": "NaT"}}},
    "a date that is none": {"fields": {7: {"last": "soon"}}},
    "the last before the first": {"fields": {7: {"last": "1990-01-01"}}},
    "a part that is a number": {"fields": {7: {"day": 3}}},
    "a zone that is a number": {"fields": {7: {"zone": 3}}},
    "something more": {"fields": {6: {"more": 1}}},
    "an unknown field": {"fields": {6: {"field": "zzz"}}},
    "nothing to learn": {"fields": []},
    "one field too many": {"fields": "again"},
    "none complete": {"complete": []},
    "a word for complete": {"complete": ["no"] * 8},
    "one name": {"names": ["rate"]},
    "the same names": {"names": ["rate"] * 8},
    "a name that is a number": {"names": [1, *"abcdefg"]},
    "another way with the unknown": {"unknown": "zzz"},
    "a word for the most": {"max_categories": "zzz"},
}


@pytest.mark.parametrize("what", CRAFTED)
def test_what_no_fit_could_have_written_is_refused(what):
    stored = json.loads(json.dumps(fitted().to_json()))
    for key, value in CRAFTED[what].items():
        if value == "again":
            stored[key].append(stored[key][0])
        elif isinstance(value, dict):
            for place, change in value.items():
                stored[key][place] |= change
        else:
            stored[key] = value
    fails(lambda: TableEncoder.from_json(stored))
