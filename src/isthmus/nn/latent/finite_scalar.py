"""Finite scalar quantisation: each number is rounded to one of a few levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.base import LATENTS
from isthmus.nn.latent.quantized import QuantizedLatent

__all__ = ["FiniteScalar"]

_MARGIN = 1e-3  # tanh comes near its bound only at infinity


@LATENTS.register("finite_scalar")
class FiniteScalar(QuantizedLatent):
    """Number i of each slot is rounded to Lᵢ levels (Mentzer, Minnen, Agustsson & Tschannen 2023).

    The number is bounded by a tanh and rounded, and what comes out lies evenly from −1 to 1: for an
    even L, whose grid has no middle, from −1 to 1 − 2/L. The codewords are the points of the grid,
    Π Lᵢ of them. Nothing but the encoder is learned for it: no codebook and no commitment.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code, a multiple of the number of levels.
    levels : sequence of int, default=(8, 6, 5)
        Lᵢ, at least 3 each; the authors advise at least 5.
    decay : float, default=0.9
        How much of the running average of the usage is kept at each batch; the average is for the
        perplexity only.
    prior_units : int, default=32
        Numbers for each slot inside the prior.
    generator : torch.Generator, optional
        Where the initial weights come from.

    References
    ----------
    .. [1] F. Mentzer, D. Minnen, E. Agustsson and M. Tschannen, "Finite scalar quantization: VQ-VAE
       made simple", ICLR 2024, arXiv:2309.15505.

    Examples
    --------
    >>> import torch
    >>> latent = FiniteScalar(2, levels=(3, 5))
    >>> latent.mean(torch.tensor([[9.0, 0.3], [-9.0, 9.0]]))
    tensor([[ 1.0000,  0.5000],
            [-1.0000,  1.0000]])
    >>> latent.indices(torch.tensor([[-9.0, -9.0], [9.0, 9.0]]))
    tensor([[ 0],
            [14]])
    """

    def __init__(
        self,
        latent_dim: int,
        levels: Sequence[int] = (8, 6, 5),
        *,
        decay: float = 0.9,
        prior_units: int = 32,
        generator: torch.Generator | None = None,
    ) -> None:
        if not len(levels) or min(levels) < 3:
            raise InvalidInputError(f"levels: expected numbers of at least 3; got {levels!r}")
        n_codes = math.prod(levels)
        super().__init__(latent_dim, len(levels), n_codes, prior_units, decay, generator)
        self.levels = tuple(int(level) for level in levels)

    def continuous(self, h: Tensor) -> Tensor:
        """Return tanh(h), scaled and shifted so that rounding in steps gives the levels."""
        levels = self._of_slot(h, self.levels)
        half = (levels - 1) * (1 + _MARGIN) / 2
        offset = (levels % 2 == 0) * 0.5
        bounded = torch.tanh(h.unflatten(-1, (-1, len(self.levels))) + torch.atanh(offset / half))
        return ((bounded * half - offset) / (levels // 2)).flatten(-2)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the index of the grid point nearest to each vector (…, code_dim): (…)."""
        levels = self._of_slot(vectors, self.levels)
        step = ((vectors + 1) * (levels // 2)).round().clamp(torch.zeros_like(levels), levels - 1)
        return (step.long() * torch.tensor(self._places(), device=vectors.device)).sum(-1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the code (n, latent_dim) of indices (n, n_slots)."""
        places = torch.tensor(self._places(), device=indices.device)
        levels = torch.tensor(self.levels, device=indices.device)
        step = indices[..., None] // places % levels
        return (step / (levels // 2) - 1).to(self.usage.dtype).flatten(1)

    def _places(self) -> list[int]:
        """Return what a step of each number is worth in the index: 1, L₁, L₁ L₂, …"""
        return [math.prod(self.levels[:i]) for i in range(len(self.levels))]

    @staticmethod
    def _of_slot(like: Tensor, numbers: Sequence[int]) -> Tensor:
        return torch.tensor(numbers, dtype=like.dtype, device=like.device)

    def extra_repr(self) -> str:
        return f"n_slots={self.n_slots}, levels={self.levels}"
