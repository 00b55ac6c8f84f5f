"""C(x̃|x): what is done to an input before it is encoded, while training only.

A corruption is any callable ``(x, generator) -> x̃`` that returns a new tensor. One that has a
parameter ``record`` gets the whole `isthmus.nn.Record` as well: it may leave something for the
decoder in ``record.side``, or say in ``record.batch.hidden`` which values the encoder is not shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from isthmus.registry import Part, Registry

__all__ = ["CORRUPTIONS", "AnyCorruption", "Corruption", "changed_shape", "takes_record"]

AnyCorruption = Callable[..., Tensor]


class Corruption(Part):
    """Base of the corruptions that register themselves: they can be saved with a model.

    A new one needs `__call__`, and `output_shape` if what it gives has another shape. A model whose
    corruption changes the shape is trained to give the data back from less: its encoder takes what
    the corruption gives.
    """

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the corrupted `x` (n, channels, …), a new tensor."""
        raise NotImplementedError

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape (channels, …) of one corrupted sample, given that of the sample."""
        return tuple(shape)


CORRUPTIONS: Registry[type[Corruption]] = Registry("corruption")


def changed_shape(corruption: AnyCorruption | None, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape of a corrupted sample if it differs from that of the sample, else None.

    Parameters
    ----------
    corruption : callable or None
        A function of one's own keeps the shape, unless it has an ``output_shape``.
    shape : sequence of int
        (channels, …) of what the corruption is given.
    """
    output_shape = getattr(corruption, "output_shape", None)
    if output_shape is None:
        return None
    result: tuple[int, ...] = tuple(output_shape(tuple(shape)))
    return None if result == tuple(shape) else result


def takes_record(corruption: AnyCorruption) -> bool:
    """Tell whether a corruption has a parameter ``record``."""
    call = corruption.forward if isinstance(corruption, torch.nn.Module) else corruption
    try:
        return "record" in inspect.signature(call).parameters
    except (TypeError, ValueError):  # a function written in C has no signature
        return False
