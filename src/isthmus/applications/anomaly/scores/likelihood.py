"""Scores of the model's own likelihood: how badly a row is explained, in nats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.applications.anomaly.scores.base import Evidence, Network, Score
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder
from isthmus.models.base.inference import log_density, map_rows
from isthmus.nn import Gaussian, Mixed, StochasticLatent

__all__ = ["Bound", "Divergence", "Importance", "Reconstruction"]

_DRAWS = 64
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_LEAST_SPREAD = 0.01  # of a standardised value: what is reproduced exactly is not worth everything


class Reconstruction(Score):
    """−log p(x|z) of a row in nats, with a spread of its own for each Gaussian value.

    A network trained with one scale for all values says how far each is off, not whether that is
    much for this one. The spread of the training rows' residuals makes it so: the likelihood of
    largest value with a scale for each, given the reconstructions. A row with missing values is
    judged by those that are there, as if there were as many of them as in a whole row.
    """

    name = "reconstruction"

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        assert isinstance(member, BaseAutoencoder)
        scale = _gaussian_scale(member)
        squares = 2 * (found.surprise - np.log(scale) - _HALF_LOG_2PI) * scale**2
        seen = np.isfinite(squares)
        mean = np.where(seen, squares, 0.0).sum(0, dtype=np.float64) / np.maximum(seen.sum(0), 1)
        spread = np.sqrt(np.maximum(mean, _LEAST_SPREAD**2))
        spread[np.isnan(scale)] = np.nan
        self.arrays = {"scale": scale, "spread": spread}

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        by_value = self.by_value(found.surprise)
        if not np.isnan(by_value).any():
            return np.asarray(by_value.sum(1, dtype=np.float64))
        # Scaled up to the whole row where values are missing.
        seen = np.maximum((~np.isnan(by_value)).sum(1), 1)
        return np.asarray(np.nansum(by_value, 1, dtype=np.float64) * by_value.shape[1] / seen)

    def by_value(self, surprise: NDArray[Any]) -> NDArray[Any]:
        """Return −log p of values under Gaussians with the spreads of the training rows.

        Parameters
        ----------
        surprise : ndarray of shape (n, n_values)
            −log p of each value under the scale of the model, in nats; NaN where missing.

        Returns
        -------
        ndarray of shape (n, n_values)
            In nats; as it was for other likelihoods.
        """
        scale, spread = self.arrays["scale"], self.arrays["spread"]
        other = np.isnan(spread)
        scale, spread = np.where(other, 1.0, scale), np.where(other, 1.0, spread)
        constant = np.where(other, 0.0, _HALF_LOG_2PI)
        half_square = (surprise - np.log(scale) - constant) * (scale / spread) ** 2
        changed: NDArray[Any] = half_square + np.log(spread) + constant
        return changed


def _gaussian_scale(member: BaseAutoencoder) -> NDArray[np.float64]:
    """Return the one scale of each value's Gaussian; NaN where the likelihood is another."""
    likelihood, shape = member.module_.likelihood, member.architecture_.module_shape
    groups: list[tuple[Any, Any]] = [(likelihood, slice(None))]
    if isinstance(likelihood, Mixed):
        groups = list(zip(likelihood.parts, likelihood.groups, strict=True))
    scale = np.full(shape, np.nan)
    for part, columns in groups:
        if isinstance(part, Gaussian) and part.scale == "learned":
            scale[columns] = float(part.log_scale.detach().exp())
        elif isinstance(part, Gaussian) and not isinstance(part.scale, str):
            scale[columns] = part.scale
    return scale.ravel()


class Bound(Score):
    """Minus the evidence lower bound, or minus log p(x|z) of a deterministic code, in nats."""

    name = "bound"

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        assert isinstance(member, BaseAutoencoder)
        return -log_density(member, x, None).astype(np.float64)


class Importance(Score):
    """Minus the importance-weighted bound of 64 draws, in nats (Burda et al. 2016)."""

    name = "importance"

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        assert isinstance(member, BaseAutoencoder)
        module, latent = member.module_, member.module_.latent
        if not isinstance(latent, StochasticLatent):
            raise _needs_posterior(self.name, member)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(_DRAWS, member.latent_dim_, generator=generator)
        noise = noise.to(next(module.parameters()).device)

        def bound(part: Tensor, condition: Tensor | None) -> Tensor:
            h = module.posterior(part)
            known = torch.nan_to_num(part, nan=0.0) if module.missing else part
            weights = []
            for draw in module.shaped_noise(noise):
                z, ratio = latent.log_ratio(h, draw)
                log_prob = module.likelihood.log_prob(module.decode_parameters(z), known)
                if module.missing:
                    log_prob = log_prob.masked_fill(torch.isnan(part), 0.0)
                weights.append(log_prob.flatten(1).sum(1) - ratio)
            return torch.logsumexp(torch.stack(weights), 0) - math.log(_DRAWS)

        return -map_rows(module, bound, x, None, cost=_DRAWS).astype(np.float64)


class Divergence(Score):
    """KL(q(z|x) ‖ p(z)) of the encoder alone, in nats: no decoder is needed to score."""

    name = "divergence"

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        if found.divergence is None:
            raise _needs_posterior(self.name, member)
        return found.divergence.astype(np.float64)


def _needs_posterior(name: str, member: Network) -> InvalidInputError:
    return InvalidInputError(
        f"scores: {name!r} needs a code with a posterior; {type(member).__name__} has none; use "
        "estimator=VariationalAutoencoder()"
    )
