"""Clocks, gaps, periods and windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.applications.anomaly.series.clock import check_clock, find_interval, on_clock
from isthmus.applications.anomaly.series.reading import read_rows
from isthmus.applications.anomaly.series.windows import (
    auto_window,
    dominant_period,
    window_starts,
    windows_at,
)
from isthmus.errors import InvalidInputError

MINUTE = np.timedelta64(60, "s")
START = np.datetime64("2024-03-01T00:00", "ns")


def stamps(*minutes):
    return START + np.array(minutes) * MINUTE


def series(X, **kwargs):
    max_gap = kwargs.pop("max_gap", 0)
    rows = read_rows(X, **kwargs)
    return on_clock(rows, find_interval(rows), max_gap)


# Reading ------------------------------------------------------------------------------------------


def test_every_container_reads_the_same():
    values = np.arange(12.0).reshape(6, 2)
    times = stamps(*range(6))
    frame = pd.DataFrame(values, columns=["a", "b"])
    timed = [
        frame.assign(when=times),
        frame.set_index(pd.DatetimeIndex(times)),
        frame.assign(when=times.astype(str)),
        frame.assign(when=pd.DatetimeIndex(times).tz_localize("UTC").tz_convert("Asia/Tokyo")),
        pl.DataFrame({"when": times, "a": values[:, 0], "b": values[:, 1]}),
        pl.DataFrame({"when": times.astype(str), "a": values[:, 0], "b": values[:, 1]}),
    ]
    for X in timed:
        text = "when" in X.columns and str(X["when"].dtype) in ("object", "str", "String")
        column = "when" if text else None
        found = series(X, time_column=column)
        np.testing.assert_array_equal(found.values, values)
        np.testing.assert_array_equal(found.stamps, times)
        assert found.names == ["a", "b"]
        assert found.pieces == [(0, 6)]
    for X in (values, values.tolist(), torch.from_numpy(values), frame, pl.DataFrame(values)):
        found = series(X)
        np.testing.assert_array_equal(found.values, values)
        assert found.stamps is None
    assert series(values[:, 0]).values.shape == (6, 1)
    one = pd.Series(values[:, 0], index=pd.DatetimeIndex(times), name="load")
    assert series(one).names == ["load"]
    assert series(one.rename(None)).names == ["channel 0"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 2, 2)), r"expected a series \(n,\) or \(n, channels\)"),
        (np.zeros((0, 2)), r"expected a series"),
        (np.array([1.0, np.inf]), "infinity"),
        (["a", "b"], "expected numbers"),
        (pd.DataFrame({"v": [1.0, 2.0], "t": pd.to_datetime(["2024", None])}), "NaT"),
        (
            pd.DataFrame({"t": stamps(0, 1), "u": stamps(0, 1), "v": [1.0, 2.0]}),
            "time_column: several columns hold times",
        ),
    ],
)
def test_what_is_no_series_is_refused(X, message):
    with pytest.raises(InvalidInputError, match=message):
        read_rows(X)


def test_a_wrong_time_column_is_refused():
    frame = pd.DataFrame({"seconds": [0, 1, 2], "v": [1.0, 2.0, 3.0], "text": ["x", "y", "z"]})
    for column, message in (
        ("when", "there is no column 'when'; there are 'seconds', 'v'"),
        ("seconds", "'seconds' cannot be read as time stamps; convert it with pandas.to_datetime"),
        ("text", "'text' cannot be read as time stamps"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            read_rows(frame, column)
    with pytest.raises(InvalidInputError, match="needs a DataFrame"):
        read_rows(np.zeros(3), "when")


# Order --------------------------------------------------------------------------------------------


def test_stamps_that_do_not_rise_are_refused_or_repaired():
    frame = pd.DataFrame({"t": stamps(0, 2, 1, 3, 3, 4), "v": [0.0, 2.0, 1.0, 3.0, 5.0, 6.0]})
    with pytest.raises(InvalidInputError, match=r"row 2 earlier .* or set repair=True"):
        read_rows(frame)
    with pytest.raises(InvalidInputError, match="1 repeated"):
        read_rows(frame.iloc[3:])
    found = series(frame, repair=True)
    np.testing.assert_array_equal(found.stamps, stamps(0, 1, 2, 3, 4))
    np.testing.assert_array_equal(found.values[:, 0], [0, 1, 2, 4, 6])  # 3 and 5 are averaged
    np.testing.assert_array_equal(found.rows, [0, 2, 1, 3, 3, 4])  # each row's own step


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(12)))
def test_repair_undoes_any_shuffling(order):
    frame = pd.DataFrame({"t": stamps(*order), "v": np.array(order, dtype=float)})
    found = series(frame, repair=True)
    np.testing.assert_array_equal(found.values[:, 0], np.arange(12))
    np.testing.assert_array_equal(found.rows, order)


# Gaps ---------------------------------------------------------------------------------------------


def test_a_gap_cuts_and_a_small_one_is_filled():
    minutes = [0, 1, 2, 3, 5, 6, 7, 8, 9, 20, 21, 22]
    frame = pd.DataFrame({"t": stamps(*minutes), "v": np.array(minutes, dtype=float)})
    cut = series(frame)
    assert cut.pieces == [(0, 4), (4, 9), (9, 12)]
    assert len(cut) == 12
    filled = series(frame, max_gap=1)
    assert filled.pieces == [(0, 10), (10, 13)]
    np.testing.assert_array_equal(filled.values[:10, 0], np.arange(10.0))  # 4 on a straight line
    np.testing.assert_array_equal(filled.stamps[:10], stamps(*range(10)))
    np.testing.assert_array_equal(filled.values[filled.rows, 0], minutes)
    whole = series(frame, max_gap=10)
    assert whole.pieces == [(0, 23)]
    np.testing.assert_allclose(whole.values[:, 0], np.arange(23.0))


def test_a_little_jitter_is_no_gap():
    rng = np.random.default_rng(0)
    times = stamps(*range(100)) + rng.integers(-8, 8, 100) * np.timedelta64(1, "s")
    frame = pd.DataFrame({"t": times, "v": 1.0})
    rows = read_rows(frame)
    check_clock(rows, find_interval(rows))
    assert series(frame).pieces == [(0, 100)]


def test_irregular_sampling_is_refused_with_a_reason():
    rng = np.random.default_rng(0)
    times = START + np.cumsum(rng.exponential(60, 200) * 1e9).astype("timedelta64[ns]")
    rows = read_rows(pd.DataFrame({"t": times, "v": 1.0}))
    with pytest.raises(InvalidInputError, match=r"not on a clock of .* s; resample first"):
        check_clock(rows, find_interval(rows))
    with pytest.raises(InvalidInputError, match="cannot be found from 2 time stamps"):
        find_interval(read_rows(pd.DataFrame({"t": stamps(0, 1), "v": 1.0})))


# Windows ------------------------------------------------------------------------------------------

pieces_of = st.lists(st.integers(1, 30), min_size=1, max_size=4).map(
    lambda lengths: list(zip(np.cumsum([0, *lengths])[:-1].tolist(), np.cumsum(lengths).tolist(),
                             strict=True))
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(pieces_of, st.integers(1, 12), st.data())
def test_windows_cover_every_long_piece_and_span_no_gap(pieces, window, data):
    stride = data.draw(st.integers(1, window))
    starts = window_starts(pieces, window, stride)
    covered = np.zeros(pieces[-1][1], dtype=int)
    assert len(set(starts.tolist())) == len(starts)
    for start in starts:
        assert any(first <= start and start + window <= end for first, end in pieces)
        covered[start : start + window] += 1
    for first, end in pieces:
        assert (covered[first:end] > 0).all() == (end - first >= window)
        assert (covered[first:end] > 0).any() == (end - first >= window)


def test_windows_hold_the_values():
    values = np.arange(20.0).reshape(10, 2)
    found = windows_at(values, np.array([0, 3, 6]), 4)
    np.testing.assert_array_equal(found, [values[0:4], values[3:7], values[6:10]])


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 60), st.floats(0, 0.5), st.integers(0, 1000))
def test_the_period_of_a_noisy_wave_is_found(period, noise, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(600)
    wave = np.sin(2 * np.pi * t / period + rng.uniform(0, 6)) + 0.01 * t
    wave += noise * rng.normal(size=600)
    found = dominant_period(wave[:, None])
    assert found is not None
    # The period, or a multiple where that is a better fit to whole steps.
    assert abs(found / period - round(found / period)) < 0.15


def test_what_has_no_period_gets_none():
    rng = np.random.default_rng(0)
    assert dominant_period(rng.normal(size=(2000, 1))) is None
    assert dominant_period(np.full((300, 2), 3.0)) is None
    assert dominant_period(np.arange(300.0)[:, None]) is None  # a straight line


def test_automatic_windows():
    t = np.arange(2000)

    def window(period, most=200):
        return auto_window([series(np.sin(2 * np.pi * t / period))], most)

    assert window(48) == 48
    assert 16 <= window(5) <= 25  # periods enough to come to 16 steps
    assert window(48, most=20) == 20
    assert auto_window([series(np.random.default_rng(0).normal(size=2000))], 200) == 64


def test_a_period_beside_a_channel_without_values_and_beside_huge_ones():
    t = np.arange(300)
    wave = np.sin(2 * np.pi * t / 24)
    empty, huge = np.full(300, np.nan), np.where(t == 150, 1e200, wave)
    assert dominant_period(np.stack([wave, empty], 1)) == 24
    assert dominant_period(empty[:, None]) is None
    assert dominant_period(1e200 * wave[:, None]) == 24
    assert dominant_period(huge[:, None]) is None  # one peak is all that is left of it
