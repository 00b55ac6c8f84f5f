"""A code in levels: each with a prior that the level above gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.base import LATENTS, StochasticLatent
from isthmus.nn.networks import Dense

__all__ = ["LadderLatent", "split_levels"]

_LARGEST = 6.0  # of a log variance that a network gives for a prior


def split_levels(latent_dim: int) -> tuple[int, int]:
    """Return the sizes of two levels, the lower one two thirds of the code.

    Examples
    --------
    >>> split_levels(12), split_levels(2)
    ((8, 4), (1, 1))
    """
    if latent_dim < 2:
        raise InvalidInputError(
            f"latent_dim: a code in two levels needs at least 2 numbers; got {latent_dim!r}"
        )
    upper = max(1, latent_dim // 3)
    return latent_dim - upper, upper


@LATENTS.register("ladder")
class LadderLatent(StochasticLatent):
    """z = (z₁, …, z_L) with p(z_L) Πₗ p(zₗ|zₗ₊₁), and q likewise from the top (Sønderby 2016).

    On the way up the encoder gives a mean and a log variance for z₁ and `hidden` features, from
    which a network makes those for z₂ and features for z₃, and so on: what x says of each level.
    On the way down p(z_L) = N(0, I), a network gives p(zₗ|zₗ₊₁), and the posterior is the product
    of both Gaussians: precisions add up, and the mean is weighted by them. Where x says nothing of
    a level, its posterior is its prior.

    The decoder sees z₁ alone, the first `levels[0]` numbers; what z₂ knows reaches the data through
    p(z₁|z₂). h has shape (n, 2 levels[0] + hidden), the code (n, Σ levels).

    Parameters
    ----------
    levels : sequence of int, optional
        Numbers in each level from the bottom, two levels or more; `split_levels` of the code when
        absent.
    hidden : int, default=64
        Units of the hidden layer of each network, and the features that are handed up.
    latent_dim : int, optional
        Numbers in the code, where the levels are not given.
    generator : torch.Generator, optional
        Where the initial weights come from.

    Raises
    ------
    InvalidInputError
        If there are fewer than two levels, or a size is below 1.

    References
    ----------
    .. [1] C. K. Sønderby, T. Raiko, L. Maaløe, S. K. Sønderby and O. Winther, "Ladder variational
       autoencoders", NeurIPS 2016, arXiv:1602.02282.

    Examples
    --------
    >>> import torch
    >>> latent = LadderLatent((3, 2), 8, generator=torch.Generator().manual_seed(0))
    >>> z, divergence = latent.draw(torch.randn(5, 14), torch.randn(5, 5))
    >>> z.shape, divergence.shape
    (torch.Size([5, 5]), torch.Size([5]))
    """

    def __init__(
        self,
        levels: Sequence[int] | None = None,
        hidden: int = 64,
        *,
        latent_dim: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if levels is None:
            levels = split_levels(0 if latent_dim is None else latent_dim)
        self.levels = tuple(int(size) for size in levels)
        self.hidden = int(hidden)
        if len(self.levels) < 2 or min(self.levels) < 1 or self.hidden < 1:
            raise InvalidInputError(
                "levels: expected two sizes or more, each at least 1, and hidden at least 1; got "
                f"{tuple(levels)!r} and {hidden!r}"
            )
        last = len(self.levels) - 1
        style: dict[str, Any] = {"activation": "elu", "generator": generator}
        # From the features of the level below: the two heads, and features for the next one.
        self.up = nn.ModuleList(
            Dense((hidden,), (2 * size + hidden * (level < last),), (hidden,), **style)
            for level, size in enumerate(self.levels)
            if level > 0
        )
        # From the level above: the mean and the log variance of the prior.
        self.down = nn.ModuleList(
            Dense((above,), (2 * size,), (hidden,), **style)
            for size, above in zip(self.levels[:-1], self.levels[1:], strict=True)
        )

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        if latent_dim != sum(self.levels):
            raise InvalidInputError(
                f"latent_dim: expected {sum(self.levels)}, the sum of the levels; got {latent_dim}"
            )
        return 2 * self.levels[0] + self.hidden

    def decoded_dim(self, latent_dim: int) -> int:
        """Return how many numbers the decoder sees: those of the lowest level."""
        return self.levels[0]

    def decoded(self, z: Tensor) -> Tensor:
        """Return what the decoder sees of codes (n, latent_dim): the lowest level."""
        return z[:, : self.levels[0]]

    def mean(self, h: Tensor) -> Tensor:
        """Return the code (n, latent_dim) whose levels are the means, each given those above."""
        return self._descend(h, None)[0]

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw z (n, latent_dim) that belongs to some noise, broadcast to its shape."""
        return self._descend(h, noise)[0]

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and log q(z|x) − log p(z) (n,) in nats."""
        z, _, ratios = self._descend(h, noise)
        return z, ratios.sum(1)

    def draw(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and the divergence of each sample (n,).

        The divergence of each level is exact given the levels above, and those are this draw.
        """
        z, divergences, _ = self._descend(h, noise)
        return z, divergences.sum(1)

    def level_divergences(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return KL(q(zₗ|x, zₗ₊₁) ‖ p(zₗ|zₗ₊₁)) of each sample and level (n, levels), in nats.

        Parameters
        ----------
        h : Tensor of shape (n, 2 levels[0] + hidden)
            The encoder's output.
        noise : Tensor of shape (n, latent_dim)
            Which draws of the levels above.
        """
        return self._descend(h, noise)[1]

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw codes from the prior, from the top: (n_samples, latent_dim)."""
        z = super().sample_prior(n_samples, self.levels[-1], generator)
        parts = [z]
        for size, network in zip(self.levels[-2::-1], reversed(self.down), strict=True):
            mean, log_variance = _heads(network(z), size)
            noise = torch.empty_like(mean).normal_(generator=generator)
            z = mean + (0.5 * _bounded(log_variance)).exp() * noise
            parts.insert(0, z)
        return torch.cat(parts, dim=1)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats."""
        levels = z.split(self.levels, dim=1)
        total = super().log_prior(levels[-1])
        for below, above, network in zip(levels, levels[1:], self.down, strict=False):
            mean, log_variance = _heads(network(above), below.shape[1])
            log_variance = _bounded(log_variance)
            squares = (below - mean).square() * (-log_variance).exp()
            total = total + super().log_prior(below)
            total = total + 0.5 * (below.square() - squares - log_variance).sum(1)
        return total

    def _ascend(self, h: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return what x says of each level: means and log variances."""
        size = self.levels[0]
        found = [_heads(h[:, : 2 * size], size)]
        features = nn.functional.elu(h[:, 2 * size :])
        for size, network in zip(self.levels[1:], self.up, strict=True):
            output = network(features)
            found.append(_heads(output[:, : 2 * size], size))
            features = nn.functional.elu(output[:, 2 * size :])
        return found

    def _descend(self, h: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the code, and of each level its divergence and log q − log p."""
        found = self._ascend(h)
        draws = None if noise is None else noise.split(self.levels, dim=-1)
        parts: list[Tensor] = []
        divergences: list[Tensor] = []
        ratios: list[Tensor] = []
        for level in reversed(range(len(self.levels))):
            mean, log_variance = found[level]
            if parts:
                prior_mean, spread = _heads(self.down[level](parts[0]), self.levels[level])
                prior_spread = _bounded(spread)
                # The product of two Gaussians; the share of x in the precision is a sigmoid.
                share = torch.sigmoid(prior_spread - log_variance)
                mean = prior_mean + share * (mean - prior_mean)
                log_variance = -torch.logaddexp(-log_variance, -prior_spread)
            else:
                prior_mean, prior_spread = torch.zeros_like(mean), torch.zeros_like(mean)
            scale = (0.5 * log_variance).exp()
            z = mean if draws is None else torch.addcmul(mean, scale, draws[level])
            precision = (-prior_spread).exp()
            width = prior_spread - log_variance
            squares = (mean - prior_mean).square() * precision
            divergences.insert(0, 0.5 * (squares + (-width).exp() - 1 + width).sum(1))
            if draws is not None:
                apart = (z - prior_mean).square() * precision
                ratios.insert(0, 0.5 * (apart - draws[level].square() + width).sum(1))
            parts.insert(0, z)
        log_ratios = torch.stack(ratios or divergences, dim=1)
        return torch.cat(parts, dim=1), torch.stack(divergences, dim=1), log_ratios


def _heads(output: Tensor, size: int) -> tuple[Tensor, Tensor]:
    return output[:, :size], output[:, size:]


def _bounded(log_variance: Tensor) -> Tensor:
    return _LARGEST * torch.tanh(log_variance / _LARGEST)
