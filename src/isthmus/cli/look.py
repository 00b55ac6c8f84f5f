"""The verbs ``info`` and ``demo``: show what a file holds, and run the example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.output import show_json, show_table
from isthmus.cli.source import check_model_file

__all__ = ["demo", "info"]


def info(
    model: options.Model,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a model or detector file holds: class, parameters, data, versions, training."""
    check_model_file(model)
    from isthmus.persistence import describe

    found = describe(model)
    for member in found.get("members", ()):
        # of each member, too, the end of its training and not all of it
        member["last_epoch"] = (member.pop("history", None) or [{}])[-1]
    if as_json:
        show_json(found)
    elif "members" in found:
        from isthmus.cli.summary import detector_rows

        show_table(str(model), detector_rows(found))
    else:
        show_table(str(model), _rows(found))


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write it.")
    ] = Path("isthmus-demo"),
    quick: Annotated[bool, typer.Option("--quick", help="A smaller one, in seconds.")] = False,
    seed: Annotated[int, typer.Option(metavar="SEED", help="For the same run again.")] = 0,
) -> None:
    """Fit models on data that come with scikit-learn and write pictures and a report."""
    from isthmus.cli.demo import run

    run(output, seed=seed, quick=quick)


def _rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _short(value)) for name, value in found.items()]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_short(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_short(item) for item in value[:8])
        return f"[{shown}{f', ... {len(value)} in all' if len(value) > 8 else ''}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)
