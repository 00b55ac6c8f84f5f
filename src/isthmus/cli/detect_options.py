"""Whether what `isthmus detect` was given goes together and can be read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.cli.options import Reading
from isthmus.errors import InvalidInputError

__all__ = ["SAVED", "check_places", "check_reading", "check_use", "suited"]

SAVED = ".safetensors"


def check_use(
    fitted: bool,
    *,
    given_to_fit: dict[str, Any],
    given_to_score: dict[str, Any],
    score: Path | None,
    save: Path | None,
) -> None:
    """Refuse options that do nothing beside the others."""
    if fitted:
        for option, value in given_to_fit.items():
            if value is not None:
                raise InvalidInputError(
                    f"{option}: is for a fit, and TRAIN is a detector that is fitted; leave it "
                    "out, or give training rows"
                )
        if score is None and save is None:
            raise InvalidInputError(
                "--score: is missing, and TRAIN is a detector that is fitted; name the rows to "
                "judge (isthmus info shows the detector)"
            )
    if score is None:
        for option, value in given_to_score.items():
            if value is not None:
                raise InvalidInputError(f"{option}: needs rows to judge; name them with --score")
    elif given_to_score["--alarms-only"] and given_to_score["--output"] is None:
        raise InvalidInputError("--alarms-only: is for the file that --output names; name one")


def check_places(
    output: Path | None, report: Path | None, save: Path | None, inputs: list[Path]
) -> None:
    """Refuse places that cannot be written now, and not after the work."""
    from isthmus.data import files

    if output is not None:
        packed = output.name.lower().endswith(".gz")
        name = Path(output.name.lower().removesuffix(".gz"))
        if name.suffix not in (".csv", ".tsv") and (name.suffix != ".parquet" or packed):
            raise InvalidInputError(
                f"{output}: a table is written here; expected .csv, .tsv (also with .gz) or "
                ".parquet"
            )
        files.check_writable(output)
    if report is not None:
        files.check_writable(report, suffixes=(".html", ".htm"))
    if save is not None:
        files.check_writable(save, suffixes=(SAVED,))
    seen = {path.resolve(): "is read from" for path in inputs}
    for path in (output, report, save):
        if path is None or (path == save and path in inputs):
            continue
        if (place := path.resolve()) in seen:
            raise InvalidInputError(f"{path}: this file {seen[place]} as well; name another")
        seen[place] = "is written to"


def check_reading(reading: Reading, paths: list[Path]) -> None:
    """Refuse an option about reading that none of the inputs takes."""
    for option, name in (
        ("--header", "header"),
        ("--image-size", "image_size"),
        ("--mode", "mode"),
        ("--key", "key"),
    ):
        given = getattr(reading, name) is not None
        if given and all(getattr(suited(reading, path), name) is None for path in paths):
            raise InvalidInputError(
                f"{option}: it does nothing for {' and '.join(map(str, paths))}; leave it out"
            )


def suited(reading: Reading, path: Path) -> Reading:
    """Leave out what is not about this kind of file: TRAIN and NEW may be of two kinds."""
    from isthmus.cli.detect_rows import is_table
    from isthmus.data.files.images import IMAGE_SUFFIXES

    suffix = path.suffix.lower()
    images = path.is_dir() or suffix in IMAGE_SUFFIXES
    text = is_table(path) and suffix != ".parquet"
    return Reading(
        None if images else reading.target,
        None if images else reading.drop,
        reading.header if text else None,
        reading.image_size if images else None,
        reading.mode if images else None,
        reading.key if suffix == ".npz" else None,
    )
