"""The importance weighted bound: several draws of the code for each sample, weighed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import StochasticLatent
from isthmus.nn.modules.base import MODULES, AutoencoderModule, as_batch
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Record

__all__ = ["ImportanceWeightedModule"]


@MODULES.register("importance")
class ImportanceWeightedModule(AutoencoderModule):
    """maximise  E[log 1/k Σᵢ wᵢ],  wᵢ = p(x|zᵢ) p(zᵢ) / q(zᵢ|x),  zᵢ ~ q(z|x).

    The bound rises with k to log p(x) (Burda, Grosse & Salakhutdinov 2016). With more draws the
    encoder's gradient has less signal, so that Rainforth et al. (2018) mix bounds; all of them are
    settings here:

    ===========  ====================================================================
    IWAE         one group of k draws
    MIWAE        the mean over `n_groups` groups of the bound with k draws each
    CIWAE        `elbo_weight` times the evidence lower bound, the rest IWAE
    PIWAE        `partial`: the encoder follows MIWAE, the decoder IWAE with all draws
    ===========  ====================================================================

    Parameters
    ----------
    encoder, decoder, latent, likelihood
        See `AutoencoderModule`; the latent has a posterior.
    n_samples : int, default=5
        k.
    n_groups : int, default=1
        Groups of k draws.
    elbo_weight : float, default=0.0
        From 0 to 1.
    partial : bool, default=False
        See there. Decodes twice.
    **parts
        See `AutoencoderModule`.

    Raises
    ------
    InvalidInputError
        If the latent has no posterior, or a number cannot be used.

    References
    ----------
    .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       arXiv:1509.00519.
    .. [2] T. Rainforth et al., "Tighter variational bounds are not necessarily better", ICML 2018,
       arXiv:1802.04537.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense, GaussianLatent
    >>> module = ImportanceWeightedModule(
    ...     Dense((4,), (4,)), Dense((2,), (4,)), GaussianLatent(), n_samples=3
    ... )
    >>> sorted(module.losses(torch.rand(5, 4)))
    ['divergence', 'reconstruction']
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Any,
        likelihood: Any = None,
        *,
        n_samples: float = 5,
        n_groups: float = 1,
        elbo_weight: float = 0.0,
        partial: float = 0.0,
        **parts: Any,
    ) -> None:
        super().__init__(encoder, decoder, latent, likelihood, **parts)
        if not isinstance(latent, StochasticLatent):
            raise InvalidInputError("latent: importance weights need a posterior to draw from")
        if min(n_samples, n_groups) < 1:
            raise InvalidInputError(
                f"n_samples: expected it and n_groups to be at least 1; got {n_samples!r} and "
                f"{n_groups!r}"
            )
        if not 0 <= elbo_weight <= 1:
            raise InvalidInputError(f"elbo_weight: expected 0 to 1; got {elbo_weight!r}")
        self.n_samples, self.n_groups = int(n_samples), int(n_groups)
        self.elbo_weight, self.partial = float(elbo_weight), bool(partial)

    def draw(self, record: Record) -> None:
        """Draw all codes of each sample, block by block, and log q(z|x) − log p(z) of each.

        From here on every block of the record stands for one draw of the whole batch.
        """
        latent = self.latent
        assert isinstance(latent, StochasticLatent)  # checked when it was made
        draws, batch = self.n_samples * self.n_groups, record.batch
        h = _repeated(record.h, draws)
        noise = latent.noise(h, batch.noise)
        record.z, ratio = latent.log_ratio(h, noise)
        record.side["log_ratio"] = ratio.view(draws, len(batch))
        record.side["one"] = dataclasses.replace(record)
        condition = None if batch.condition is None else _repeated(batch.condition, draws)
        record.batch = dataclasses.replace(batch, condition=condition)
        record.target = _repeated(record.target, draws)
        if record.weight is not None:
            record.weight = _repeated(record.weight, draws)

    def terms(self, record: Record) -> Losses:
        """Return the terms of the loss for a batch; their sum is minus the bound, nats a sample.

        "reconstruction" is −log p(x|z) averaged with the weights of the draws, "divergence" what
        is left of the bound.
        """
        ratio, z = record.side["log_ratio"], record.z
        log_likelihood = self._summed(record).view(ratio.shape)
        log_weight = log_likelihood - ratio
        rows = record.batch.weight
        bound = self._bound(log_weight, self.n_groups, rows)
        if self.partial and self.training:
            inner = self._again(record, z, frozen=True).view(ratio.shape)
            inner = self._bound(inner - ratio, self.n_groups, rows)
            outer = self._again(record, z.detach()).view(ratio.shape)
            outer = self._bound(outer - ratio.detach(), 1, rows)
            # Its value is the decoder's bound; its gradient is the encoder's and the decoder's.
            bound = outer + inner - inner.detach()
        weight = log_weight.detach().softmax(0)
        one: Record = record.side["one"]
        reconstruction = -self._mean((weight * log_likelihood).sum(0), one)
        losses = Losses(reconstruction=reconstruction, divergence=-bound - reconstruction)
        one.z = z[: len(one.batch)]
        losses |= self.penalty_terms(one)
        return losses

    def _bound(self, log_weight: Tensor, n_groups: int, rows: Tensor | None) -> Tensor:
        """Return the bound for log w (draws, n) and the weights of the rows, in nats a sample."""
        groups = log_weight.unflatten(0, (n_groups, -1))
        bounds = torch.logsumexp(groups, 1) - math.log(groups.shape[1])
        bound = (bounds if rows is None else bounds * rows).mean()
        if self.elbo_weight:
            plain = (log_weight if rows is None else log_weight * rows).mean()
            bound = torch.lerp(bound, plain, self.elbo_weight)
        return bound

    def _summed(self, record: Record) -> Tensor:
        """Return log p(x|z) of each row (n,) of a record that was decoded."""
        log_prob = self.likelihood.log_prob(record.parameters, record.target)
        if record.weight is not None:
            log_prob = log_prob * record.weight
        return log_prob.flatten(1).sum(1)

    def _again(self, record: Record, z: Tensor, frozen: bool = False) -> Tensor:
        """Decode once more and return log p(x|z); `frozen` lets no gradient reach the weights."""
        record.z = z
        parts = [*self.decoder.parameters(), *self.likelihood.parameters()]
        learned = [part for part in parts if part.requires_grad] if frozen else []
        for part in learned:
            part.requires_grad_(False)
        self.decode_record(record)
        log_prob = self._summed(record)
        for part in learned:
            part.requires_grad_(True)
        return log_prob

    def log_prob(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return log p(x|z) of every value, averaged with the weights, and what else the bound has.

        With as many draws as `noise` has rows: the sum over values minus the second result is the
        importance weighted bound. See `AutoencoderModule.log_prob`.
        """
        latent = self.latent
        if noise is None or not isinstance(latent, StochasticLatent):
            return super().log_prob(x, condition, noise)
        record = self._encoded(as_batch(x, condition))
        values, weights = [], []
        for draw in self.shaped_noise(noise):
            z, ratio = latent.log_ratio(record.h, draw)
            values.append(self.log_likelihood(record, z))
            weights.append(values[-1].flatten(1).sum(1) - ratio)
        log_weight = torch.stack(weights)
        bound = torch.logsumexp(log_weight, 0) - math.log(len(noise))
        share = log_weight.softmax(0)
        mean = torch.zeros_like(record.target)
        for value, part in zip(values, share, strict=True):
            mean = mean + value * part.view(-1, *[1] * (mean.ndim - 1))
        return mean, mean.flatten(1).sum(1) - bound


def _repeated(x: Tensor, times: int) -> Tensor:
    return x.repeat(times, *[1] * (x.ndim - 1)) if times > 1 else x
