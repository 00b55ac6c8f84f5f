"""Densities of real values around a location: Gaussian and Laplace."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood
from isthmus.nn.noise import normal_like, uniform_like

__all__ = ["Gaussian", "Laplace"]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# Predicted log scales are kept inside ±6 (σ from 0.0025 to 400 on standardised data): beyond it one
# exactly reproduced value is worth an unbounded number of nats and training runs away.
_LOG_SCALE_BOUND = 6.0


class _LocationScale(Likelihood):
    """A family with a mean and a scale that is fixed, learned once, or predicted for each value."""

    def __init__(self, scale: float | str = 1.0) -> None:
        super().__init__()
        if isinstance(scale, str):
            if scale not in ("learned", "predicted"):
                raise InvalidInputError(
                    f"scale: expected a number above 0, 'learned' or 'predicted'; got {scale!r}"
                )
        elif not scale > 0:
            raise InvalidInputError(f"scale: expected a number above 0; got {scale!r}")
        self.scale = scale
        if scale == "learned":
            self.raw_log_scale = nn.Parameter(torch.zeros(()))

    @property
    def log_scale(self) -> Tensor:
        """The log of the one learned scale."""
        # Adam moves any number by about the learning rate a step, and a log scale has further to
        # go than a weight: it moves ten times as fast.
        return 10 * self.raw_log_scale

    def parameter_channels(self, channels: int) -> int:
        return 2 * channels if self.scale == "predicted" else channels

    def location_and_log_scale(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Split the decoder's output into the location and the log of the scale."""
        if self.scale == "predicted":
            location, raw = parameters.chunk(2, dim=1)
            return location, _LOG_SCALE_BOUND * torch.tanh(raw / _LOG_SCALE_BOUND)
        if self.scale == "learned":
            return parameters, self.log_scale
        return parameters, parameters.new_full((), math.log(float(self.scale)))

    def mean(self, parameters: Tensor) -> Tensor:
        return self.location_and_log_scale(parameters)[0]

    def extra_repr(self) -> str:
        return f"scale={self.scale!r}"


@LIKELIHOODS.register("gaussian")
class Gaussian(_LocationScale):
    """N(x; μ, σ²) of each value.

    Parameters
    ----------
    scale : float, "learned" or "predicted", default=1.0
        σ: a fixed number (1 gives half the squared error, up to a constant), one number learned for
        all values (Rybkin, Daniilidis & Levine 2021), or one for each value from the decoder.

    Examples
    --------
    >>> import torch
    >>> Gaussian().log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor([[-0.9189]])
    """

    def __init__(self, scale: float | str = 1.0) -> None:
        super().__init__(scale)
        self._constants: dict[tuple[int, torch.dtype, torch.device], Tensor] = {}

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        return -0.5 * ((x - location) * torch.exp(-log_scale)).square() - log_scale - _HALF_LOG_2PI

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        noise = normal_like(location, generator)
        return location + log_scale.exp() * noise

    def loss(self, parameters: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        if weight is not None or isinstance(self.scale, str):
            return super().loss(parameters, x, weight)
        # Two kernels for the common case: small models spend their time here.
        squared = F.mse_loss(parameters, x, reduction="sum")
        n = len(x)
        constant = self._constant(x.numel() // n, squared)
        return torch.add(constant, squared, alpha=0.5 / (n * self.scale**2))

    def _constant(self, n_values: int, like: Tensor) -> Tensor:
        key = (n_values, like.dtype, like.device)
        if key not in self._constants:
            value = n_values * (_HALF_LOG_2PI + math.log(float(self.scale)))
            # Not like.new_full: under torch.func that would keep a tensor of the transform.
            self._constants[key] = torch.full((), value, dtype=like.dtype, device=like.device)
        return self._constants[key]


@LIKELIHOODS.register("laplace")
class Laplace(_LocationScale):
    """exp(−|x − μ|/b) / 2b of each value: absolute instead of squared error.

    Parameters
    ----------
    scale : float, "learned" or "predicted", default=1.0
        b, as in `Gaussian`.

    Examples
    --------
    >>> import torch
    >>> Laplace(0.5).log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor([[0.]])
    """

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        return -(x - location).abs() * torch.exp(-log_scale) - log_scale - math.log(2)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        draw = uniform_like(location, generator) - 0.5
        # log1p(−2|u|) is finite because |u| = ½ comes up only at u = −½ exactly; kept off it.
        tail = torch.log1p(-2 * draw.abs().clamp(max=0.5 - 1e-7))
        return location - log_scale.exp() * draw.sign() * tail
