"""Corruptions that change the shape of a sample: fewer pixels, or fewer channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption.base import CORRUPTIONS, Corruption

__all__ = ["Downsampling", "Grey"]

_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


@CORRUPTIONS.register("downsampling")
@dataclass(frozen=True)
class Downsampling(Corruption):
    """The mean over blocks of a signal or an image, so that there is less of it.

    Parameters
    ----------
    factor : int, default=2
        Length of a block along each side; the last one may be shorter.

    Examples
    --------
    >>> Downsampling(2)(torch.tensor([[[1.0, 3.0, 5.0, 7.0]]]))
    tensor([[[2., 6.]]])
    >>> Downsampling(2).output_shape((1, 28, 28))
    (1, 14, 14)
    """

    factor: int = 2

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InvalidInputError(f"factor: expected at least 1; got {self.factor!r}")

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return `x` (n, channels, …) with each block of the sides in place of its values."""
        if x.ndim == 3:
            return F.avg_pool1d(x, self.factor, ceil_mode=True)
        if x.ndim == 4:
            return F.avg_pool2d(x, self.factor, ceil_mode=True)
        raise InvalidInputError(
            "corruption: downsampling needs signals (n, length, channels) or images "
            "(n, height, width, channels); got a table"
        )

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        channels, *sides = shape
        return (channels, *(-(-side // self.factor) for side in sides))


@CORRUPTIONS.register("grey")
@dataclass(frozen=True)
class Grey(Corruption):
    """The luminance of a picture in red, green and blue, in one channel (ITU-R BT.601).

    Examples
    --------
    >>> Grey()(torch.ones(1, 3, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the luminance (n, 1, …) of `x` (n, 3, …)."""
        if x.shape[1] != 3:
            raise InvalidInputError(
                f"corruption: 'grey' needs three channels, red, green and blue; got {x.shape[1]}"
            )
        grey: Tensor = torch.tensordot(x.new_tensor(_LUMINANCE), x, dims=([0], [1]))
        return grey.unsqueeze(1)

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (1, *tuple(shape)[1:])
