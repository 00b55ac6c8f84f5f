"""From files to alarms: a detector that is fitted or read, and what it finds in new rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.base import clone

from isthmus import storage
from isthmus.applications.anomaly.files.columns import Reading
from isthmus.applications.anomaly.files.reading import training_rows
from isthmus.applications.anomaly.files.result import FileResult, score_file
from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.threshold import calibration_in_words, threshold_in_words
from isthmus.errors import InvalidInputError
from isthmus.training import choose_device

__all__ = ["Detection", "detect_files"]

_SAVED = ".safetensors"


@dataclass
class Detection:
    """A detector, where it came from, and what it found.

    Attributes
    ----------
    detector : AnomalyDetector
        Fitted.
    train : Path
        What it was fitted on, or the file that it was read from.
    training_rows : int or None
        How many rows it was fitted on; None where it was read from a file.
    found : FileResult or None
        What it found in the new rows; None where none were given.
    seconds : dict of str to float
        What took how long.
    """

    detector: AnomalyDetector
    train: Path
    training_rows: int | None
    found: FileResult | None
    seconds: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Return what the detector is and what it found; JSON can hold it, but for NaN."""
        threshold, calibration = self.detector.threshold_, self.detector.calibration_
        of = None
        if calibration is not None:
            of = {"rows": len(calibration), "held_out": calibration.held_out}
        rule = None if threshold is None else threshold.to_json()
        found: dict[str, Any] = {
            "train": str(self.train),
            "training_rows": self.training_rows,
            "members": [type(member).__name__ for member in self.detector.members_],
            "threshold": None if rule is None else {**rule, "said": threshold_in_words(rule, of)},
            "calibration": None if of is None else {**of, "said": calibration_in_words(of)},
        }
        if self.found is not None:
            found |= self.found.summary()
        return found | {"seconds": dict(self.seconds)}


def detect_files(
    train: str | os.PathLike[str],
    score: str | os.PathLike[str] | None = None,
    *,
    detector: AnomalyDetector | None = None,
    reading: Reading | None = None,
    false_alarm_rate: float | None = None,
    tail: str = "conformal",
    save: str | os.PathLike[str] | None = None,
    most_reasons: int = 3,
    verbose: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Detection:
    """Learn what is normal from one file, and find what is not in another.

    Parameters
    ----------
    train : path-like
        Mostly normal rows: CSV, TSV, TXT (also .gz), Parquet, NPY, NPZ, MNIST IDX, or a folder of
        images; or a saved detector (.safetensors).
    score : path-like, optional
        The rows to judge.
    detector : AnomalyDetector, optional
        What is fitted, not changed; ``AnomalyDetector(random_state=0)`` without it. None for a
        saved detector.
    reading : Reading, optional
        How the files are read, and which of their columns are no features.
    false_alarm_rate : float, optional
        For a saved detector: its threshold is chosen anew for this rate, by the rows that it held
        out.
    tail : {"conformal", "pot"}, default="conformal"
        How that is done; see `AnomalyDetector`.
    save : path-like, optional
        Where the detector is kept, before anything is scored.
    most_reasons : int, default=3
        Reasons of a row, at most.
    verbose : int, default=0
        1 shows the progress of the fit.
    progress : callable, optional
        Called with the number of rows scored.

    Returns
    -------
    Detection
        Its `found` writes the table of rows with `FileResult.write`;
        `isthmus.plotting.detections.detection_report` makes the page with pictures.

    Raises
    ------
    InvalidInputError
        If a file or a parameter cannot be used; the message says what to do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> normal = np.random.default_rng(0).normal(size=(300, 3))
    >>> np.save(folder / "train.npy", normal)
    >>> np.save(folder / "new.npy", np.vstack([normal[:20], [[9.0, -9.0, 9.0]]]))
    >>> found = detect_files(folder / "train.npy", folder / "new.npy").found
    >>> bool(found.alarms[20]), found.label(20)
    (True, 'anomaly')
    """
    train, seconds = Path(train), {}
    reading = Reading() if reading is None else reading
    n_rows = None
    if train.suffix.lower() == _SAVED and train.is_file():
        if detector is not None:
            raise InvalidInputError(
                f"detector: {train} is a detector that is fitted; leave one of them out"
            )
        fitted = _load(train, false_alarm_rate, tail, reading)
    else:
        if false_alarm_rate is not None:
            raise InvalidInputError(
                "false_alarm_rate: is a parameter of the detector that is fitted; give "
                "detector=AnomalyDetector(false_alarm_rate=...)"
            )
        rows = training_rows(train, reading)
        start = time.perf_counter()
        fitted = AnomalyDetector(random_state=0) if detector is None else clone(detector)
        fitted.set_params(verbose=verbose).fit(rows).set_params(verbose=0)
        seconds["fit"] = time.perf_counter() - start
        n_rows = len(rows)
    if save is not None:
        fitted.save(save)
    found = None
    if score is not None:
        found = score_file(
            fitted,
            score,
            reading,
            most_reasons=most_reasons,
            of_the_fit=Path(score).resolve() == train.resolve(),
            progress=progress,
        )
        seconds |= found.seconds
    return Detection(fitted, train, n_rows, found, seconds)


def _load(path: Path, rate: float | None, tail: str, reading: Reading) -> AnomalyDetector:
    """Read a detector that was saved, and choose its threshold anew where a rate is given."""
    detector = storage.load(path, device=choose_device("auto"))
    if not isinstance(detector, AnomalyDetector):
        raise InvalidInputError(
            f"{path}: a detector of `isthmus detect` is expected, this is a "
            f"{type(detector).__name__}; give training rows, and the kind of model with --model"
        )
    if rate is not None:
        if detector.calibration_ is None:
            raise InvalidInputError(
                f"{reading.said('false_alarm_rate')}: the detector holds no held-out rows to count "
                "on; fit it again"
            )
        detector.redraw(rate, tail)
    return detector
