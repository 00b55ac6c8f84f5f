"""What an estimator decides about its data before it is fitted: every "auto", written down."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from isthmus.data.scaling import fit_scaler
from isthmus.data.schema import column_ranges, infer_kinds, infer_schema
from isthmus.errors import InvalidInputError
from isthmus.models.architecture import Architecture
from isthmus.models.likelihoods import LikelihoodSpec, choose_likelihood, make_likelihood
from isthmus.models.parameters import auto_hidden
from isthmus.nn import AutoencoderModule, GaussianLatent
from isthmus.nn.networks import CELLS, auto_channels
from isthmus.nn.shapes import check_shapes

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = ["describe", "within_support"]

_SIZES = ("latent_dim", "hidden_layer_sizes", "channels")
# Codes of as many numbers as the encoder gives.
_AS_THE_ENCODER = (
    "deterministic",
    "matched",
    "topk",
    "gained",
    "noisy",
    "vector_quantized",
    "finite_scalar",
    "categorical",
    "bits",
    "von_mises_fisher",
)
_OFF_A_LEVEL = 1e-2  # of the gap between two: more than float32 rounds
_ROWS = 10_000  # at a time
_RECURRENT = (64,)  # what "auto" is for recurrent layers


def describe(estimator: BaseAutoencoder, array: NDArray[Any], y: Any) -> None:
    """Set the form of a sample, the scaling, the condition and the architecture.

    Raises
    ------
    InvalidInputError
        If the parameters do not go with the data.
    """
    layout = estimator.layout
    if layout == "auto" and array.ndim == 3 and _is_recurrent(estimator):
        layout = "signal"
    estimator.schema_ = infer_schema(array, layout)
    if estimator.missing == "ignore" and np.isnan(array[0]).all() and np.isnan(array).all():
        raise InvalidInputError("X: every value is missing; there is nothing to learn from")
    columns = estimator.schema_.module_shape[0]
    wanted, scaling = estimator.likelihood, estimator.scaling
    kinds = _kinds(estimator, array)
    if isinstance(wanted, str) and wanted == "auto":
        wanted = estimator._auto_likelihood(kinds)
        scaling = estimator._auto_scaling(kinds) if scaling == "auto" else scaling
    likelihood, methods = choose_likelihood(wanted, scaling, kinds, columns, estimator._gaussian)
    estimator.scaler_ = fit_scaler(array, estimator.schema_, methods)
    estimator.condition_ = estimator._fit_condition(y, len(array))
    estimator.architecture_ = _architecture(estimator, likelihood)
    _check_support(estimator, array)


def _architecture(estimator: BaseAutoencoder, likelihood: LikelihoodSpec) -> Architecture:
    schema, custom = estimator.schema_, not isinstance(estimator.network, str)
    values = schema.n_values
    network = "custom" if custom else str(estimator.network)
    if estimator._dense_only and network not in ("auto", "dense"):
        raise InvalidInputError(
            f"network: {type(estimator).__name__} is made of fully connected layers; leave it at "
            f"'auto'; got {estimator.network!r}"
        )
    if network == "auto":
        plain = schema.layout == "table" or estimator.tied_weights or max(schema.sample_shape) < 8
        plain = plain or estimator._dense_only
        dense = plain or not isinstance(estimator.hidden_layer_sizes, str)
        network = "dense" if dense else "convolutional"
    if network == "convolutional" and schema.layout == "table":
        raise InvalidInputError(
            "network: 'convolutional' needs signals (n, length, channels) or images "
            f"(n, height, width[, channels]); got a table of {values} columns; reshape X first"
        )
    recurrent = network in CELLS
    if recurrent:
        _check_recurrent(estimator)
    if (network == "convolutional" or recurrent) and estimator.tied_weights:
        raise InvalidInputError("tied_weights: only for network='dense'; set it to False")
    if estimator.tied_weights and estimator.condition_ is not None:
        raise InvalidInputError("tied_weights: not for conditional models; set it to False")
    if custom and estimator.condition_ is not None:
        raise InvalidInputError("network: networks of your own take no condition")
    auto = {name: isinstance(getattr(estimator, name), str) for name in _SIZES}
    latent_dim = estimator._auto_latent_dim(values) if auto["latent_dim"] else estimator.latent_dim
    hidden = estimator.hidden_layer_sizes
    if auto["hidden_layer_sizes"]:
        hidden = _RECURRENT if recurrent else auto_hidden(values)
    channels = estimator.channels
    if auto["channels"]:
        channels = auto_channels(schema.module_shape[1:]) if schema.layout != "table" else ()
    architecture = Architecture(
        module_shape=schema.module_shape,
        latent_dim=int(latent_dim),
        network=network,
        hidden=tuple(int(size) for size in hidden) if network == "dense" or recurrent else (),
        channels=tuple(int(c) for c in channels) if network == "convolutional" else (),
        activation=estimator.activation,
        normalization=estimator.normalization,
        dropout=float(estimator.dropout),
        tied_weights=bool(estimator.tied_weights),
        likelihood=likelihood,
        condition_dim=0 if estimator.condition_ is None else estimator.condition_.dim,
        missing=estimator.missing == "ignore",
        **estimator._latent(),
    )
    if custom and auto["latent_dim"]:
        architecture = _with_custom_latent_dim(architecture, estimator._custom())
    if architecture.latent == "topk" and architecture.k == 0:  # "auto": a tenth of the code
        architecture = dataclasses.replace(architecture, k=max(1, architecture.latent_dim // 10))
    return estimator._settled(architecture)


def _is_recurrent(estimator: BaseAutoencoder) -> bool:
    return isinstance(estimator.network, str) and estimator.network in CELLS


def _check_recurrent(estimator: BaseAutoencoder) -> None:
    """Refuse data that are no sequences, and what a recurrent network does not have."""
    name, schema = estimator.network, estimator.schema_
    if schema.layout != "signal":
        raise InvalidInputError(
            f"network: {name!r} needs signals (n, length, channels); got a {schema.layout} of "
            f"samples {schema.sample_shape}; reshape X, or choose network='auto'"
        )
    if not isinstance(estimator.hidden_layer_sizes, str) and not len(estimator.hidden_layer_sizes):
        raise InvalidInputError(
            f"hidden_layer_sizes: expected at least one width for network={name!r}, such as (64,); "
            "got ()"
        )
    if estimator.normalization is not None:
        raise InvalidInputError(
            f"normalization: not for network={name!r}; leave it at None; got "
            f"{estimator.normalization!r}"
        )


def _kinds(estimator: BaseAutoencoder, array: NDArray[Any]) -> list[str]:
    """Return what must be known of the values to choose likelihood and scaling."""
    if isinstance(estimator.likelihood, str):
        return infer_kinds(array)
    if estimator.schema_.layout != "table":
        raise InvalidInputError(
            "likelihood: one name a column is for tables (n, features); got "
            f"{estimator.schema_.layout}s of shape {estimator.schema_.sample_shape}; give one name"
        )
    return column_ranges(array)


def _check_support(estimator: BaseAutoencoder, array: NDArray[Any]) -> None:
    """Refuse training data to which the likelihood gives no probability."""
    spec = estimator.architecture_.likelihood
    given = not isinstance(estimator.likelihood, str)
    counted = not given and estimator.likelihood == spec and str(spec).startswith("categorical:")
    bounded = str(spec).startswith(("bernoulli", "continuous_bernoulli", "discretized_logistic"))
    if not given and not counted and not bounded:
        return  # "auto" and "categorical" looked at the values themselves
    x = estimator.scaler_.forward(array, estimator.schema_)
    names = estimator._names()
    for name, columns in [(spec, None)] if isinstance(spec, str) else spec:
        support = make_likelihood(name).support
        if support is None:
            continue
        part = x if columns is None else x[:, columns]
        low, high = float(np.fmin.reduce(part, axis=None)), float(np.fmax.reduce(part, axis=None))
        classes = name.startswith("categorical")
        whole = not classes or bool(((np.rint(part) == part) | np.isnan(part)).all())
        where = "" if columns is None else f" in {_shown(columns, names)}"
        if last := _between_levels(part, name):
            raise InvalidInputError(
                f"likelihood: {name!r} needs whole numbers from 0 to {last}, or multiples of "
                f"1/{last}{where}; got values in between; name as many levels as there are, or "
                "choose 'gaussian_predicted_scale'"
            )
        if whole and not (low < support[0] - 1e-6 or high > support[1] + 1e-6):
            continue
        got = f"{low:.4g} to {high:.4g}" if whole else "fractions"
        if classes:
            raise InvalidInputError(
                f"likelihood: {name!r} needs whole numbers from 0 to {support[1]:.0f}{where}; got "
                f"{got}; encode the classes (isthmus.data.table.TableEncoder)"
            )
        if name.startswith("discretized_logistic"):
            raise InvalidInputError(
                f"likelihood: {name!r} needs whole numbers from 0 to the last level, or fractions "
                f"from 0 to 1{where}; got {got} after scaling; name as many levels as there are"
            )
        raise InvalidInputError(
            f"likelihood: {name!r} needs values from 0 to 1 after scaling{where}; got "
            f"{got}; use scaling='minmax' or likelihood='gaussian'"
        )


def _between_levels(part: NDArray[Any], name: str) -> int:
    """Return the number of the last level if some values lie between two levels; else 0."""
    kind, _, count = name.partition(":")
    if kind != "discretized_logistic":
        return 0
    last, off = int(count) - 1, 0.0
    for start in range(0, len(part), _ROWS):
        levels = part[start : start + _ROWS] * last
        off = float(np.fmax.reduce(np.abs(levels - np.rint(levels)), axis=None, initial=off))
    return last if off > _OFF_A_LEVEL else 0


def _shown(columns: Sequence[int], names: Sequence[str] | None) -> str:
    """Name some columns, in one line."""
    shown = ", ".join(str(c) if names is None else repr(names[c]) for c in columns[:5])
    more = " …" if len(columns) > 5 else ""
    return f"column{'s' if len(columns) > 1 else ''} {shown}{more}"


def within_support(
    x: NDArray[np.float32], spec: LikelihoodSpec, names: Sequence[str] | None
) -> NDArray[np.float32]:
    """Bring scaled data into the support of the likelihood, and never in silence.

    Values beyond an interval are clipped with a warning; a class that does not exist is an error.
    """
    groups = [(spec, list(range(x.shape[1])))] if isinstance(spec, str) else spec
    for name, columns in groups:
        likelihood = make_likelihood(name)
        if likelihood.support is None:
            continue
        low, high = likelihood.support
        part = x if isinstance(spec, str) else x[:, columns]
        with np.errstate(invalid="ignore"):
            least, most = np.fmin.reduce(part, axis=None), np.fmax.reduce(part, axis=None)
        classes = name.startswith("categorical")
        if classes and not ((np.rint(part) == part) | np.isnan(part)).all():
            raise InvalidInputError("X: expected whole numbers, the classes; got fractions")
        if _between_levels(part, name):
            warnings.warn(
                "X has values between the levels of the fit; each counts as the nearest level",
                UserWarning,
                stacklevel=5,
            )
        if np.isnan(least) or (least >= low - 1e-6 and most <= high + 1e-6):
            continue  # all of it missing, or all of it inside
        where = "" if isinstance(spec, str) else f" in {_shown(columns, names)}"
        if classes:
            raise InvalidInputError(
                f"X: expected classes {low:.0f} to {high:.0f}{where}, as in the fit; "
                f"got {least:.0f} to {most:.0f}"
            )
        warnings.warn(
            f"X has values from {least:.4g} to {most:.4g} after scaling{where}, outside the "
            f"{low:.0f} to {high:.0f} of the fit; they are clipped",
            UserWarning,
            stacklevel=5,
        )
        clipped = np.clip(part, low, high)
        if isinstance(spec, str):
            x = clipped
        else:
            x = x.copy()
            x[:, columns] = clipped
    return x


def _with_custom_latent_dim(
    architecture: Architecture, networks: tuple[nn.Module, nn.Module] | None
) -> Architecture:
    """Take the size of the code from an encoder of the user's own."""
    if networks is None:
        return architecture
    likelihood = make_likelihood(architecture.likelihood)
    if architecture.latent in _AS_THE_ENCODER:
        latent = None
    elif architecture.latent == "gaussian":
        latent = GaussianLatent()
    else:
        raise InvalidInputError(
            "latent_dim: with networks of your own and this code, give it as a number; got 'auto'"
        )
    module = AutoencoderModule(*networks, latent, likelihood)
    size = check_shapes(module, architecture.module_shape, None)
    return dataclasses.replace(architecture, latent_dim=size)
