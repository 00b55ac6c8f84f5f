"""What a fit chose and reached, for people and as JSON, and what to do with the model."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.models import can_sample
from isthmus.cli.options import Reading
from isthmus.cli.output import readable_bytes, show_json

if TYPE_CHECKING:
    from isthmus.data.files.dataset import DataSet

__all__ = [
    "detector_rows",
    "next_steps",
    "parameter_table",
    "summary",
    "summary_rows",
]


def summary(estimator: Any, data: DataSet, output: Path) -> dict[str, Any]:
    """Collect what was chosen and reached."""
    parameters = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if name not in ("verbose", "checkpoint")
    }
    return {
        "file": str(output),
        "bytes": output.stat().st_size,
        "model": type(estimator).__name__,
        "samples": len(data.X),
        "sample_shape": list(estimator.sample_shape_),
        "latent_dim": int(estimator.latent_dim_),
        "network": _network(estimator),
        "trained_parameters": int(estimator.n_parameters_),
        "likelihood": estimator.likelihood_,
        "scaling": estimator.scaler_.method,
        "epochs": int(estimator.n_iter_),
        "outcome": estimator.outcome_,
        "loss": _reached(estimator, "loss"),
        "val_loss": _reached(estimator, "val_loss"),
        "seconds": float(estimator.fit_seconds_),
        "parameters": parameters,
    }


def summary_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write a summary as rows for people."""
    shape = " x ".join(str(size) for size in found["sample_shape"])
    what = "features" if len(found["sample_shape"]) == 1 else "values"
    held_out = found["val_loss"]
    ended = {"epochs": "", "early stopping": ", stopped early"}
    outcome = ended.get(found["outcome"], f", ended by: {found['outcome']}")
    loss, name = (found["loss"], "loss") if held_out is None else (held_out, "validation loss")
    return [
        ("data", f"{found['samples']} samples of {shape} {what}"),
        ("model", f"{found['model']}, codes of {found['latent_dim']} numbers"),
        ("network", f"{found['network']}, {found['trained_parameters']} parameters"),
        ("likelihood", _chosen(found, "likelihood")),
        ("scaling", _chosen(found, "scaling")),
        ("epochs", f"{found['epochs']}{outcome}"),
        (name, "none" if loss is None else f"{loss:.6g} nats a sample"),
        ("time", f"{found['seconds']:.1f} s"),
        ("file", f"{found['file']}, {readable_bytes(found['bytes'])}"),
    ]


def next_steps(estimator: Any, data: Path, output: Path, reading: Reading) -> str:
    """Suggest the commands that come next: those that this model can do.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    data : path
        What it was fitted to.
    output : path
        Where it is saved.
    reading : Reading
        How the data were read.
    """
    model, source = shlex.quote(str(output)), shlex.quote(str(data))
    extra = "".join(f" {word}" for word in _repeated(estimator, reading))
    conditional = bool(getattr(estimator, "conditional", False))
    layout = estimator.schema_.layout
    kind = {"table": ".csv", "image": "/"}.get(layout, ".npy")
    lines = [
        f"isthmus encode {model} {source}{extra} -o codes.csv",
        f"isthmus score {model} {source}{extra} -o scores.csv",
        f"isthmus reconstruct {model} {source}{extra} -o reconstructions{kind}",
    ]
    if can_sample(estimator):
        label = " --y LABEL" if conditional else ""
        lines.append(f"isthmus sample {model} 16{label} -o samples{kind}")
    return "Next:\n" + "\n".join(f"  {line}" for line in lines)


def _repeated(estimator: Any, reading: Reading) -> list[str]:
    """Return the options about reading that the same file needs again.

    Columns with names are found by their names; the rest has to be said again.
    """
    named = hasattr(estimator, "feature_names_in_")
    target = not named or bool(getattr(estimator, "conditional", False))
    words: list[str] = []
    for option, value in (
        ("--image-size", reading.image_size),
        ("--mode", reading.mode),
        ("--key", reading.key),
        ("--target", reading.target if target else None),
    ):
        if value is not None:
            words += [option, shlex.quote(value)]
    if not named:
        for column in reading.drop or ():
            words += ["--drop", shlex.quote(column)]
    if reading.header is not None:
        words.append("--header" if reading.header else "--no-header")
    return words


def parameter_table(name: str, estimator: type, *, as_json: bool) -> None:
    """Print every constructor parameter with its default and what it is."""
    from isthmus.cli.parameters import describe_parameters
    from isthmus.models import Autoencoder

    # What all have in common is documented there; what is a model's own comes first.
    described = [p for p in describe_parameters(estimator, Autoencoder) if p.name != "verbose"]
    described.sort(key=lambda parameter: hasattr(Autoencoder, parameter.name))
    if as_json:
        show_json(
            {
                p.name: {"default": p.default, "kind": p.kind, "summary": p.summary}
                for p in described
            }
        )
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{name}: isthmus fit --set NAME=VALUE", title_justify="left", box=None)
    for title in ("name", "default", "what it is"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    for parameter in described:
        text = Text(parameter.summary)
        if parameter.kind:
            text.append(f"{' ' if parameter.summary else ''}{parameter.kind}", style="dim")
        table.add_row(parameter.name, Text(parameter.default), text)
    Console(file=sys.stdout, highlight=False).print(table)


def detector_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write what `isthmus.persistence.describe` says of a detector as rows for people."""
    from isthmus.applications.anomaly.threshold import calibration_in_words, threshold_in_words

    schema, members = found["schema"], found["members"]
    shape = " x ".join(str(side) for side in schema["sample_shape"])
    names = schema["feature_names"]
    data = f"samples of {shape} values"
    if names is not None:
        shown = ", ".join(names[:8]) + (f", ... {len(names)} in all" if len(names) > 8 else "")
        data = f"{'mixed columns' if found.get('encoder') else 'columns'} {shown}"
    rows = [
        ("class", f"{found['class']} of {len(members)} member{'s' if len(members) > 1 else ''}"),
        ("data", data),
    ]
    for place, member in enumerate(members, start=1):
        architecture = member["architecture"]
        layers = (*architecture["hidden"], *architecture["channels"], architecture["latent_dim"])
        inside = "-".join(str(size) for size in layers)
        rows.append(
            (
                f"member {place}",
                f"{member['class']}, {_name(architecture['network'])} {inside}, codes of "
                f"{architecture['latent_dim']}; scores: {', '.join(member['scores'])}",
            )
        )
    chosen = {
        name: value
        for name, value in found["parameters"].items()
        if name not in ("verbose", "estimator") and value not in ("auto", None)
    }
    return [
        *rows,
        ("threshold", threshold_in_words(found["threshold"], found["calibration"])),
        ("calibration", calibration_in_words(found["calibration"])),
        ("parameters", ", ".join(f"{name}={value}" for name, value in chosen.items())),
        ("versions", ", ".join(f"{name} {value}" for name, value in found["versions"].items())),
        ("file", f"format {found['format']}, {readable_bytes(found['bytes'])}"),
    ]


def _reached(estimator: Any, name: str) -> float | None:
    """Return a loss of the weights that were kept.

    The best epoch was kept if the fit could stop early, else the last one. Epochs in which a
    coefficient had not reached its value count for neither: they had another objective.
    """
    records = estimator.history_.records
    if not records or name not in records[-1]:
        return None
    steady = [key for key in records[-1] if key.startswith("coefficient_")]
    comparable = [
        record
        for record in records
        if all(record.get(key) == records[-1][key] for key in steady)
        and record.get(name, math.nan) == record.get(name, math.nan)
    ]
    if not comparable:
        return None
    monitored = "val_loss" if "val_loss" in records[-1] else "loss"
    if not estimator.early_stopping:
        return float(comparable[-1][name])
    return float(min(comparable, key=lambda record: record[monitored])[name])


def _name(part: Any) -> str:
    """Return the name of a part as a file has it, in this format or the first."""
    return str(part["name"] if isinstance(part, dict) else part)


def _network(estimator: Any) -> str:
    architecture = estimator.architecture_
    if architecture.network.name == "custom":
        return "custom"
    sizes = (*architecture.hidden, *architecture.channels, architecture.latent_dim)
    inside = "-".join(str(size) for size in sizes)
    return f"{architecture.network.name} {inside}"


def _chosen(found: Mapping[str, Any], name: str) -> str:
    automatic = found["parameters"].get(name) == "auto" and found[name] != "auto"
    return f"{found[name]}{' (chosen by the data)' if automatic else ''}"
