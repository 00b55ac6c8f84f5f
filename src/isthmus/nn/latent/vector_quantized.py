"""Vector quantisation: each slot is the nearest of some vectors that are learned."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.latent.base import LATENTS
from isthmus.nn.latent.quantized import QuantizedLatent

__all__ = ["VectorQuantized"]

_DEAD = 0.1  # of the mean usage: what is used less gives its place up


@LATENTS.register("vector_quantized")
class VectorQuantized(QuantizedLatent):
    """Each slot is the nearest vector of one codebook (van den Oord, Vinyals & Kavukcuoglu 2017).

    A codeword is the running mean of the vectors that it stands for,

        Nₖ ← γNₖ + (1 − γ) nₖ,   mₖ ← γmₖ + (1 − γ) Σ h,   eₖ = mₖ / Nₖ,

    and so has no gradient. One that is used less than a tenth as much as the mean is dead: it takes
    over a random vector of the batch, and the mean usage. At first all are dead, so that the first
    batch fills the codebook.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    code_dim : int, default=4
        Numbers in a slot; latent_dim is a multiple of it.
    n_codes : int, default=64
        K, codewords.
    decay : float, default=0.9
        γ.
    prior_units : int, default=32
        Numbers for each slot inside the prior.
    generator : torch.Generator, optional
        Where the initial weights come from.

    Attributes
    ----------
    codebook : Tensor of shape (n_codes, code_dim)
        eₖ.
    usage : Tensor of shape (n_codes,)
        Nₖ.
    total : Tensor of shape (n_codes, code_dim)
        mₖ.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals and K. Kavukcuoglu, "Neural discrete representation
       learning", NeurIPS 2017, arXiv:1711.00937.
    .. [2] A. Razavi, A. van den Oord and O. Vinyals, "Generating diverse high-fidelity images with
       VQ-VAE-2", NeurIPS 2019, arXiv:1906.00446.
    .. [3] P. Dhariwal et al., "Jukebox: a generative model for music" (2020), arXiv:2005.00341, for
       the revival.

    Examples
    --------
    >>> import torch
    >>> latent = VectorQuantized(4, code_dim=2, n_codes=3)
    >>> h = torch.tensor([[0.0, 0.0, 5.0, 5.0], [0.0, 1.0, 5.0, 4.0]])
    >>> z, divergence = latent.draw(h, latent.noise(h, torch.Generator().manual_seed(0)))
    >>> latent.indices(h).shape, bool(latent.perplexity() > 1)
    (torch.Size([2, 2]), True)
    """

    codebook: Tensor
    total: Tensor

    def __init__(
        self,
        latent_dim: int,
        code_dim: int = 4,
        n_codes: int = 64,
        *,
        decay: float = 0.9,
        prior_units: int = 32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(latent_dim, code_dim, n_codes, prior_units, decay, generator)
        start = torch.empty(n_codes, code_dim)
        if not start.is_meta:  # before the first batch: for a network that is not trained
            start.normal_(generator=generator)
        self.register_buffer("codebook", start)
        self.register_buffer("total", torch.zeros(n_codes, code_dim))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the index of the codeword that is nearest to each vector (…, code_dim): (…)."""
        # ‖h − e‖² without ‖h‖², which is the same for all codewords.
        apart = self.codebook.square().sum(1) - 2 * vectors @ self.codebook.T
        return apart.argmin(-1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the code (n, latent_dim) of indices (n, n_slots)."""
        return self.codebook[indices].flatten(1)

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw where in the batch each codeword would come to life again: (n_codes,) in [0, 1).

        Nothing outside training.
        """
        size = self.n_codes if self.training else 0
        return h.new_empty(size).uniform_(generator=generator)

    @torch.no_grad()
    def _prepare(self, vectors: Tensor, noise: Tensor) -> None:
        """Revive the dead codewords with vectors of the batch."""
        dead = self.usage <= _DEAD * self.usage.mean()
        rows = (noise * len(vectors)).long().clamp(max=len(vectors) - 1)
        usage = len(vectors) / self.n_codes
        self.usage.masked_fill_(dead, usage)
        self.codebook.copy_(torch.where(dead[:, None], vectors[rows], self.codebook))
        self.total.copy_(torch.where(dead[:, None], usage * self.codebook, self.total))

    @torch.no_grad()
    def _learn(self, vectors: Tensor, indices: Tensor) -> None:
        """Move each codeword towards the mean of the vectors that it stands for."""
        sums = torch.zeros_like(self.total).index_add_(0, indices, vectors)
        self.total.lerp_(sums, 1 - self.decay)
        self.codebook.copy_(self.total / self.usage[:, None])
