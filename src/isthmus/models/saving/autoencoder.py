"""An autoencoder as a header and tensors, and back."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sklearn
import torch
from torch import Tensor, nn

from isthmus._version import __version__
from isthmus.data.condition import ConditionEncoder
from isthmus.data.scaling import Scaler
from isthmus.data.schema import Schema
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.architecture import CUSTOM, Architecture, build, make_prior
from isthmus.nn import CORRUPTIONS, LATENTS, LIKELIHOODS, NETWORKS, PENALTIES, PRIORS
from isthmus.registry import Part, Registry, Spec
from isthmus.storage.classes import FORMS, Contents, Form, Stored, class_of
from isthmus.storage.model_file import FORMAT_VERSION
from isthmus.storage.values import (
    in_words,
    parameters,
    parameters_of,
    register_parts,
    with_tuples,
)
from isthmus.training import History

__all__ = ["AutoencoderForm"]

_CUSTOM = "custom"
# How the first format named corruptions.
_FORMER_CORRUPTIONS = {
    "GaussianNoise": "gaussian",
    "Masking": "masking",
    "SaltAndPepper": "salt_and_pepper",
}

register_parts(CORRUPTIONS, _FORMER_CORRUPTIONS)
for _registry in (PENALTIES, LATENTS, LIKELIHOODS, NETWORKS, PRIORS):
    register_parts(_registry)


@FORMS.register("autoencoder")
class AutoencoderForm(Form[BaseAutoencoder]):
    """The form of every member of the family."""

    holds = BaseAutoencoder
    section = ""

    def contents(self, thing: BaseAutoencoder) -> Contents:
        names = getattr(thing, "feature_names_in_", None)
        condition = thing.condition_
        header = {
            "format": FORMAT_VERSION,
            "class": type(thing).__name__,
            "parameters": parameters_of(thing),
            "architecture": thing.architecture_.to_json(),
            "schema": {
                "sample_shape": list(thing.schema_.sample_shape),
                "layout": thing.schema_.layout,
                "feature_names": None if names is None else [str(name) for name in names],
                "n_features_in": int(thing.n_features_in_),
                "dtype": thing.dtype_.name,
            },
            "scaling": thing.scaler_.method,
            "condition": None if condition is None else condition.to_json(),
            "history": thing.history_.records,
            "n_iter": thing.n_iter_,
            "fit_seconds": thing.fit_seconds_,
            "outcome": thing.outcome_,
            "extra": thing.extra_state(),
            "density": thing.density_.spec.to_json() if hasattr(thing, "density_") else None,
            "corruption": _part(thing.module_.corruption, CORRUPTIONS),
            "penalties": {
                name: _part(penalty, PENALTIES) for name, penalty in thing.module_.penalties.items()
            },
            "versions": {
                "isthmus": __version__,
                "torch": torch.__version__,
                "scikit-learn": sklearn.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
        tensors = {f"module.{k}": v for k, v in thing.module_.state_dict().items()}
        tensors["scaler.shift"] = torch.from_numpy(thing.scaler_.shift)
        tensors["scaler.scale"] = torch.from_numpy(thing.scaler_.scale)
        if header["density"] is not None:
            tensors |= {f"density.{k}": v for k, v in thing.density_.state_dict().items()}
        return header, tensors

    def rebuild(self, stored: Stored) -> BaseAutoencoder:
        header, tensors, parts = stored.header, stored.tensors, stored.parts
        cls = class_of(header["class"], stored.estimator)
        _check_types(stored)
        model: BaseAutoencoder = cls(**parameters(cls, header["parameters"], parts))
        schema = header["schema"]
        model.schema_ = Schema(tuple(int(s) for s in schema["sample_shape"]), schema["layout"])
        architecture = model.architecture_ = Architecture.from_json(header["architecture"])
        model.likelihood_spec_ = architecture.likelihood
        if parts.get("network") is not None and architecture.network.name != CUSTOM:
            raise InvalidInputError(
                f"network: the file's model has a {architecture.network.name} network, which it "
                "brings along; leave network out"
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
                raise stored.damaged(f"{what} does not fit the rest")
        model.scaler_ = Scaler(header["scaling"], shift, scale)
        model.module_ = _module(architecture, stored)
        if (density := header.get("density")) is not None:
            model.density_ = _density(density, architecture.latent_dim, stored)
        model.history_ = History(header["history"])
        model.n_iter_ = header["n_iter"]
        model.fit_seconds_ = float(header["fit_seconds"])
        model.outcome_ = header["outcome"]
        model.set_extra_state(header.get("extra", {}))
        model.n_features_in_ = schema["n_features_in"]
        model.dtype_ = np.dtype(schema.get("dtype", "float32"))  # as all was that had none
        if names is not None:
            model.feature_names_in_ = np.asarray(names, dtype=object)
        return model

    def networks(self, thing: BaseAutoencoder) -> list[nn.Module]:
        return [thing.module_]


def _check_types(stored: Stored) -> None:
    """Refuse a header in which something is not what `save` writes."""
    header = stored.header
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
        "dtype": schema.get("dtype", "float32") in ("float32", "float64"),
        "layout": schema["layout"] in ("table", "signal", "image"),
        "n_features_in": type(schema["n_features_in"]) is int and schema["n_features_in"] > 0,
        "feature_names": names is None
        or (isinstance(names, list) and all(isinstance(name, str) for name in names)),
        "likelihood": isinstance(header["architecture"]["likelihood"], str | list | dict),
    }
    for name, good in kinds.items():
        if not good:
            raise stored.damaged(f"its {name} is not what it should be")


def _part(part: Any, registry: Registry[Any]) -> dict[str, Any] | None:
    """Return a part as JSON can hold it; the name "custom" stands for one that is not registered.

    A penalty that is a module of the user's own is such a part too: its weights are in the file.
    """
    if part is None:
        return None
    if not isinstance(part, Part) or registry.name_of(part) is None:
        return Spec(_CUSTOM).to_json()
    return part.spec.to_json()


def _training_parts(stored: Stored) -> tuple[Any, dict[str, Any]]:
    """Return the corruption and the penalties of a file, those of the user's own as handed in.

    What a model needs for more training alone is not asked for: without it the model can be used.
    """
    header, parts = stored.header, stored.parts
    entry = header.get("corruption")
    if entry is None and "corruption" in header.get("extra", {}):
        entry = _corruption_of_the_first_format(header["extra"]["corruption"])
    corruption = _made(entry, parts.get("corruption"), CORRUPTIONS)
    own = parts.get("penalties") or {}
    penalties = {
        str(name): _made(entry, own.get(name), PENALTIES)
        for name, entry in (header.get("penalties") or {}).items()
    }
    return corruption, {name: each for name, each in penalties.items() if each is not None}


def _made(entry: Any, given: Any, registry: Registry[Any]) -> Any:
    if entry is None:
        return None
    spec = Spec.from_json(entry)
    return given if spec.name == _CUSTOM else registry.make(with_tuples(spec))


def _corruption_of_the_first_format(value: Mapping[str, Any]) -> dict[str, Any]:
    name = value["part"] if "part" in value else value["name"]
    return {"name": _FORMER_CORRUPTIONS[name], "options": value["fields"]}


def _module(architecture: Architecture, stored: Stored) -> Any:
    weights, parts = stored.below("module."), stored.parts
    corruption, penalties = _training_parts(stored)
    _check_layers([architecture.n_layers], weights, stored)
    own = any(parts.get(name) is not None for name in ("network", "latent", "likelihood"))
    own = own or any(hasattr(penalty, "state_dict") for penalty in penalties.values())
    given: dict[str, Any] = {"corruption": corruption, "penalties": penalties, "parts": parts}
    if own:
        module = build(architecture, **given)
    else:
        with torch.device("meta"):  # shapes without memory
            module = build(architecture, **given)
    _check_forms(module, weights, stored, "network")
    module.load_state_dict(weights, assign=not own)
    return module


def _density(description: Any, latent_dim: int, stored: Stored) -> Any:
    values = stored.below("density.")
    if "kind" in description:  # of the first format
        description = {"name": description["kind"], "options": description["options"]}
    spec = Spec.from_json(description)
    _check_layers([int(spec.options.get("n_layers", 0))], values, stored)
    with torch.device("meta"):
        density = make_prior(spec, {"latent_dim": latent_dim})
    if density is None:
        raise stored.damaged("its density is not what it should be")
    _check_forms(density, values, stored, "density")
    density.load_state_dict(values, assign=True)
    return density.eval().requires_grad_(False)


def _check_layers(counts: Iterable[int], weights: Mapping[str, Tensor], stored: Stored) -> None:
    """Refuse more layers than there are weights for, before they are built."""
    if not max(counts) <= len(weights):
        raise stored.damaged("it has fewer weights than layers")


def _check_forms(
    module: nn.Module, weights: Mapping[str, Tensor], stored: Stored, what: str
) -> None:
    """Compare what a file brings with what it is for, before memory is used."""
    expected = {name: in_words(value) for name, value in module.state_dict().items()}
    found = {name: in_words(value) for name, value in weights.items()}
    if expected != found:
        name = min(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        raise ModelFileError(
            f"{stored.path} does not fit its {what}: {name} should be "
            f"{expected.get(name, 'absent')}; in the file it is {found.get(name, 'absent')}"
        )
