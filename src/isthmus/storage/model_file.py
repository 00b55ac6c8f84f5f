"""A fitted object in one safetensors file, and back; no pickle.

The file holds the weights, the scaling, the constructor parameters, the form of a sample, the
training history and the versions that wrote it. Loading executes and imports nothing that the file
names: classes are looked up among those that are registered, and a network is rebuilt from numbers
whose shapes are compared with the file's before any memory is used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__
from isthmus.errors import InvalidInputError, IsthmusError, ModelFileError
from isthmus.storage.classes import Stored, form_in, form_of
from isthmus.storage.container import read_header, read_tensor_file, write_tensor_file

if TYPE_CHECKING:
    import torch

__all__ = ["FORMAT_VERSION", "KIND", "describe", "load", "save"]

FORMAT_VERSION = 2
KIND = "model"

# What rebuilding may raise where a header's parts do not belong together.
_MISFITS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator or detector to one file.

    Parameters
    ----------
    estimator : estimator or detector
        Fitted.
    path : path-like
        Usually ending in ``.safetensors``.

    Raises
    ------
    InvalidInputError
        If the file cannot be written there, or is of a class that cannot be stored.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    write_tensor_file(path, KIND, *form_of(estimator).contents(estimator))


def load(
    path: str | os.PathLike[str],
    *,
    device: torch.device,
    parts: Mapping[str, Any] | None = None,
    estimator: type[Any] | None = None,
) -> Any:
    """Read what `save` wrote, of the classes that are registered; see `isthmus.load`.

    Parameters
    ----------
    path : path-like
        The file.
    device : torch.device
        Where the networks go.
    parts : mapping of str to object, optional
        Parts of the user's own, by the name of the parameter; `network` is one of them.
    estimator : type, optional
        A class of the user's own.

    Raises
    ------
    InvalidInputError
        If there is no such file, or an argument is needed that was not given.
    ModelFileError
        If the file is damaged, foreign, or of a later format than this version reads.
    """
    parts = parts or {}
    header, tensors = read_tensor_file(path, KIND)
    _check_format(header, path)
    form = form_in(header)
    try:
        thing = form.rebuild(Stored(header, tensors, path, parts, estimator))
    except _MISFITS as error:
        given = {**parts, "estimator": estimator}
        if isinstance(error, IsthmusError) and not _is_of_the_file(error, given):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is damaged: its contents do not fit together ({reason})"
        ) from error
    for network in form.networks(thing):
        network.to(device).eval()
    return thing


def _is_of_the_file(error: IsthmusError, given: Mapping[str, Any]) -> bool:
    """Whether an argument is refused that came from the file, and not one of `load` itself."""
    if not isinstance(error, InvalidInputError):
        return False
    said = str(error)
    argument = said.partition(":")[0]
    return given.get(argument) is None and "load(path, " not in said


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a model file says of itself, from its header alone.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        Class, parameters, architecture, schema, scaling, versions, the last record of the history,
        and the size in bytes: JSON can hold all of it.

    Raises
    ------
    InvalidInputError
        If there is no such file.
    ModelFileError
        If it is no model file, or its header is damaged.
    """
    header = read_header(path, KIND)
    _check_format(header, path)
    history = header.pop("history", [])
    if not isinstance(history, list):
        raise ModelFileError(f"{path} is damaged: its history is no list")
    header.pop("_tensors_sha256")
    last = history[-1] if history else {}
    return {
        **header,
        "epochs": len(history),
        "last_epoch": last,
        "bytes": Path(path).stat().st_size,
    }


def _check_format(header: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    version = header.get("format")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path} is damaged: it names no format version")
    if version > FORMAT_VERSION:
        versions = header.get("versions")
        writer = versions.get("isthmus", "a later") if isinstance(versions, dict) else "a later"
        writer = " ".join(str(writer).split())
        raise ModelFileError(
            f"{path} has format {version}, which this version ({__version__}) cannot read; it was "
            f"written by Isthmus {writer}: pip install 'isthmus>={writer}'"
        )
