"""The picture of a series: what is drawn where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from isthmus import Autoencoder
from isthmus.applications.anomaly import AnomalyDetector, SeriesDetector
from isthmus.errors import InvalidInputError
from isthmus.plotting import plot_series


def series(n, channels=2):
    rng = np.random.default_rng(0)
    t = np.arange(n)[:, None] / 4 + np.arange(channels)
    return np.sin(t) + 0.1 * rng.normal(size=(n, channels))


def fit(X, **kwargs):
    network = Autoencoder(network="dense", hidden_layer_sizes=(), max_epochs=3)
    inner = AnomalyDetector(estimator=network, scores="reconstruction")
    return SeriesDetector(inner, window=25, random_state=0, **kwargs).fit(X)


def test_channels_above_oddness_below_and_alarms_shaded():
    X = series(900)
    X[300:310] += 4
    detector = fit(series(900))
    figure = plot_series(detector, X, title="two $ channels")
    assert isinstance(figure, Figure)
    first, second, below = figure.axes
    np.testing.assert_array_equal(first.lines[0].get_ydata(), X[:, 0])
    np.testing.assert_array_equal(second.lines[0].get_ydata(), X[:, 1])
    np.testing.assert_array_equal(below.lines[0].get_ydata(), -detector.score_samples(X))
    assert set(below.lines[1].get_ydata()) == {detector.threshold_.value}
    alarms = detector.alarms(X)
    assert alarms
    for ax in figure.axes:
        spans = sorted((patch.get_x(), patch.get_width()) for patch in ax.patches)
        expected = [(a.start - 0.5, a.end - a.start + 1) for a in alarms]
        np.testing.assert_allclose(spans, expected)


def test_a_clock_a_gap_and_a_file(tmp_path):
    when = pd.date_range("2024-01-01", periods=900, freq="5min")
    frame = pd.DataFrame(series(900), columns=["load", "heat"], index=when)
    own = Figure(figsize=(6, 4))
    figure = plot_series(fit(frame), frame.drop(frame.index[400:420]), figure=own)
    assert figure is own
    assert [ax.get_ylabel() for ax in figure.axes] == ["load", "heat", "anomaly score, nats"]
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [400, 480]
    figure.savefig(tmp_path / "series.png")
    assert (tmp_path / "series.png").stat().st_size > 0


def test_many_channels_share_their_axes():
    X = series(900, 5)
    figure = plot_series(fit(X), X)
    assert len(figure.axes) == 2
    assert len(figure.axes[0].lines) == 5
    with pytest.raises(InvalidInputError, match="room for 8 channels; got 9"):
        plot_series(fit(series(900, 9)), series(900, 9))
    with pytest.raises(InvalidInputError, match=r"call calibrate\(X\)"):
        plot_series(fit(X, calibration_fraction=0), X)
