"""A posterior on the unit sphere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.base import LATENTS, StochasticLatent
from isthmus.nn.latent.sphere import polar_angle, polar_moments

__all__ = ["VonMisesFisher"]

_LEAST = 1e-4  # of κ / d: next to uniform
_TINY = 1e-12
_LONGEST = 10.0  # a length beyond which κ stays: a spread of half a degree


@LATENTS.register("von_mises_fisher")
class VonMisesFisher(StochasticLatent):
    """q(z|x) ∝ exp(κ μᵀz) on the sphere ‖z‖ = 1, p(z) uniform on it (Davidson et al. 2018).

    The encoder gives a vector h (n, latent_dim), latent_dim = d of at least 2: μ is its direction,
    and κ = d sinh ‖h‖. So a posterior next to uniform moves away from it in a straight line, as a
    Gaussian one does from its prior, and a narrow one needs no large numbers. The divergence has a
    closed form and is the same wherever μ points: no part of the sphere is preferred.

    Of the standard normal noise the first number becomes the angle between z and μ, by the normal
    distribution function and the inverse one of the angle; the others are the direction across.
    A density is with respect to the area of the sphere.

    Raises
    ------
    InvalidInputError
        If the code has fewer than 2 numbers.

    References
    ----------
    .. [1] T. R. Davidson, L. Falorsi, N. De Cao, T. Kipf and J. M. Tomczak, "Hyperspherical
       variational auto-encoders", UAI 2018, arXiv:1804.00891.

    Examples
    --------
    >>> import torch
    >>> latent = VonMisesFisher()
    >>> h = torch.tensor([[3.0, 4.0]])
    >>> latent.mean(h)
    tensor([[0.6000, 0.8000]])
    >>> z = latent(h, torch.Generator().manual_seed(0))
    >>> torch.allclose(z.norm(), torch.tensor(1.0))
    True
    """

    closed_form = True

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        if latent_dim < 2:
            raise InvalidInputError(
                f"latent_dim: a sphere needs at least 2 numbers; got {latent_dim!r}"
            )
        return latent_dim

    def decoded(self, z: Tensor) -> Tensor:
        """Return √d z, what the decoder sees: a unit vector at the scale of other codes.

        The mean square of its d numbers is 1 / d, and a decoder starts out from numbers of about 1:
        with z itself all that it says is faint, and the more so the larger d is.
        """
        scaled: Tensor = z.shape[1] ** 0.5 * z
        return scaled

    def mean(self, h: Tensor) -> Tensor:
        """Return the mean direction μ (n, latent_dim), of length 1."""
        return _unit(h)

    def concentration(self, h: Tensor) -> Tensor:
        """Return κ of each sample (n,)."""
        length = h.norm(dim=1).clamp(max=_LONGEST)
        kappa: Tensor = h.shape[1] * (_LEAST + length.sinh())
        return kappa

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw z (n, latent_dim) that belongs to some noise, broadcast to its shape."""
        mu = self.mean(h)
        return _turn(self._angle(h, noise), noise, mu)

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and log q(z|x) − log p(z) (n,) in nats."""
        angle = self._angle(h, noise)
        kappa = self.concentration(h)
        log_norm, _ = polar_moments(kappa, h.shape[1])
        ratio = -2 * kappa * (0.5 * angle).sin().square() - log_norm
        return _turn(angle, noise, self.mean(h)), ratio

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats."""
        kappa = self.concentration(h)
        log_norm, away = polar_moments(kappa, h.shape[1])
        return -kappa * away - log_norm

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,): minus the log of the area of the sphere."""
        half = 0.5 * z.shape[1]
        return z.new_full((len(z),), math.lgamma(half) - math.log(2) - half * math.log(math.pi))

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw codes from the prior: (n_samples, latent_dim), of length 1."""
        z = super().sample_prior(n_samples, latent_dim, generator)
        return _unit(z)

    def _angle(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the angle between z and μ (n,), which the first number of the noise decides."""
        kappa = self.concentration(h)
        share = torch.special.ndtr(noise[..., 0].double()).expand(len(h))
        return polar_angle(kappa, share, h.shape[1])


def _turn(angle: Tensor, noise: Tensor, mu: Tensor) -> Tensor:
    """Return the unit vectors at an angle from μ, across in the direction of the noise."""
    across = _unit(noise[..., 1:].expand(len(mu), -1))
    z = torch.cat([angle.cos()[:, None], angle.sin()[:, None] * across], dim=1)
    # Mirrored at the plane that takes the first axis to μ.
    mirror = _first(mu) - mu
    squared = mirror.square().sum(1, keepdim=True).clamp(min=_TINY)
    return z - 2 * mirror * (mirror * z).sum(1, keepdim=True) / squared


def _unit(vectors: Tensor) -> Tensor:
    """Return them at length 1; the first axis for one that has no direction."""
    length = vectors.norm(dim=1, keepdim=True)
    return torch.where(length > _TINY, vectors / length.clamp(min=_TINY), _first(vectors))


def _first(like: Tensor) -> Tensor:
    axis = torch.zeros_like(like)
    axis[:, 0] = 1.0
    return axis
