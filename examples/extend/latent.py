"""A code of one's own: a grid of numbers with Laplace posteriors, and their divergence."""

import torch

from isthmus.nn import LATENTS, StochasticLatent


@LATENTS.register("laplace_grid")
class LaplaceGrid(StochasticLatent):
    """q(z|x) = Laplace(m, b), p(z) = Laplace(0, 1), on a grid of codes (channels, side, side)."""

    closed_form = True

    def __init__(self, channels: int = 2, side: int = 2) -> None:
        super().__init__(shape=(channels, side, side))

    def mean(self, h):
        return h.chunk(2, dim=1)[0].reshape(-1, *self.shape)

    def log_ratio(self, h, noise):
        m, log_b, unit = self.mean(h), self.mean(h.roll(h.shape[1] // 2, 1)), laplacian(noise)
        z = m + log_b.exp() * unit
        return z, (z.abs() - unit.abs() - log_b).flatten(1).sum(1)

    def divergence(self, h):
        m, log_b = h.chunk(2, dim=1)
        return (m.abs() + (log_b - m.abs() / log_b.exp()).exp() - 1 - log_b).sum(1)

    def sample_prior(self, *size_and_generator):
        return laplacian(super().sample_prior(*size_and_generator))


def laplacian(normal):
    """Turn standard normal draws into those of Laplace(0, 1)."""
    return -normal.sign() * (2 * torch.special.ndtr(-normal.abs())).clamp(min=1e-30).log()
