"""What one member says of each row: its code, the surprise of every value, the divergence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.models import BaseAutoencoder, DeepSVDD
from isthmus.models.inference import map_rows

__all__ = ["Evidence", "Network", "evidence"]

Network = BaseAutoencoder | DeepSVDD
_HUGE = 1e15


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
        # What overflows is as odd as can be, and neither missing nor an error.
        codes = codes.nan_to_num(nan=_HUGE, posinf=_HUGE, neginf=-_HUGE).clamp(-_HUGE, _HUGE)
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
