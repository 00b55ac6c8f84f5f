"""Noise on each value by itself: the three kinds of Vincent et al. (JMLR 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption.base import CORRUPTIONS, Corruption
from isthmus.nn.noise import bernoulli_like, normal_like, uniform_like

__all__ = ["GaussianNoise", "Masking", "SaltAndPepper"]


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInputError(f"{name}: expected a number from 0 to 1; got {value!r}")


@CORRUPTIONS.register("gaussian")
@dataclass(frozen=True)
class GaussianNoise(Corruption):
    """Additive Gaussian noise, x̃ = x + σε.

    Parameters
    ----------
    sigma : float, default=0.3
        Standard deviation, in the units of the scaled data.
    clip : tuple of float, optional
        Lowest and highest value after the noise, for data such as pixels that have bounds.

    Examples
    --------
    >>> import torch
    >>> noisy = GaussianNoise(0.5, clip=(0, 1))(torch.zeros(2, 3), torch.Generator())
    >>> bool(((noisy >= 0) & (noisy <= 1)).all())
    True
    """

    sigma: float = 0.3
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.sigma < 0:
            raise InvalidInputError(f"sigma: expected a number of at least 0; got {self.sigma!r}")
        if self.clip is not None:  # as a file has it, a list
            low, high = (float(end) for end in self.clip)
            object.__setattr__(self, "clip", (low, high))

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with noise added."""
        noisy = normal_like(x, generator, self.sigma).add_(x)
        return noisy if self.clip is None else noisy.clamp_(*self.clip)


@CORRUPTIONS.register("masking")
@dataclass(frozen=True)
class Masking(Corruption):
    """Masking noise: each value is set to zero with a given probability.

    Parameters
    ----------
    probability : float, default=0.3
        Share of the values that are set to zero, 0 to 1.
    """

    probability: float = 0.3

    def __post_init__(self) -> None:
        _check_probability("probability", self.probability)

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with some values set to zero."""
        return x * bernoulli_like(x, generator, 1 - self.probability)


@CORRUPTIONS.register("salt_and_pepper")
@dataclass(frozen=True)
class SaltAndPepper(Corruption):
    """Salt-and-pepper noise: a value becomes the lowest or the highest one, with equal chances.

    Parameters
    ----------
    probability : float, default=0.3
        Share of the values that are replaced, 0 to 1.
    low, high : float
        What they are replaced by.
    """

    probability: float = 0.3
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check_probability("probability", self.probability)

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with some values replaced."""
        draw = uniform_like(x, generator)
        half = self.probability / 2
        return x.masked_fill(draw < half, self.low).masked_fill(draw >= 1 - half, self.high)
