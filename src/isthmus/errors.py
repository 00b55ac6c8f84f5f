"""The exceptions and warnings a user can meet, each saying what to do next."""

from __future__ import annotations

import importlib
from numbers import Integral
from typing import Any

__all__ = [
    "CollapseWarning",
    "DivergedError",
    "DivergenceWarning",
    "InvalidInputError",
    "IsthmusError",
    "MissingDependencyError",
    "ModelFileError",
    "check_count",
    "require",
]


class IsthmusError(Exception):
    """Base of every exception that Isthmus raises on purpose."""


class InvalidInputError(IsthmusError, ValueError):
    """An argument or a data set that cannot be used; the message names it and the remedy."""


class ModelFileError(IsthmusError, ValueError):
    """A model or checkpoint file that is damaged, foreign, or of a version this one cannot read."""


class MissingDependencyError(IsthmusError, ImportError):
    """An optional library that is needed for what was asked, with the line that installs it."""


class DivergedError(IsthmusError, ArithmeticError):
    """The loss became NaN or infinite before one usable state of the network was reached."""


class CollapseWarning(UserWarning):
    """The network gives the same code whatever it is shown; its scores say nothing."""


class DivergenceWarning(UserWarning):
    """The loss became NaN or infinite; the fit stopped and kept the best state before that."""


def check_count(name: str, value: Any) -> None:
    """Refuse what is not a whole number of at least 1.

    Parameters
    ----------
    name : str
        The argument, as the message names it.
    value : object
        What came.

    Raises
    ------
    InvalidInputError
        Names the argument and what came.

    Examples
    --------
    >>> check_count("n_steps", 3)
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidInputError(f"{name}: expected a whole number of at least 1; got {value!r}")


def require(module: str, group: str) -> Any:
    """Import an optional dependency, or say exactly how to install it.

    Parameters
    ----------
    module : str
        Dotted name of the module, for example ``"PIL.Image"``.
    group : str
        The optional group of Isthmus that brings it, for example ``"image"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the module is not installed.

    Examples
    --------
    >>> require("json", "image").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        names = {"PIL": "Pillow", "yaml": "PyYAML", "umap": "umap-learn"}
        package = names.get(root := module.partition(".")[0], root)
        raise MissingDependencyError(
            f"{package} is needed for this and is not installed: pip install 'isthmus[{group}]'"
        ) from error
