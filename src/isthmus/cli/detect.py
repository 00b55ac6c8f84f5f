"""The verb that finds what is not normal: detect."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.options import Reading
from isthmus.cli.output import show_json, show_table
from isthmus.cli.source import check_exists
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.cli.detect_result import Result

__all__ = ["detect"]

_SAVED = ".safetensors"


def detect(
    train: Annotated[
        Path,
        typer.Argument(
            metavar="TRAIN",
            help="Mostly normal rows: CSV, TSV, TXT (also .gz), Parquet, NPY, NPZ, MNIST IDX, or a "
            "folder of images; or a saved detector (.safetensors).",
            show_default=False,
        ),
    ],
    score: Annotated[
        Path | None,
        typer.Option(
            "--score",
            metavar="NEW",
            help="Rows to judge; without it the detector is only fitted and saved.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where each row of NEW gets score, p-value, label, group and reasons: .csv, .tsv "
            "(also .gz) or .parquet.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="HTML", help="Write a page with pictures.", show_default=False),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the fitted detector here; without --score it is kept in "
            "detector.safetensors.",
            show_default=False,
        ),
    ] = None,
    false_alarm_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Share of normal rows that may raise an alarm; by default 0.01, or "
            "2 / (m + 1) where the m held-out rows are too few for that.",
            show_default=False,
        ),
    ] = None,
    contamination: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of TRAIN that are anomalies, where it is known; draws the line instead.",
            show_default=False,
        ),
    ] = None,
    tail: Annotated[
        str | None,
        typer.Option(
            metavar="conformal|pot",
            help="Count held-out rows, or extrapolate their tail for very small rates.",
            show_default="conformal",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="autoencoder, variational, denoising, ...; by default an ensemble that needs no "
            "tuning.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="NAME=VALUE",
            help="A parameter of the model or of AnomalyDetector; may be repeated.",
        ),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What counts, e.g. reconstruction or mahalanobis,neighbours.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column of NEW that says which rows are anomalies, to measure the detector "
            "by; it is no feature.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="Reasons of a row, at most.")] = 3,
    alarms_only: Annotated[
        bool, typer.Option("--alarms-only", help="Write only the rows that raise an alarm.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="SEED",
            help="For another fit; the same gives the same detector.",
            show_default="0",
        ),
    ] = None,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Learn what is normal, and find in new rows what is not: with p-values and reasons."""
    reading = Reading(target, drop, header, image_size, mode, key)
    reading.size(), reading.colours()
    if top < 1:
        raise InvalidInputError(f"--top: a whole number of at least 1 is expected, got {top}")
    check_exists(train, *([] if score is None else [score]))
    fitted = train.suffix.lower() == _SAVED and train.is_file()
    _check_use(
        fitted,
        given_to_fit={
            "--model": model,
            "--set": settings,
            "--scores": scores,
            "--contamination": contamination,
            "--seed": seed,
        },
        given_to_score={
            "--output": output,
            "--report": report,
            "--labels": labels,
            "--alarms-only": alarms_only or None,
        },
        score=score,
        save=save,
    )
    if save is None and score is None:
        save = Path("detector.safetensors")
    _check_places(output, report, save, [p for p in (train, score) if p is not None])
    if tail == "pot" and false_alarm_rate is None:
        raise InvalidInputError("--tail: pot needs the rate to extrapolate to, --false-alarm-rate")
    if false_alarm_rate is not None and contamination is not None:
        raise InvalidInputError(
            "--contamination: the line is drawn by it or by --false-alarm-rate; give one of them"
        )

    from isthmus.cli.detect_result import describe_fit, result_of, rows_for_people
    from isthmus.cli.detect_rows import tell_unscored

    seconds: dict[str, float] = {}
    inputs = [path for path in (None if fitted else train, score) if path is not None]
    _check_reading(reading, inputs)
    if fitted:
        detector = _load(train)
        _redraw(detector, false_alarm_rate, tail)
        n_rows = None
    else:
        given = {
            "false_alarm_rate": false_alarm_rate,
            "contamination": contamination,
            "tail": tail,
            "scores": scores,
            "random_state": seed,
        }
        detector = _unfitted(model, settings or [], given)
        n_rows = _fit(detector, train, _suited(reading, train), labels, quiet, seconds)
    if save is not None:
        detector.save(save)
    result: Result | None = None
    if score is not None:
        with _scoring(quiet) as progress:
            result = result_of(
                detector,
                score,
                _suited(reading, score),
                labels,
                most=top,
                same=score.resolve() == train.resolve(),
                seconds=seconds,
                progress=progress,
            )
        tell_unscored(result.scored, score)
        if output is not None:
            from isthmus.cli.detect_result import write

            write(output, result, alarms_only=alarms_only)
        if report is not None:
            from isthmus.cli.detect_report import detection_report

            command = " ".join(sys.argv[1:]) if sys.argv[1:2] == ["detect"] else f"detect {train}"
            detection_report(detector, result, train, command).write(report)
    files = {"detector": save, "output": output, "report": report}
    found = describe_fit(detector, train, n_rows, seconds, files)
    if result is not None:
        found |= result.summary()
    if as_json:
        show_json(found)
    elif not quiet:
        show_table("", rows_for_people(found))


def _check_use(
    fitted: bool,
    *,
    given_to_fit: dict[str, Any],
    given_to_score: dict[str, Any],
    score: Path | None,
    save: Path | None,
) -> None:
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


def _check_places(
    output: Path | None, report: Path | None, save: Path | None, inputs: list[Path]
) -> None:
    """Refuse places that cannot be written now, and not after the work."""
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
        files.check_writable(save, suffixes=(_SAVED,))
    seen = {path.resolve(): "is read from" for path in inputs}
    for path in (output, report, save):
        if path is None or (path == save and path in inputs):
            continue
        if (place := path.resolve()) in seen:
            raise InvalidInputError(f"{path}: this file {seen[place]} as well; name another")
        seen[place] = "is written to"


def _check_reading(reading: Reading, paths: list[Path]) -> None:
    """Refuse an option about reading that none of the inputs takes."""
    for option, name in (
        ("--header", "header"),
        ("--image-size", "image_size"),
        ("--mode", "mode"),
        ("--key", "key"),
    ):
        given = getattr(reading, name) is not None
        if given and all(getattr(_suited(reading, path), name) is None for path in paths):
            raise InvalidInputError(
                f"{option}: it does nothing for {' and '.join(map(str, paths))}; leave it out"
            )


def _suited(reading: Reading, path: Path) -> Reading:
    """Leave out what is not about this kind of file: TRAIN and NEW may be of two kinds."""
    from isthmus.cli.detect_rows import is_table
    from isthmus.data.files.images import IMAGE_SUFFIXES

    suffix = path.suffix.lower()
    images = path.is_dir() or suffix in IMAGE_SUFFIXES
    text = is_table(path) and suffix != ".parquet"
    return Reading(
        None if images else reading.target,
        None if images else reading.drop,
        reading.header if text else None,
        reading.image_size if images else None,
        reading.mode if images else None,
        reading.key if suffix == ".npz" else None,
    )


def _load(path: Path) -> AnomalyDetector:
    from isthmus.applications.anomaly import AnomalyDetector
    from isthmus.cli.source import load_model

    detector = load_model(path, detectors=True)
    if not isinstance(detector, AnomalyDetector):
        raise InvalidInputError(
            f"{path}: a detector of `isthmus detect` is expected, this is a "
            f"{type(detector).__name__}; give training rows, and the kind of model with --model"
        )
    return detector


def _redraw(detector: AnomalyDetector, rate: float | None, tail: str | None) -> None:
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


def _unfitted(model: str | None, assignments: list[str], given: dict[str, Any]) -> AnomalyDetector:
    """Build the detector from the words of the command line."""
    import inspect

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


def _fit(
    detector: AnomalyDetector,
    train: Path,
    reading: Reading,
    labels: str | None,
    quiet: bool,
    seconds: dict[str, float],
) -> int:
    from isthmus.cli.detect_rows import training_rows

    rows = training_rows(train, reading, labels)
    detector.verbose = int(not quiet and sys.stderr.isatty())
    start = time.perf_counter()
    detector.fit(rows)
    seconds["fit"] = time.perf_counter() - start
    detector.verbose = 0
    return len(rows)


@contextmanager
def _scoring(quiet: bool) -> Iterator[Any]:
    """Give what shows the number of rows done on a terminal; None elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows scored"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda done: shown.update(task, completed=done)
