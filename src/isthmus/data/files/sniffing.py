"""What a text table looks like: its delimiter, its decimal sign, whether it has a header."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from isthmus.errors import InvalidInputError

__all__ = ["MISSING", "Dialect", "sniff"]

MISSING = ("?",)  # beside what pandas knows; many public tables use it
_MISSING_LOWER = {"", "?", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan"}
_TRUTH = {"true", "false"}
_SAMPLE = 1 << 16
_ROWS = 50


@dataclass(frozen=True)
class Dialect:
    """How to read one text table; `delimiter` is None for runs of blanks."""

    delimiter: str | None
    decimal: str
    header: bool
    columns: int


def sniff(path: Path, *, header: bool | None, suffix: str) -> Dialect:
    """Look at the first rows of a text table.

    Parameters
    ----------
    path : Path
        The file, plain or with ``.gz``.
    header : bool or None
        Whether the first row holds names; None looks for it.
    suffix : str
        ``".csv"``, ``".tsv"`` or ``".txt"``; only the last may be separated by blanks.

    Raises
    ------
    InvalidInputError
        If the file is empty or not text in UTF-8.
    """
    lines = _first_lines(path)
    delimiter = _delimiter(lines, suffix)
    rows = _rows(lines, delimiter)
    if not rows:
        raise InvalidInputError(f"{path}: the file is empty; a table with rows is expected")
    decimal = "."
    if delimiter == ";":
        text = "\n".join(lines)
        comma, point = re.search(r"\d,\d", text), re.search(r"\d\.\d", text)
        decimal = "," if comma and not point else "."
    found = _has_header(rows, decimal) if header is None else header
    return Dialect(delimiter, decimal, found, len(rows[0]))


def _first_lines(path: Path) -> list[str]:
    packed = path.name.lower().endswith(".gz")
    try:
        # cast: gzip.open gives a GzipFile, which reads like any binary file
        with cast(BinaryIO, gzip.open(path)) if packed else path.open("rb") as stream:
            head = stream.read(_SAMPLE)
            # one line longer than the sample (an image a row) is read to its end
            if len(head) == _SAMPLE and b"\n" not in head:
                head += stream.readline()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{path}: the gzip data are cut off or broken; fetch the file again"
        ) from error
    try:
        # incremental, so that a character cut in two at the end of the sample is no mistake
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: not text in UTF-8; save it as CSV in UTF-8") from error
    if "\0" in text:
        raise InvalidInputError(f"{path}: not a text table; give the file the suffix of its format")
    lines = text.splitlines()
    if len(head) >= _SAMPLE and len(lines) > 1:
        lines.pop()  # probably cut off
    return [line for line in lines if line.strip()][:_ROWS]


def _delimiter(lines: Sequence[str], suffix: str) -> str | None:
    if suffix == ".tsv":
        return "\t"
    # The semicolon first: with it, a comma is a decimal sign.
    for candidate in (";", ",", "\t", "|"):
        widths = {len(row) for row in _rows(lines, candidate)}
        if len(widths) == 1 and widths != {1}:
            return candidate
    if suffix == ".txt" and not any("," in line for line in lines):
        return None
    return ","


def _rows(lines: Sequence[str], delimiter: str | None) -> list[list[str]]:
    if delimiter is None:
        return [line.split() for line in lines]
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return [line.split(delimiter) for line in lines]


def _has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Names are not numbers: all text, or text where the second row has a number.

    A number among names is whole, such as a year: a row that has a fraction is data.
    """
    first = [_kind(field, decimal) for field in rows[0]]
    if "number" not in first:
        return "text" in first
    if any(
        kind == "number" and decimal in field for kind, field in zip(first, rows[0], strict=True)
    ):
        return False
    second = [_kind(field, decimal) for field in rows[1]] if len(rows) > 1 else []
    return ("text", "number") in zip(first, second, strict=False)


def _kind(field: str, decimal: str) -> str:
    field = field.strip().lower()
    if field in _MISSING_LOWER:
        return "missing"
    if field in _TRUTH:
        return "number"
    try:
        float(field.replace(decimal, "."))
    except ValueError:
        return "text"
    return "number"
