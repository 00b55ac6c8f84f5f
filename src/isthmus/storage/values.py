"""Parameters as JSON and back: numbers, text, parts by their specs, estimators by their names."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError
from isthmus.registry import Part, Registry, Spec
from isthmus.storage.classes import CLASSES, class_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "CUSTOM",
    "from_json",
    "in_words",
    "parameters",
    "parameters_of",
    "register_parts",
    "to_json",
    "with_tuples",
]

CUSTOM = "custom"  # stands in the file for an object that JSON cannot hold
_PART, _KIND = "part", "kind"  # a part that is registered, by its spec, and where it is registered
_SPEC = "spec"
_MAPPING, _PAIR = "mapping", "pair"
_ESTIMATOR = "estimator"  # one that is a parameter of another, by name and parameters

_registries: dict[str, Registry[Any]] = {}
_former_names: dict[str, str] = {}


def register_parts(registry: Registry[Any], former_names: Mapping[str, str] | None = None) -> None:
    """Say that the parts of a registry may be parameters in files.

    Parameters
    ----------
    registry : Registry
        Older files tell no kind of a part: it is looked up in the order of these calls.
    former_names : mapping of str to str, optional
        Names of the first format, and what the parts are called now.
    """
    _registries[registry.kind] = registry
    _former_names.update(former_names or {})


def to_json(value: Any) -> Any:
    """Return a parameter as JSON can hold it; by its name alone where JSON cannot."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple | list) and all(isinstance(v, int | np.integer) for v in value):
        return [int(v) for v in value]
    if isinstance(value, tuple | list) and all(isinstance(v, str) for v in value):
        return [str(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Spec):
        return {_SPEC: value.to_json()}
    if isinstance(value, Part) and (kind := _kind_of(value)) is not None:
        return {_PART: value.spec.to_json(), _KIND: kind}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {_MAPPING: {key: to_json(entry) for key, entry in value.items()}}
    if isinstance(value, tuple) and len(value) == 2:  # a part with its options or its coefficient
        return {_PAIR: [to_json(entry) for entry in value]}
    if (name := CLASSES.name_of(type(value))) is not None:
        return {_ESTIMATOR: name, "parameters": parameters_of(value)}
    return {CUSTOM: type(value).__name__}


def from_json(value: Any) -> Any:
    """Return the parameter that `to_json` wrote."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return value
    if _ESTIMATOR in value:
        cls = class_of(value[_ESTIMATOR])
        return cls(**parameters(cls, value["parameters"], None))
    if _MAPPING in value:
        return {key: from_json(entry) for key, entry in value[_MAPPING].items()}
    if _PAIR in value:
        first, second = value[_PAIR]
        return from_json(first), from_json(second)
    if _SPEC in value:
        return with_tuples(Spec.from_json(value[_SPEC]))
    return _part_from_json(value)


def _kind_of(part: Part) -> str | None:
    """Return the kind of a registered part, None of another."""
    kinds = (kind for kind, registry in _registries.items() if registry.name_of(part))
    return next(kinds, None)


def _part_from_json(value: Mapping[str, Any]) -> Any:
    """Make the part that a file describes, in this format or the first."""
    if "fields" in value:
        name = value[_PART] if _PART in value else value["name"]
        spec = Spec(_former_names[name], dict(value["fields"]))
    else:
        spec = Spec.from_json(value[_PART])
    if _KIND in value:
        return _registries[value[_KIND]].make(with_tuples(spec))
    for registry in _registries.values():
        if spec.name in registry:
            return registry.make(with_tuples(spec))
    raise InvalidInputError(f"part: there is none called {spec.name!r}")


def with_tuples(spec: Spec) -> Spec:
    """Return a spec with tuples for the lists that JSON has made of them."""
    return Spec(
        spec.name, {k: tuple(v) if isinstance(v, list) else v for k, v in spec.options.items()}
    )


def parameters(
    cls: type[Any], stored: Mapping[str, Any], parts: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return constructor arguments; a custom object that is not at hand becomes the default.

    Parameters
    ----------
    cls : type
        The class of the estimator.
    stored : mapping
        What the file has.
    parts : mapping or None
        Objects of the user's own, by the name of the parameter.
    """
    known = inspect.signature(cls).parameters
    values = {}
    for name, value in stored.items():
        # Where the fit kept its state is the affair of whoever fits again, and not of a file.
        if name not in known or name == "checkpoint" or _is_custom(value):
            continue
        values[name] = from_json(value)
    given = {name: part for name, part in (parts or {}).items() if part is not None}
    return {**values, **{name: part for name, part in given.items() if name in known}}


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return the constructor arguments of an estimator as JSON can hold them."""
    return {name: to_json(value) for name, value in estimator.get_params(deep=False).items()}


def _is_custom(value: Any) -> bool:
    """Tell whether an object that JSON could not hold is in a parameter."""
    if isinstance(value, dict):
        return CUSTOM in value or any(_is_custom(entry) for entry in value.values())
    return isinstance(value, list) and any(_is_custom(entry) for entry in value)


def in_words(tensor: Tensor) -> str:
    """Return the shape and type of a tensor in words."""
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
