"""The terms of a loss by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["Losses"]


class Losses(dict[str, Tensor]):
    """The terms of the loss by name, each one number: nats a sample, or a penalty in its own units.

    ``"reconstruction"`` is always there, ``"divergence"`` where the code has a prior, and then one
    entry a penalty, under the penalty's name.

    Examples
    --------
    >>> import torch
    >>> losses = Losses(reconstruction=torch.tensor(3.0), divergence=torch.tensor(2.0))
    >>> losses.total, losses.weighted({"divergence": 0.5})
    (tensor(5.), tensor(4.))
    """

    @property
    def total(self) -> Tensor:
        """The plain sum of the terms."""
        return self.weighted({})

    def weighted(self, coefficients: Mapping[str, float]) -> Tensor:
        """Return the sum of the terms times their coefficients, which are 1 where not named."""
        terms = iter(self.items())
        name, value = next(terms)
        total = value * coefficients[name] if name in coefficients else value
        for name, value in terms:
            total = torch.add(total, value, alpha=coefficients.get(name, 1.0))
        return total
