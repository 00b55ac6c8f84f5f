"""A distribution of the codes of a fitted model, so that every member of the family can sample."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn import FlowPrior, MixturePrior, Prior
from isthmus.training import draw_seed

__all__ = ["DENSITIES", "fit_density"]

DENSITIES = ("mixture", "flow")

_MIXTURE_ROWS = 50_000  # more rows tell a mixture nothing that these did not
_FLOW_STEPS = 2000
_FLOW_ROWS = 256
_HELD_OUT = 0.1


def fit_density(
    codes: NDArray[Any],
    kind: str,
    n_components: int | str,
    random_state: Any,
) -> Prior:
    """Fit a distribution to codes.

    Parameters
    ----------
    codes : ndarray of shape (n, latent_dim)
        The codes of the training data.
    kind : {"mixture", "flow"}
        See `BaseAutoencoder.fit_density`.
    n_components : int or "auto"
        Components of the mixture.
    random_state : int, RandomState or None
        Where all draws come from.
    """
    if kind not in DENSITIES:
        raise InvalidInputError(f"kind: expected 'mixture' or 'flow'; got {kind!r}")
    if len(codes) < 2:
        raise InvalidInputError(f"X: a density needs at least 2 rows; got {len(codes)} sample")
    seed = draw_seed(random_state)
    latent_dim = codes.shape[1]
    codes = np.asarray(codes, dtype=np.float64)
    if kind == "mixture":
        size = _components(n_components, len(codes), latent_dim)
        prior: Prior = MixturePrior(latent_dim, size, full=True, generator=_generator(seed))
        _fit_mixture(cast(MixturePrior, prior), codes, seed)
    else:
        prior = FlowPrior(latent_dim, 6, 64, generator=_generator(seed))
        _fit_flow(prior, torch.from_numpy(codes).float(), seed)
    return prior.eval().requires_grad_(False)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _components(wanted: int | str, n_rows: int, latent_dim: int) -> int:
    """Choose 10 components, or as many as the rows can tell apart: 2 rows a direction of each."""
    if wanted == "auto":
        return max(1, min(10, n_rows // (2 * (latent_dim + 1))))
    if isinstance(wanted, str | bool) or wanted < 1 or wanted != int(wanted):
        raise InvalidInputError(
            f"n_components: expected a whole number of at least 1 or 'auto'; got {wanted!r}"
        )
    if wanted > n_rows:
        raise InvalidInputError(
            f"n_components: expected at most the {n_rows} rows of X; got {wanted!r}"
        )
    return int(wanted)


def _fit_mixture(prior: MixturePrior, codes: NDArray[np.float64], seed: int) -> None:
    rng = np.random.default_rng(seed)
    if len(codes) > _MIXTURE_ROWS:
        codes = codes[rng.choice(len(codes), _MIXTURE_ROWS, replace=False)]
    # In units of their own spread: the same floor for small and large codes, and dead ones survive.
    shift, scale = codes.mean(0), codes.std(0)
    scale[scale < 1e-8] = 1e-8
    mixture = GaussianMixture(
        len(prior.logits), covariance_type="full", reg_covar=1e-4, random_state=seed, max_iter=200
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # better than the start all the same
        mixture.fit((codes - shift) / scale)
    factor = mixture.precisions_cholesky_ / scale[:, None]
    with torch.no_grad():
        prior.logits.copy_(torch.from_numpy(np.log(mixture.weights_)))
        prior.mean.copy_(torch.from_numpy(mixture.means_ * scale + shift))
        diagonal = np.diagonal(factor, axis1=1, axis2=2)
        prior.log_scale.copy_(torch.from_numpy(-np.log(diagonal)))
        assert prior.off_diagonal is not None
        prior.off_diagonal.copy_(torch.from_numpy(np.triu(factor, 1)))


def _fit_flow(prior: FlowPrior, codes: Tensor, seed: int) -> None:
    """Maximise the log-likelihood; keep the weights that are best on rows held out."""
    generator = _generator(seed + 1)
    with torch.no_grad():  # the elementwise map begins by standardising
        scale = codes.std(0).clamp(min=1e-8)
        prior.flow.log_scale.copy_(-scale.log())
        prior.flow.shift.copy_(-codes.mean(0) / scale)
    order = torch.randperm(len(codes), generator=generator)
    count = int(_HELD_OUT * len(codes))
    held_out, rows = codes[order[:count]], codes[order[count:]]
    optimizer = torch.optim.Adam(prior.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _FLOW_STEPS)
    best, best_value = None, float("-inf")
    for step in range(1, _FLOW_STEPS + 1):
        some = torch.randint(len(rows), (min(_FLOW_ROWS, len(rows)),), generator=generator)
        optimizer.zero_grad()
        loss = -prior.log_prob(rows[some]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        if count and step % 100 == 0:
            with torch.no_grad():
                value = float(prior.log_prob(held_out).mean())
            if value > best_value:
                best_value = value
                best = {k: v.clone() for k, v in prior.state_dict().items()}
    if best is not None:
        prior.load_state_dict(best)
