"""The code of an architecture as a module: its posterior, and its prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    BernoulliLatent,
    CategoricalLatent,
    Deterministic,
    FiniteScalar,
    FlowLatent,
    FlowPrior,
    Gained,
    GaussianLatent,
    LadderLatent,
    Latent,
    Likelihood,
    Matched,
    MixturePrior,
    NoisyCode,
    Prior,
    TopK,
    VampPrior,
    VectorQuantized,
    VonMisesFisher,
)
from isthmus.nn.latent.ladder import split_levels

if TYPE_CHECKING:
    from isthmus.models.architecture import Architecture

__all__ = ["make_latent", "make_prior"]


def make_prior(
    name: str,
    latent_dim: int,
    feature_shape: Sequence[int],
    options: Mapping[str, float],
    generator: torch.Generator | None = None,
) -> Prior | None:
    """Return the prior of a name; None for the standard normal, of which everything is known.

    Parameters
    ----------
    name : {"normal", "mixture", "vamp", "flow"}
        Which.
    latent_dim : int
        Numbers in the code.
    feature_shape : sequence of int
        What the encoder sees of a sample: the shape of the pseudo-inputs of "vamp".
    options : mapping of str to float
        Its keyword arguments.
    generator : torch.Generator, optional
        Where its initial values come from.

    Raises
    ------
    InvalidInputError
        If there is no such prior.
    """
    given: dict[str, Any] = {**options, "generator": generator}
    if name == "normal":
        return None
    if name == "mixture":
        return MixturePrior(latent_dim, **given)
    if name == "vamp":
        return VampPrior(feature_shape, **given)
    if name == "flow":
        return FlowPrior(latent_dim, **given)
    raise InvalidInputError(f"prior: expected 'normal', 'mixture', 'vamp' or 'flow'; got {name!r}")


def make_latent(
    architecture: Architecture, likelihood: Likelihood, generator: torch.Generator | None
) -> Latent:
    """Return the code of an architecture: `Architecture.latent`, with its prior.

    Parameters
    ----------
    architecture : Architecture
        Which code, of how many numbers, with which prior and options.
    likelihood : Likelihood
        By which the encoder sees the data: the shape of a VampPrior's pseudo-inputs.
    generator : torch.Generator or None
        Where initial values come from.

    Raises
    ------
    InvalidInputError
        If there is no such prior, or a number cannot be used.
    """
    size = architecture.latent_dim
    channels, *spatial = architecture.module_shape
    features = (likelihood.feature_channels(channels), *spatial)
    prior = make_prior(architecture.prior, size, features, architecture.prior_options, generator)
    given: dict[str, Any] = dict(architecture.latent_options)
    if architecture.latent == "gaussian":
        return GaussianLatent(prior)
    if architecture.latent == "flow":
        return FlowLatent(size, prior, generator=generator, **given)
    if architecture.latent == "matched":
        return Matched(architecture.latent_activation, **given)
    if architecture.latent == "topk":
        return TopK(architecture.k, architecture.latent_activation, architecture.alpha)
    if architecture.latent == "gained":
        return Gained(architecture.latent_dim, architecture.latent_activation)
    if architecture.latent == "vector_quantized":
        return VectorQuantized(size, generator=generator, **given)
    if architecture.latent == "finite_scalar":
        return FiniteScalar(size, generator=generator, **given)
    if architecture.latent == "categorical":
        return CategoricalLatent(**given)
    if architecture.latent == "bits":
        return BernoulliLatent(**given)
    if architecture.latent == "von_mises_fisher":
        return VonMisesFisher()
    if architecture.latent == "ladder":
        levels = given.pop("levels", None) or split_levels(size)
        return LadderLatent(levels, generator=generator, **given)
    if architecture.latent == "noisy":
        return NoisyCode(architecture.noise, architecture.latent_activation)
    return Deterministic(architecture.latent_activation)
