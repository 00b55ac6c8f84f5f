"""Series: scores on a clock, what the false-alarm rate promises, streams, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Autoencoder
from isthmus.applications.anomaly import AnomalyDetector, BlockCalibration
from isthmus.applications.anomaly.series import SeriesDetector
from isthmus.applications.anomaly.series.clock import on_clock
from isthmus.applications.anomaly.series.reading import read_rows
from isthmus.applications.anomaly.series.saving import SeriesForm
from isthmus.applications.anomaly.series.steps import step_surprise, window_surprise
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.persistence import KIND
from isthmus.storage import Stored
from isthmus.storage.container import read_tensor_file, write_tensor_file

MINUTE = np.timedelta64(60, "s")
START = np.datetime64("2024-03-01T00:00", "ns")


def inner(**style):
    network = {"latent_dim": 3, "hidden_layer_sizes": (), "network": "dense", "max_epochs": 60}
    network |= {"learning_rate": 0.01, "early_stopping": False}
    return AnomalyDetector(
        estimator=Autoencoder(**network | style), scores="reconstruction", trim=0
    )


def wave(n, seed=0):
    """Two channels of period 24 with a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    clean = np.stack([np.sin(2 * np.pi * t / 24), 3 * np.cos(2 * np.pi * t / 24)], 1)
    return clean + np.array([0.1, 0.3]) * rng.normal(size=(n, 2))


def faulty(n=480, seed=1):
    """A wave whose second channel stands still from step 200 to 219."""
    X = wave(n, seed)
    X[200:220, 1] = 0
    return X


def frame(X, first=0, skip=()):
    times = START + (first + np.arange(len(X))) * MINUTE
    table = pd.DataFrame({"when": times, "load": X[:, 0], "heat": X[:, 1]})
    return table.drop(index=list(skip))


@pytest.fixture(scope="module")
def fitted():
    return SeriesDetector(inner(), window=24, random_state=0).fit(wave(2400))


@pytest.fixture(scope="module")
def causal():
    return SeriesDetector(inner(), window=24, causal=True, random_state=0).fit(wave(2400))


# Scores a step ------------------------------------------------------------------------------------


def test_a_score_is_the_mean_over_the_windows_of_a_step(fitted):
    """Window by window and step by step, in plain loops."""
    X = faulty(100)
    sums, counts = np.zeros(100), np.zeros(100)
    starts = [*range(0, 76, 3), 76]  # stride 3, and one at the very end
    assert fitted.stride_ == 3
    for start in dict.fromkeys(starts):
        surprise = window_surprise(fitted.detector_, X[None, start : start + 24])[0]
        for step in range(24):
            sums[start + step] += surprise[step].sum()
            counts[start + step] += 1
    np.testing.assert_allclose(fitted.score_samples(X), -sums / counts, rtol=1e-4, atol=1e-4)


def test_a_causal_score_is_that_of_the_window_that_ends_there(causal):
    X = faulty(100)
    scores = causal.score_samples(X)
    assert np.isnan(scores[:23]).all()
    for t in (23, 50, 99):
        surprise = window_surprise(causal.detector_, X[None, t - 23 : t + 1])[0]
        assert scores[t] == pytest.approx(-surprise[-6:].mean(0).sum(), rel=1e-4, abs=1e-4)


def test_a_causal_score_knows_nothing_of_the_future(causal):
    X = faulty(100)
    changed = X.copy()
    changed[60:] = 7.0
    np.testing.assert_array_equal(causal.score_samples(changed)[:60], causal.score_samples(X)[:60])


def test_normal_steps_score_around_zero_and_faults_below(fitted):
    normal = fitted.score_samples(wave(1000, seed=5))
    assert abs(normal.mean()) < 0.5
    scores = fitted.score_samples(faulty())
    assert scores[200:220].max() < np.quantile(scores[:150], 0.02)
    assert scores[200:220].mean() < -10
    assert scores.shape == (480,)


# Alarms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["fitted", "causal"])
def test_an_alarm_has_its_time_and_its_channel(which, request):
    detector = request.getfixturevalue(which)
    X = faulty()
    alarms = detector.alarms(X)
    worst = max(alarms, key=lambda alarm: alarm.oddness)
    before, after = (0, 24) if which == "causal" else (6, 6)  # the past is looked at for a window
    assert 200 - before <= worst.steps[0] <= 204
    assert 215 <= worst.steps[1] <= 219 + after
    assert worst.channels == ("channel 1",)
    assert worst.p_value == detector.calibration_.smallest_rate
    assert worst.p_value == np.nanmin(detector.p_values(X))
    steps = np.zeros(len(X), dtype=bool)
    for alarm in alarms:
        assert alarm.start == alarm.steps[0] <= alarm.peak <= alarm.steps[1] == alarm.end
        steps[alarm.steps[0] : alarm.steps[1] + 1] = True
    assert not (detector.predict(X)[~steps] == -1).any()
    assert (detector.predict(X)[[alarm.peak for alarm in alarms]] == -1).all()
    assert "channel 1 (p = " in str(worst)


def test_alarms_close_together_are_one(fitted):
    X = wave(480, seed=1)
    X[200:206, 1] += 3
    X[212:218, 1] += 3
    counts = {}
    for merge in (0, 12, "auto"):
        fitted.set_params(merge=merge)
        alarms = [a for a in fitted.alarms(X) if 190 < a.steps[0] < 230 and a.oddness > 20]
        counts[merge] = len(alarms)
    fitted.set_params(merge="auto")  # a quarter of the window, 6: the gap has 6 steps
    assert counts == {0: 2, 12: 1, "auto": 1}


def test_predictions_p_values_and_decisions_agree(fitted):
    X = faulty()
    decision = fitted.decision_function(X)
    np.testing.assert_array_equal(fitted.predict(X), np.where(decision < 0, -1, 1))
    np.testing.assert_array_equal(decision, fitted.score_samples(X) - fitted.offset_)
    rate = fitted.threshold_.details["false_alarm_rate"]
    np.testing.assert_array_equal(fitted.p_values(X) <= rate + 1e-12, decision < 0)
    assert fitted.detector_.calibration_ is not None  # of windows, beside


# What is promised ---------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(2, 30), st.floats(0.02, 0.9), st.integers(0, 100))
def test_the_line_and_the_p_value_are_one_rule(block, n_blocks, rate, seed):
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.integers(0, 20, block * n_blocks).astype(float))  # ties
    calibration = BlockCalibration(steps, block)
    oddness = np.append(rng.integers(-1, 21, 50).astype(float), np.nan)
    p_values = calibration.p_values(oddness)
    shares = np.array([(steps >= s).sum() / block for s in oddness[:-1]])
    np.testing.assert_allclose(p_values[:-1], (1 + shares) / (n_blocks + 1))
    assert np.isnan(p_values[-1])
    if rate < calibration.smallest_rate - 1e-9:
        with pytest.raises(InvalidInputError, match="needs at least .* held-out blocks"):
            calibration.threshold(rate)
        return
    line = calibration.threshold(rate)
    np.testing.assert_array_equal(oddness[:-1] > line, p_values[:-1] <= rate + 1e-9)


def test_the_rate_is_kept_where_steps_depend_on_each_other():
    """Blocks of one value each: as dependent as can be. The mean share of alarms is at most α."""
    rng = np.random.default_rng(0)
    shares, naive = [], []
    for _ in range(4000):
        blocks = rng.normal(size=20)
        calibration = BlockCalibration(np.sort(np.repeat(blocks[:-1], 10)), 10)
        shares.append(blocks[-1] > calibration.threshold(0.1))
        naive.append(blocks[-1] > np.quantile(blocks[:-1], 0.9))
    error = 3 * np.std(shares) / np.sqrt(4000)
    assert 0.1 - error < np.mean(shares) + 0 <= 0.1 + error  # 19 blocks: exactly 2 / 20
    assert np.mean(naive) > 0.1 + error / 3  # a plain quantile of the steps breaks its promise


def test_fresh_normal_series_keep_the_rate():
    detector = SeriesDetector(inner(), window=24, false_alarm_rate=0.05, random_state=0)
    detector.fit(wave(4000))
    assert detector.calibration_.n_blocks == 41
    rates = [(detector.predict(wave(1000, seed=10 + i)) == -1).mean() for i in range(8)]
    assert 0.01 < np.mean(rates) < 0.09


def test_calibration_is_the_end_and_not_learned_from():
    """What lies in the last quarter does not change the network."""
    X = wave(960)
    other = X.copy()
    other[720:] *= -1
    one, two = (SeriesDetector(inner(), window=24, random_state=0).fit(x) for x in (X, other))
    np.testing.assert_array_equal(one.score_samples(X), two.score_samples(X))
    assert one.threshold_.value != two.threshold_.value
    own = SeriesDetector(inner(), window=24, calibration_fraction=0, random_state=0).fit(X[:720])
    np.testing.assert_array_equal(own.score_samples(X), one.score_samples(X))
    assert own.threshold_ is None
    for method in (own.predict, own.p_values, own.alarms):
        with pytest.raises(InvalidInputError, match=r"call calibrate\(X\)"):
            method(X)
    own.calibrate(X[720:])
    assert own.threshold_ == one.threshold_


# Clocks and gaps ----------------------------------------------------------------------------------


def test_time_stamps_of_pandas_and_polars_come_back_in_alarms(fitted):
    table = frame(faulty())
    plain = max(fitted.alarms(faulty()), key=lambda alarm: alarm.oddness)
    for make in (
        lambda t: t,
        lambda t: t.set_index("when"),
        lambda t: pl.DataFrame({name: t[name].to_numpy() for name in t.columns}),
    ):
        detector = SeriesDetector(inner(), window=24, random_state=0)
        detector.fit(make(frame(wave(2400))))
        assert detector.interval_ == MINUTE
        assert detector.channel_names_ == ["load", "heat"]
        worst = max(detector.alarms(make(table)), key=lambda alarm: alarm.oddness)
        assert worst.steps == plain.steps
        assert worst.start == START + plain.start * MINUTE
        assert worst.peak == START + plain.peak * MINUTE
        assert worst.channels == ("heat",)
        scores = detector.score_samples(make(table))
        np.testing.assert_array_equal(scores, fitted.score_samples(faulty()))


def test_no_window_spans_a_gap(fitted):
    """On either side of a gap the scores are those of two series; a short piece has none."""
    detector = SeriesDetector(inner(), window=24, random_state=0).fit(frame(wave(2400)))
    X = faulty(300)
    table = pd.concat([frame(X[:100]), frame(X[100:110], 500), frame(X[110:], 900)])
    scores = detector.score_samples(table)
    np.testing.assert_array_equal(scores[:100], detector.score_samples(frame(X[:100])))
    assert np.isnan(scores[100:110]).all()
    np.testing.assert_array_equal(scores[110:], detector.score_samples(frame(X[110:])))
    assert (detector.predict(table)[100:110] == 1).all()
    assert all(a.steps[1] < 100 or a.steps[0] >= 110 for a in detector.alarms(table))


def test_small_gaps_are_filled_and_not_reported():
    detector = SeriesDetector(inner(), window=24, max_gap=2, random_state=0).fit(frame(wave(2400)))
    X = wave(200, seed=3)
    whole = detector.score_samples(frame(X))
    holes = detector.score_samples(frame(X, skip=(50, 90, 91)))
    assert holes.shape == (197,)
    kept = np.delete(np.arange(200), [50, 90, 91])
    far = (np.abs(kept - 50) > 48) & (np.abs(kept - 90) > 48)
    np.testing.assert_array_equal(holes[far], whole[kept][far])
    assert np.isfinite(holes).all()


def test_repair_gives_each_row_the_score_of_its_time():
    detector = SeriesDetector(inner(), window=24, repair=True, random_state=0)
    detector.fit(frame(wave(2400)))
    table = frame(faulty(200))
    order = np.random.default_rng(0).permutation(200)
    scores = detector.score_samples(table)
    np.testing.assert_array_equal(detector.score_samples(table.iloc[order]), scores[order])


def test_many_series(fitted):
    """No window lies across two series, and channels are checked in each."""
    parts = [wave(2400)[:1000], wave(2400)[1000:]]
    detector = SeriesDetector(inner(), window=24, random_state=0).fit(parts)
    assert detector.calibration_.n_blocks == (250 // 24) + (350 // 24)
    assert max(detector.alarms(faulty()), key=lambda a: a.oddness).channels == ("channel 1",)
    with pytest.raises(InvalidInputError, match="expected 2 channels, as in the fit; got 1"):
        detector.fit([wave(500), wave(500)[:, :1]])


@pytest.mark.parametrize("make", [pd.Series, pl.Series])
def test_a_list_of_columns_is_a_list_of_series(make):
    parts = [wave(1000)[:, 0], wave(1400)[:, 0]]
    columns, arrays = (
        SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(each)
        for each in ([make(part) for part in parts], parts)
    )
    assert columns.calibration_.n_blocks == (250 // 24) + (350 // 24)
    np.testing.assert_array_equal(columns.calibration_.oddness, arrays.calibration_.oddness)


# State ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["too short", "rate", "detector"])
def test_a_refit_that_fails_leaves_no_fit(way):
    detector = SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(wave(600))
    X = wave(600)
    if way == "too short":
        X = X[:25, :1]
    elif way == "rate":
        detector.set_params(false_alarm_rate=1e-4)
    else:
        detector.set_params(detector__trim=7)
    with pytest.raises(InvalidInputError):
        detector.fit(X)
    assert not [name for name in vars(detector) if name.endswith("_") or name.startswith("_")]
    with pytest.raises(NotFittedError):
        detector.score_samples(X)


def test_parameters_that_are_refused_leave_the_fit(fitted):
    before = fitted.score_samples(faulty(100))
    fitted.set_params(window="long")
    with pytest.raises(InvalidInputError, match="window"):
        fitted.fit(wave(600))
    fitted.set_params(window=24)
    np.testing.assert_array_equal(fitted.score_samples(faulty(100)), before)


@pytest.mark.parametrize("way", ["too short", "rate"])
def test_a_calibration_that_fails_leaves_the_line(way):
    detector = SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(wave(600))
    line, inner_line = detector.threshold_, detector.detector_.threshold_
    before = detector.predict(faulty(100))
    if way == "rate":
        detector.set_params(false_alarm_rate=1e-4)
    with pytest.raises(InvalidInputError):
        detector.calibrate(wave(20 if way == "too short" else 300, seed=3))
    assert detector.threshold_ is line
    assert detector.detector_.threshold_ is inner_line
    np.testing.assert_array_equal(detector.predict(faulty(100)), before)


# Streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1] * 60, [7, 1, 30, 2, 20], [60]])
def test_a_stream_has_the_scores_of_the_whole_series(causal, sizes):
    X = faulty(260)[200:260]
    causal.restart()
    parts = np.split(X, np.cumsum(sizes)[:-1])
    streamed = np.concatenate([causal.update(part) for part in parts])
    np.testing.assert_array_equal(streamed, causal.score_samples(X))
    assert np.isnan(streamed[:23]).all()
    assert len(causal.stream_.values) == 23  # all that is remembered


def test_one_step_of_several_channels(causal):
    X = faulty(40)
    causal.restart()
    streamed = np.concatenate([causal.update(row) for row in X])
    np.testing.assert_array_equal(streamed, causal.score_samples(X))


def test_a_stream_with_gaps_is_that_of_the_whole_series():
    detector = SeriesDetector(inner(), window=24, causal=True, max_gap=2, random_state=0)
    detector.fit(frame(wave(2400)))
    table = frame(faulty(260), skip=(40, 41, 90, 91, 92, 93, 150))  # filled, cut, filled
    whole = detector.score_samples(table)
    assert np.isnan(whole).sum() == 2 * 23
    streamed = np.concatenate([detector.update(table.iloc[i : i + 1]) for i in range(len(table))])
    np.testing.assert_array_equal(streamed, whole)
    with pytest.raises(InvalidInputError, match=r"where the stream has come to.* restart\(\)"):
        detector.update(table.iloc[:1])
    detector.restart()
    assert np.isnan(detector.update(table.iloc[:1])).all()


def test_a_stream_must_be_causal(fitted):
    with pytest.raises(InvalidInputError, match="causal: a stream has no future"):
        fitted.update(wave(10))


# Networks, missing values, scikit-learn -----------------------------------------------------------


@pytest.mark.parametrize("network", ["convolutional", "lstm", "gru"])
def test_other_networks(network):
    estimator = Autoencoder(network=network, latent_dim=3, max_epochs=2)
    detector = SeriesDetector(AnomalyDetector(estimator=estimator), window=16, random_state=0)
    detector.fit(wave(600))
    (member,) = detector.detector_.members_
    assert member.architecture_.network.name == network
    assert member.architecture_.module_shape == (2, 16)
    assert np.isfinite(detector.score_samples(wave(100))).all()
    again = clone(detector).fit(wave(600))
    np.testing.assert_array_equal(again.score_samples(wave(100)), detector.score_samples(wave(100)))


def test_the_default_detector_is_convolutional_and_takes_missing_values(monkeypatch):
    monkeypatch.setattr("isthmus.models.base.fitting.auto_max_epochs", lambda rows, size: 1)
    X = wave(500)
    X[::50, 0] = np.nan
    detector = SeriesDetector(window=16, random_state=0).fit(X)
    assert detector.detector_.members_[0].architecture_.network.name == "convolutional"
    assert np.isfinite(detector.score_samples(X)).all()


def test_missing_values_are_never_scored_in_silence(fitted):
    X = wave(200)
    X[50, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"NaN in step 50, 'channel 1' \(1 such values\)"):
        fitted.score_samples(X)
    detector = SeriesDetector(inner(missing="ignore"), window=24, causal=True, random_state=0)
    detector.fit(wave(600))
    X[60] = np.nan
    scores = detector.score_samples(X)
    np.testing.assert_array_equal(np.isnan(scores), [i < 23 or i == 60 for i in range(200)])
    np.testing.assert_array_equal(detector.update(X), scores)
    assert np.isnan(detector.score_samples(np.full((60, 2), np.nan))).all()


def test_a_stretch_without_values_may_be_held_out(monkeypatch):
    """It is longer than a window; its steps have no score, and do not calibrate."""
    monkeypatch.setattr("isthmus.models.base.fitting.auto_max_epochs", lambda rows, size: 1)
    X = wave(800)
    X[700:760] = np.nan
    for estimator in (None, inner(missing="ignore", max_epochs=1)):
        detector = SeriesDetector(estimator, window=20, random_state=0).fit(X)
        assert detector.calibration_.n_blocks == (200 - 60) // 20
        scores = detector.score_samples(X)
        np.testing.assert_array_equal(np.isnan(scores), [700 <= i < 760 for i in range(800)])
        assert detector.calibrate(X).calibration_.n_blocks == (800 - 60) // 20
    with pytest.raises(InvalidInputError, match="NaN in step 700, 'channel 0'"):
        SeriesDetector(inner(max_epochs=1), window=20, random_state=0).fit(X)


@pytest.mark.parametrize("value", [1e25, -1e200])
@pytest.mark.parametrize("which", ["fitted", "causal"])
def test_a_value_beyond_float32_is_an_alarm(value, which, request):
    detector = request.getfixturevalue(which)
    X = wave(200, seed=3)
    X[100, 1] = value
    scores = detector.score_samples(X)
    assert np.isfinite(scores[23:]).all()
    assert scores[100] < -1e6
    assert detector.predict(X)[100] == -1
    worst = max(detector.alarms(X), key=lambda alarm: alarm.oddness)
    assert worst.steps[0] <= 100 <= worst.steps[1]
    assert worst.channels[0] == "channel 1"


def test_what_overflows_in_the_network_is_not_missing(fitted, monkeypatch):
    from isthmus.applications.anomaly.series import steps

    real = steps.evidence

    def overflowing(member, x):
        found = real(member, x)
        found.surprise[:, :2] = [[np.inf, np.nan]]  # steps 0 and 1 of the first channel
        return found

    monkeypatch.setattr(steps, "evidence", overflowing)
    surprise = window_surprise(fitted.detector_, wave(24)[None])[0]
    assert np.isfinite(surprise).all()
    assert (surprise[:2, 0] > 1e30).all()
    assert surprise[2:].max() < 1e3


def test_wide_series_are_signals():
    """Nine channels in windows of twelve steps would be images elsewhere."""
    rng = np.random.default_rng(0)
    detector = SeriesDetector(inner(), window=12, random_state=0).fit(rng.normal(size=(400, 9)))
    assert detector.detector_.members_[0].architecture_.module_shape == (9, 12)


def test_an_automatic_window_is_the_period():
    detector = SeriesDetector(inner(), random_state=0).fit(wave(1200))
    assert detector.window_ == 24
    assert detector.stride_ == 3


def test_parameters_are_kept_and_the_detector_is_not_touched():
    own = inner()
    detector = SeriesDetector(own, window=24, random_state=0)
    assert clone(detector).get_params(deep=False).keys() == detector.get_params(deep=False).keys()
    detector.fit(wave(600))
    assert not hasattr(own, "ensemble_")
    assert own.calibration_fraction == AnomalyDetector().calibration_fraction
    assert detector.set_params(detector__trim=0.1).detector.trim == 0.1


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 1}, "window: expected a whole number of at least 2"),
        ({"window": "long"}, "window: expected a whole number"),
        ({"stride": 30, "window": 24}, "stride: expected at most the window"),
        ({"merge": -1}, "merge: expected a whole number of at least 0"),
        ({"false_alarm_rate": 0}, "false_alarm_rate: expected a number between 0 and 1"),
        ({"false_alarm_rate": 0.001, "window": 24}, "needs at least 999 held-out blocks of 24"),
        ({"calibration_fraction": 1}, "calibration_fraction: expected a number from 0"),
        ({"detector": Autoencoder()}, "detector: expected an AnomalyDetector"),
        ({"max_gap": 0.5}, "max_gap: expected a whole number"),
        ({"window": 400}, "expected at least two windows of 400 steps"),
        ({"window": 150, "false_alarm_rate": 0.5}, "no stretch to calibrate on"),
    ],
)
def test_parameters_that_cannot_be_used(parameters, message):
    settings = {"detector": inner(max_epochs=1), "random_state": 0} | parameters
    with pytest.raises(InvalidInputError, match=message):
        SeriesDetector(**settings).fit(wave(480))


def test_series_that_do_not_fit(fitted):
    with pytest.raises(InvalidInputError, match="expected 2 channels, as in the fit; got 3"):
        fitted.score_samples(np.zeros((50, 3)))
    with pytest.raises(InvalidInputError, match="time stamps as in the fit, which had none"):
        fitted.score_samples(frame(wave(50)))
    timed = SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(frame(wave(480)))
    with pytest.raises(InvalidInputError, match="which had some; got no"):
        timed.score_samples(wave(50))
    with pytest.raises(InvalidInputError, match="expected the channels load, heat"):
        timed.score_samples(frame(wave(50)).rename(columns={"heat": "cold"}))
    swapped = ["channel b", "channel a"]  # names of one's own, though they look like ours
    named = pd.DataFrame(wave(480), columns=swapped[::-1])
    own = SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(named)
    with pytest.raises(InvalidInputError, match="expected the channels channel a, channel b"):
        own.score_samples(named[swapped])
    assert own.score_samples(named.to_numpy()).shape == (480,)
    assert fitted.score_samples(named).shape == (480,)  # which was fitted without names
    with pytest.raises(InvalidInputError, match="set repair=True"):
        timed.score_samples(frame(wave(50)).iloc[::-1])
    hourly = frame(wave(50))
    hourly["when"] = START + np.arange(50) * np.timedelta64(25, "s")
    with pytest.raises(InvalidInputError, match="not on a clock of 60 s; resample first"):
        timed.score_samples(hourly)


def test_an_unfitted_detector_says_so():
    for method in ("score_samples", "predict", "alarms", "update", "p_values"):
        with pytest.raises(NotFittedError):
            getattr(SeriesDetector(causal=True), method)(wave(50))


def test_chunks_change_nothing(fitted, monkeypatch):
    from isthmus.applications.anomaly.series import steps

    series = on_clock(read_rows(faulty(150)), None)
    whole = step_surprise(fitted.detector_, series, 24, 3, causal=False)
    monkeypatch.setattr(steps, "_CHUNK", 24 * 2 * 5)
    parts = step_surprise(fitted.detector_, series, 24, 3, causal=False)
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-9)


# Files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_saved_detector_is_the_same(tmp_path, calibrated):
    fraction = 0.25 if calibrated else 0
    detector = SeriesDetector(
        inner(max_epochs=2), window=24, causal=True, calibration_fraction=fraction, random_state=0
    ).fit(frame(wave(600)))
    detector.save(tmp_path / "series.safetensors")
    loaded = isthmus.load(tmp_path / "series.safetensors")
    table = frame(faulty(250))
    np.testing.assert_array_equal(loaded.score_samples(table), detector.score_samples(table))
    np.testing.assert_array_equal(loaded.update(table), detector.score_samples(table))
    assert loaded.threshold_ == detector.threshold_
    assert loaded.interval_ == detector.interval_
    assert loaded.get_params(deep=False).keys() == detector.get_params(deep=False).keys()
    if calibrated:
        assert loaded.alarms(table) == detector.alarms(table)
    again = clone(loaded).fit(frame(wave(600)))
    np.testing.assert_array_equal(again.score_samples(table), detector.score_samples(table))


def test_a_damaged_file_is_refused(tmp_path):
    detector = SeriesDetector(inner(max_epochs=1), window=24, random_state=0).fit(wave(480))
    detector.save(tmp_path / "series.safetensors")
    header, tensors = read_tensor_file(tmp_path / "series.safetensors", KIND)
    for change in ({"window": 12}, {"stride": 0}, {"channel_names": ["a"]}):
        wrong = header | {"series": header["series"] | change}
        with pytest.raises(ModelFileError, match="windows are not those of its detector"):
            SeriesForm().rebuild(Stored(wrong, tensors, "series.safetensors"))
    oddness = tensors["series.oddness"]
    for wrong, message in (
        (oddness.flip(0), "calibration is not in order"),
        (oddness[:5], "calibration is not what it should be"),  # p-values above 1
        (oddness[:0], "calibration is not what it should be"),
        (oddness * torch.nan, "calibration is not what it should be"),
        (torch.ones(48, dtype=torch.bool), "calibration is not what it should be"),
    ):
        with pytest.raises(ModelFileError, match=message):
            SeriesForm().rebuild(
                Stored(header, tensors | {"series.oddness": wrong}, "series.safetensors")
            )


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("series", {"interval_ns": 0}),
        ("series", {"interval_ns": -60}),
        ("series", {"interval_ns": 2**70}),
        ("series", {"interval_ns": 1.5}),
        ("series", {"stride": "3"}),
        ("series", {"window": 24.0}),
        ("series", {"channel_names": "ab"}),
        ("series", {"channel_names": [0, 1]}),
        ("series", {"named": "no"}),
        ("threshold", {"value": float("nan")}),
        ("threshold", {"value": float("inf")}),
        ("threshold", {"value": "1"}),
        ("threshold", {"rule": 3}),
        ("threshold", {"details": {"rate": float("nan")}}),
        ("parameters", {"max_gap": "x"}),
        ("parameters", {"merge": -5}),
        ("parameters", {"window": True}),
        ("parameters", {"false_alarm_rate": 2}),
        ("parameters", {"calibration_fraction": "x"}),
        ("parameters", {"causal": "x"}),
        ("parameters", {"repair": [1]}),
        ("parameters", {"random_state": "x"}),
        ("parameters", {"time_column": 0.5}),
        ("threshold", None),
    ],
)
def test_a_crafted_file_is_refused(saved, part, change):
    header, tensors, path = saved
    changed = None if change is None else header[part] | change
    crafted = {key: value for key, value in header.items() if key != "kind"} | {part: changed}
    write_tensor_file(path, KIND, crafted, tensors)
    with pytest.raises(ModelFileError):
        isthmus.load(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("series") / "series.safetensors"
    detector = SeriesDetector(inner(max_epochs=1), window=24, random_state=0)
    detector.fit(frame(wave(480))).save(path)
    return *read_tensor_file(path, KIND), path


def test_a_loaded_detector_knows_whether_its_channels_have_names(tmp_path):
    named = pd.DataFrame(wave(480), columns=["channel a", "channel b"])
    detector = SeriesDetector(inner(max_epochs=1), window=24, random_state=0)
    for X, refuses in ((named, True), (named.to_numpy(), False)):
        detector.fit(X).save(tmp_path / "series.safetensors")
        loaded = isthmus.load(tmp_path / "series.safetensors")
        if refuses:
            with pytest.raises(InvalidInputError, match="expected the channels"):
                loaded.predict(named[["channel b", "channel a"]])
        else:
            assert len(loaded.predict(named)) == 480
