"""Where the random numbers of a batch come from, drawn for the whole batch however it is split.

A `Noise` is a `torch.Generator` that knows which rows of a batch it is for. What is drawn through
the functions here is drawn for the whole batch and then cut, so that a batch that is spread over
several processes sees the same numbers as one that is not. A plain generator, or None for torch's
global one, does as well.
"""

from __future__ import annotations

import hashlib
from typing import Self

import torch
from torch import Tensor

__all__ = ["Noise", "bernoulli_like", "exponential_like", "normal_like", "seed_of", "uniform_like"]


def seed_of(*numbers: int) -> int:
    """Return a seed that belongs to some whole numbers, such as (seed, epoch, number of the batch).

    Examples
    --------
    >>> seed_of(0, 1, 2) == seed_of(0, 1, 2), seed_of(0, 1, 2) == seed_of(0, 2, 1)
    (True, False)
    """
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Noise(torch.Generator):
    """A generator for some rows of a batch.

    Parameters
    ----------
    device : torch.device or str, default="cpu"
        Where the numbers are drawn.

    Attributes
    ----------
    start, count, total : int
        The rows start … start + count − 1 of the `total` rows of the whole batch. With a total of 0
        the batch is not split.

    Examples
    --------
    >>> whole = Noise().manual_seed(0)
    >>> half = Noise().manual_seed(0).rows(2, 2, 4)
    >>> torch.equal(normal_like(torch.zeros(4, 3), whole)[2:], normal_like(torch.zeros(2, 3), half))
    True
    """

    start: int
    count: int
    total: int

    def __new__(cls, device: torch.device | str = "cpu") -> Self:
        """Make a generator on a device, for a batch that is not split."""
        self = super().__new__(cls, device=device)  # type: ignore[call-arg]  # stubs lack it
        self.start = self.count = self.total = 0
        return self

    def rows(self, start: int, count: int, total: int) -> Self:
        """Say which rows of the whole batch the next draws are for; return this generator.

        Parameters
        ----------
        start : int
            The place of the first of them in the batch.
        count : int
            How many they are.
        total : int
            Rows of the whole batch.
        """
        self.start, self.count, self.total = start, count, total
        return self


def _draw(like: Tensor, fill: str, generator: torch.Generator | None, *numbers: float) -> Tensor:
    if not isinstance(generator, Noise) or not generator.total or generator.count == 0:
        drawn: Tensor = getattr(torch.empty_like(like), fill)(*numbers, generator=generator)
        return drawn
    # Rows that stand there several times, as those of importance weights, are blocks of the batch.
    blocks, rest = divmod(len(like), generator.count)
    if rest:
        raise ValueError(f"{len(like)} rows are no multiple of the {generator.count} of the batch")
    whole = like.new_empty((blocks, generator.total, *like.shape[1:]))
    getattr(whole, fill)(*numbers, generator=generator)
    return whole[:, generator.start : generator.start + generator.count].flatten(0, 1)


def normal_like(like: Tensor, generator: torch.Generator | None, scale: float = 1.0) -> Tensor:
    """Draw from N(0, scale²) in the shape of `like` (n, …), one row a sample.

    Parameters
    ----------
    like : Tensor of shape (n, ...)
        Whose shape, dtype and device are taken.
    generator : torch.Generator or None
        A `Noise` draws for the whole batch and gives these rows.
    scale : float, default=1.0
        Standard deviation.
    """
    return _draw(like, "normal_", generator, 0.0, scale)


def uniform_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw from [0, 1) in the shape of `like` (n, …); see `normal_like`.

    Parameters
    ----------
    like : Tensor of shape (n, ...)
        Whose shape, dtype and device are taken.
    generator : torch.Generator or None
        A `Noise` draws for the whole batch and gives these rows.
    """
    return _draw(like, "uniform_", generator)


def bernoulli_like(like: Tensor, generator: torch.Generator | None, p: float = 0.5) -> Tensor:
    """Draw 1 with probability `p` and else 0 in the shape of `like` (n, …); see `normal_like`.

    Parameters
    ----------
    like : Tensor of shape (n, ...)
        Whose shape, dtype and device are taken.
    generator : torch.Generator or None
        A `Noise` draws for the whole batch and gives these rows.
    p : float, default=0.5
        The probability of 1.
    """
    return _draw(like, "bernoulli_", generator, p)


def exponential_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw from the exponential distribution of rate 1, shaped as `like`; see `normal_like`.

    Parameters
    ----------
    like : Tensor of shape (n, ...)
        Whose shape, dtype and device are taken.
    generator : torch.Generator or None
        A `Noise` draws for the whole batch and gives these rows.
    """
    return _draw(like, "exponential_", generator)
