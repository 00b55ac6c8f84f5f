"""A fitted series detector in one safe file: the detector of its windows, its clock, and more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.applications.anomaly.calibration import BlockCalibration
from isthmus.applications.anomaly.parameters import check_detector_parameters
from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.rows.saving import DetectorForm
from isthmus.applications.anomaly.series.detector import SeriesDetector
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.errors import InvalidInputError
from isthmus.storage import FORMAT_VERSION, FORMS, Contents, Form, Stored
from isthmus.storage.values import parameters, parameters_of

__all__ = ["SeriesForm"]

_STEPS = "series.oddness"


@FORMS.register("series")
class SeriesForm(Form[SeriesDetector]):
    """The detector of its windows in its own form, and the clock."""

    holds = SeriesDetector
    section = "series"

    def contents(self, thing: SeriesDetector) -> Contents:
        """Return the header and the tensors of a fitted detector."""
        inner, tensors = DetectorForm().contents(thing.detector_)
        calibration, line, interval = thing.calibration_, thing.threshold_, thing.interval_
        if calibration is not None:
            tensors[_STEPS] = torch.from_numpy(calibration.oddness)
        own = parameters_of(thing)
        del own["detector"]  # `detector_` holds the one that was used
        header = {
            "format": FORMAT_VERSION,
            "class": type(thing).__name__,
            "parameters": own,
            "detector": inner,
            self.section: {
                "window": thing.window_,
                "stride": thing.stride_,
                "interval_ns": None if interval is None else int(interval.astype(np.int64)),
                "channel_names": list(thing.channel_names_),
                "named": thing.named_,
            },
            "threshold": None if line is None else line.to_json(),
            "versions": inner["versions"],
        }
        return header, tensors

    def rebuild(self, stored: Stored) -> SeriesDetector:
        """Return the detector that `contents` described."""
        header, tensors = stored.header, stored.tensors
        inner = DetectorForm().rebuild(stored.part(header["detector"]))
        detector = SeriesDetector(**parameters(SeriesDetector, header["parameters"], None))
        detector.detector = AnomalyDetector(**inner.get_params(deep=False))
        _check_parameters(detector, stored)
        detector.detector_ = inner
        clock, line = header[self.section], header["threshold"]
        window, stride = clock["window"], clock["stride"]
        names, interval = clock["channel_names"], clock["interval_ns"]
        if not (_is_whole(window) and _is_whole(stride) and 1 <= stride <= window):
            raise stored.damaged("its windows are not those of its detector")
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise stored.damaged("its channels are not what they should be")
        if inner.sample_shape_ != (window, len(names)):
            raise stored.damaged("its windows are not those of its detector")
        if interval is not None and not (_is_whole(interval) and 0 < interval < 2**63):
            raise stored.damaged("its clock is not what it should be")
        if not isinstance(clock["named"], bool):
            raise stored.damaged("its channels are not what they should be")
        detector.window_, detector.stride_ = window, stride
        detector.channel_names_, detector.named_ = names, clock["named"]
        detector.interval_ = None if interval is None else np.timedelta64(interval, "ns")
        detector.stream_ = None
        detector.calibration_ = None
        if _STEPS in tensors:
            detector.calibration_ = _calibration(tensors[_STEPS], window, stored)
        if (line is None) != (detector.calibration_ is None):
            raise stored.damaged("a threshold and its calibration belong together")
        detector.threshold_ = None if line is None else _threshold(line, stored)
        return detector

    def networks(self, thing: SeriesDetector) -> list[nn.Module]:
        """Return the networks of its members."""
        return DetectorForm().networks(thing.detector_)


def _check_parameters(detector: SeriesDetector, stored: Stored) -> None:
    try:
        check_detector_parameters(detector)
    except InvalidInputError as error:
        raise stored.damaged(f"its parameters hold {error}") from error
    # What the constructor takes as it comes.
    seed, column = detector.random_state, detector.time_column
    for name, fits in (
        ("causal", isinstance(detector.causal, int)),
        ("repair", isinstance(detector.repair, int)),
        ("random_state", seed is None or _is_whole(seed)),
        ("time_column", column is None or isinstance(column, str | int | tuple)),
    ):
        if not fits:
            raise stored.damaged(f"its {name} is not what it should be")


def _calibration(steps: Tensor, window: int, stored: Stored) -> BlockCalibration:
    oddness = steps.numpy()
    whole = oddness.ndim == 1 and len(oddness) and len(oddness) % window == 0
    if not whole or oddness.dtype != np.float64 or not np.isfinite(oddness).all():
        raise stored.damaged("its calibration is not what it should be")
    if (np.diff(oddness) < 0).any():
        raise stored.damaged("its calibration is not in order")
    return BlockCalibration(oddness, window)


def _threshold(line: Mapping[str, Any], stored: Stored) -> Threshold:
    rule, value, details = line["rule"], line["value"], dict(line["details"])
    if not isinstance(rule, str) or not all(map(_is_finite, [value, *details.values()])):
        raise stored.damaged("its threshold is not what it should be")
    numbers = {str(name): float(number) for name, number in details.items()}
    return Threshold(rule, float(value), numbers)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    number = _is_whole(value) or isinstance(value, float)
    return number and bool(np.isfinite(float(value)))
