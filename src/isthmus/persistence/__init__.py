"""Save and load a fitted estimator: one safetensors file, no pickle.

The file holds the weights, the scaling, the constructor parameters, the form of a sample, the
training history and the versions that wrote it. Loading executes and imports nothing that the file
names: the class is looked up among those of Isthmus, and the network is rebuilt from numbers whose
shapes are compared with the file's before any memory is used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__
from isthmus.errors import InvalidInputError, IsthmusError, ModelFileError
from isthmus.persistence.autoencoder import FORMAT_VERSION, contents, rebuild
from isthmus.persistence.classifier import classifier_contents, rebuild_classifier
from isthmus.persistence.svdd import rebuild_svdd, svdd_contents
from isthmus.persistence.values import parameters, to_json
from isthmus.tensorfile import read_header, read_tensor_file, write_tensor_file

if TYPE_CHECKING:
    from torch import nn

    from isthmus.models import AutoencoderClassifier, DeepSVDD
    from isthmus.models.base import BaseAutoencoder

__all__ = [
    "FORMAT_VERSION",
    "KIND",
    "contents",
    "describe",
    "load",
    "parameters",
    "rebuild",
    "save",
    "to_json",
]

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


def save(
    estimator: BaseAutoencoder | AutoencoderClassifier | DeepSVDD, path: str | os.PathLike[str]
) -> None:
    """Write a fitted estimator to one file; see `BaseAutoencoder.save`."""
    from sklearn.utils.validation import check_is_fitted

    from isthmus.models import AutoencoderClassifier, DeepSVDD

    check_is_fitted(estimator, "module_")
    if isinstance(estimator, AutoencoderClassifier):
        header, tensors = contents(estimator.autoencoder_)
        header["classifier"], head = classifier_contents(estimator)
        tensors |= head
    elif isinstance(estimator, DeepSVDD):
        header, tensors = svdd_contents(estimator)
    else:
        header, tensors = contents(estimator)
    write_tensor_file(path, KIND, header, tensors)


def load(
    path: str | os.PathLike[str],
    *,
    network: tuple[nn.Module, nn.Module] | None = None,
    estimator: type[BaseAutoencoder] | None = None,
    device: str = "auto",
) -> Any:
    """Read a fitted estimator from a file that `save` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    network : tuple of torch.nn.Module, optional
        The encoder and decoder, if they were modules of your own; they take the file's weights.
    estimator : type, optional
        The class, if it was a subclass of your own.
    device : str, default="auto"
        Where the network goes; "auto" is a GPU where there is one.

    Returns
    -------
    estimator
        Fitted, of the class that was saved.

    Raises
    ------
    InvalidInputError
        If there is no such file, or an argument is needed that was not given.
    ModelFileError
        If the file is damaged, foreign, or of a later format than this version reads.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> import isthmus
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = isthmus.Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> model.save(path)
    >>> bool((isthmus.load(path).transform(X) == model.transform(X)).all())
    True
    """
    from isthmus.models.fitting import choose_device

    header, tensors = read_tensor_file(path, KIND)
    _check_format(header, path)
    target = choose_device(device)
    model: BaseAutoencoder | AutoencoderClassifier | DeepSVDD
    try:
        if "series" in header:
            from isthmus.applications.anomaly.series_saving import rebuild as rebuild_series

            series = rebuild_series(header, tensors, path, network, estimator)
            for member in series.detector_.members_:
                member.module_.to(target).eval()
            return series
        if "members" in header:
            from isthmus.applications.anomaly.saving import rebuild as rebuild_detector

            detector = rebuild_detector(header, tensors, path, network, estimator)
            for member in detector.members_:
                member.module_.to(target).eval()
            return detector
        if "svdd" in header:
            model = rebuild_svdd(header, tensors, path)
        elif "classifier" in header:
            base = rebuild(header, tensors, path, network, estimator)
            model = rebuild_classifier(base, header["classifier"], tensors, path)
        else:
            model = rebuild(header, tensors, path, network, estimator)
    except _MISFITS as error:
        given = {"network": network, "estimator": estimator}
        if isinstance(error, IsthmusError) and not _is_of_the_file(error, given):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is damaged: its contents do not fit together ({reason})"
        ) from error
    model.module_.to(target).eval()
    return model


def _is_of_the_file(error: IsthmusError, given: Mapping[str, Any]) -> bool:
    """Whether an argument is refused that came from the file, and not one of `load` itself."""
    if not isinstance(error, InvalidInputError):
        return False
    said = str(error)
    argument = said.partition(":")[0]
    return given.get(argument) is None and f"load(path, {argument}=" not in said


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
