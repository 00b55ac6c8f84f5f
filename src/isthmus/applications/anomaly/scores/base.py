"""What all scores share: the evidence of a network that they read, and the unit they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.models import BaseAutoencoder, DeepSVDD
from isthmus.models.base.inference import map_rows

__all__ = ["Arrays", "Evidence", "Network", "Score", "TailScale", "evidence"]

Network = BaseAutoencoder | DeepSVDD
Arrays = dict[str, NDArray[Any]]
_HUGE = 1e15
_TAIL = 0.1  # the share of the rows beyond which the tail is taken for exponential
_POINTS = 91
_TIED = 1e-9


class Evidence(NamedTuple):
    """One forward pass, of which all cheap scores are made.

    Attributes
    ----------
    codes : ndarray of shape (n, latent_dim)
        The posterior mean where there is a posterior.
    surprise : ndarray of shape (n, n_values)
        −log p(x|z) of each value at that code, in nats, in the network's units; NaN where missing.
        Of `DeepSVDD`, which has no decoder, (n, 1): ‖z − c‖², in units of the code.
    divergence : ndarray of shape (n,) or None
        KL(q(z|x) ‖ p(z)), in nats, where the code has a prior.
    """

    codes: NDArray[Any]
    surprise: NDArray[Any]
    divergence: NDArray[Any] | None

    def take(self, rows: NDArray[Any]) -> Evidence:
        """Return the evidence of some rows."""
        divergence = None if self.divergence is None else self.divergence[rows]
        return Evidence(self.codes[rows], self.surprise[rows], divergence)


def evidence(member: Network, x: Tensor) -> Evidence:
    """Run scaled rows through a fitted member, once.

    Parameters
    ----------
    member : estimator of the family, or `DeepSVDD`
        Fitted.
    x : Tensor of shape (n, *module_shape)
        Scaled rows.

    Returns
    -------
    Evidence
    """
    if isinstance(member, DeepSVDD):
        codes = map_rows(member.module_, lambda part, _: member.module_.encode(part), x, None)
        codes = np.nan_to_num(codes, nan=_HUGE, posinf=_HUGE, neginf=-_HUGE).clip(-_HUGE, _HUGE)
        return Evidence(codes, np.square(codes - member.centre_).sum(1, keepdims=True), None)
    module, latent_dim = member.module_, member.latent_dim_

    def look(part: Tensor, condition: Tensor | None) -> Tensor:
        h = module.posterior(part)
        codes = module.latent.mean(h)
        known = torch.nan_to_num(part, nan=0.0) if module.missing else part
        surprise = -module.likelihood.log_prob(module.decode_parameters(codes), known)
        # What overflows is as unusual as can be, and neither missing nor an error.
        codes = codes.flatten(1).nan_to_num(nan=_HUGE, posinf=_HUGE, neginf=-_HUGE)
        codes = codes.clamp(-_HUGE, _HUGE)
        surprise = surprise.nan_to_num(nan=_HUGE**2, posinf=_HUGE**2).clamp(max=_HUGE**2)
        if module.missing:
            surprise = surprise.masked_fill(torch.isnan(part), torch.nan)
        pieces = [codes, surprise.flatten(1)]
        if (divergence := module.latent.divergence(h)) is not None:
            pieces.append(divergence[:, None])
        return torch.cat(pieces, dim=1)

    found = map_rows(module, look, x, None)
    end = latent_dim + x[:1].numel()
    divergence = found[:, end] if found.shape[1] > end else None
    return Evidence(found[:, :latent_dim], found[:, latent_dim:end], divergence)


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
        """Take what is needed from the evidence on the training rows.

        Parameters
        ----------
        member : estimator of the family, or `DeepSVDD`
            The fitted network.
        found : Evidence
            What it says of the training rows.
        rng : numpy.random.Generator
            Chooses the rows that are kept, where not all are.
        """

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        """Return the score of each row; higher is more unusual.

        Parameters
        ----------
        member : estimator of the family, or `DeepSVDD`
            The fitted network.
        x : Tensor of shape (n, *module_shape)
            Scaled rows.
        found : Evidence
            What the network says of them.

        Returns
        -------
        ndarray of shape (n,)
        """
        raise NotImplementedError

    def fits(self, latent_dim: int) -> bool:
        """Whether the arrays, read from a file, are those of a code of this size."""
        return not self.arrays


class TailScale:
    """Maps a score s to −log P(S ≥ s) of the training rows, in nats.

    Up to the 90th percentile it follows the ranks; beyond it an exponential tail, whose scale is
    the median excess over log 2, so that a few anomalies among the training rows do not stretch
    it. Scores of any kind then add up.

    Parameters
    ----------
    levels : ndarray of shape (91,)
        The scores at the percentiles 0, 1, …, 90.
    scale : float
        Scale of the tail, in units of the score; above 0.

    Examples
    --------
    >>> s = np.random.default_rng(0).exponential(3.0, 100_000)
    >>> np.round(TailScale.fit(s)(np.array([3.0, 30.0])), 1)
    array([1. , 9.9])
    """

    def __init__(self, levels: NDArray[Any], scale: float) -> None:
        self.levels = levels
        self.scale = scale
        # Of tied levels the first counts: the rows at a tie are not below it. What differs by
        # rounding alone is tied, or a score would depend on how many rows are scored at once.
        width = max(float(levels[-1] - levels[0]), float(np.abs(levels).max()))
        first = np.concatenate([[0], 1 + np.flatnonzero(np.diff(levels) > _TIED * width)])
        self._apart = levels[first]
        self._shares = np.linspace(0, 1 - _TAIL, _POINTS)[first]  # of the rows, below each

    @classmethod
    def fit(cls, scores: NDArray[Any]) -> TailScale:
        """Learn the scale from the scores (n,) of training rows."""
        levels = np.quantile(scores, np.linspace(0, 1 - _TAIL, _POINTS))
        excess = scores[scores > levels[-1]] - levels[-1]
        scale = float(np.median(excess)) / math.log(2) if len(excess) else 0.0
        # Scores that are all alike, or all but a few: the width of the body is what there is.
        body = float(levels[-1] - levels[0])
        floor = max(1e-3 * body, 1e-9 * max(abs(float(levels[-1])), 1.0))
        return cls(levels, max(scale, floor))

    def __call__(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Return the surprise (n,) of scores (n,), in nats; from −0.001 up."""
        inside = -np.log1p(-np.interp(scores, self._apart, self._shares))
        beyond = np.maximum(scores - self._apart[-1], 0) / self.scale
        below = np.minimum(scores - self._apart[0], 0) / self.scale
        # What is more usual than every training row still has an order.
        return np.asarray(inside + beyond + 1e-3 * below / (1 - below), dtype=np.float64)
