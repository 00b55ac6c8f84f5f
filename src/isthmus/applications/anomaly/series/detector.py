"""Anomalies in time series: a score for every step, and alarms with a clock."""

from __future__ import annotations

import copy
import os
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isthmus import storage
from isthmus.applications.anomaly.base import BaseDetector
from isthmus.applications.anomaly.calibration import BlockCalibration, whole_blocks
from isthmus.applications.anomaly.parameters import check_detector_parameters
from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.series.alarms import Alarm, find_alarms
from isthmus.applications.anomaly.series.clock import (
    Series,
    check_clock,
    find_interval,
    hold_out_ends,
    on_clock,
)
from isthmus.applications.anomaly.series.parameters import CONSTRAINTS
from isthmus.applications.anomaly.series.reading import (
    Rows,
    as_list,
    check_channels,
    read_rows,
    refuse_missing,
)
from isthmus.applications.anomaly.series.steps import step_surprise
from isthmus.applications.anomaly.series.stream import Stream, as_steps
from isthmus.applications.anomaly.series.windows import (
    choose_window,
    observed_windows,
    window_detector,
)
from isthmus.applications.anomaly.threshold import conformal_blocks
from isthmus.errors import InvalidInputError

__all__ = ["SeriesDetector"]


class SeriesDetector(BaseDetector):
    """Learn what is normal in one or many time series, and say when it is not.

    The series is cut into windows, a detector learns them, and each step gets the surprise, in
    nats, that its values are to the network: averaged over the windows that the step lies in, or
    (``causal=True``) from the window that ends there, so that nothing of the future is used.

    **What is guaranteed.** The last part of the training series is not learned from, and no window
    reaches from one part into the other. It calibrates: `false_alarm_rate` is the expected share of
    the time steps of a normal series that raise an alarm, if a further block of `window_` steps is
    exchangeable with the held-out blocks. Steps within a block may depend on each other in any way;
    blocks that are neighbours do a little, and a series that drifts breaks the assumption: nothing
    is promised for a series that is not as it was.

    Parameters
    ----------
    detector : AnomalyDetector, optional
        What learns the windows (n, window, channels), unfitted; its `calibration_fraction` is set
        to 0. None takes a convolutional autoencoder. For a recurrent one:
        ``AnomalyDetector(estimator=Autoencoder(network="lstm"))``.
    window : int or "auto", default="auto"
        Steps of a window. "auto" is the period of the series, found by its autocorrelation (16 to
        256 steps; 64 without a period), at most a tenth of the steps to learn from.
    stride : int or "auto", default="auto"
        Steps from one window to the next, in the fit and, if `causal` is False, in the scores.
        "auto" is an eighth of the window, and more where there would be above 20,000 windows.
    causal : bool, default=False
        Whether the score of a step may use earlier steps only. Needed for `update`.
    false_alarm_rate : float or "auto", default="auto"
        Expected share of the steps of a normal series that raises an alarm. "auto" is 0.01, or the
        smallest that the held-out blocks can promise.
    calibration_fraction : float, default=0.25
        The share of each training series, at its end, that is held out. 0 holds none out: call
        `calibrate` with a series of your own.
    time_column : str, optional
        The column of a DataFrame that holds the time stamps; found by its type when absent. An
        index of time stamps is used as well.
    max_gap : int, default=0
        Where up to so many steps are missing in a row they are filled in on a straight line, and
        not reported. At longer gaps the series is cut: no window spans one.
    repair : bool, default=False
        Whether rows are put in order of time and rows of the same time are averaged. Otherwise time
        stamps that do not rise are refused.
    merge : int or "auto", default="auto"
        Alarms at most so many steps apart are one. "auto" is a quarter of the window.
    random_state : int, RandomState or None, default=None
        Given to the detector where it has none of its own.

    Attributes
    ----------
    detector_ : AnomalyDetector
        Fitted on the windows.
    window_, stride_ : int
        In steps.
    interval_ : numpy.timedelta64 or None
        The time between two steps; None without time stamps.
    calibration_ : BlockCalibration or None
        The anomaly scores of the held-out steps: minus `score_samples`.
    threshold_ : Threshold or None
        A step with an anomaly score above its value is an alarm.
    offset_ : float
        Minus that value: `decision_function` is `score_samples` minus this.
    channel_names_ : list of str
        Names of the channels.
    named_ : bool
        Whether the series of the fit came with these names, which are then compared.

    References
    ----------
    .. [1] P. Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection",
       ICML workshop 2016, arXiv:1607.00148.
    .. [2] A. Angelopoulos, S. Bates, A. Fisch, L. Lei and T. Schuster, "Conformal risk control",
       ICLR 2024, arXiv:2208.02814.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> t = np.arange(1200)
    >>> wave = np.sin(t / 4) + 0.1 * np.random.default_rng(0).normal(size=1200)
    >>> inner = AnomalyDetector(estimator=Autoencoder(network="dense", max_epochs=20))
    >>> detector = SeriesDetector(inner, window=25, random_state=0).fit(wave)
    >>> wave[600:620] += 3
    >>> worst = max(detector.alarms(wave), key=lambda alarm: alarm.oddness)
    >>> bool(600 <= worst.peak < 620), worst.channels
    (True, ('channel 0',))
    """

    constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    detector_: AnomalyDetector
    window_: int
    stride_: int
    calibration_: BlockCalibration | None
    interval_: np.timedelta64 | None
    channel_names_: list[str]
    named_: bool
    stream_: Stream | None

    def __init__(
        self,
        detector: AnomalyDetector | None = None,
        *,
        window: int | str = "auto",
        stride: int | str = "auto",
        causal: bool = False,
        false_alarm_rate: float | str = "auto",
        calibration_fraction: float = 0.25,
        time_column: str | None = None,
        max_gap: int = 0,
        repair: bool = False,
        merge: int | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.detector = detector
        self.window = window
        self.stride = stride
        self.causal = causal
        self.false_alarm_rate = false_alarm_rate
        self.calibration_fraction = calibration_fraction
        self.time_column = time_column
        self.max_gap = max_gap
        self.repair = repair
        self.merge = merge
        self.random_state = random_state

    # Fitting -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, channels), DataFrame, or a list of such
            One series or several, mostly normal, one row a step.
        y : None
            Ignored; there by convention.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter or a series cannot be used; the message says what to do.
        """
        check_detector_parameters(self)
        self._forget()
        try:
            self._learn(X)
        except BaseException:
            self._forget()  # half a fit is none
            raise
        return self

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _learn(self, X: Any) -> None:
        rows = [self._rows(each) for each in as_list(X)]
        self.interval_ = find_interval(rows[0])
        self.channel_names_ = on_clock(rows[0], self.interval_).names
        self.named_ = bool(rows[0].names)
        series = [self._on_clock(each) for each in rows]
        training, held_out = hold_out_ends(series, self.calibration_fraction)
        self.window_, self.stride_ = choose_window(training, self.window, self.stride)
        windows = self._windows(training)
        if len(windows) < 2:
            raise InvalidInputError(
                f"X: expected at least two windows of {self.window_} steps to learn from; got "
                f"{len(windows)} in stretches without a gap; give a longer series, a shorter "
                "window, or fill gaps with max_gap"
            )
        missing = any(bool(np.isnan(each.values).any()) for each in rows)
        self.detector_ = window_detector(self.detector, missing, self.random_state).fit(windows)
        for each in rows:  # in the part that is held out as well
            refuse_missing(each, self.channel_names_, self.detector_.members_)
        self.stream_ = None
        self._calibrate(held_out, strict=False)

    def calibrate(self, X: Any) -> Self:
        """Choose the threshold anew, by normal series that the fit has not seen.

        Parameters
        ----------
        X : series, or a list of them
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If the series cannot be used, or are too short for the rate; the threshold stays as it
            was.
        """
        check_is_fitted(self)
        self._calibrate([self.read(each) for each in as_list(X)], strict=True)
        return self

    def _calibrate(self, series: list[Series], *, strict: bool) -> None:
        parts = [
            whole_blocks(self._surprise(each).sum(1), each.pieces, self.window_) for each in series
        ]
        oddness = np.concatenate(parts) if parts else np.empty(0)
        if not len(oddness):
            if strict or not isinstance(self.false_alarm_rate, str):
                raise InvalidInputError(
                    "calibration_fraction: no stretch to calibrate on is as long as a window of "
                    f"{self.window_} steps and a block of as many; give more steps, or a "
                    "shorter window"
                )
            self.calibration_ = self.threshold_ = None
            return
        calibration = BlockCalibration(np.sort(oddness), self.window_)
        threshold = conformal_blocks(calibration, self.false_alarm_rate)
        self.detector_.calibrate(self._windows(series))
        self.calibration_, self.threshold_ = calibration, threshold

    # Using a fitted detector ---------------------------------------------------------------

    def read(self, X: Any) -> Series:
        """Return a series as the detector sees it: on the clock of the fit, cut at gaps.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, channels), or DataFrame
            A series.

        Returns
        -------
        Series

        Raises
        ------
        InvalidInputError
            If it has other channels or another clock than those of the fit, or values are missing
            that may not be.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        series = self._on_clock(rows)
        refuse_missing(rows, self.channel_names_, self.detector_.members_)
        return series

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how normal each time step is; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, channels), or DataFrame
            A series.

        Returns
        -------
        ndarray of shape (n,)
            In nats; around 0 for normal steps, negative for unusual ones. NaN for steps in no
            window: in stretches between gaps that are shorter than one, and, if `causal`, the first
            steps of a stretch; and for steps of which all values are missing.
        """
        series = self.read(X)
        return np.asarray(-self._surprise(series).sum(1)[series.rows])

    def alarms(self, X: Any) -> list[Alarm]:
        """Return the stretches of a series that are not normal, in order of time.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, channels), or DataFrame
            A series.

        Returns
        -------
        list of Alarm
            Those at most `merge` steps apart are one; none spans a gap.
        """
        series, calibration = self.read(X), self._calibrated()
        apart = max(1, self.window_ // 4) if isinstance(self.merge, str) else int(self.merge)
        surprise = self._surprise(series)
        return find_alarms(series, surprise, -self.offset_, apart, calibration, self.detector_)

    def update(self, X: Any) -> NDArray[np.float64]:
        """Take in new steps of a stream, and return their scores.

        Time and memory a step do not grow with the stream: the last window is kept, and nothing
        else. The scores are those that `score_samples` gives to the whole stream. Each call goes on
        where the last one ended; `restart` begins a new stream.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, channels), or DataFrame
            The steps that came since the last call; one or many.

        Returns
        -------
        ndarray of shape (n,)
            As of `score_samples`; NaN until there is a whole window since the beginning, or since a
            gap. A score below `offset_` is an alarm.

        Raises
        ------
        InvalidInputError
            If `causal` is False, or the steps are no continuation of the stream.
        """
        check_is_fitted(self)
        if not self.causal:
            raise InvalidInputError(
                "causal: a stream has no future to look at; set causal=True and fit again"
            )
        if self.stream_ is None:
            self.stream_ = Stream(self.window_)
        rows = self._rows(as_steps(X, len(self.channel_names_)))
        check_channels(rows, self.channel_names_, self.named_)
        refuse_missing(rows, self.channel_names_, self.detector_.members_)
        # A step that is refused while it is scored is no part of the stream.
        stream = copy.deepcopy(self.stream_)
        series, new = stream.take(rows, self.interval_, int(self.max_gap))
        scores = np.asarray(-self._surprise(series).sum(1)[new])
        self.stream_ = stream
        return scores

    def restart(self) -> None:
        """Forget the stream of `update`: the next call begins a new one."""
        self.stream_ = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted detector to one safe file, see `isthmus.load`.

        The stream of `update` is not in it: a loaded detector begins a new one.

        Parameters
        ----------
        path : path-like
            Usually ending in ``.safetensors``.
        """
        storage.save(self, path)

    def _rows(self, X: Any) -> Rows:
        return read_rows(X, self.time_column, bool(self.repair))

    def _on_clock(self, rows: Rows) -> Series:
        check_channels(rows, self.channel_names_, self.named_)
        check_clock(rows, self.interval_)
        return on_clock(rows, self.interval_, int(self.max_gap))

    def _windows(self, series: list[Series]) -> NDArray[np.float64]:
        return np.concatenate([observed_windows(s, self.window_, self.stride_) for s in series])

    def _surprise(self, series: Series) -> NDArray[np.float64]:
        stride = 1 if self.causal else self.stride_
        return step_surprise(self.detector_, series, self.window_, stride, causal=self.causal)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "detector_")
