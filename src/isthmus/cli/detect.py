"""The verb ``detect``: find anomalies in files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.detect_options import SAVED, check_places, check_reading, check_use, unfitted
from isthmus.cli.options import Reading
from isthmus.cli.output import show_json, show_table
from isthmus.cli.source import check_exists
from isthmus.errors import InvalidInputError

__all__ = ["detect"]


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
            help="Share of TRAIN that are anomalies, if known; sets the threshold instead.",
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
    fitted = train.suffix.lower() == SAVED and train.is_file()
    check_use(
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
        false_alarm_rate=false_alarm_rate,
        tail=tail,
    )
    if save is None and score is None:
        save = Path("detector.safetensors")
    check_places(output, report, save, [p for p in (train, score) if p is not None])
    if false_alarm_rate is not None and contamination is not None:
        raise InvalidInputError(
            "--contamination: it sets the threshold, as --false-alarm-rate does; give one of them"
        )

    from isthmus.applications.anomaly.files import detect_files

    of_files = reading.of_files(labels)
    check_reading(of_files, [path for path in (None if fitted else train, score) if path])
    detector = None
    if not fitted:
        given = {
            "false_alarm_rate": false_alarm_rate,
            "contamination": contamination,
            "tail": tail,
            "scores": scores,
            "random_state": seed,
        }
        detector = unfitted(model, settings or [], given)
    with _scoring(quiet) as progress:
        detection = detect_files(
            train,
            score,
            detector=detector,
            reading=of_files,
            false_alarm_rate=false_alarm_rate if fitted else None,
            tail=tail or "conformal",
            save=save,
            most_reasons=top,
            verbose=int(not quiet and sys.stderr.isatty()),
            progress=progress,
        )
    if output is not None and detection.found is not None:
        detection.found.write(output, alarms_only=alarms_only)
    if report is not None:
        from isthmus.plotting.detections import detection_report

        command = " ".join(sys.argv[1:]) if sys.argv[1:2] == ["detect"] else f"detect {train}"
        detection_report(detection, command).write(report)
    files = {"detector": save, "output": output, "report": report}
    found = detection.summary()
    found["files"] = {name: str(path) for name, path in files.items() if path is not None}
    if as_json:
        show_json(found)
    elif not quiet:
        from isthmus.cli.detect_words import rows_for_people

        show_table("", rows_for_people(found))


@contextmanager
def _scoring(quiet: bool) -> Iterator[Any]:
    """Give what shows the number of rows done on a terminal; None elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows scored"))
    shown = Progress(*columns, console=Console(stderr=True), transient=True)
    task = shown.add_task("", total=None)

    def show(done: int) -> None:
        shown.start()  # not before: the fit has a bar of its own
        shown.update(task, completed=done)

    try:
        yield show
    finally:
        shown.stop()
