"""Scores of the code: how far it lies from a centre, or from the codes of the training rows."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from isthmus.applications.anomaly.scores.base import Arrays, Evidence, Network, Score

__all__ = ["Distance", "Local", "Mahalanobis", "Mixture", "Neighbours"]

_NEIGHBOURS = 5
_LEAST_REACH = 0.1  # of the usual one
_SAME = 1e-3  # of its reach: codes that are closer differ by rounding
_MOST_COMPONENTS = 8
_FIT_ROWS = 20_000  # codes are a few numbers each: more rows would not change their density


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


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _positive(arrays: Arrays) -> bool:
    return "scale" in arrays and bool((arrays["scale"] > 0).all())


def _some(rows: NDArray[Any], most: int, rng: np.random.Generator) -> NDArray[Any]:
    if len(rows) <= most:
        return rows.astype(np.float64)
    return rows[np.sort(rng.choice(len(rows), most, replace=False))].astype(np.float64)
