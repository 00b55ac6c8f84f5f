"""The decisions before a fit: what each parameter that is "auto" comes to for the data at hand."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isthmus.data.scaling import Scaler, fit_scaler
from isthmus.data.schema import Schema, column_ranges, infer_kinds, infer_schema
from isthmus.data.summary import Summary
from isthmus.errors import InvalidInputError
from isthmus.models.base.architecture import CUSTOM, Architecture, make_latent
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.likelihoods import LikelihoodSpec, choose_likelihood, make_likelihood
from isthmus.models.base.parameters import auto_latent_dim, has_options, weighted_penalty
from isthmus.nn import LATENTS, NETWORKS, AutoencoderModule, Latent, Likelihood, Network, Part, Spec
from isthmus.nn.corruption.base import changed_shape
from isthmus.nn.modules.shapes import encoder_width
from isthmus.nn.networks import CELLS

if TYPE_CHECKING:
    from isthmus.models.base.estimator import BaseAutoencoder

__all__ = ["base_architecture", "describe", "with_parts", "within_support"]

_OFF_A_LEVEL = 1e-2  # of the gap between two: more than float32 rounds
_ROWS = 10_000  # at a time


def describe(
    estimator: BaseAutoencoder, array: NDArray[Any], y: Any, held_out: NDArray[np.bool_] | None
) -> Summary:
    """Set the form of a sample, the likelihood, the scaling and the condition.

    Parameters
    ----------
    estimator : estimator
        Whose parameters say what is asked for; its fitted attributes are set.
    array : ndarray of shape (n, *sample_shape)
        The rows of the fit.
    y : array-like or None
        The condition.
    held_out : ndarray of bool, of shape (n,), or None
        Rows from whose values nothing is decided, but how many classes there are.

    Returns
    -------
    Summary
        What was decided from.

    Raises
    ------
    InvalidInputError
        If the parameters do not go with the data.
    """
    layout = estimator.layout
    if layout == "auto" and array.ndim == 3 and _is_recurrent(estimator):
        layout = "signal"
    estimator.schema_ = infer_schema(array, layout)
    training = array if held_out is None else array[~held_out]
    summary = Summary.of(training, estimator.schema_)
    if estimator.missing == "ignore" and summary.all_missing:
        raise InvalidInputError("X: every value is missing; there is nothing to learn from")
    columns = estimator.schema_.module_shape[0]
    wanted, scaling = estimator.likelihood, estimator.scaling
    kinds = _kinds(estimator, summary)
    if held_out is not None and any(kind.startswith("classes") for kind in kinds):
        kinds = _all_classes(kinds, Summary.of(array, estimator.schema_))
    defaults = estimator.value_defaults(kinds)
    if isinstance(wanted, str) and wanted == "auto":
        wanted = defaults.likelihood
        scaling = defaults.scaling if scaling == "auto" else scaling
    likelihood, methods = choose_likelihood(wanted, scaling, kinds, columns, defaults.gaussian)
    estimator.scaler_ = fit_scaler(summary, estimator.schema_, methods)
    estimator.fit_condition(y, len(array))
    _check_support(estimator, summary, likelihood)
    estimator.likelihood_spec_ = likelihood
    return summary


def base_architecture(estimator: BaseAutoencoder, facts: DataFacts) -> Architecture:
    """Return the network that the parameters common to all members ask for.

    Parameters
    ----------
    estimator : estimator
        Whose parameters these are.
    facts : DataFacts
        What is known of the data.

    Raises
    ------
    InvalidInputError
        If the parameters do not go with the data or with each other.
    """
    schema, given = facts.schema, estimator.network
    custom = _is_pair(given)
    spec = Spec(CUSTOM) if custom else Spec.of(given)
    if estimator.dense_only and spec.name not in ("auto", "dense"):
        raise InvalidInputError(
            f"network: {type(estimator).__name__} is made of fully connected layers; leave it at "
            f"'auto'; got {estimator.network!r}"
        )
    if spec.name == "auto":
        plain = schema.layout == "table" or estimator.tied_weights or max(schema.sample_shape) < 8
        plain = plain or estimator.dense_only
        dense = plain or not isinstance(estimator.hidden_layer_sizes, str)
        spec = Spec("dense" if dense else "convolutional")
    network: Network | None = None
    if not custom:
        network = NETWORKS.make(spec)
        assert isinstance(network, Network)
        network.check(schema.layout, schema.sample_shape)
    if spec.name in CELLS:
        _check_recurrent(estimator)
    if spec.name not in ("dense", CUSTOM) and estimator.tied_weights:
        raise InvalidInputError("tied_weights: only for network='dense'; set it to False")
    if estimator.tied_weights and facts.condition_dim:
        raise InvalidInputError("tied_weights: not for conditional models; set it to False")
    if custom and facts.likelihood_name in ("bernoulli", "continuous_bernoulli"):
        _check_no_sigmoid(given, facts.likelihood_name)
    if custom and facts.condition_dim:
        raise InvalidInputError("network: networks of your own take no condition")
    sizes: dict[str, Any] = {"hidden": (), "channels": ()}
    if network is not None:
        for name, size in (
            ("hidden", estimator.hidden_layer_sizes),
            ("channels", estimator.channels),
        ):
            if name in network.uses:
                auto = network.auto_sizes(schema.module_shape)
                sizes[name] = auto if isinstance(size, str) else tuple(int(each) for each in size)
    latent_dim = estimator.latent_dim
    if isinstance(latent_dim, str):  # of an encoder of the user's own: the numbers that it gives
        latent_dim = (
            _encoder_width(estimator, facts) if custom else auto_latent_dim(schema.n_values)
        )
    return Architecture(
        module_shape=schema.module_shape,
        latent_dim=int(latent_dim),
        network=spec,
        activation=estimator.activation,
        normalization=estimator.normalization,
        dropout=float(estimator.dropout),
        tied_weights=bool(estimator.tied_weights),
        likelihood=facts.likelihood,
        condition_dim=facts.condition_dim,
        missing=estimator.missing == "ignore",
        latent=Spec("deterministic", {"activation": estimator.code_activation("identity")}),
        **sizes,
    )


def _with_the_networks_code(estimator: BaseAutoencoder, choices: Choices) -> Choices:
    """Give the code the shape that the network gives it, where that is no vector."""
    architecture = choices.architecture
    if architecture.network.name == CUSTOM:
        return choices
    network: Network = NETWORKS.make(architecture.network)
    shape = network.code_shape(architecture.module_shape, architecture.channels)
    if shape is None:
        return choices
    size = math.prod(shape)
    if not isinstance(estimator.latent_dim, str) and estimator.latent_dim != size:
        raise InvalidInputError(
            f"latent_dim: a code of shape {shape} has {size} numbers; leave it at 'auto'; got "
            f"{estimator.latent_dim!r}"
        )
    if not LATENTS.has_option(architecture.latent, "shape"):
        raise InvalidInputError(
            f"network: its code is a map of shape {shape}, and {architecture.latent.name!r} codes "
            "have no shape; leave code_channels out"
        )
    return choices.but(latent=architecture.latent.but(shape=list(shape)), latent_dim=size)


def with_parts(estimator: BaseAutoencoder, choices: Choices, facts: DataFacts) -> Choices:
    """Return a member's choices with the parts that the user has put in their place.

    Parameters
    ----------
    estimator : estimator
        Whose parameters `latent`, `corruption` and `penalties` these are.
    choices : Choices
        What the member has chosen.
    facts : DataFacts
        What is known of the data.
    """
    if isinstance(estimator.latent, str) and estimator.latent == "auto":
        choices = _with_the_networks_code(estimator, choices)
    else:
        choices = choices.but(latent=_latent_spec(estimator.latent))
        choices = choices.but(latent_dim=_latent_dim(estimator, choices.architecture))
    if choices.corruption is not None:
        shape = choices.architecture.module_shape
        likelihood = choices.architecture.likelihood
        resized = changed_shape(choices.corruption, shape)
        if resized is not None and not _is_one_to_one(likelihood, estimator):
            raise InvalidInputError(
                "corruption: one that changes the shape of a sample is for values that the encoder "
                f"sees as they are; with likelihood={likelihood!r} it sees them one-hot"
            )
        choices = choices.but(input_shape=resized)
    extra = {name: weighted_penalty(given) for name, given in (estimator.penalties or {}).items()}
    if extra:
        choices = choices.but(
            penalties={name: penalty for name, (penalty, _) in extra.items()},
            coefficients={name: weight for name, (_, weight) in extra.items()},
        )
    auto = isinstance(estimator.latent_dim, str)
    if choices.architecture.network.name == CUSTOM and auto:
        choices = choices.but(latent_dim=_custom_latent_dim(choices.architecture))
    return choices


def _latent_spec(given: Any) -> Spec:
    if isinstance(given, Latent) and LATENTS.name_of(given) is None:
        return Spec(CUSTOM)
    return Spec.of(given)


def _latent_dim(estimator: BaseAutoencoder, architecture: Architecture) -> int:
    """Return the size of a code that the user has handed in: what its shape comes to."""
    wanted = architecture.latent_dim
    latent = estimator.latent
    if not isinstance(latent, Latent):
        place = {"latent_dim": wanted, "feature_shape": architecture.module_shape}
        with torch.device("meta"):
            latent = make_latent(architecture.latent, place)
    shape = latent.code_shape(wanted)
    size = math.prod(shape)
    if size != wanted and not isinstance(estimator.latent_dim, str):
        raise InvalidInputError(
            f"latent_dim: a code of shape {shape} has {size} numbers; leave it at 'auto'; got "
            f"{wanted}"
        )
    return size


def _is_one_to_one(likelihood: LikelihoodSpec, estimator: BaseAutoencoder) -> bool:
    made = _own_likelihood(estimator) or make_likelihood(likelihood)
    return made.feature_channels(1) == 1 and not isinstance(likelihood, list)


def _own_likelihood(estimator: BaseAutoencoder) -> Likelihood | None:
    """Return a likelihood of the user's own that is not registered."""
    given = estimator.likelihood
    return given if isinstance(given, Likelihood) else None


def _is_pair(network: Any) -> bool:
    """Tell a pair of torch modules from a name, a pair (name, options) and a registered part."""
    if isinstance(network, str | Part | Spec):
        return False
    return not isinstance(network[0], str)


def _check_no_sigmoid(networks: Any, likelihood: str) -> None:
    """Refuse a decoder whose probabilities would be taken for logits, and squashed again."""
    leaves = [part for part in networks[1].modules() if not any(True for _ in part.children())]
    if leaves and isinstance(leaves[-1], nn.Sigmoid):
        raise InvalidInputError(
            f"network: your decoder ends in a sigmoid, and likelihood={likelihood!r} applies one "
            "itself; take it away, or set likelihood='gaussian'"
        )


def _is_recurrent(estimator: BaseAutoencoder) -> bool:
    return isinstance(estimator.network, str) and estimator.network in CELLS


def _check_recurrent(estimator: BaseAutoencoder) -> None:
    """Refuse what a recurrent network does not have."""
    name = estimator.network
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


def _all_classes(kinds: list[str], summary: Summary) -> list[str]:
    """Return kinds of which those of classes know all classes of a summary."""
    high = summary.high if len(kinds) > 1 else np.array([np.nanmax(summary.high)])
    whole = summary.whole.exact if len(kinds) > 1 else np.array([summary.whole.exact.all()])
    return [
        f"classes:{int(last) + 1}" if kind.startswith("classes") and exact else kind
        for kind, last, exact in zip(kinds, high, whole, strict=True)
    ]


def _kinds(estimator: BaseAutoencoder, summary: Summary) -> list[str]:
    """Return what must be known of the values to choose likelihood and scaling."""
    if isinstance(estimator.likelihood, str | Likelihood | Spec) or has_options(
        estimator.likelihood
    ):
        return infer_kinds(summary)
    if estimator.schema_.layout != "table":
        raise InvalidInputError(
            "likelihood: one name a column is for tables (n, features); got "
            f"{estimator.schema_.layout}s of shape {estimator.schema_.sample_shape}; give one name"
        )
    return column_ranges(summary)


def _check_support(estimator: BaseAutoencoder, summary: Summary, spec: LikelihoodSpec) -> None:
    """Refuse training data to which the likelihood gives no probability."""
    if isinstance(spec, Spec):
        return  # a part of the user's own says itself what it cannot take
    given = not isinstance(estimator.likelihood, str)
    counted = not given and estimator.likelihood == spec and str(spec).startswith("categorical:")
    bounded = str(spec).startswith(("bernoulli", "continuous_bernoulli", "discretized_logistic"))
    if not given and not counted and not bounded:
        return  # "auto" and "categorical" looked at the values themselves
    scaler, names = estimator.scaler_, estimator.column_names
    bounds = scaler.bounds(summary)
    for name, columns in [(spec, None)] if isinstance(spec, str) else spec:
        support = make_likelihood(name).support
        if support is None:
            continue
        of = slice(None) if columns is None else columns
        low, high = float(np.fmin.reduce(bounds[0, of])), float(np.fmax.reduce(bounds[1, of]))
        classes = name.startswith("categorical")  # which are never scaled
        whole = not classes or bool(summary.whole.rounded[of].all())
        where = "" if columns is None else f" in {_shown(columns, names)}"
        if last := _levels_missed(summary, scaler, of, name):
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


def _levels_missed(
    summary: Summary, scaler: Scaler, columns: Sequence[int] | slice, name: str
) -> int:
    """Return the number of the last level if some values of a fit lie between two; else 0."""
    if not name.startswith("discretized_logistic"):
        return 0
    if summary.too_many()[columns].any():  # fractions, more than anyone would call levels
        return int(name.partition(":")[2]) - 1
    table = Schema((summary.width,), "table")
    parts = (scaler.forward(part, table)[:, columns] for part in summary.values())
    return next((last for part in parts if (last := _between_levels(part, name))), 0)


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

    Parameters
    ----------
    x : ndarray of shape (n, *module_shape), float32
        Scaled data, channels first.
    spec : str, list or Spec
        The likelihood of the fit.
    names : sequence of str or None
        Names of the columns, for messages.
    """
    if isinstance(spec, Spec):
        return x
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
                stacklevel=6,
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
            stacklevel=6,
        )
        clipped = np.clip(part, low, high)
        if isinstance(spec, str):
            x = clipped
        else:
            x = x.copy()
            x[:, columns] = clipped
    return x


def _encoder_width(estimator: BaseAutoencoder, facts: DataFacts) -> int:
    """Return how many numbers an encoder of the user's own gives."""
    likelihood = _own_likelihood(estimator) or make_likelihood(facts.likelihood)
    corruption = estimator.corruption if callable(estimator.corruption) else None
    module = AutoencoderModule(*estimator.own_networks(), None, likelihood, corruption=corruption)
    return encoder_width(module, facts.schema.module_shape)


def _custom_latent_dim(architecture: Architecture) -> int:
    """Return the size of a code for which the encoder gives `latent_dim` numbers."""
    width = architecture.latent_dim
    try:
        place = {"latent_dim": width, "feature_shape": (1,), "generator": None}
        with torch.device("meta"):
            each, rest = divmod(make_latent(architecture.latent, place).outputs(width), width)
    except InvalidInputError:
        each, rest = 0, 1
    if not rest and width % each:
        raise InvalidInputError(
            f"network: the encoder must give {each} numbers for each one of the code; it gave "
            f"{width}"
        )
    if rest:
        raise InvalidInputError(
            "latent_dim: with networks of your own and this code, give it as a number; got 'auto'"
        )
    return width // each
