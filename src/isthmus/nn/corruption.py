"""C(x̃|x): what is done to an input before it is encoded, while training only.

A corruption is any callable ``(x, generator) -> x̃`` that returns a new tensor of the same shape.
The three of Vincent et al., "Stacked denoising autoencoders" (JMLR 2010), are here; a function of
your own does as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "GaussianNoise",
    "Masking",
    "SaltAndPepper",
    "corruption_from_json",
    "corruption_to_json",
]

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


def corruption_to_json(corruption: object) -> dict[str, Any] | None:
    """Return name and fields of a corruption of Isthmus as JSON can hold them, None of another."""
    if type(corruption) not in CORRUPTIONS.values():
        return None
    fields = dataclasses.asdict(cast(Any, corruption)).items()
    return {
        "part": type(corruption).__name__,
        "fields": {name: _plain(value) for name, value in fields},
    }


def corruption_from_json(value: Mapping[str, Any]) -> Corruption:
    """Return the corruption that `corruption_to_json` described; KeyError for an unknown name."""
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in value["fields"].items()}
    name = value["part"] if "part" in value else value["name"]  # as files of a chain once had it
    make: Callable[..., Corruption] = CORRUPTIONS[name]
    return make(**fields)


def _plain(value: Any) -> Any:
    """Return a number, or several, as JSON can hold them: without the types of numpy and torch."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value
