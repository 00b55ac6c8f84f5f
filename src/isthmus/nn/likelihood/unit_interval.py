"""Values from 0 to 1: Bernoulli for binary ones, and the density that it lacks in between."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood
from isthmus.nn.noise import uniform_like

__all__ = ["Bernoulli", "ContinuousBernoulli"]


@LIKELIHOODS.register("bernoulli")
class Bernoulli(Likelihood):
    """Bernoulli of each value, for binary data; the cross-entropy for data between 0 and 1.

    The decoder gives logits. For values strictly between 0 and 1 this is not a density; see
    `ContinuousBernoulli` for one.

    Examples
    --------
    >>> import torch
    >>> Bernoulli().log_prob(torch.zeros(1, 1), torch.ones(1, 1))
    tensor([[-0.6931]])
    """

    continuous = False
    support = (0.0, 1.0)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(parameters, x, reduction="none")

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.sigmoid()

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(parameters.sigmoid(), generator=generator)

    def loss(self, parameters: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        if weight is not None:
            return super().loss(parameters, x, weight)
        return F.binary_cross_entropy_with_logits(parameters, x, reduction="sum") / len(x)


@LIKELIHOODS.register("continuous_bernoulli")
class ContinuousBernoulli(Likelihood):
    """The density on [0, 1] that the cross-entropy lacks (Loaiza-Ganem & Cunningham 2019).

    With the logit l, the density is C(l) λ^x (1 − λ)^(1−x), λ = sigmoid(l) and
    C(l) = l / tanh(l / 2), which a series replaces near l = 0.

    Examples
    --------
    >>> import torch
    >>> ContinuousBernoulli().log_prob(torch.zeros(1, 1), torch.full((1, 1), 0.3))
    tensor([[0.]])
    """

    support = (0.0, 1.0)
    _SMALL = 0.1

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        cross_entropy = F.binary_cross_entropy_with_logits(parameters, x, reduction="none")
        return self._log_constant(parameters) - cross_entropy

    def _log_constant(self, logits: Tensor) -> Tensor:
        # y coth y = 1 + y²/3 − y⁴/45 + …, of which the log is y²/3 − 7y⁴/90 + …, with y = l/2.
        near = logits.abs() < self._SMALL
        half = torch.where(near, logits, 0.0) / 2
        series = math.log(2) + half.square() / 3 - 7 * half.pow(4) / 90
        size = torch.where(near, 1.0, logits).abs()  # 1 where unused: no NaN in its gradient
        return torch.where(near, series, size.log() - torch.tanh(size / 2).log())

    def mean(self, parameters: Tensor) -> Tensor:
        near = parameters.abs() < self._SMALL
        small = torch.where(near, parameters, 0.0)
        series = 0.5 + small / 12 - small.pow(3) / 720
        logits = torch.where(near, 1.0, parameters)
        return torch.where(near, series, logits.sigmoid() / torch.tanh(logits / 2) - 1 / logits)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # The inverse distribution function for |l|, mirrored where l < 0.
        draw = uniform_like(parameters, generator)
        size = parameters.abs().clamp(min=1e-3)
        x = 1 + torch.log(draw + (1 - draw) * torch.exp(-size)) / size
        return torch.where(parameters < 0, 1 - x, x).clamp(0, 1)
