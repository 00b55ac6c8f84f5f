"""The verb ``demo``: the example ``digits_report`` of this version, run from wherever it lies."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from isthmus.errors import InvalidInputError, require
from isthmus.storage.atomic import check_place

__all__ = ["load_example", "run"]


def run(folder: Path, seed: int = 0, quick: bool = False) -> None:
    """Train, print a table, and write models, data and a report into `folder`.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist; files of an earlier demonstration in it are replaced.
    seed : int, default 0
        Another seed, other initial weights and another split.
    quick : bool, default False
        Train for two epochs only.

    Raises
    ------
    InvalidInputError
        If `folder` cannot be made or written to.
    MissingDependencyError
        If matplotlib, which draws the report, is not installed.
    """
    require("matplotlib", "plot")  # said before the training, not after it
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"folder: expected a folder, or a name for a new one, got {folder} "
            f"({error.strerror}); name another"
        ) from error
    check_place(folder / "report.html")
    load_example().main(folder, seed, quick)


def load_example() -> Any:
    """Return the module ``digits_report``: beside this file in a wheel, else in ``examples/``.

    An installation for development (``pip install -e``) is a checkout, and has only the latter.
    """
    here = Path(__file__).resolve().parent
    name = f"{__package__}.digits_report"
    spec = PathFinder.find_spec(name, [str(here), str(here.parents[2] / "examples")])
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is missing: this copy of isthmus is not complete")
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
