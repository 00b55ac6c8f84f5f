"""How the learning rate and the coefficients of the loss change while training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import ConcreteLatent, TopK
from isthmus.nn.penalties.rate import Capacity

if TYPE_CHECKING:
    from isthmus.nn import AutoencoderModule

__all__ = [
    "LEARNING_RATE_SCHEDULES",
    "Annealing",
    "CapacitySchedule",
    "Coefficient",
    "SupportSchedule",
    "TemperatureSchedule",
    "Warmup",
    "coefficient_at",
]


class Annealing(Protocol):
    """What changes a module from epoch to epoch, such as how many units may be active."""

    @property
    def epochs(self) -> int:
        """Epochs until the module is as it will be."""

    def __call__(self, module: AutoencoderModule, epoch: int) -> None:
        """Set the module for an epoch, counted from 0."""


@dataclass(frozen=True)
class Warmup:
    """A coefficient that rises in a straight line from 0 to its value (Sønderby et al. 2016).

    Parameters
    ----------
    value : float
        The coefficient after the warm-up.
    epochs : int
        Epochs until then; early stopping waits for them.

    Examples
    --------
    >>> warmup = Warmup(4.0, epochs=4)
    >>> [warmup(epoch) for epoch in range(6)]
    [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    """

    value: float
    epochs: int

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise InvalidInputError(f"epochs: expected at least 0; got {self.epochs!r}")

    def __call__(self, epoch: int) -> float:
        """Return the coefficient of an epoch, counted from 0."""
        return self.value if epoch >= self.epochs else self.value * epoch / self.epochs


@dataclass(frozen=True)
class SupportSchedule:
    """An annealing: the active units of a `TopK` code fall in a straight line from many to k.

    While many units are active all of them learn; with few from the start, some are never chosen
    and so never change (Makhzani & Frey 2013, arXiv:1312.5663).

    Parameters
    ----------
    start : int
        Active units in the first epoch, at least `k`.
    k : int
        Active units after the schedule.
    epochs : int
        Epochs until then; early stopping waits for them. The paper takes half of all.

    Examples
    --------
    >>> schedule = SupportSchedule(start=100, k=15, epochs=5)
    >>> [schedule.at(epoch) for epoch in range(7)]
    [100, 83, 66, 49, 32, 15, 15]
    """

    start: int
    k: int
    epochs: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.start:
            raise InvalidInputError(
                f"start: expected at least k, and that at least 1; got {self.start!r} and k = "
                f"{self.k!r}"
            )
        if self.epochs < 0:
            raise InvalidInputError(f"epochs: expected at least 0; got {self.epochs!r}")

    def at(self, epoch: int) -> int:
        """Return how many units are active in an epoch, counted from 0."""
        left = max(self.epochs - epoch, 0)
        return self.k + round((self.start - self.k) * left / max(self.epochs, 1))

    def __call__(self, module: AutoencoderModule, epoch: int) -> None:
        """Set the module's code for an epoch, counted from 0."""
        if not isinstance(module.latent, TopK):
            raise InvalidInputError(
                f"annealing: a support schedule is for a TopK code; got {module.latent}"
            )
        module.latent.training_k = self.at(epoch)


@dataclass(frozen=True)
class CapacitySchedule:
    """An annealing: the nats that a code may say rise in a straight line from 0 (Burgess 2018).

    Parameters
    ----------
    nats : float
        After the rise.
    epochs : int
        Epochs until then; early stopping waits for them.
    """

    nats: float
    epochs: int

    def at(self, epoch: int) -> float:
        """Return the nats of an epoch, counted from 0."""
        return self.nats if epoch >= self.epochs else self.nats * epoch / self.epochs

    def __call__(self, module: AutoencoderModule, epoch: int) -> None:
        """Set the module's penalty for an epoch, counted from 0."""
        for penalty in module.penalties.values():
            if isinstance(penalty, Capacity):
                penalty.current = self.at(epoch)


@dataclass(frozen=True)
class TemperatureSchedule:
    """An annealing: the temperature of a relaxed discrete code falls by the same factor each epoch.

    A high temperature gives gradients of little variance for a code that is far from discrete, a
    low one the reverse (Jang, Gu & Poole 2017, arXiv:1611.01144).

    Parameters
    ----------
    start : float
        Temperature of the first epoch, above 0.
    end : float
        Temperature after the schedule, above 0.
    epochs : int
        Epochs until then; early stopping waits for them.

    Examples
    --------
    >>> schedule = TemperatureSchedule(start=1.0, end=0.25, epochs=4)
    >>> [round(schedule.at(epoch), 3) for epoch in range(6)]
    [1.0, 0.707, 0.5, 0.354, 0.25, 0.25]
    """

    start: float
    end: float
    epochs: int

    def __post_init__(self) -> None:
        if not min(self.start, self.end) > 0:
            raise InvalidInputError(
                f"start: expected it and end to be above 0; got {self.start!r} and {self.end!r}"
            )
        if self.epochs < 0:
            raise InvalidInputError(f"epochs: expected at least 0; got {self.epochs!r}")

    def at(self, epoch: int) -> float:
        """Return the temperature of an epoch, counted from 0."""
        left = max(self.epochs - epoch, 0) / max(self.epochs, 1)
        return float(self.start**left * self.end ** (1 - left))

    def __call__(self, module: AutoencoderModule, epoch: int) -> None:
        """Set the module's code for an epoch, counted from 0."""
        if not isinstance(module.latent, ConcreteLatent):
            raise InvalidInputError(
                f"annealing: a temperature is of a relaxed discrete code; got {module.latent}"
            )
        module.latent.temperature = self.at(epoch)


# A coefficient is a number, or a function of the epoch (from 0).
Coefficient = float | Callable[[int], float]


def coefficient_at(coefficient: Coefficient, epoch: int) -> float:
    """Return the value of a coefficient in an epoch, counted from 0.

    Parameters
    ----------
    coefficient : float or callable
        A number, or a function of the epoch.
    epoch : int
        The epoch, from 0.
    """
    return float(coefficient(epoch)) if callable(coefficient) else float(coefficient)


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _constant(progress: float) -> float:
    return 1.0


# Factors of the learning rate by the share of the steps that is done. "plateau" answers to the
# loss instead, in the loop.
LEARNING_RATE_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "plateau": _constant,
}
