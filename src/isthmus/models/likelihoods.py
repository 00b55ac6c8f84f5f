"""Likelihoods by name: what JSON can hold, and the module that is made from it."""

from __future__ import annotations

from typing import Any

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
)

__all__ = ["LikelihoodSpec", "make_likelihood"]

# A name, or a list of [name, columns] for a table with several.
LikelihoodSpec = str | list[tuple[str, list[int]]]


def make_likelihood(spec: LikelihoodSpec) -> Likelihood:
    """Return the likelihood that a specification names.

    Parameters
    ----------
    spec : str or list of (str, list of int)
        "gaussian", "gaussian_learned_scale", "gaussian_predicted_scale", "laplace", "bernoulli",
        "continuous_bernoulli", "discretized_logistic:K", "categorical:K", "categorical:K+1" for K
        classes and one that no training row has, or such names with the columns they are for.

    Raises
    ------
    InvalidInputError
        If there is no such likelihood.

    Examples
    --------
    >>> make_likelihood("categorical:3")
    Categorical(n_classes=3)
    """
    if not isinstance(spec, str):
        return Mixed([(make_likelihood(name), columns) for name, columns in spec])
    name, _, argument = spec.partition(":")
    if name == "categorical":
        classes = argument.removesuffix("+1")
        if classes.isdigit():
            extra = len(argument) - len(classes) > 0
            return Categorical(int(classes) + extra, never_seen=extra)
    if name == "discretized_logistic" and argument.isdigit():
        return DiscretizedLogistic(int(argument))
    makers: dict[str, Any] = {
        "gaussian": Gaussian,
        "gaussian_learned_scale": lambda: Gaussian("learned"),
        "gaussian_predicted_scale": lambda: Gaussian("predicted"),
        "laplace": Laplace,
        "bernoulli": Bernoulli,
        "continuous_bernoulli": ContinuousBernoulli,
    }
    if name not in makers or argument:
        raise InvalidInputError(
            f"likelihood: expected one of {', '.join(makers)}, categorical:K, "
            f"discretized_logistic:K; got {spec!r}"
        )
    likelihood: Likelihood = makers[name]()
    return likelihood
