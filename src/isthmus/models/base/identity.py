"""What a parameter means, as data that are the same in every process that says the same.

A checkpoint belongs to one fit. Which fit that is has to be told from another process, where
objects lie at other places in memory: so parts are described by their specs, networks by their
structure and weights, functions by their names and code; the rest is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import os
import sys
import types
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from isthmus.nn import Part, Spec
from isthmus.training import choose_device

__all__ = ["IndescribableError", "described", "described_class"]

_OURS = ("isthmus", "torch", "sklearn", "builtins")  # whose code is known by its version
# Of an estimator inside another: where it writes and what it says changes nothing.
_INDIFFERENT = ("checkpoint", "checkpoint_interval", "verbose")
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class IndescribableError(Exception):
    """A value cannot be told from another one in a new process; the message says what it is."""


def described(value: Any) -> Any:
    """Return what a value means, as JSON can hold it.

    Equal numbers are equal whatever their type, and so are tuples, lists and arrays.

    Parameters
    ----------
    value : object
        A parameter of an estimator.

    Raises
    ------
    IndescribableError
        If it is a lambda, a function inside another one, or an object of no known kind.

    Examples
    --------
    >>> import numpy as np
    >>> described((8, np.int64(0))) == described([8.0, 0])
    True
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            return ["number", repr(number)]
        return int(number) if number.is_integer() else number
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, bytes | range | complex | torch.dtype | torch.device):
        return [type(value).__name__, str(value)]
    if isinstance(value, Tensor):
        return ["tensor", _digest(value)]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return described(value.tolist())
    if isinstance(value, tuple | list | np.ndarray):
        return [described(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return ["set", sorted(repr(described(entry)) for entry in value)]
    if isinstance(value, Mapping):  # in its order: losses are summed in it
        return ["mapping", [[described(k), described(v)] for k, v in value.items()]]
    return _described_object(value)


def _described_object(value: Any) -> Any:
    if isinstance(value, Spec):
        options = sorted(value.options.items())
        return ["part", value.name, [[name, described(option)] for name, option in options]]
    if isinstance(value, Part):
        weights = _weights(value) if isinstance(value, nn.Module) else []
        return [described_class(type(value)), described(value.spec), weights]
    if isinstance(value, nn.Module):
        return ["network", _structure(value), _weights(value)]
    if isinstance(value, np.random.RandomState):
        return ["random state", described(value.get_state(legacy=True))]
    if isinstance(value, BaseEstimator):
        parameters = sorted(value.get_params(deep=False).items())
        known = [
            [k, choose_device(v).type if k == "device" else described(v)]
            for k, v in parameters
            if k not in _INDIFFERENT
        ]
        return ["estimator", described_class(type(value)), known]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [[f.name, described(getattr(value, f.name))] for f in dataclasses.fields(value)]
        return ["dataclass", described_class(type(value)), fields]
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
        return _importable(value)
    raise IndescribableError(f"an object of class {type(value).__qualname__}")


def _importable(value: Any) -> Any:
    """Describe a function or a class that a new process finds under the same name."""
    name = f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, types.BuiltinFunctionType):
        return ["built-in", name]
    found: Any = sys.modules.get(value.__module__)
    for step in value.__qualname__.split("."):
        found = getattr(found, step, None)
    if isinstance(value, type):
        if found is not value:
            raise IndescribableError(f"the class {value.__qualname__} that is no module's")
        return ["class", described_class(value)]
    if found is not value or value.__closure__ is not None:
        what = "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__name__}"
        raise IndescribableError(f"{what} that is not at the top of a module")
    given = [described(value.__defaults__), described(value.__kwdefaults__)]
    return ["function", name, _code(value.__code__), given]


def described_class(cls: type) -> Any:
    """Return the name of a class, and a digest of the user's own code in it.

    Parameters
    ----------
    cls : type
        The class; it may be defined inside a function.
    """
    code = [
        [name, _code(function.__code__)]
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in _OURS
        for name, function in sorted(_functions(base))
    ]
    return [f"{cls.__module__}.{cls.__qualname__}", code]


def _functions(cls: type) -> Iterator[tuple[str, Any]]:
    for name, entry in vars(cls).items():
        if isinstance(entry, property):
            entry = entry.fget
        entry = getattr(entry, "__func__", entry)  # of static and class methods
        if inspect.isfunction(entry):
            yield name, entry


def _code(code: types.CodeType) -> str:
    """Return a digest of what a function does, by itself: not of what it calls."""
    digest = hashlib.sha256(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames, _constant(code.co_consts))).encode())
    return digest.hexdigest()


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return [_constant(entry) for entry in value]
    if isinstance(value, frozenset):  # whose order changes from process to process
        return sorted(repr(_constant(entry)) for entry in value)
    return repr(value)


def _structure(network: nn.Module) -> list[Any]:
    """Return each module of a network: its place, its class and its settings."""
    found = []
    for name, module in network.named_modules(remove_duplicate=False):
        settings = []
        for key, value in sorted(vars(module).items()):
            if key in _OF_EVERY_MODULE:
                continue
            try:
                settings.append([key, described(value)])
            except IndescribableError:
                if not key.startswith("_"):  # what is private may be a cache
                    raise
        found.append([name, described_class(type(module)), settings])
    return found


def _weights(network: nn.Module) -> list[Any]:
    """Return the names, shapes and digests of all weights; what is shared names the first."""
    first: dict[int, str] = {}
    weights = []
    for named in (network.named_parameters, network.named_buffers):
        for name, tensor in named(remove_duplicate=False):
            same = first.setdefault(id(tensor), name)
            weights.append([name, same, tensor.requires_grad, _digest(tensor)])
    return weights


def _digest(tensor: Tensor) -> str:
    values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    start = f"{tensor.dtype} {tuple(tensor.shape)};".encode()
    return hashlib.sha256(start + values.numpy().tobytes()).hexdigest()
