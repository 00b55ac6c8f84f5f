"""A series, how unusual each step is, and where there are alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidInputError
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, colours, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isthmus.applications.anomaly.series import SeriesDetector

__all__ = ["plot_series"]

_MOST_CHANNELS = 8
_EVERY_CHANNEL = 3  # up to so many get axes of their own


def plot_series(
    detector: SeriesDetector, X: Any, *, title: str | None = None, figure: Any = None
) -> Figure:
    """Draw a series over its anomaly score, with the threshold, and shade the alarms.

    Parameters
    ----------
    detector : SeriesDetector
        Fitted and calibrated.
    X : array-like of shape (n,) or (n, channels), or DataFrame
        The series.
    title : str, optional
        Text above it.
    figure : matplotlib Figure, optional
        Where to draw; a new one without it.

    Returns
    -------
    matplotlib.figure.Figure
        Above, the channels: up to three on axes of their own, more on one, standardised. Below, the
        anomaly score of each step in nats, minus `score_samples`, on a scale that is linear up to
        the threshold and logarithmic beyond it. Stretches with an alarm are shaded.

    Raises
    ------
    InvalidInputError
        If there is no threshold, or there are more than eight channels.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> from isthmus.applications.anomaly import AnomalyDetector
    >>> from isthmus.applications.anomaly.series import SeriesDetector
    >>> wave = np.sin(np.arange(800) / 4) + 0.1 * np.random.default_rng(0).normal(size=800)
    >>> inner = AnomalyDetector(estimator=Autoencoder(network="dense", max_epochs=2))
    >>> detector = SeriesDetector(inner, window=25, random_state=0).fit(wave)
    >>> len(plot_series(detector, wave).axes)
    2
    """
    from isthmus.errors import require

    series = detector.read(X)
    alarms = detector.alarms(X)
    n_channels = series.values.shape[1]
    if n_channels > _MOST_CHANNELS:
        raise InvalidInputError(
            f"X: a picture has room for {_MOST_CHANNELS} channels; got {n_channels}"
        )
    oddness = -detector.score_samples(X)
    together = n_channels > _EVERY_CHANNEL
    above = 1 if together else n_channels
    if figure is None:
        figure_class = require("matplotlib.figure", "plot").Figure
        figure = figure_class(
            figsize=(8.4, 1.7 * above + 2.0), layout="constrained", facecolor=PAPER
        )
    axes = figure.subplots(above + 1, 1, sharex=True, squeeze=False)[:, 0]
    clock: Any = np.arange(len(series)) if series.stamps is None else series.stamps
    values = series.values
    if together:
        values = (values - np.nanmean(values, 0)) / np.maximum(np.nanstd(values, 0), 1e-12)
    shades = colours(n_channels)
    for channel, name in enumerate(series.names):
        ax = axes[0 if together else channel]
        for first, end in series.pieces:  # no line across a gap
            ax.plot(
                clock[first:end], values[first:end, channel], color=shades[channel], linewidth=0.9,
                label=name if first == 0 else None,
            )  # fmt: skip
        if not together:
            tidy(ax, ylabel=name)
    if together:
        tidy(axes[0], ylabel="standardised")
        axes[0].legend(
            fontsize=SMALL_SIZE, labelcolor=INK, frameon=False, ncols=4, loc="upper left"
        )
    below, line = axes[-1], -float(detector.offset_)
    below.plot(clock[series.rows], oddness, color=PALETTE[8], linewidth=0.9)
    below.axhline(line, color=PALETTE[2], linewidth=1.0, linestyle="--")
    rate = detector.threshold_.details["false_alarm_rate"] if detector.threshold_ else 0.0
    below.annotate(
        f"false-alarm rate {rate:.3g}", (0.005, line), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", ha="left", fontsize=SMALL_SIZE,
        color=PALETTE[2],
    )  # fmt: skip
    below.set_yscale("symlog", linthresh=max(abs(line), 1e-6))
    tidy(below, ylabel="anomaly score, nats", xlabel="step" if series.stamps is None else None)
    half: Any = 0.5 if detector.interval_ is None else detector.interval_ / 2
    for ax in axes:
        for alarm in alarms:
            ax.axvspan(
                alarm.start - half, alarm.end + half, color=PALETTE[2], alpha=0.16, linewidth=0
            )
        ax.margins(x=0.005)
    if title is not None:
        axes[0].set_title(
            title, color=INK, fontsize=11.5, loc="left", fontweight="bold", parse_math=False
        )
    drawn: Figure = figure
    return drawn
