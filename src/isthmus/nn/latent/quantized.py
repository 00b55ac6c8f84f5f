"""What codes of a finite alphabet share: slots, indices and an autoregressive prior over them."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.base import StochasticLatent
from isthmus.nn.prior.autoregressive import AutoregressivePrior

__all__ = ["QuantizedLatent"]


class QuantizedLatent(StochasticLatent):
    """A code of slots, each of which is one codeword of a finite set.

    The encoder's output is cut into n_slots vectors of code_dim numbers, and each is replaced by a
    codeword. q(z|x) is one point, and so its divergence from the prior is −log p(indices) in nats,
    which is exact; the prior is learned on the indices, and its gradient ends there. The gradient
    of the decoder passes straight through to the encoder (Bengio, Léonard & Courville 2013,
    arXiv:1308.3432).

    A new one needs `nearest`, `lookup` and `continuous`.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code, n_slots · code_dim.
    code_dim : int
        Numbers in a slot.
    n_codes : int
        Codewords.
    prior_units : int
        Numbers for each slot inside the prior, see `isthmus.nn.AutoregressivePrior`.
    decay : float
        γ of the running means: what a step leaves of them.
    generator : torch.Generator, optional
        Where the initial weights come from.

    Attributes
    ----------
    usage : Tensor of shape (n_codes,)
        Running mean of how many vectors of a batch each codeword stands for.

    Raises
    ------
    InvalidInputError
        If the sizes do not go with each other.
    """

    stochastic = False  # a score takes no draws: there is one code a sample
    closed_form = True
    prior: AutoregressivePrior
    usage: Tensor

    def __init__(
        self,
        latent_dim: int,
        code_dim: int,
        n_codes: int,
        prior_units: int,
        decay: float,
        generator: torch.Generator | None,
    ) -> None:
        if code_dim < 1 or latent_dim % code_dim:
            raise InvalidInputError(
                f"latent_dim: expected a multiple of the {code_dim} numbers of a slot; got "
                f"{latent_dim}"
            )
        if not 0 <= decay < 1:
            raise InvalidInputError(f"decay: expected a number from 0 to below 1; got {decay!r}")
        n_slots = latent_dim // code_dim
        super().__init__(AutoregressivePrior(n_slots, n_codes, prior_units, generator=generator))
        self.code_dim, self.n_codes, self.n_slots, self.decay = code_dim, n_codes, n_slots, decay
        self.register_buffer("usage", torch.zeros(n_codes))

    # What a kind of codeword chooses -----------------------------------------------------------

    def continuous(self, h: Tensor) -> Tensor:
        """Return the vectors that are rounded to codewords, in the shape of h."""
        return h

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the index of the codeword that stands for each vector (…, code_dim): (…)."""
        raise NotImplementedError

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the code (n, latent_dim) of indices (n, n_slots)."""
        raise NotImplementedError

    def _prepare(self, vectors: Tensor, noise: Tensor) -> None:
        """Change the codewords before a batch of vectors (…, code_dim), in training."""

    def _learn(self, vectors: Tensor, indices: Tensor) -> None:
        """Change the codewords after a batch of vectors (m, code_dim) with indices (m,)."""

    # What all have -----------------------------------------------------------------------------

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return latent_dim

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw what `draw` needs of chance: nothing."""
        return h.new_empty(0)

    def indices(self, h: Tensor) -> Tensor:
        """Return the index of each slot (n, n_slots) for the encoder's output h."""
        return self.nearest(self.continuous(h.detach()).unflatten(1, (self.n_slots, -1)))

    def mean(self, h: Tensor) -> Tensor:
        """Return the quantised code (n, latent_dim); its gradient passes straight through."""
        return self._straight(h, self.indices(h))

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the code (n, latent_dim), which is the same for all noise."""
        return self.mean(h)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the code z (n, latent_dim) of the encoder's output h, and learn nothing."""
        return self.mean(h)

    def draw(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code and −log p of its indices (n,); in training, learn the codewords.

        The code is of the codewords before they change.
        """
        with torch.autocast(h.device.type, enabled=False):
            vectors = self.continuous(h.detach()).unflatten(1, (self.n_slots, -1))
            if self.training:
                self._prepare(vectors.flatten(0, 1), noise)
            indices = self.nearest(vectors)
            z = self._straight(h, indices)
            if self.training:
                counts = torch.bincount(indices.flatten(), minlength=self.n_codes)
                self.usage.lerp_(counts.to(self.usage.dtype), 1 - self.decay)
                self._learn(vectors.flatten(0, 1), indices.flatten())
            return z, -self.prior.log_prob(indices)

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code z, and log q(z|x) − log p(z) = −log p of its indices (n,) in nats."""
        indices = self.indices(h)
        return self._straight(h, indices), -self.prior.log_prob(indices)

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) = −log p of the indices of each sample (n,), in nats."""
        return -self.prior.log_prob(self.indices(h))

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p of the codewords nearest to each code (n,), in nats."""
        return self.prior.log_prob(self.nearest(z.unflatten(1, (self.n_slots, -1))))

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw codes from the prior: (n_samples, latent_dim)."""
        return self.lookup(self.prior.sample(n_samples, generator))

    def perplexity(self) -> Tensor:
        """Return exp(entropy) of the running usage: how many codewords are in use, at least 1."""
        share = self.usage / self.usage.sum().clamp(min=torch.finfo(self.usage.dtype).tiny)
        perplexity: Tensor = torch.special.entr(share).sum().exp()
        return perplexity

    def _straight(self, h: Tensor, indices: Tensor) -> Tensor:
        """Return the codewords of `indices`, to the last bit, with the gradient of h."""
        y = self.continuous(h)
        return self.lookup(indices) + (y - y.detach())

    def extra_repr(self) -> str:
        return f"n_slots={self.n_slots}, code_dim={self.code_dim}, n_codes={self.n_codes}"
