"""What `isthmus detect` was given: whether it goes together, and the detector it describes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.applications.anomaly.files import Reading

__all__ = ["SAVED", "check_places", "check_reading", "check_use", "unfitted"]

SAVED = ".safetensors"


def check_use(
    fitted: bool,
    *,
    given_to_fit: dict[str, Any],
    given_to_score: dict[str, Any],
    score: Path | None,
    save: Path | None,
    false_alarm_rate: float | None,
    tail: str | None,
) -> None:
    """Refuse options that do nothing beside the others.

    Parameters
    ----------
    fitted : bool
        Whether TRAIN is a saved detector.
    given_to_fit, given_to_score : dict of str to object
        Options that need a fit, or rows to judge; None where not given.
    score, save : Path or None
        The rows to judge, and where the detector is kept.
    false_alarm_rate, tail
        What was given of them.

    Raises
    ------
    InvalidInputError
        Names the option.
    """
    if fitted:
        for option, value in given_to_fit.items():
            if value is not None:
                raise InvalidInputError(
                    f"{option}: is for a fit, and TRAIN is a detector that is fitted; leave it "
                    "out, or give training rows"
                )
        if score is None and save is None:
            raise InvalidInputError(
                "--score: is missing, and TRAIN is a detector that is fitted; name the rows to "
                "judge (isthmus info shows the detector)"
            )
    if score is None:
        for option, value in given_to_score.items():
            if value is not None:
                raise InvalidInputError(f"{option}: needs rows to judge; name them with --score")
    elif given_to_score["--alarms-only"] and given_to_score["--output"] is None:
        raise InvalidInputError("--alarms-only: is for the file that --output names; name one")
    if tail == "pot" and false_alarm_rate is None:
        raise InvalidInputError("--tail: pot needs the rate to extrapolate to, --false-alarm-rate")
    if fitted and tail is not None and false_alarm_rate is None:
        raise InvalidInputError("--tail: needs the rate, --false-alarm-rate, as well")


def check_places(
    output: Path | None, report: Path | None, save: Path | None, inputs: list[Path]
) -> None:
    """Refuse places that cannot be written now, and not after the work.

    Parameters
    ----------
    output, report, save : Path or None
        Where the table, the page and the detector go.
    inputs : list of Path
        The files that are read.
    """
    from isthmus.data import files

    if output is not None:
        packed = output.name.lower().endswith(".gz")
        name = Path(output.name.lower().removesuffix(".gz"))
        if name.suffix not in (".csv", ".tsv") and (name.suffix != ".parquet" or packed):
            raise InvalidInputError(
                f"{output}: a table is written here; expected .csv, .tsv (also with .gz) or "
                ".parquet"
            )
        files.check_writable(output)
    if report is not None:
        files.check_writable(report, suffixes=(".html", ".htm"))
    if save is not None:
        files.check_writable(save, suffixes=(SAVED,))
    seen = {path.resolve(): "is read from" for path in inputs}
    for path in (output, report, save):
        if path is None or (path == save and path in inputs):
            continue
        if (place := path.resolve()) in seen:
            raise InvalidInputError(f"{path}: this file {seen[place]} as well; name another")
        seen[place] = "is written to"


def check_reading(reading: Reading, paths: list[Path]) -> None:
    """Refuse an option about reading that none of the inputs takes.

    Parameters
    ----------
    reading : Reading
        How the files are read.
    paths : list of Path
        The files.
    """
    for name in ("header", "image_size", "mode", "key"):
        given = getattr(reading, name) is not None
        if given and all(getattr(reading.suited(path), name) is None for path in paths):
            raise InvalidInputError(
                f"{reading.said(name)}: it does nothing for {' and '.join(map(str, paths))}; "
                "leave it out"
            )


def unfitted(model: str | None, assignments: list[str], given: dict[str, Any]) -> AnomalyDetector:
    """Build the detector from the words of the command line.

    Parameters
    ----------
    model : str or None
        Name of the estimator; None for the default ensemble.
    assignments : list of str
        What --set was given: NAME=VALUE.
    given : dict of str to object
        Parameters of the detector that have options of their own; None where not given.
    """
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.applications.anomaly.rows.parameters import check_detector
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
    check_detector(detector)
    return detector
