"""An autoencoder as a header and tensors, and back."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.persistence.values import class_of, form, parameters, to_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.models.base import BaseAutoencoder

__all__ = ["FORMAT_VERSION", "contents", "rebuild"]

FORMAT_VERSION = 1


def contents(estimator: BaseAutoencoder) -> tuple[dict[str, Any], dict[str, Tensor]]:
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
            name: to_json(value) for name, value in estimator.get_params(deep=False).items()
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
        "density": getattr(estimator, "_density", None),
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
    if header["density"] is not None:
        tensors |= {f"density.{k}": v for k, v in estimator.density_.state_dict().items()}
    return header, tensors


def rebuild(
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None,
    estimator: type[BaseAutoencoder] | None,
) -> BaseAutoencoder:
    """Make an estimator from what `contents` returned; see `isthmus.load`.

    Raises
    ------
    ModelFileError
        If the parts do not fit together.
    InvalidInputError
        If a network or a class of the user's own is needed.
    """
    import numpy as np
    import torch

    from isthmus.data.condition import ConditionEncoder
    from isthmus.data.scaling import Scaler
    from isthmus.data.schema import Schema
    from isthmus.models.architecture import Architecture
    from isthmus.training import History

    cls = class_of(header["class"], estimator)
    _check_types(header, path)
    model = cls(**parameters(cls, header["parameters"], network))
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
            *architecture.critic_hidden,
        )
        > 0,
    }
    for what, fitting in fits.items():
        if not fitting:
            raise ModelFileError(f"{path} is damaged: {what} does not fit the rest")
    model.scaler_ = Scaler(header["scaling"], shift, scale)
    weights = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    model.module_ = _module(architecture, weights, path, network)
    if (density := header.get("density")) is not None:
        values = {
            k.removeprefix("density."): v for k, v in tensors.items() if k.startswith("density.")
        }
        model.density_ = _density(density, architecture.latent_dim, values, path)
        model._density = density
    model.history_ = History(header["history"])
    model.n_iter_ = header["n_iter"]
    model.fit_seconds_ = float(header["fit_seconds"])
    model.outcome_ = header["outcome"]
    model._restore(header.get("extra", {}))
    model.n_features_in_ = schema["n_features_in"]
    if names is not None:
        model.feature_names_in_ = np.asarray(names, dtype=object)
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


def _module(
    architecture: Any,
    weights: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None,
) -> Any:
    import copy

    import torch

    from isthmus.models.architecture import build

    sizes = (architecture.hidden, architecture.channels, architecture.critic_hidden)
    options = (architecture.latent_options, architecture.prior_options)
    _check_layers((*map(len, sizes), *map(_n_layers, options)), weights, path)
    if architecture.network == "custom":
        module = build(architecture, custom=copy.deepcopy(network))
    else:
        with torch.device("meta"):  # shapes without memory
            module = build(architecture)
    _check_forms(module, weights, path, "network")
    module.load_state_dict(dict(weights), assign=architecture.network != "custom")
    return module


def _density(
    description: Any, latent_dim: int, values: Mapping[str, Tensor], path: str | os.PathLike[str]
) -> Any:
    import torch

    from isthmus.models.density import density_from_json

    _check_layers([_n_layers(description["options"])], values, path)
    with torch.device("meta"):
        density = density_from_json(description, latent_dim)
    _check_forms(density, values, path, "density")
    density.load_state_dict(dict(values), assign=True)
    return density.eval().requires_grad_(False)


def _n_layers(options: Mapping[str, Any]) -> float:
    """Return the layers that a flow is to have, of the options of a code or of a prior."""
    return float(options.get("n_layers", 0))


def _check_layers(
    counts: Iterable[float], weights: Mapping[str, Tensor], path: str | os.PathLike[str]
) -> None:
    """Refuse more layers than there are weights for, before they are built."""
    if not max(counts) <= len(weights):
        raise ModelFileError(f"{path} is damaged: it has fewer weights than layers")


def _check_forms(
    module: nn.Module, weights: Mapping[str, Tensor], path: str | os.PathLike[str], what: str
) -> None:
    """Compare what a file brings with what it is for, before memory is used."""
    expected = {name: form(value) for name, value in module.state_dict().items()}
    found = {name: form(value) for name, value in weights.items()}
    if expected != found:
        name = min(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        raise ModelFileError(
            f"{path} does not fit its {what}: {name} should be {expected.get(name, 'absent')}; "
            f"in the file it is {found.get(name, 'absent')}"
        )
