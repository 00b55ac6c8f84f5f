"""Parameters as JSON and back: numbers, text, corruptions, estimators by their names."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.models.base import BaseAutoencoder

__all__ = ["CUSTOM", "class_of", "form", "from_json", "parameters", "to_json"]

CUSTOM = "custom"  # stands in the file for an object that JSON cannot hold
_ESTIMATOR = "estimator"  # one that is a parameter of another, by name and parameters


def to_json(value: Any) -> Any:
    """Return a parameter as JSON can hold it; by its name alone where JSON cannot."""
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
    if isinstance(value, tuple | list) and all(isinstance(v, str) for v in value):
        return [str(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if (part := corruption_to_json(value)) is not None:
        return part
    if type(value) in ESTIMATORS.values():
        parameters = {k: to_json(v) for k, v in value.get_params(deep=False).items()}
        return {_ESTIMATOR: type(value).__name__, "parameters": parameters}
    return {CUSTOM: type(value).__name__}


def from_json(value: Any) -> Any:
    """Return the parameter that `to_json` wrote."""
    from isthmus.nn.corruption import corruption_from_json

    if isinstance(value, dict) and _ESTIMATOR in value:
        cls = class_of(value[_ESTIMATOR], None)
        return cls(**parameters(cls, value["parameters"], None))
    if isinstance(value, dict):
        return corruption_from_json(value)
    return tuple(value) if isinstance(value, list) else value


def class_of(name: str, estimator: type[BaseAutoencoder] | None) -> type[BaseAutoencoder]:
    """Return the class of a name: of the family, or the one handed in."""
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


def parameters(
    cls: type[Any],
    stored: Mapping[str, Any],
    network: tuple[nn.Module, nn.Module] | None,
) -> dict[str, Any]:
    """Return constructor arguments; a custom object that is not at hand becomes the default."""
    known = inspect.signature(cls).parameters
    values = {}
    for name, value in stored.items():
        if name not in known or (isinstance(value, dict) and CUSTOM in value):
            continue
        values[name] = from_json(value)
    if network is not None:
        values["network"] = network
    return values


def form(tensor: Tensor) -> str:
    """Return the shape and type of a tensor in words."""
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
