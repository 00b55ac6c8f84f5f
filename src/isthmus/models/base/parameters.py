"""The parameters of the estimators: what is allowed, and what "auto" comes to."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import (
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from torch import nn

from isthmus.data.scaling import SCALINGS
from isthmus.errors import InvalidInputError
from isthmus.models.base.likelihoods import COUNTED, NAMES, counts
from isthmus.nn import (
    ACTIVATIONS,
    CORRUPTIONS,
    LATENTS,
    LIKELIHOODS,
    NETWORKS,
    PENALTIES,
    Corruption,
    Latent,
    Likelihood,
    Network,
)
from isthmus.registry import Registry, Spec

__all__ = [
    "UnknownParameterError",
    "auto_batch_size",
    "auto_latent_dim",
    "auto_max_epochs",
    "check_one_layer",
    "check_parameters",
    "critic_layers",
    "has_options",
    "unknown_parameter",
    "weighted_penalty",
]


_BY_VALUES = ("none", "bytes", "levels")  # ways of scaling that values choose, and nobody else


# What other libraries call it.
_ELSEWHERE = {
    "bottleneck": "latent_dim",
    "code_size": "latent_dim",
    "encoding_dim": "latent_dim",
    "epochs": "max_epochs",
    "hidden_dims": "hidden_layer_sizes",
    "hidden_neurons": "hidden_layer_sizes",
    "layers": "hidden_layer_sizes",
    "loss": "likelihood",
    "loss_fn": "likelihood",
    "lr": "learning_rate",
    "n_components": "latent_dim",
    "n_epochs": "max_epochs",
    "noise": "corruption",
    "noise_level": "corruption_level",
    "num_epochs": "max_epochs",
    "optim": "optimizer",
    "seed": "random_state",
}


class UnknownParameterError(InvalidInputError, TypeError):
    """A constructor argument that the estimator does not have; names the nearest one it has."""


def unknown_parameter(name: str, known: Iterable[str], owner: str) -> UnknownParameterError:
    """Return the error for a parameter that `owner` does not have.

    Parameters
    ----------
    name : str
        The parameter that was given.
    known : iterable of str
        The parameters that there are.
    owner : str
        The class, as the message names it.
    """
    known = list(known)
    meant = [each for each in (_ELSEWHERE.get(name),) if each in known]
    near = meant or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(known)}"
    return UnknownParameterError(f"{name}: {owner} has no such parameter; {remedy}")


def at_least(low: float, kind: type = Real) -> Any:
    """A number from `low` upwards."""
    return _Interval(kind, low, None, closed="left")


def above(low: float) -> Any:
    """A number above `low`."""
    return _Interval(Real, low, None, closed="neither")


def share(closed: str = "left") -> Any:
    """A number from 0 to 1."""
    return _Interval(Real, 0, 1, closed=closed)


class Registered(StrOptions):
    """The name of a registered part, such a name with options, or a part itself.

    Parameters
    ----------
    registry : Registry
        Where the names are.
    part : type
        The base of the parts.
    *more : str
        Names that are allowed besides.
    """

    def __init__(self, registry: Registry[Any], part: type, *more: str) -> None:
        super().__init__({*more, *registry})
        self.registry, self.part, self.more = registry, part, more

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a parameter may have that value."""
        if isinstance(val, tuple) and len(val) == 2 and isinstance(val[1], dict):
            val = val[0]
        if isinstance(val, Spec):
            val = val.name
        named = isinstance(val, str) and (val in self.registry or val in self.more)
        return named or isinstance(val, self.part)

    def __str__(self) -> str:
        names = ", ".join(repr(name) for name in (*self.more, *self.registry))
        return f"one of {names}, one of them with its options, or a {self.part.__name__}"


class _Likelihoods(StrOptions):
    """The names of likelihoods, and those with a number of classes or levels."""

    def is_satisfied_by(self, val: Any) -> bool:
        if isinstance(val, tuple) and len(val) == 2 and isinstance(val[1], dict):
            val = val[0]
        return (
            bool(super().is_satisfied_by(val))
            or (isinstance(val, str) and any(counts(val, kind) for kind in COUNTED))
            or (isinstance(val, str) and val in LIKELIHOODS and val != "mixed")
        )

    def __str__(self) -> str:
        return (
            f"{super().__str__()} or 'categorical:K' or 'discretized_logistic:K' with K of at "
            "least 2"
        )


class _Scalings(StrOptions):
    """The names that are documented, and those that were registered besides."""

    def is_satisfied_by(self, val: Any) -> bool:
        own = isinstance(val, str) and val in SCALINGS and val not in _BY_VALUES
        return bool(super().is_satisfied_by(val)) or own


COMMON: dict[str, list[Any]] = {
    "latent_dim": [at_least(1, Integral), StrOptions({"auto"})],
    "hidden_layer_sizes": ["array-like", StrOptions({"auto"})],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "latent_activation": [StrOptions({*ACTIVATIONS, "auto"})],
    "normalization": [StrOptions({"batch", "layer"}), None],
    "dropout": [share("left")],
    "tied_weights": ["boolean"],
    "network": [Registered(NETWORKS, Network, "auto"), tuple, list],
    "latent": [Registered(LATENTS, Latent, "auto")],
    "corruption": [Registered(CORRUPTIONS, Corruption), callable, None],
    "penalties": [dict, None],
    "channels": ["array-like", StrOptions({"auto"})],
    "layout": [StrOptions({"auto", "table", "signal", "image"})],
    "likelihood": [
        _Likelihoods({"auto", *NAMES}),
        Likelihood,
        Spec,
        list,
        tuple,
        np.ndarray,
    ],
    "scaling": [_Scalings({"auto", "robust", "standard", "center", "minmax"}), None],
    "missing": [StrOptions({"error", "ignore"})],
    "max_epochs": [at_least(1, Integral), StrOptions({"auto"})],
    "batch_size": [at_least(1, Integral), StrOptions({"auto"})],
    "learning_rate": [above(0)],
    "learning_rate_schedule": [StrOptions({"constant", "cosine", "plateau"})],
    "optimizer": [StrOptions({"adam", "adamw", "sgd"})],
    "weight_decay": [at_least(0)],
    "gradient_clip": [above(0), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [_Interval(Real, 0, 1, closed="left")],
    "patience": [at_least(1, Integral)],
    "precision": [StrOptions({"float32", "bfloat16", "auto"})],
    "device": [str, torch.device],
    "checkpoint": [str, os.PathLike, None],
    "checkpoint_interval": [at_least(0)],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_parameters(
    constraints: dict[str, list[Any]], parameters: dict[str, Any], owner: str
) -> None:
    """Check constructor arguments.

    Parameters
    ----------
    constraints : dict of str to list
        What each argument may be, in the form of scikit-learn's parameter constraints.
    parameters : dict of str to object
        What came.
    owner : str
        The class, as a message names it.

    Raises
    ------
    InvalidInputError
        Names the argument, what was expected and what came.
    """
    network = parameters.get("network", "auto")
    named = has_options(network) and isinstance(network[0], str)
    if not (isinstance(network, str | Network | Spec) or named):
        pair = network if isinstance(network, tuple | list) else (network,)
        if len(pair) != 2 or not all(isinstance(part, nn.Module) for part in pair):
            found = ", ".join(type(part).__name__ for part in pair)
            raise InvalidInputError(
                f"network: expected 'auto', {', '.join(map(repr, NETWORKS))} or a pair of "
                f"torch modules (encoder, decoder); got ({found})"
            )
    try:
        validate_parameter_constraints(constraints, parameters, caller_name=owner)
    except InvalidParameterError as error:
        raise InvalidInputError(" ".join(str(error).split())) from None
    for name in ("latent_dim", "max_epochs", "batch_size", "patience"):
        if isinstance(parameters.get(name), bool):
            raise InvalidInputError(f"{name}: expected a whole number; got {parameters[name]}")
    for name in ("hidden_layer_sizes", "channels"):
        sizes = parameters.get(name, "auto")
        if not isinstance(sizes, str) and any(
            not isinstance(size, Integral) or size < 1 for size in sizes
        ):
            shown = " ".join(repr(sizes).split())
            raise InvalidInputError(
                f"{name}: expected whole numbers of at least 1, such as (256, 64); got {shown}"
            )
    likelihood = parameters.get("likelihood", "auto")
    if not isinstance(likelihood, str | Likelihood | Spec) and not has_options(likelihood):
        _check_names(likelihood)
    for name, penalty in (parameters.get("penalties") or {}).items():
        if not isinstance(name, str) or not callable(weighted_penalty(penalty)[0]):
            raise InvalidInputError(
                "penalties: expected a function or a registered name, or a pair of it and its "
                f"coefficient, under each name; got {penalty!r} under {name!r}"
            )
    if not isinstance(parameters.get("channels", "auto"), str) and not len(parameters["channels"]):
        raise InvalidInputError("channels: expected at least one number, such as (32, 64); got ()")


def weighted_penalty(given: Any) -> tuple[Any, float]:
    """Return a penalty and its coefficient, of an entry of the parameter `penalties`.

    Parameters
    ----------
    given : str, (str, dict), Spec or callable, or a pair of one of them and a number
        The entry; the coefficient is 1 where it says none.

    Raises
    ------
    InvalidInputError
        If a name is not registered.
    """
    coefficient = 1.0
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Real):
        given, coefficient = given[0], float(given[1])
    if isinstance(given, str | Spec) or has_options(given):
        given = PENALTIES.make(Spec.of(given))
    return given, coefficient


def has_options(value: Any) -> bool:
    """Tell a pair (name, options) from other values."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict)


def _check_names(likelihoods: Sequence[Any]) -> None:
    """Refuse a list of likelihoods with one that cannot be that of a column."""
    allowed = [name for name in NAMES if name not in COUNTED]
    for column, name in enumerate(likelihoods):
        kind, _, count = str(name).partition(":")
        count, least = count.removesuffix("+1"), 1 if count.endswith("+1") else 2
        classes = kind == "categorical" and count.isascii() and count.isdigit()
        classes = classes and int(count) >= least
        counted = classes or counts(str(name), "discretized_logistic")
        if not isinstance(name, str) or not (name in allowed or counted):
            raise InvalidInputError(
                f"likelihood: expected one name a column, of {', '.join(allowed)}, categorical:K "
                f"or discretized_logistic:K with K of at least 2; got {name!r} for column {column}"
            )


def check_one_layer(estimator: Any) -> None:
    """Refuse what a network of one linear layer each way does not have.

    Raises
    ------
    InvalidInputError
        If there are hidden layers, normalisation, dropout or tied weights.
    """
    for name, only in (
        ("hidden_layer_sizes", ()),
        ("normalization", None),
        ("dropout", 0.0),
        ("tied_weights", False),
    ):
        value = getattr(estimator, name)
        if only == () and not isinstance(value, str):
            value = tuple(value)
        if value != only:
            raise InvalidInputError(
                f"{name}: {type(estimator).__name__} has one linear layer each way; leave it at "
                f"{only!r}; got {value!r}"
            )


def critic_layers(estimator: Any) -> tuple[int, ...]:
    """Return the hidden layers of an estimator's critics.

    Raises
    ------
    InvalidInputError
        If there is none, or one without units.
    """
    sizes = estimator.critic_hidden_layer_sizes
    if not len(sizes) or any(not isinstance(size, Integral) or size < 1 for size in sizes):
        shown = " ".join(repr(sizes).split())
        raise InvalidInputError(
            "critic_hidden_layer_sizes: expected at least one whole number of at least 1, such as "
            f"(256, 256); got {shown}"
        )
    return tuple(int(size) for size in sizes)


def auto_latent_dim(n_values: int) -> int:
    """Return ⌈√values⌉, at most 64 and less than the values: an undercomplete code.

    Examples
    --------
    >>> [auto_latent_dim(n) for n in (1, 2, 10, 64, 784, 49152)]
    [1, 1, 4, 8, 28, 64]
    """
    return max(1, min(math.isqrt(n_values - 1) + 1, n_values - 1, 64))


def auto_batch_size(n_rows: int) -> int:
    """Return about a two-hundredth of the rows, as a power of two from 32 to 1024.

    Examples
    --------
    >>> [auto_batch_size(n) for n in (300, 10_000, 60_000, 300_000)]
    [32, 64, 256, 1024]
    """
    return min(max(1 << round(math.log2(max(n_rows / 200, 1))), 32), 1024)


def auto_max_epochs(n_rows: int, batch_size: int) -> int:
    """Return the epochs that come to about 10,000 steps, from 20 to 300.

    Parameters
    ----------
    n_rows : int
        Rows in an epoch.
    batch_size : int
        Rows a batch.

    Examples
    --------
    >>> [auto_max_epochs(n, auto_batch_size(n)) for n in (300, 10_000, 60_000, 300_000)]
    [300, 64, 43, 35]
    """
    steps = math.ceil(n_rows / batch_size)
    return min(max(math.ceil(10_000 / steps), 20), 300)
