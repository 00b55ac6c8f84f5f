"""The verbs, gathered under ``isthmus``. Importing this imports typer and nothing heavier."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isthmus._version import __version__
from isthmus.cli.apply import decode, encode, reconstruct, score
from isthmus.cli.detect import detect
from isthmus.cli.diagnose import diagnose
from isthmus.cli.fit import fit
from isthmus.cli.generate import sample
from isthmus.cli.look import demo, info

__all__ = ["app", "command"]

app = typer.Typer(
    name="isthmus",
    help="Autoencoders on tables, arrays and images: fit one, then use it.",
    epilog="A first look: isthmus demo. Then: isthmus fit data.csv -o model.safetensors",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command() -> Any:
    """Build the click command that holds all verbs."""
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isthmus {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _verb in (fit, encode, decode, reconstruct, score, sample, detect, diagnose, info, demo):
    app.command()(_verb)
