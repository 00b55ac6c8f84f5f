"""The verb ``diagnose``: say what goes wrong with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.options import Reading
from isthmus.cli.output import remark, show_json
from isthmus.cli.source import check_exists, condition, load_model, read_input, samples

if TYPE_CHECKING:
    from isthmus.evaluation import Diagnosis

__all__ = ["diagnose"]


def diagnose(
    model: options.Model,
    data: options.Input,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Rows of the fit, to compare the input with, which are then held-out rows.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="HTML", help="Write a page with a picture as well.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="SEED", help="Seed of the choice of rows.")] = 0,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
) -> None:
    """Tell what goes wrong with a model: copies, memorises, underfits, unused codes, and more."""
    paths = [data] if train is None else [data, train]
    check_exists(model, *paths)
    if report is not None:
        from isthmus.storage.atomic import check_place

        check_place(report)  # now, and not after the work
    estimator = load_model(model)
    reading = Reading(target, drop, header, image_size, mode, key)
    given: dict[str, Any] = {}
    for path, end in zip(paths, ("", "_train"), strict=False):
        found = read_input(path, reading, estimator)
        given[f"X{end}"] = samples(found, estimator)
        if y := condition(path, found, estimator):
            given[f"y{end}"] = y["y"]
    from isthmus.evaluation import diagnose as look

    diagnosis = look(estimator, **given, random_state=seed)
    if report is not None:
        _write(report, diagnosis, model, data)
    if as_json:
        show_json(diagnosis.to_dict())
    else:
        print(diagnosis)  # noqa: T201


def _write(path: Path, diagnosis: Diagnosis, model: Path, data: Path) -> None:
    from isthmus._version import __version__
    from isthmus.plotting import Report, plot_diagnosis

    page = Report(
        f"Diagnosis of {model.name}",
        lead=diagnosis.title,
        footer=f"isthmus {__version__}, isthmus diagnose {model} {data}",
    )
    page.heading("What was found")
    rows = [[finding.name, finding.severity, finding.text] for finding in diagnosis]
    page.table(["looked for", "result", "what it means"], rows)
    page.heading("What it was judged from")
    page.figure(
        plot_diagnosis(diagnosis, title=""),
        alt="Errors, use of the codes, neighbours in code and the loss over the epochs",
        caption="Errors are shares of the variance of the data about their mean row.",
    )
    page.write(path)
    remark(f"report written to {path}")
