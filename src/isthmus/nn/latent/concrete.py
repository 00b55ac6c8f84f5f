"""Discrete codes with a gradient: a draw of classes or of bits that is relaxed in training."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.base import LATENTS, StochasticLatent
from isthmus.nn.noise import normal_like

__all__ = ["BernoulliLatent", "CategoricalLatent", "ConcreteLatent"]


class ConcreteLatent(StochasticLatent):
    """What codes with a relaxed discrete posterior share (Maddison et al. 2017, Jang et al. 2017).

    The posterior is discrete, and so is its divergence from the uniform prior, in closed form. A
    draw is a function of logits and noise; in training its step is a softmax or a sigmoid of a
    temperature. In evaluation mode a draw is the discrete one, so that a held-out loss and a score
    are of the discrete model, and the losses of two epochs compare whatever the temperature was.

    Parameters
    ----------
    temperature : float, default=0.5
        τ, above 0: a draw in training comes nearer to the discrete one as it falls, and its
        gradient gets more variance.
    straight_through : bool, default=False
        Whether a draw in training is discrete forward, with the gradient of the relaxed one.

    Attributes
    ----------
    temperature : float
        τ; a `isthmus.training.TemperatureSchedule` sets it from epoch to epoch.

    Raises
    ------
    InvalidInputError
        If the temperature is not above 0.
    """

    closed_form = True

    def __init__(self, temperature: float = 0.5, straight_through: bool = False) -> None:
        super().__init__()
        if not temperature > 0:
            raise InvalidInputError(f"temperature: expected a number above 0; got {temperature!r}")
        self.temperature = float(temperature)
        self.straight_through = bool(straight_through)

    # What a kind of code chooses ---------------------------------------------------------------

    def relaxed(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw of the temperature (n, latent_dim) that belongs to the noise.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        noise : Tensor of shape (n, latent_dim)
            Standard normal noise.
        """
        raise NotImplementedError

    def discrete(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw of temperature 0 (n, latent_dim) that belongs to the noise.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        noise : Tensor of shape (n, latent_dim)
            Standard normal noise.
        """
        raise NotImplementedError

    def log_posterior(self, h: Tensor, z: Tensor) -> Tensor:
        """Return log q(z|x) (n,) of discrete codes z, in nats.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        z : Tensor of shape (n, latent_dim)
            Discrete codes.
        """
        raise NotImplementedError

    # What all have -----------------------------------------------------------------------------

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return latent_dim

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the standard normal noise that `at` takes for the encoder's output h."""
        return normal_like(h, generator)

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw that belongs to the noise: discrete, but in training relaxed."""
        if not self.training:
            return self.discrete(h, noise)
        z = self.relaxed(h, noise)
        return self.discrete(h, noise) + (z - z.detach()) if self.straight_through else z

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the discrete draw z of the noise, and log q(z|x) − log p(z) (n,) in nats."""
        z = self.discrete(h, noise)
        return z, self.log_posterior(h, z) - self.log_prior(z)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, straight_through={self.straight_through}"


@LATENTS.register("categorical")
class CategoricalLatent(ConcreteLatent):
    """q(z|x) = Πᵢ Cat(softmax(hᵢ)): variables of K classes, one-hot, side by side (Jang 2017).

    A draw is argmax(h + g) with Gumbel noise g = −log(−log u), relaxed to softmax((h + g) / τ); the
    uniform u comes from the standard normal noise by its distribution function.

    Parameters
    ----------
    n_classes : int
        K, at least 2; latent_dim is a multiple of it.
    temperature, straight_through
        See `ConcreteLatent`.

    References
    ----------
    .. [1] E. Jang, S. Gu and B. Poole, "Categorical reparameterization with Gumbel-softmax",
       ICLR 2017, arXiv:1611.01144.
    .. [2] C. J. Maddison, A. Mnih and Y. W. Teh, "The concrete distribution: a continuous
       relaxation of discrete random variables", ICLR 2017, arXiv:1611.00712.

    Examples
    --------
    >>> import torch
    >>> latent = CategoricalLatent(2).eval()
    >>> h = torch.tensor([[0.0, 0.0, 200.0, 0.0]])  # two variables: one open, one decided
    >>> latent.mean(h), latent.divergence(h)
    (tensor([[0.5000, 0.5000, 1.0000, 0.0000]]), tensor([0.6931]))
    """

    def __init__(
        self, n_classes: int, temperature: float = 0.5, straight_through: bool = False
    ) -> None:
        super().__init__(temperature, straight_through)
        if n_classes < 2:
            raise InvalidInputError(f"n_classes: expected at least 2; got {n_classes!r}")
        self.n_classes = int(n_classes)

    def _variables(self, values: Tensor) -> Tensor:
        variables: Tensor = values.unflatten(-1, (-1, self.n_classes))
        return variables

    def mean(self, h: Tensor) -> Tensor:
        """Return the probability of each class (n, latent_dim): the mean of a one-hot code."""
        share: Tensor = self._variables(h).softmax(-1).flatten(1)
        return share

    def relaxed(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return softmax((h + g) / τ) (n, latent_dim)."""
        return self._variables((h + _gumbel(noise)) / self.temperature).softmax(-1).flatten(1)

    def discrete(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the one-hot argmax of h + g (n, latent_dim)."""
        return self.lookup(self._variables(h + _gumbel(noise)).argmax(-1)).to(h.dtype)

    def log_posterior(self, h: Tensor, z: Tensor) -> Tensor:
        """Return log q(z|x) (n,) of one-hot codes z, in nats."""
        return (z * self._variables(h).log_softmax(-1).flatten(1)).sum(1)

    def divergence(self, h: Tensor) -> Tensor:
        """Return Σ log K − H(q) of each sample (n,), in nats."""
        log_share = self._variables(h).log_softmax(-1)
        return (log_share.exp() * (log_share + math.log(self.n_classes))).sum((1, 2))

    def log_prior(self, z: Tensor) -> Tensor:
        """Return −log K for each variable of each code (n,), in nats."""
        return z.new_full((len(z),), -z.shape[1] // self.n_classes * math.log(self.n_classes))

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one-hot codes, each class as probable as the others: (n_samples, latent_dim)."""
        size = (n_samples, latent_dim // self.n_classes)
        device = None if generator is None else generator.device
        return self.lookup(torch.randint(self.n_classes, size, generator=generator, device=device))

    def indices(self, h: Tensor) -> Tensor:
        """Return the most probable class of each variable (n, variables)."""
        return self._variables(h).argmax(-1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the one-hot code (n, latent_dim) of classes (n, variables)."""
        return F.one_hot(indices, self.n_classes).float().flatten(1)

    def extra_repr(self) -> str:
        return f"n_classes={self.n_classes}, {super().extra_repr()}"


@LATENTS.register("bits")
class BernoulliLatent(ConcreteLatent):
    """q(z|x) = Πᵢ Bernoulli(sigmoid(hᵢ)): independent bits (Maddison et al. 2017).

    A draw is 1 where h + l > 0, with logistic noise l = log u − log(1 − u), relaxed to
    sigmoid((h + l) / τ), the binary concrete distribution.

    Parameters
    ----------
    temperature, straight_through
        See `ConcreteLatent`.

    References
    ----------
    .. [1] C. J. Maddison, A. Mnih and Y. W. Teh, "The concrete distribution: a continuous
       relaxation of discrete random variables", ICLR 2017, arXiv:1611.00712.

    Examples
    --------
    >>> import torch
    >>> latent = BernoulliLatent().eval()
    >>> h = torch.tensor([[0.0, 50.0]])
    >>> latent.mean(h), latent.divergence(h)
    (tensor([[0.5000, 1.0000]]), tensor([0.6931]))
    """

    def mean(self, h: Tensor) -> Tensor:
        """Return the probability of each bit (n, latent_dim): the mean of the code."""
        return h.sigmoid()

    def relaxed(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return sigmoid((h + l) / τ) (n, latent_dim)."""
        return ((h + _logistic(noise)) / self.temperature).sigmoid()

    def discrete(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return 1 where h + l > 0, and 0 elsewhere (n, latent_dim)."""
        return (h + _logistic(noise) > 0).to(h.dtype)

    def log_posterior(self, h: Tensor, z: Tensor) -> Tensor:
        """Return log q(z|x) (n,) of codes z of bits, in nats."""
        return -F.binary_cross_entropy_with_logits(h, z, reduction="none").sum(1)

    def divergence(self, h: Tensor) -> Tensor:
        """Return Σ log 2 − H(q) of each sample (n,), in nats."""
        share = h.sigmoid()
        terms = share * F.logsigmoid(h) + (1 - share) * F.logsigmoid(-h) + math.log(2)
        return terms.sum(1)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return −log 2 for each bit of each code (n,), in nats."""
        return z.new_full((len(z),), -z.shape[1] * math.log(2))

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw bits, half of them 1: (n_samples, latent_dim)."""
        device = None if generator is None else generator.device
        size = (n_samples, latent_dim)
        return self.lookup(torch.randint(2, size, generator=generator, device=device))

    def indices(self, h: Tensor) -> Tensor:
        """Return the more probable value of each bit (n, latent_dim)."""
        return (h > 0).long()

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the code (n, latent_dim) of bits (n, latent_dim)."""
        return indices.float()


def _gumbel(noise: Tensor) -> Tensor:
    """Return −log(−log Φ(ε)): Gumbel noise for standard normal ε, exact in its tails."""
    return -torch.log(-torch.special.log_ndtr(noise))


def _logistic(noise: Tensor) -> Tensor:
    """Return log Φ(ε) − log Φ(−ε): logistic noise for standard normal ε."""
    above: Tensor = torch.special.log_ndtr(noise) - torch.special.log_ndtr(-noise)
    return above
