"""The options that several verbs share, with their help, and how their text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from isthmus.errors import InvalidInputError

__all__ = [
    "Drop",
    "Header",
    "ImageSize",
    "Input",
    "Key",
    "Labels",
    "Mode",
    "Model",
    "Output",
    "Reading",
    "Target",
]

_READING = "Reading the input"

Input: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="CSV, TSV, TXT (also .gz), Parquet, NPY, NPZ, MNIST IDX, an image, or a folder of "
        "PNG and JPEG images.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A file that `isthmus fit` wrote.", show_default=False),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Where to write: .csv, .tsv (also .gz), .parquet, .npy, .npz, or, for images, a "
        "folder. Without it, CSV goes to standard output.",
        show_default=False,
    ),
]
Target: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column (name or position) that is not a feature: the condition of a "
        "conditional model.",
        rich_help_panel=_READING,
    ),
]
Drop: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="Leave a column out; may be repeated.", rich_help_panel=_READING
    ),
]
Header: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row of a text table holds names; found out by default.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
ImageSize: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HEIGHTxWIDTH",
        help="Resize all images, e.g. 64x64; needed where they differ in size.",
        rich_help_panel=_READING,
    ),
]
Mode: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="L|RGB", help="Read images as grey (L) or colour (RGB).", rich_help_panel=_READING
    ),
]
Key: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The array of an NPZ archive to read.", rich_help_panel=_READING
    ),
]
Labels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--y",
        metavar="LABEL",
        help="The condition, for conditional models; may be repeated.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Reading:
    """What the command line says about reading the input."""

    target: str | None = None
    drop: list[str] | None = None
    header: bool | None = None
    image_size: str | None = None
    mode: str | None = None
    key: str | None = None

    def of_files(self, labels: str | None = None) -> Any:
        """Return the same for `isthmus.applications.anomaly.files`.

        Parameters
        ----------
        labels : str, optional
            The column that says which rows are anomalies.
        """
        from isthmus.applications.anomaly import files

        return files.Reading(
            target=self.target,
            drop=self.drop or (),
            labels=labels,
            header=self.header,
            image_size=self.size(),
            mode=self.colours(),
            key=self.key,
            prefix="--",
        )

    def size(self) -> tuple[int, int] | None:
        """Read ``--image-size``.

        Raises
        ------
        InvalidInputError
            If it is not two whole numbers of at least 1.

        Examples
        --------
        >>> Reading(image_size="28x32").size()
        (28, 32)
        """
        if self.image_size is None:
            return None
        match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×,]\s*(\d{1,6})\s*", self.image_size)
        if match is None or "0" in (found := [g.lstrip("0") or "0" for g in match.groups()]):
            raise InvalidInputError(
                f"--image-size: HEIGHTxWIDTH is expected, e.g. 64x48, got {self.image_size!r}"
            )
        return int(found[0]), int(found[1])

    def colours(self) -> str | None:
        """Read ``--mode``.

        Raises
        ------
        InvalidInputError
            If it is neither L nor RGB.
        """
        if self.mode is None or self.mode.upper() in ("L", "RGB"):
            return None if self.mode is None else self.mode.upper()
        raise InvalidInputError(f"--mode: L (grey) or RGB (colour) is expected, got {self.mode!r}")
