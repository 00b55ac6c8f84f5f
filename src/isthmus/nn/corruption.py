"""C(x̃|x): what is done to an input before it is encoded, while training only.

A corruption is any callable ``(x, generator) -> x̃`` that returns a new tensor of the same shape.
The three of Vincent et al., "Stacked denoising autoencoders" (JMLR 2010), are here; a function of
your own does as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError

__all__ = ["CORRUPTIONS", "Corruption", "GaussianNoise", "Masking", "SaltAndPepper"]

Corruption = Callable[[Tensor, torch.Generator | None], Tensor]


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInputError(f"{name}: expected a number from 0 to 1; got {value!r}")


@dataclass(frozen=True)
class GaussianNoise:
    """Additive Gaussian noise, x̃ = x + σε.

    Parameters
    ----------
    sigma : float
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

    sigma: float
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.sigma < 0:
            raise InvalidInputError(f"sigma: expected a number of at least 0; got {self.sigma!r}")

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with noise added."""
        noisy = torch.empty_like(x).normal_(0.0, self.sigma, generator=generator).add_(x)
        return noisy if self.clip is None else noisy.clamp_(*self.clip)


@dataclass(frozen=True)
class Masking:
    """Masking noise: each value is set to zero with a given probability.

    Parameters
    ----------
    probability : float
        Share of the values that are set to zero, 0 to 1.
    """

    probability: float

    def __post_init__(self) -> None:
        _check_probability("probability", self.probability)

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with some values set to zero."""
        return x * torch.empty_like(x).bernoulli_(1 - self.probability, generator=generator)


@dataclass(frozen=True)
class SaltAndPepper:
    """Salt-and-pepper noise: a value becomes the lowest or the highest one, with equal chances.

    Parameters
    ----------
    probability : float
        Share of the values that are replaced, 0 to 1.
    low, high : float
        What they are replaced by.
    """

    probability: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check_probability("probability", self.probability)

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (any shape) with some values replaced."""
        draw = torch.empty_like(x).uniform_(generator=generator)
        half = self.probability / 2
        return x.masked_fill(draw < half, self.low).masked_fill(draw >= 1 - half, self.high)


# A model file may name these and no others.
CORRUPTIONS = {cls.__name__: cls for cls in (GaussianNoise, Masking, SaltAndPepper)}
