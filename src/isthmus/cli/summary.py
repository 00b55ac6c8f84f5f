"""What a fit chose and reached, for people and as JSON, and what to do with the model."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.options import Reading
from isthmus.cli.output import readable_bytes, show_json

if TYPE_CHECKING:
    from isthmus.data.files.dataset import DataSet

__all__ = [
    "calibration_in_words",
    "detector_rows",
    "next_steps",
    "parameter_table",
    "percent",
    "summary",
    "summary_rows",
    "threshold_in_words",
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
    """Suggest the commands that come next."""
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
    if hasattr(estimator, "sample"):
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


def threshold_in_words(
    line: Mapping[str, Any] | None, calibration: Mapping[str, Any] | None
) -> str:
    """Say where a detector draws the line, and what is promised.

    Parameters
    ----------
    line : mapping or None
        ``Threshold.to_json()``.
    calibration : mapping or None
        Under "rows" and "held_out" what `isthmus.persistence.describe` says.

    Examples
    --------
    >>> line = {"rule": "contamination", "value": 3.0}
    >>> line["details"] = {"contamination": 0.05, "training_rows": 200.0}
    >>> threshold_in_words(line, None)
    'score below -3: 5 % of the 200 training rows lie there, as the contamination says'
    """
    if line is None:
        return "none was drawn"
    details = line["details"]
    said = f"score below {-line['value']:.4g}: "
    rule = line["rule"]
    if rule == "contamination":
        share, count = percent(details["contamination"]), int(details["training_rows"])
        return f"{said}{share} of the {count} training rows lie there, as the contamination says"
    if rule == "labels":
        return (
            f"{said}drawn by {details['rows']:.0f} labelled rows, {details['anomalies']:.0f} of "
            f"them anomalies, with precision {details['precision']:.3f} and recall "
            f"{details['recall']:.3f} there"
        )
    rate, count = percent(details["false_alarm_rate"]), int(details["calibration_rows"])
    if rule == "peaks over threshold":
        return (
            f"{said}{rate} of normal rows, extrapolated from the tail of {count} held-out rows "
            "(peaks over threshold); no guarantee"
        )
    if calibration is not None and not calibration["held_out"]:
        return (
            f"{said}beyond {rate} of the {count} rows of the fit, which were too few to hold any "
            "out; no guarantee"
        )
    return (
        f"{said}at most {rate} of normal rows raise an alarm (conformal, {count} held-out rows; "
        f"of 10,000 fresh ones {percent(details['rate_low'])} to {percent(details['rate_high'])}, "
        "19 times of 20)"
    )


def calibration_in_words(calibration: Mapping[str, Any] | None) -> str:
    """Say what p-values are counted on."""
    if calibration is None:
        return "none"
    if not calibration["held_out"]:
        return f"{calibration['rows']} rows of the fit itself, for want of others"
    rows = int(calibration["rows"])
    return f"{rows} held-out rows; the smallest p-value is {1 / (rows + 1):.2g}"


def detector_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write what `isthmus.persistence.describe` says of a detector as rows for people."""
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
                f"{member['class']}, {architecture['network']} {inside}, codes of "
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


def percent(share: float) -> str:
    """Write a share for people.

    Examples
    --------
    >>> percent(0.01), percent(1 / 81), percent(1e-5)
    ('1 %', '1.23 %', '0.001 %')
    """
    return f"{float(f'{100 * share:.3g}'):.10f}".rstrip("0").rstrip(".") + " %"


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


def _network(estimator: Any) -> str:
    architecture = estimator.architecture_
    if architecture.network == "custom":
        return str(architecture.network)
    sizes = (*architecture.hidden, *architecture.channels, architecture.latent_dim)
    inside = "-".join(str(size) for size in sizes)
    return f"{architecture.network} {inside}"


def _chosen(found: Mapping[str, Any], name: str) -> str:
    automatic = found["parameters"].get(name) == "auto" and found[name] != "auto"
    return f"{found[name]}{' (chosen by the data)' if automatic else ''}"
