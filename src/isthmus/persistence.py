"""Save and load a fitted estimator: one safetensors file, no pickle.

The file holds the weights, the scaling, the constructor parameters, the form of a sample, the
training history and the versions that wrote it. Loading executes and imports nothing that the file
names: the class is looked up among those of Isthmus, and the network is rebuilt from numbers whose
shapes are compared with the file's before any memory is used.
"""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__
from isthmus.errors import InvalidInputError, IsthmusError, ModelFileError
from isthmus.tensorfile import read_header, read_tensor_file, write_tensor_file

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.models import AutoencoderClassifier
    from isthmus.models.base import BaseAutoencoder

__all__ = ["FORMAT_VERSION", "describe", "load", "save"]

FORMAT_VERSION = 1
_KIND = "model"
# What rebuilding may raise where a header's parts do not belong together.
_MISFITS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_CUSTOM = "custom"  # stands in the file for an object that JSON cannot hold
_ESTIMATOR = "estimator"  # one that is a parameter of another, by name and parameters


def save(estimator: BaseAutoencoder | AutoencoderClassifier, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to one file; see `BaseAutoencoder.save`."""
    from sklearn.utils.validation import check_is_fitted

    from isthmus.models import AutoencoderClassifier

    check_is_fitted(estimator, "module_")
    if isinstance(estimator, AutoencoderClassifier):
        header, tensors = _contents(estimator.autoencoder_)
        header["classifier"], head = _classifier_contents(estimator)
        tensors |= head
    else:
        header, tensors = _contents(estimator)
    write_tensor_file(path, _KIND, header, tensors)


def _contents(estimator: BaseAutoencoder) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of an autoencoder."""
    import numpy as np
    import sklearn
    import torch

    names = getattr(estimator, "feature_names_in_", None)
    condition = estimator.condition_
    header = {
        "format": FORMAT_VERSION,
        "class": type(estimator).__name__,
        "parameters": {
            name: _to_json(value) for name, value in estimator.get_params(deep=False).items()
        },
        "architecture": estimator.architecture_.to_json(),
        "schema": {
            "sample_shape": list(estimator.schema_.sample_shape),
            "layout": estimator.schema_.layout,
            "feature_names": None if names is None else [str(name) for name in names],
            "n_features_in": int(estimator.n_features_in_),
        },
        "scaling": estimator.scaler_.method,
        "condition": None if condition is None else condition.to_json(),
        "history": estimator.history_.records,
        "n_iter": estimator.n_iter_,
        "fit_seconds": estimator.fit_seconds_,
        "outcome": estimator.outcome_,
        "extra": estimator._extra(),
        "versions": {
            "isthmus": __version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    tensors = {f"module.{k}": v for k, v in estimator.module_.state_dict().items()}
    tensors["scaler.shift"] = torch.from_numpy(estimator.scaler_.shift)
    tensors["scaler.scale"] = torch.from_numpy(estimator.scaler_.scale)
    return header, tensors


def _classifier_contents(
    estimator: AutoencoderClassifier,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what a classifier adds to the file of its autoencoder."""
    header = {
        "parameters": {
            name: _to_json(value)
            for name, value in estimator.get_params(deep=False).items()
            if name != "autoencoder"
        },
        "autoencoder": _to_json(
            estimator.autoencoder.estimator if estimator._frozen else estimator.autoencoder
        ),
        "frozen": estimator._frozen,
        "classes": estimator.classes_.tolist(),
        "n_labelled": estimator.n_labelled_,
        "history": estimator.history_.records,
        "n_iter": estimator.n_iter_,
        "fit_seconds": estimator.fit_seconds_,
        "outcome": estimator.outcome_,
    }
    head = estimator.module_.state_dict()
    return header, {f"head.{name}": head[f"head.{name}"] for name in ("weight", "bias")}


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

    header, tensors = read_tensor_file(path, _KIND)
    _check_format(header, path)
    target = choose_device(device)
    model: BaseAutoencoder | AutoencoderClassifier
    try:
        model = _rebuild(header, tensors, path, network, estimator)
        if "classifier" in header:
            model = _rebuild_classifier(model, header["classifier"], tensors, path)
    except IsthmusError:
        raise
    except _MISFITS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is damaged: its contents do not fit together ({reason})"
        ) from (error)
    model.module_.to(target).eval()
    return model


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
    header = read_header(path, _KIND)
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


def _to_json(value: Any) -> Any:
    import numpy as np

    from isthmus.models import ESTIMATORS
    from isthmus.nn.corruption import corruption_to_json

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple | list) and all(isinstance(v, int | np.integer) for v in value):
        return [int(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if (part := corruption_to_json(value)) is not None:
        return part
    if type(value) in ESTIMATORS.values():
        parameters = {k: _to_json(v) for k, v in value.get_params(deep=False).items()}
        return {_ESTIMATOR: type(value).__name__, "parameters": parameters}
    return {_CUSTOM: type(value).__name__}


def _rebuild(
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None,
    estimator: type[BaseAutoencoder] | None,
) -> BaseAutoencoder:
    import numpy as np
    import torch

    from isthmus.data.condition import ConditionEncoder
    from isthmus.data.scaling import Scaler
    from isthmus.data.schema import Schema
    from isthmus.models.architecture import Architecture
    from isthmus.training import History

    cls = _class(header["class"], estimator)
    _check_types(header, path)
    model = cls(**_parameters(cls, header["parameters"], network))
    schema = header["schema"]
    model.schema_ = Schema(tuple(int(s) for s in schema["sample_shape"]), schema["layout"])
    architecture = model.architecture_ = Architecture.from_json(header["architecture"])
    if network is not None and architecture.network != "custom":
        raise InvalidInputError(
            f"network: the file's model has a {architecture.network} network, which it brings "
            "along; leave network out"
        )
    shift, scale = (tensors[f"scaler.{name}"].double().numpy() for name in ("shift", "scale"))
    condition = header["condition"]
    model.condition_ = None if condition is None else ConditionEncoder.from_json(condition)
    names = schema["feature_names"]
    fits = {
        "the shape of a sample": architecture.module_shape == model.schema_.module_shape,
        "its scaling": {tensors[f"scaler.{name}"].dtype for name in ("shift", "scale")}
        == {torch.float64}
        and shift.shape == scale.shape == model.schema_.module_shape[:1]
        and bool(np.isfinite(shift).all() and np.isfinite(scale).all() and (scale > 0).all()),
        "its condition": architecture.condition_dim
        == (0 if model.condition_ is None else model.condition_.dim),
        "its column names": names is None or len(names) == schema["n_features_in"],
        "the size of a layer": min(
            architecture.latent_dim,
            *architecture.module_shape,
            *architecture.hidden,
            *architecture.channels,
        )
        > 0,
    }
    for what, fitting in fits.items():
        if not fitting:
            raise ModelFileError(f"{path} is damaged: {what} does not fit the rest")
    model.scaler_ = Scaler(header["scaling"], shift, scale)
    weights = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    model.module_ = _module(architecture, weights, path, network)
    model.history_ = History(header["history"])
    model.n_iter_ = header["n_iter"]
    model.fit_seconds_ = float(header["fit_seconds"])
    model.outcome_ = header["outcome"]
    model._restore(header.get("extra", {}))
    model.n_features_in_ = schema["n_features_in"]
    if names is not None:
        model.feature_names_in_ = np.asarray(names, dtype=object)
    return model


def _rebuild_classifier(
    autoencoder: BaseAutoencoder,
    stored: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
) -> AutoencoderClassifier:
    import numpy as np
    from sklearn.frozen import FrozenEstimator

    from isthmus.models import AutoencoderClassifier
    from isthmus.training import History

    model = AutoencoderClassifier(**_parameters(AutoencoderClassifier, stored["parameters"], None))
    # The weights of before the fine-tuning are not in the file: a frozen one comes back unfitted.
    given = stored["autoencoder"]
    given = None if given is None or _CUSTOM in given else _from_json(given)
    model.autoencoder = FrozenEstimator(given) if stored["frozen"] else given
    classes = np.asarray(stored["classes"])
    flat = classes.ndim == 1 and len(classes) > 1 and classes.dtype.kind in "biufU"
    if not flat or len(np.unique(classes)) != len(classes):
        raise ModelFileError(f"{path} is damaged: its classes are not what they should be")
    model.classes_ = classes
    model.autoencoder_ = autoencoder
    head = {name: tensors[f"head.{name}"] for name in ("weight", "bias")}
    shapes = {"weight": (len(classes), autoencoder.latent_dim_), "bias": (len(classes),)}
    for name, shape in shapes.items():
        if _form(head[name]) != f"{shape} of float32":
            raise ModelFileError(
                f"{path} does not fit its network: head.{name} should be {shape} of float32; in "
                f"the file it is {_form(head[name])}"
            )
    module = model._assemble()
    module.head.load_state_dict(head)
    model.module_ = module
    model.history_ = History(stored["history"])
    model.n_iter_, model.n_labelled_ = int(stored["n_iter"]), int(stored["n_labelled"])
    model.fit_seconds_, model.outcome_ = float(stored["fit_seconds"]), str(stored["outcome"])
    return model


def _check_types(header: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Refuse a header in which something is not what `save` writes."""
    schema = header["schema"]
    names = schema["feature_names"]
    kinds = {
        "scaling": isinstance(header["scaling"], str),
        "outcome": isinstance(header["outcome"], str),
        "n_iter": type(header["n_iter"]) is int and header["n_iter"] >= 0,
        "fit_seconds": isinstance(header["fit_seconds"], int | float)
        and 0 <= header["fit_seconds"] < float("inf"),
        "history": isinstance(header["history"], list)
        and all(isinstance(record, dict) for record in header["history"]),
        "layout": schema["layout"] in ("table", "signal", "image"),
        "n_features_in": type(schema["n_features_in"]) is int and schema["n_features_in"] > 0,
        "feature_names": names is None
        or (isinstance(names, list) and all(isinstance(name, str) for name in names)),
        "likelihood": isinstance(header["architecture"]["likelihood"], str | list),
    }
    for name, good in kinds.items():
        if not good:
            raise ModelFileError(f"{path} is damaged: its {name} is not what it should be")


def _class(name: str, estimator: type[BaseAutoencoder] | None) -> type[BaseAutoencoder]:
    from isthmus.models import ESTIMATORS

    known = {cls.__name__: cls for cls in ESTIMATORS.values()}
    if estimator is not None:
        known[estimator.__name__] = estimator
    if name not in known:
        raise InvalidInputError(
            f"estimator: the file holds a {name}, which is none of {', '.join(known)}; if it is a "
            "class of your own, pass it: load(path, estimator=THE_CLASS)"
        )
    return known[name]


def _parameters(
    cls: type[BaseAutoencoder | AutoencoderClassifier],
    stored: Mapping[str, Any],
    network: tuple[nn.Module, nn.Module] | None,
) -> dict[str, Any]:
    """Return constructor arguments; a custom object that is not at hand becomes the default."""
    known = inspect.signature(cls).parameters
    values = {}
    for name, value in stored.items():
        if name not in known or (isinstance(value, dict) and _CUSTOM in value):
            continue
        values[name] = _from_json(value)
    if network is not None:
        values["network"] = network
    return values


def _from_json(value: Any) -> Any:
    from isthmus.nn.corruption import corruption_from_json

    if isinstance(value, dict) and _ESTIMATOR in value:
        cls = _class(value[_ESTIMATOR], None)
        return cls(**_parameters(cls, value["parameters"], None))
    if isinstance(value, dict):
        return corruption_from_json(value)
    return tuple(value) if isinstance(value, list) else value


def _module(
    architecture: Any,
    weights: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None,
) -> Any:
    import copy

    import torch

    from isthmus.models.architecture import build

    if max(len(architecture.hidden), len(architecture.channels)) > len(weights):
        raise ModelFileError(f"{path} is damaged: it has fewer weights than layers")
    if architecture.network == "custom":
        module = build(architecture, custom=copy.deepcopy(network))
    else:
        with torch.device("meta"):  # shapes without memory
            module = build(architecture)
    expected = {name: _form(value) for name, value in module.state_dict().items()}
    found = {name: _form(value) for name, value in weights.items()}
    if expected != found:
        name = min(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        raise ModelFileError(
            f"{path} does not fit its network: {name} should be {expected.get(name, 'absent')}; "
            f"in the file it is {found.get(name, 'absent')}"
        )
    module.load_state_dict(dict(weights), assign=architecture.network != "custom")
    return module


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
