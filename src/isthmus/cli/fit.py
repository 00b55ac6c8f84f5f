"""The verb ``fit``: train a model on a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.models import MODELS
from isthmus.cli.options import Reading
from isthmus.cli.output import refuse_input, show_json, show_table
from isthmus.cli.source import check_exists, condition, read_input, samples
from isthmus.errors import InvalidInputError

__all__ = ["fit"]

_MODEL = "autoencoder"


def fit(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV, TXT (also .gz), Parquet, NPY, NPZ, MNIST IDX, or a folder of PNG and "
            "JPEG images.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the model.")
    ] = Path("model.safetensors"),
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help=f"One of {', '.join(MODELS)}.",
            show_default=_MODEL,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="NAME=VALUE",
            help="A parameter of the model, e.g. latent_dim=8 or hidden_layer_sizes=512,256; may "
            "be repeated.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Parameters from a .toml, .yaml or .json file."),
    ] = None,
    list_parameters: Annotated[
        bool,
        typer.Option(
            "--list-parameters", help="Show the parameters of the model with their defaults."
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save the state of the fit here now and then; the same command goes on from it.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="SEED", help="For another run; the same gives the same model.", show_default="0"
        ),
    ] = None,
    density: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Fit a distribution of the codes too, 'mixture' or 'flow': isthmus sample then "
            "draws from it, whatever the model.",
        ),
    ] = None,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Progress also where there is no terminal.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Fit a model to samples and save it."""
    from isthmus.cli.summary import next_steps, parameter_table, summary, summary_rows

    if list_parameters:
        name, estimator_type = _estimator_type(model or _MODEL)
        parameter_table(name, estimator_type, as_json=as_json)
        return
    if data is None:
        raise InvalidInputError("fit: INPUT is missing; isthmus fit --help shows what it takes")
    if quiet and verbose:
        raise InvalidInputError("--quiet and --verbose exclude each other; give one of them")
    reading = Reading(target, drop, header, image_size, mode, key)
    reading.size(), reading.colours()
    check_exists(data)
    if density not in (None, "mixture", "flow"):
        raise InvalidInputError(f"--density: expected 'mixture' or 'flow'; got {density!r}")
    estimator = _estimator(model, config, settings or [], checkpoint, seed)
    estimator.verbose = int(not quiet and (verbose or sys.stderr.isatty()))
    refuse_input(output, data)
    _check_places(output, estimator.checkpoint)

    found = read_input(data, reading)
    if len(found.X) < 2:
        raise InvalidInputError(f"{data}: at least two samples are needed to fit, this has one")
    given = condition(data, found, estimator)
    try:
        estimator.fit(samples(found), **given)
        if density is not None:
            seed_of_it = estimator.random_state
            estimator.fit_density(samples(found), **given, kind=density, random_state=seed_of_it)
        estimator.save(output)
    except KeyboardInterrupt as stop:
        kept = estimator.checkpoint
        if kept is None or not Path(kept).exists():
            raise KeyboardInterrupt(
                "nothing was saved; --checkpoint FILE keeps the state"
            ) from stop
        raise KeyboardInterrupt(f"the same command goes on from {kept}") from stop
    if as_json:
        show_json(summary(estimator, found, output))
    elif not quiet:
        show_table("", summary_rows(summary(estimator, found, output)))
        typer.echo(next_steps(estimator, data, output, reading))


def _estimator_type(name: str) -> tuple[str, type]:
    from isthmus.cli.settings import nearest
    from isthmus.models import ESTIMATORS

    chosen = name.strip().lower()
    if chosen not in ESTIMATORS:
        raise InvalidInputError(
            f"--model: there is no model {name!r}; {nearest(chosen, list(ESTIMATORS))}it is one of "
            f"{', '.join(ESTIMATORS)}"
        )
    return chosen, ESTIMATORS[chosen]


def _estimator(
    model: str | None,
    config: Path | None,
    assignments: list[str],
    checkpoint: Path | None,
    seed: int | None,
) -> Any:
    """Build the estimator; the command line overrules the configuration file."""
    from isthmus.cli.settings import check_names, parse_assignments, read_config

    values = {} if config is None else read_config(config)
    in_file = values.pop("model", None)
    assigned = parse_assignments(assignments)
    name, kind = _estimator_type(model or str(in_file or _MODEL))
    values |= assigned
    check_names(values, kind, name)
    for option, parameter, value in (
        ("--seed", "random_state", seed),
        ("--checkpoint", "checkpoint", checkpoint),
    ):
        if value is not None and parameter in assigned:
            raise InvalidInputError(
                f"{option}: {parameter} is given with --set as well; give one of them"
            )
        if value is not None:
            values[parameter] = value
    # 0 and not chance: a run can be repeated, and a checkpoint belongs to the same fit again
    values.setdefault("random_state", 0)
    return kind(**{parameter: _tuple(kind, parameter, v) for parameter, v in values.items()})


def _tuple(kind: type, parameter: str, value: Any) -> Any:
    """Make one number a tuple where the parameter takes a tuple: ``hidden_layer_sizes=512``."""
    import inspect

    annotation = str(inspect.signature(kind).parameters[parameter].annotation)
    number = isinstance(value, int) and not isinstance(value, bool)
    takes_numbers = "int |" in annotation or annotation.startswith(("int", "float"))
    return (value,) if number and "tuple[" in annotation and not takes_numbers else value


def _check_places(output: Path, checkpoint: Any) -> None:
    from isthmus.data import files

    files.check_writable(output, suffixes=(".safetensors",))
    if checkpoint is None:
        return
    path = Path(checkpoint)
    files.check_writable(path, suffixes=(path.suffix,))
    if path.resolve() == output.resolve():
        raise InvalidInputError(
            f"--checkpoint: {path} is also where the model goes; name another file"
        )
