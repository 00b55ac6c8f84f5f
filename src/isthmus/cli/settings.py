"""Constructor parameters out of text: ``--set name=value`` and configuration files."""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.errors import InvalidInputError, require

__all__ = ["check_names", "nearest", "parse_assignments", "parse_value", "read_config"]

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")  # text to YAML 1.1, a number to people
_CONFIG_SUFFIXES = (".toml", ".yaml", ".yml", ".json")


def parse_value(text: str) -> Any:
    """Read a value as a person writes it on a command line.

    Whole and other numbers, true, false, none, sequences such as ``512,256``, ``(512, 256)`` or
    ``[512, 256]``, which become tuples; everything else, and what is in quotes, is text.

    Examples
    --------
    >>> [parse_value(t) for t in ("12", "1e-3", "true", "none", "512,256", "(8,)", "auto", "'7'")]
    [12, 0.001, True, None, (512, 256), (8,), 'auto', '7']
    """
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    inside = re.fullmatch(r"\((.*)\)|\[(.*)\]", text, flags=re.DOTALL)
    if inside is not None or "," in text:
        body = text if inside is None else next(g for g in inside.groups() if g is not None)
        return tuple(parse_value(part) for part in body.split(",") if part.strip())
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` for each.

    Raises
    ------
    InvalidInputError
        If one has no equals sign or no name.

    Examples
    --------
    >>> parse_assignments(["latent-dim=8", "activation=tanh"])
    {'latent_dim': 8, 'activation': 'tanh'}
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name:
            raise InvalidInputError(
                f"--set: name=value is expected, e.g. --set latent_dim=8, got {assignment!r}"
            )
        values[name] = parse_value(text)
    return values


def read_config(path: Path) -> dict[str, Any]:
    """Read parameters from a TOML, YAML or JSON file: one mapping of names to values.

    Lists become tuples. The text "none" stands for None, which TOML has no word for.

    Raises
    ------
    InvalidInputError
        If the file is missing, malformed, or no such mapping.
    MissingDependencyError
        If it is YAML and PyYAML is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in _CONFIG_SUFFIXES:
        raise InvalidInputError(
            f"--config: a file ending in .toml, .yaml or .json is expected, got {str(path)!r}"
        )
    if not path.is_file():
        raise InvalidInputError(f"--config: {path}: there is no such file; check the name")
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = _parsed(text, suffix)
    except (ValueError, RecursionError) as error:  # all parsers' errors, and bad UTF-8
        reason = " ".join(str(error).split())
        raise InvalidInputError(
            f"--config: {path}: not {suffix[1:].upper()} ({reason}); repair the file"
        ) from error
    if not isinstance(found, dict):
        raise InvalidInputError(
            f"--config: {path}: names with values are expected, e.g. latent_dim = 8, got "
            f"{type(found).__name__}"
        )
    for name, value in found.items():
        if isinstance(value, Mapping):
            raise InvalidInputError(
                f"--config: {path}: {name!r} holds a section; write the parameters at the top level"
            )
    return {str(name).replace("-", "_"): _plain(value) for name, value in found.items()}


def check_names(names: Iterable[str], estimator: type, model: str) -> None:
    """Refuse names that are no constructor parameters, suggesting the nearest.

    Raises
    ------
    InvalidInputError
        For the first such name.
    """
    known = [p for p in inspect.signature(estimator).parameters if p != "verbose"]
    for name in names:
        if name == "verbose":
            raise InvalidInputError("verbose: use --quiet or --verbose instead")
        if name not in known:
            raise InvalidInputError(
                f"{name}: model {model!r} has no such parameter; {nearest(name, known)}"
                f"isthmus fit --model {model} --list-parameters shows all"
            )


def nearest(word: str, known: Sequence[str]) -> str:
    """Suggest the known word nearest to `word`, or nothing.

    Examples
    --------
    >>> nearest("latent_dims", ["latent_dim", "dropout"])
    "did you mean 'latent_dim'? "
    """
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""


def _parsed(text: str, suffix: str) -> Any:
    if suffix == ".json":
        return json.loads(text)
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    yaml = require("yaml", "yaml")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return {} if found is None else found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)
    return None if isinstance(value, str) and value.lower() == "none" else value
