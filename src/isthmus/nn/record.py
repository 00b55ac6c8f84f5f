"""What passes between the stages of the formula: a batch, and the record of its way through it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

__all__ = ["Batch", "Record"]


@dataclass(slots=True)
class Batch:
    """Some rows of the data, and all that goes with them.

    Parameters
    ----------
    x : Tensor of shape (n, channels, ...), or another container of n rows
        What is encoded. Not only floats: integer tokens, sparse rows (CSR), or a mapping with a
        tensor a group of columns, for networks and likelihoods that take them.
    target : the same, optional
        What is to be decoded; `x` itself when absent.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models.
    weight : Tensor of shape (n,), optional
        How much each row counts in the loss; 1 when absent.
    observed : Tensor of bool, in the shape of the target, optional
        Which values are known. When absent, all of them; or all but NaN in a module that takes
        missing values.
    hidden : Tensor of bool, optional
        Which values the encoder is not shown: a corruption may say so.
    rows : Tensor of shape (n,), optional
        The numbers of the rows in the whole data.
    noise : torch.Generator, optional
        Where all draws for this batch come from; see `isthmus.nn.noise.Noise`.

    Examples
    --------
    >>> batch = Batch(torch.zeros(4, 3), weight=torch.ones(4))
    >>> len(batch), batch.select(slice(0, 2)).weight
    (4, tensor([1., 1.]))
    """

    x: Any
    target: Any = None
    condition: Tensor | None = None
    weight: Tensor | None = None
    observed: Tensor | None = None
    hidden: Tensor | None = None
    rows: Tensor | None = None
    noise: torch.Generator | None = None

    def __len__(self) -> int:
        return _length(self.x)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device; the generator stays what it is."""
        return self._each(lambda part: part.to(device))

    def select(self, rows: Any) -> Batch:
        """Return some rows of the batch: a slice or a tensor of their places."""
        return self._each(lambda part: part[rows])

    def _each(self, change: Any) -> Batch:
        parts: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            if part.name == "noise" or value is None:
                continue
            if isinstance(value, dict):
                parts[part.name] = {name: change(entry) for name, entry in value.items()}
            else:
                parts[part.name] = change(value)
        return replace(self, **parts)


def _length(x: Any) -> int:
    if isinstance(x, dict):
        return _length(next(iter(x.values())))
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


@dataclass(slots=True)
class Record:
    """The way of a batch through the formula; each stage fills in its part.

    Attributes
    ----------
    batch : Batch
        Where it begins, with the masks of what is known and what is hidden.
    target : Tensor of shape (n, channels, ...) or another container
        What is to be decoded, with 0 where a value is not known.
    weight : Tensor, broadcast to the target, or None
        How much each value of the target counts; None where all count 1.
    seen : Tensor of shape (n, *feature_shape) or another container
        What the encoder is shown.
    side : dict
        What a corruption or an encoder hands the decoder beside the code, by name.
    h : Tensor
        The encoder's output.
    z : Tensor of shape (n, *code_shape)
        The code.
    divergence : Tensor of shape (n,) or None
        D(q(z|x̃) ‖ p(z)) of each sample, in nats; None where the code has no prior.
    parameters : Tensor
        The decoder's output, of which the likelihood makes p(x|z).
    """

    batch: Batch
    target: Any = None
    weight: Tensor | None = None
    seen: Any = None
    side: dict[str, Any] = field(default_factory=dict)
    h: Any = None
    z: Any = None
    divergence: Tensor | None = None
    parameters: Any = None
