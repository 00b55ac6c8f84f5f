"""The raw scores: what of a member's evidence makes a row odd. All are higher for odder rows.

A score is fitted on the training rows of its member and then kept as a few arrays, whose size does
not depend on how many rows there were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from isthmus.applications.anomaly.evidence import Evidence, Network
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder
from isthmus.models.inference import map_rows
from isthmus.nn import StochasticLatent

__all__ = ["DECODED", "SCORES", "Score", "make_score"]

_NEIGHBOURS = 5
_LEAST_REACH = 0.1  # of the usual one
_SAME = 1e-3  # of its reach: codes that are closer differ by rounding
_MOST_COMPONENTS = 8
_FIT_ROWS = 20_000  # codes are a few numbers each: more rows would not change their density
_DRAWS = 64
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_LEAST_SPREAD = 0.01  # of a standardised value: what is reproduced exactly is not worth everything

Arrays = dict[str, NDArray[Any]]


class Score:
    """Base of the scores.

    Attributes
    ----------
    name : str
        The name by which a user asks for it.
    arrays : dict of str to ndarray
        What was fitted.
    """

    name: ClassVar[str]

    def __init__(self, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.arrays: Arrays = dict(arrays or {})

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        """Take what is needed from the evidence on the training rows."""

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        """Return the score (n,) of scaled rows `x`, of which `found` is the evidence."""
        raise NotImplementedError

    def fits(self, latent_dim: int) -> bool:
        """Whether the arrays, read from a file, are those of a code of this size."""
        return not self.arrays


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
        return total(self.by_value(found.surprise))

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


def total(by_value: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of each row, scaled up to the whole row where values are missing."""
    if not np.isnan(by_value).any():
        return np.asarray(by_value.sum(1, dtype=np.float64))
    seen = np.maximum((~np.isnan(by_value)).sum(1), 1)
    return np.asarray(np.nansum(by_value, 1, dtype=np.float64) * by_value.shape[1] / seen)


def _gaussian_scale(member: BaseAutoencoder) -> NDArray[np.float64]:
    """Return the one scale of each value's Gaussian; NaN where the likelihood is another."""
    architecture, likelihood = member.architecture_, member.module_.likelihood
    spec = architecture.likelihood
    everything = list(range(architecture.module_shape[0]))
    groups = [(spec, everything)] if isinstance(spec, str) else spec
    parts: list[Any] = [likelihood] if isinstance(spec, str) else list(likelihood.parts)  # type: ignore[arg-type]
    scale = np.full(architecture.module_shape, np.nan)
    for (name, columns), part in zip(groups, parts, strict=True):
        if name == "gaussian":
            scale[columns] = 1.0
        elif name == "gaussian_learned_scale":
            scale[columns] = float(part.log_scale.detach().exp())
    return scale.ravel()


class Bound(Score):
    """Minus the evidence lower bound, or minus log p(x|z) of a deterministic code, in nats."""

    name = "bound"

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        from isthmus.models.inference import log_density

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
            for draw in noise:
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


class Distance(Score):
    """‖f(x) − c‖², squared distance of the code to the centre of Deep SVDD (Ruff et al. 2018)."""

    name = "distance"

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        return found.surprise[:, 0].astype(np.float64)


class Mahalanobis(Score):
    """Half the squared Mahalanobis distance of the code, covariance by Ledoit & Wolf (2004)."""

    name = "mahalanobis"

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        codes = _some(found.codes, _FIT_ROWS, rng)
        mean = codes.mean(0)
        covariance, _ = ledoit_wolf(codes - mean, assume_centered=True)
        floor = max(1e-6 * float(np.trace(covariance)) / len(mean), 1e-12)
        factor = np.linalg.cholesky(covariance + floor * np.eye(len(mean)))
        self.arrays = {"mean": mean, "whitening": np.linalg.inv(factor)}

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        white = (found.codes - self.arrays["mean"]) @ self.arrays["whitening"].T
        return np.asarray(0.5 * np.square(white).sum(1))

    def fits(self, latent_dim: int) -> bool:
        return _shapes(self.arrays) == {
            "mean": (latent_dim,),
            "whitening": (latent_dim, latent_dim),
        }


class Mixture(Score):
    """Minus the log density of the code, in nats, under a mixture of Gaussians chosen by BIC."""

    name = "mixture"

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        codes = _some(found.codes, _FIT_ROWS, rng)
        scale = np.maximum(codes.std(0), 1e-6)
        codes = codes / scale
        counts = [k for k in (1, 2, 4, _MOST_COMPONENTS) if k * 10 * codes.shape[1] <= len(codes)]
        seed = int(rng.integers(2**31 - 1))
        models = [
            GaussianMixture(k, reg_covar=1e-4, random_state=seed, max_iter=50).fit(codes)
            for k in counts or [1]
        ]
        best = min(models, key=lambda model: model.bic(codes))
        self.arrays = {
            "scale": scale,
            "weights": best.weights_,
            "means": best.means_,
            "precisions": best.precisions_cholesky_,
        }

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        codes = found.codes / self.arrays["scale"]
        parts = []
        for weight, mean, factor in zip(
            self.arrays["weights"], self.arrays["means"], self.arrays["precisions"], strict=True
        ):
            white = (codes - mean) @ factor
            log_det = np.log(np.diag(factor)).sum()
            constant = 0.5 * codes.shape[1] * math.log(2 * math.pi)
            log_weight = math.log(max(weight, 1e-300))
            parts.append(log_weight + log_det - constant - 0.5 * np.square(white).sum(1))
        return np.asarray(-np.logaddexp.reduce(parts) + np.log(self.arrays["scale"]).sum())

    def fits(self, latent_dim: int) -> bool:
        n = len(self.arrays.get("weights", ()))
        return (
            n > 0
            and _positive(self.arrays)
            and _shapes(self.arrays)
            == {
                "scale": (latent_dim,),
                "weights": (n,),
                "means": (n, latent_dim),
                "precisions": (n, latent_dim, latent_dim),
            }
        )


class Neighbours(Score):
    """Distance of the code to its fifth nearest among at most 4,096 codes of training rows."""

    name = "neighbours"
    most: ClassVar[int] = 4096  # codes that are remembered

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        scale = np.maximum(found.codes.std(0), 1e-6)
        kept = _some(found.codes, self.most, rng) / scale
        self.arrays = {"scale": scale, "kept": kept.astype(np.float32)}

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        kept = self.arrays["kept"]
        k = min(_NEIGHBOURS, len(kept))
        search = NearestNeighbors(n_neighbors=k).fit(kept)
        distances, _ = search.kneighbors((found.codes / self.arrays["scale"]).astype(np.float32))
        return np.asarray(distances[:, -1], dtype=np.float64)

    def fits(self, latent_dim: int) -> bool:
        n = len(self.arrays.get("kept", ()))
        shapes = {"scale": (latent_dim,), "kept": (n, latent_dim)}
        return n > 0 and _positive(self.arrays) and _shapes(self.arrays) == shapes


class Local(Neighbours):
    """Mean distance d of the code to its five nearest, over √r of their own such distance r.

    That is the geometric mean of d, which sees what is far from everything (Angiulli & Pizzuti
    2002), and of d / r, which sees what stands apart from a dense group beside it (the idea of
    the local outlier factor, Breunig et al. 2000). A stored code that is the row's own is left
    out, so that a training row has the score of a new one in its place. Of large data 2,048 codes
    are stored: with twice as many, rows rank hardly better, and scoring takes twice as long.
    """

    name = "local"
    most = 2048

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        super().fit(member, found, rng)
        distances, _ = self._nearest(self.arrays["kept"])
        reach = distances[:, 1:].mean(1) if distances.shape[1] > 1 else np.ones(1)
        typical = float(np.median(reach[reach > 0])) if (reach > 0).any() else 1.0
        # Among rows that are there many times over, no distance would be small.
        self.arrays["reach"] = np.maximum(reach, _LEAST_REACH * typical).astype(np.float32)

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        reach = self.arrays["reach"]
        distances, places = self._nearest(found.codes / self.arrays["scale"])
        own = distances[:, 0] <= _SAME * reach[places[:, 0]]
        k = max(distances.shape[1] - 1, 1)
        columns = np.minimum(own[:, None] + np.arange(k), distances.shape[1] - 1)
        distance = np.take_along_axis(distances, columns, 1).mean(1, dtype=np.float64)
        theirs = reach[np.take_along_axis(places, columns, 1)].mean(1, dtype=np.float64)
        return np.asarray(distance / np.sqrt(theirs))

    def _nearest(self, codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the distances (n, 6) to the nearest stored codes, and which these are."""
        kept = self.arrays["kept"]
        search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS + 1, len(kept))).fit(kept)
        distances, places = search.kneighbors(codes.astype(np.float32))
        return distances, places

    def fits(self, latent_dim: int) -> bool:
        arrays = dict(self.arrays)
        reach = arrays.pop("reach", np.zeros(0))
        good = reach.shape == arrays.get("kept", reach).shape[:1] and bool((reach > 0).all())
        return good and Neighbours(arrays).fits(latent_dim)


_ALL: tuple[type[Score], ...] = (
    Reconstruction,
    Bound,
    Importance,
    Divergence,
    Distance,
    Mahalanobis,
    Mixture,
    Neighbours,
    Local,
)
SCORES: dict[str, type[Score]] = {score.name: score for score in _ALL}
DECODED = ("reconstruction", "bound", "importance", "divergence")  # nothing that Deep SVDD has


def make_score(name: str, arrays: Mapping[str, NDArray[Any]] | None = None) -> Score:
    """Return the score of a name, fitted if its arrays are given.

    Raises
    ------
    InvalidInputError
        If there is no such score.
    """
    if name not in SCORES:
        raise InvalidInputError(f"scores: expected one of {', '.join(SCORES)}; got {name!r}")
    make: Callable[..., Score] = SCORES[name]
    return make(arrays)


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _positive(arrays: Arrays) -> bool:
    return "scale" in arrays and bool((arrays["scale"] > 0).all())


def _some(rows: NDArray[Any], most: int, rng: np.random.Generator) -> NDArray[Any]:
    if len(rows) <= most:
        return rows.astype(np.float64)
    return rows[np.sort(rng.choice(len(rows), most, replace=False))].astype(np.float64)


def _needs_posterior(name: str, member: Network) -> InvalidInputError:
    return InvalidInputError(
        f"scores: {name!r} needs a code with a posterior; {type(member).__name__} has none; use "
        "estimator=VariationalAutoencoder()"
    )
