"""The detector of `isthmus detect`: read, or built from what was given and fitted."""

from __future__ import annotations

import inspect
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.options import Reading
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["fit_detector", "load_detector", "redraw", "unfitted"]


def load_detector(path: Path) -> AnomalyDetector:
    """Read a detector that was saved; refuse other models."""
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.cli.source import load_model

    detector = load_model(path, detectors=True)
    if not isinstance(detector, AnomalyDetector):
        raise InvalidInputError(
            f"{path}: a detector of `isthmus detect` is expected, this is a "
            f"{type(detector).__name__}; give training rows, and the kind of model with --model"
        )
    return detector


def redraw(detector: AnomalyDetector, rate: float | None, tail: str | None) -> None:
    """Draw the line of a fitted detector anew, on the rows that it held out."""
    if rate is None:
        if tail is not None:
            raise InvalidInputError("--tail: needs the rate, --false-alarm-rate, as well")
        return
    if detector.calibration_ is None:
        raise InvalidInputError(
            "--false-alarm-rate: the detector holds no held-out rows to count on; fit it again"
        )
    detector.redraw(rate, tail or "conformal")


def unfitted(model: str | None, assignments: list[str], given: dict[str, Any]) -> AnomalyDetector:
    """Build the detector from the words of the command line."""
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.cli.fit import _estimator_type, _tuple
    from isthmus.cli.settings import check_names, parse_assignments, parse_value

    own = [n for n in inspect.signature(AnomalyDetector).parameters if n not in ("estimator",)]
    assigned = parse_assignments(assignments)
    if "verbose" in assigned:
        raise InvalidInputError("verbose: progress is shown on a terminal; --quiet turns it off")
    values = {name: value for name, value in assigned.items() if name in own}
    of_model = {name: value for name, value in assigned.items() if name not in own}
    for name, value in given.items():
        if value is not None and name in values:
            option = {"random_state": "seed"}.get(name, name).replace("_", "-")
            raise InvalidInputError(f"--{option}: {name} is given with --set as well; once will do")
        if value is not None:
            values[name] = parse_value(value) if name == "scores" else value
    values.setdefault("random_state", 0)
    if model is not None:
        name, kind = _estimator_type(model)
        check_names(of_model, kind, name)
        values["estimator"] = kind(**{n: _tuple(kind, n, v) for n, v in of_model.items()})
    elif of_model:
        raise InvalidInputError(
            f"--set: {next(iter(of_model))} is a parameter of one model, and none is named; add "
            "--model autoencoder, for example"
        )
    detector = AnomalyDetector(**values)
    from isthmus.applications.anomaly.parameters import check_detector

    check_detector(detector)
    return detector


def fit_detector(
    detector: AnomalyDetector,
    train: Path,
    reading: Reading,
    labels: str | None,
    quiet: bool,
    seconds: dict[str, float],
) -> int:
    """Fit a detector on the rows of a file; return how many there were."""
    from isthmus.cli.detect_rows import training_rows

    rows = training_rows(train, reading, labels)
    detector.verbose = int(not quiet and sys.stderr.isatty())
    start = time.perf_counter()
    detector.fit(rows)
    seconds["fit"] = time.perf_counter() - start
    detector.verbose = 0
    return len(rows)
