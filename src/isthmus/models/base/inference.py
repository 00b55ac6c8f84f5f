"""Using a trained module on many rows: in chunks, and with scores that each row has to itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.nn import AutoencoderModule, Mixed
from isthmus.nn.likelihood import Likelihood
from isthmus.nn.modes import ordinary_mode

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = ["DRAWS", "draw", "fixed_noise", "log_density", "log_jacobian", "map_rows"]

DRAWS = 16  # of the code, for a score: the same for every sample
_VALUES = 1 << 22  # at a time; and at most 16,384 rows: larger and smaller are both slower
_MOST_ROWS = 16_384
_FEWEST_ROWS = 64
_LANES = 16

RowFunction = Callable[[Tensor, Tensor | None], Tensor]


def map_rows(
    module: AutoencoderModule,
    function: RowFunction,
    x: Tensor,
    condition: Tensor | None,
    cost: int = 1,
) -> NDArray[Any]:
    """Apply a function to chunks of rows, without gradients, and join the results.

    Parameters
    ----------
    module : AutoencoderModule
        Put into evaluation mode; the rows go to its device.
    function : callable
        Maps rows and their conditions to one result a row.
    x : Tensor of shape (n, ...)
        The rows, on the CPU.
    condition : Tensor of shape (n, condition_dim) or None
        Their conditions.
    cost : int, default=1
        How many times as much memory as the rows the function needs.

    Returns
    -------
    ndarray of shape (n, ...), float32, or float64 where the function gives that
    """
    module.eval()
    device = next(module.parameters()).device
    values = max(x[:1].numel(), 1) * cost
    rows = min(max(_VALUES // values, _FEWEST_ROWS), _MOST_ROWS)
    parts = []
    with ordinary_mode(), torch.inference_mode():
        for start in range(0, len(x), rows):
            part = x[start : start + rows].to(device)
            c = None if condition is None else condition[start : start + rows].to(device)
            count = len(part)
            if (fill := -count % _LANES) and device.type == "cpu":
                # The tail of a vectorised kernel rounds differently: give it none, so that a row's
                # result does not depend on its place.
                part = torch.cat([part, part[-1:].expand(fill, *part.shape[1:])])
                c = None if c is None else torch.cat([c, c[-1:].expand(fill, -1)])
            result = function(part, c)[:count]
            parts.append((result if result.dtype == torch.float64 else result.float()).cpu())
    return (torch.cat(parts) if len(parts) > 1 else parts[0]).numpy()


def draw(
    module: AutoencoderModule, generator: torch.Generator, z: Tensor, condition: Tensor | None
) -> Tensor:
    """Return draws from p(x|z) for codes z (n, latent_dim).

    Parameters
    ----------
    module : AutoencoderModule
        Trained.
    generator : torch.Generator
        The source of the draws.
    z : Tensor of shape (n, latent_dim)
        The codes.
    condition : Tensor of shape (n, condition_dim) or None
        Their conditions.
    """
    return module.likelihood.sample(module.decode_parameters(z, condition), generator)


def log_density(
    estimator: BaseAutoencoder, x: Tensor, condition: Tensor | None
) -> NDArray[np.float64]:
    """Return log p(x|z) or the evidence lower bound of each row, in nats, in the data's units.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    x : Tensor of shape (n, *module_shape)
        Scaled rows, on the CPU.
    condition : Tensor or None
        Their conditions.

    Returns
    -------
    ndarray of shape (n,), float64
    """
    module = estimator.module_
    device = next(module.parameters()).device
    noise = fixed_noise(estimator.latent_dim_).to(device) if module.latent.stochastic else None
    jacobian = log_jacobian(estimator)

    def score(part: Tensor, c: Tensor | None) -> Tensor:
        log_prob, divergence = module.log_prob(part, c, noise)
        seen = torch.isnan(part).logical_not() if module.missing else 1.0
        total = (log_prob.double() - jacobian * seen).flatten(1).sum(1)
        return total if divergence is None else total - divergence

    return map_rows(module, score, x, condition, cost=1 if noise is None else DRAWS)


def log_jacobian(estimator: BaseAutoencoder) -> Tensor:
    """Return what turns log densities of scaled values into those of the data: subtract it.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.

    Returns
    -------
    Tensor, broadcast to one scaled sample, on the device of the module
        Logs of the scales; 0 for values that have no density.
    """
    device = next(estimator.module_.parameters()).device
    log_scale = estimator.scaler_.log_scale(estimator.schema_)
    return torch.as_tensor(log_scale * _densities(estimator.module_.likelihood)).float().to(device)


def fixed_noise(latent_dim: int) -> Tensor:
    """Return draws (16, latent_dim) whose first and second moments are those of the normal."""
    half = torch.randn(DRAWS // 2, latent_dim, generator=torch.Generator().manual_seed(0))
    # Second moments of exactly 1: what is quadratic in the noise is exact, as far as that can be.
    if latent_dim <= len(half):
        half = torch.linalg.qr(half).Q * len(half) ** 0.5
    else:
        half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half])  # antithetic: what is linear in the noise is exact


def _densities(likelihood: Likelihood) -> NDArray[np.float64] | float:
    """Tell which features have a density, whose log changes with the units."""
    if not isinstance(likelihood, Mixed):
        return float(likelihood.continuous)
    flags = np.zeros(len(likelihood.order))
    for part, group in zip(likelihood.parts, likelihood.groups, strict=True):
        flags[group] = float(bool(part.continuous))
    return flags
