"""Ω: what is added to the loss, each in its own units and without its coefficient.

A penalty is any callable ``(module, x, z, generator) -> Tensor`` that returns one number, the mean
over the batch: `module` is the `AutoencoderModule`, `x` what the encoder saw (n, …), `z` the code
(n, latent_dim). It may name more of what it needs, in any combination, as further parameters:
``condition``, ``h`` (the encoder's output, of which the posterior is made) and ``record`` (the
whole `isthmus.nn.Record`). A function of your own does as well::

    def smooth(module, x, z, generator):
        return (z[:, 1:] - z[:, :-1]).square().sum(1).mean()

    AutoencoderModule(..., penalties={"smooth": smooth})

One that is a `torch.nn.Module` is trained, moved and saved with the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from isthmus.nn.noise import bernoulli_like
from isthmus.registry import Registry

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule
    from isthmus.nn.record import Record

__all__ = ["PENALTIES", "Penalty", "penalty_term", "random_signs", "wants"]

Penalty = Callable[..., Tensor]
PENALTIES: Registry[type] = Registry("penalty")

_MORE = ("condition", "h", "record")


def wants(penalty: Penalty) -> tuple[str, ...]:
    """Return which of ``condition``, ``h`` and ``record`` a penalty names as parameters.

    Examples
    --------
    >>> wants(lambda module, x, z, generator, condition, h: z.sum())
    ('condition', 'h')
    """
    function = penalty.forward if isinstance(penalty, nn.Module) else penalty
    names = inspect.signature(function).parameters
    return tuple(name for name in _MORE if name in names)


def penalty_term(
    penalty: Penalty, wanted: tuple[str, ...], module: AutoencoderModule, record: Record
) -> Tensor:
    """Return Ω for a batch that went through a module.

    Parameters
    ----------
    penalty : callable
        See above.
    wanted : tuple of str
        What `wants` says of it.
    module : AutoencoderModule
        The module.
    record : Record
        The way of the batch through it.
    """
    z = record.z.flatten(1) if record.z.ndim > 2 else record.z
    given = {"condition": record.batch.condition, "h": record.h, "record": record}
    more = {name: given[name] for name in wanted}
    return penalty(module, record.seen, z, record.batch.noise, **more)


def random_signs(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return −1 and 1 with equal chances, in the shape of `like`.

    Parameters
    ----------
    like : Tensor of shape (n, ...)
        Whose shape, dtype and device are taken.
    generator : torch.Generator or None
        A `Noise` draws for the whole batch and gives these rows.
    """
    return bernoulli_like(like, generator).mul_(2).sub_(1)
