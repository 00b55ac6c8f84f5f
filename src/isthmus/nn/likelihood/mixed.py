"""A table whose columns are of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood

__all__ = ["Mixed"]


@LIKELIHOODS.register("mixed")
class Mixed(Likelihood):
    """One likelihood for each group of columns of a table.

    Parameters
    ----------
    parts : sequence of (Likelihood, sequence of int)
        A likelihood and the columns it is for; every column belongs to one group.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Bernoulli, Gaussian
    >>> mixed = Mixed([(Gaussian(), [0, 2]), (Bernoulli(), [1])])
    >>> mixed.log_prob(torch.zeros(1, 3), torch.tensor([[0.0, 1.0, 0.0]]))
    tensor([[-0.9189, -0.6931, -0.9189]])
    """

    def __init__(self, parts: Sequence[tuple[Likelihood, Sequence[int]]]) -> None:
        super().__init__()
        self.parts = nn.ModuleList([part for part, _ in parts])
        self.groups = [list(columns) for _, columns in parts]
        order = [column for group in self.groups for column in group]
        if sorted(order) != list(range(len(order))):
            raise InvalidInputError("parts: expected every column 0 … d−1 in exactly one group")
        self.order = order
        self.inverse_order = sorted(range(len(order)), key=order.__getitem__)
        # A slice is a view; a list of columns is copied, by way of an index, in every step.
        self._places = [_as_slice(group) for group in self.groups]

    def _likelihoods(self) -> list[Likelihood]:
        return [part for part in self.parts if isinstance(part, Likelihood)]

    def parameter_channels(self, channels: int) -> int:
        return sum(self._parameter_sizes())

    def _parameter_sizes(self) -> list[int]:
        return [
            part.parameter_channels(len(group))
            for part, group in zip(self._likelihoods(), self.groups, strict=True)
        ]

    def feature_channels(self, channels: int) -> int:
        return sum(self._feature_sizes())

    def _feature_sizes(self) -> list[int]:
        return [
            part.feature_channels(len(group))
            for part, group in zip(self._likelihoods(), self.groups, strict=True)
        ]

    def features(self, x: Tensor) -> Tensor:
        pieces = zip(self._likelihoods(), self._places, strict=True)
        return torch.cat([part.features(x[:, place]) for part, place in pieces], dim=1)

    def expected_features(self, parameters: Tensor) -> Tensor:
        pieces = zip(
            self._likelihoods(), parameters.split(self._parameter_sizes(), dim=1), strict=True
        )
        return torch.cat([part.expected_features(piece) for part, piece in pieces], dim=1)

    def each_feature(self, flags: Tensor) -> Tensor:
        pieces = zip(self._likelihoods(), self._places, strict=True)
        return torch.cat([part.each_feature(flags[:, place]) for part, place in pieces], dim=1)

    def any_feature(self, flags: Tensor) -> Tensor:
        pieces = zip(self._likelihoods(), flags.split(self._feature_sizes(), dim=1), strict=True)
        values = [part.any_feature(piece) for part, piece in pieces]
        return torch.cat(values, dim=1)[:, self.inverse_order]

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        pieces = zip(
            self._likelihoods(),
            parameters.split(self._parameter_sizes(), dim=1),
            self._places,
            strict=True,
        )
        values = [part.log_prob(piece, x[:, place]) for part, piece, place in pieces]
        return torch.cat(values, dim=1)[:, self.inverse_order]

    def loss(self, parameters: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        # The sum over the parts: no column is put back into its place to be added up.
        pieces = zip(
            self._likelihoods(),
            parameters.split(self._parameter_sizes(), dim=1),
            self._places,
            strict=True,
        )
        losses = [
            part.loss(piece, x[:, place], None if weight is None else weight[:, place])
            for part, piece, place in pieces
        ]
        return torch.stack(losses).sum()

    def mean(self, parameters: Tensor) -> Tensor:
        return self._join(parameters, [part.mean for part in self._likelihoods()])

    def prediction(self, parameters: Tensor) -> Tensor:
        return self._join(parameters, [part.prediction for part in self._likelihoods()])

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        pieces = parameters.split(self._parameter_sizes(), dim=1)
        draws = [
            part.sample(piece, generator)
            for part, piece in zip(self._likelihoods(), pieces, strict=True)
        ]
        return torch.cat(draws, dim=1)[:, self.inverse_order]

    def _join(self, parameters: Tensor, functions: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        pieces = parameters.split(self._parameter_sizes(), dim=1)
        values = [function(piece) for function, piece in zip(functions, pieces, strict=True)]
        return torch.cat(values, dim=1)[:, self.inverse_order]


def _as_slice(columns: list[int]) -> list[int] | slice:
    first = columns[0] if columns else 0
    run = slice(first, first + len(columns))
    return run if columns == list(range(run.start, run.stop)) else columns
