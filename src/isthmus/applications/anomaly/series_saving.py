"""A fitted series detector in one safe file: the detector of its windows, its clock, its line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus import persistence
from isthmus.applications.anomaly import saving
from isthmus.applications.anomaly.blocks import BlockCalibration
from isthmus.applications.anomaly.detector import AnomalyDetector
from isthmus.applications.anomaly.series import SeriesDetector
from isthmus.applications.anomaly.series_parameters import check_series_detector
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.tensorfile import write_tensor_file

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.models import BaseAutoencoder

__all__ = ["rebuild", "save"]

_STEPS = "series.oddness"


def save(detector: SeriesDetector, path: str | os.PathLike[str]) -> None:
    """Write a fitted series detector; see `SeriesDetector.save`."""
    inner, tensors = saving.contents(detector.detector_)
    calibration, line, interval = detector.calibration_, detector.threshold_, detector.interval_
    if calibration is not None:
        tensors[_STEPS] = torch.from_numpy(calibration.oddness)
    parameters = detector.get_params(deep=False)
    del parameters["detector"]  # `detector_` holds the one that was used
    header = {
        "format": persistence.FORMAT_VERSION,
        "class": type(detector).__name__,
        "parameters": {name: persistence.to_json(value) for name, value in parameters.items()},
        "detector": inner,
        "series": {
            "window": detector.window_,
            "stride": detector.stride_,
            "interval_ns": None if interval is None else int(interval.astype(np.int64)),
            "channel_names": list(detector.channel_names_),
            "named": detector._named,
        },
        "threshold": None if line is None else line.to_json(),
        "versions": inner["versions"],
    }
    write_tensor_file(path, persistence.KIND, header, tensors)


def rebuild(
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None = None,
    estimator: type[BaseAutoencoder] | None = None,
) -> SeriesDetector:
    """Make a series detector from what `save` wrote; see `isthmus.load`.

    Raises
    ------
    ModelFileError
        If something in the file is not what was written there.
    """
    inner = saving.rebuild(header["detector"], tensors, path, network, estimator)
    detector = SeriesDetector(**persistence.parameters(SeriesDetector, header["parameters"], None))
    detector.detector = AnomalyDetector(**inner.get_params(deep=False))
    _check_parameters(detector, path)
    detector.detector_ = inner
    clock, line = header["series"], header["threshold"]
    window, stride = clock["window"], clock["stride"]
    names, interval = clock["channel_names"], clock["interval_ns"]
    if not (_is_whole(window) and _is_whole(stride) and 1 <= stride <= window):
        raise ModelFileError(f"{path} is damaged: its windows are not those of its detector")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ModelFileError(f"{path} is damaged: its channels are not what they should be")
    if inner.sample_shape_ != (window, len(names)):
        raise ModelFileError(f"{path} is damaged: its windows are not those of its detector")
    if interval is not None and not (_is_whole(interval) and 0 < interval < 2**63):
        raise ModelFileError(f"{path} is damaged: its clock is not what it should be")
    if not isinstance(clock["named"], bool):
        raise ModelFileError(f"{path} is damaged: its channels are not what they should be")
    detector.window_, detector.stride_ = window, stride
    detector.channel_names_, detector._named = names, clock["named"]
    detector.interval_ = None if interval is None else np.timedelta64(interval, "ns")
    detector._stream = None
    detector.calibration_ = None
    if _STEPS in tensors:
        detector.calibration_ = _calibration(tensors[_STEPS], window, path)
    if (line is None) != (detector.calibration_ is None):
        raise ModelFileError(f"{path} is damaged: a threshold and its calibration belong together")
    detector._set_threshold(None if line is None else _threshold(line, path))
    return detector


def _check_parameters(detector: SeriesDetector, path: str | os.PathLike[str]) -> None:
    try:
        check_series_detector(detector)
    except InvalidInputError as error:
        raise ModelFileError(f"{path} is damaged: its parameters hold {error}") from error
    # What the constructor takes as it comes.
    seed, column = detector.random_state, detector.time_column
    for name, fits in (
        ("causal", isinstance(detector.causal, int)),
        ("repair", isinstance(detector.repair, int)),
        ("random_state", seed is None or _is_whole(seed)),
        ("time_column", column is None or isinstance(column, str | int | tuple)),
    ):
        if not fits:
            raise ModelFileError(f"{path} is damaged: its {name} is not what it should be")


def _calibration(stored: Tensor, window: int, path: str | os.PathLike[str]) -> BlockCalibration:
    oddness = stored.numpy()
    whole = oddness.ndim == 1 and len(oddness) and len(oddness) % window == 0
    if not whole or oddness.dtype != np.float64 or not np.isfinite(oddness).all():
        raise ModelFileError(f"{path} is damaged: its calibration is not what it should be")
    if (np.diff(oddness) < 0).any():
        raise ModelFileError(f"{path} is damaged: its calibration is not in order")
    return BlockCalibration(oddness, window)


def _threshold(line: Mapping[str, Any], path: str | os.PathLike[str]) -> Threshold:
    rule, value, details = line["rule"], line["value"], dict(line["details"])
    if not isinstance(rule, str) or not all(map(_is_finite, [value, *details.values()])):
        raise ModelFileError(f"{path} is damaged: its threshold is not what it should be")
    numbers = {str(name): float(number) for name, number in details.items()}
    return Threshold(rule, float(value), numbers)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    number = _is_whole(value) or isinstance(value, float)
    return number and bool(np.isfinite(float(value)))
