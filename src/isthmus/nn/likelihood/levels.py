"""A probability for each of a grid of levels: the discretised logistic."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood
from isthmus.nn.noise import uniform_like

__all__ = ["DiscretizedLogistic"]

_FIRST_SCALE = 0.1  # where the decoder gives 0: wide beside a level, narrow beside the whole
_LOG_SCALE_BOUND = 6.0  # s from 0.1 e⁻⁶ = 0.00025, a sixteenth of one of 256 levels, to 40


@LIKELIHOODS.register("discretized_logistic")
class DiscretizedLogistic(Likelihood):
    """One of K levels in order, as the share of a logistic distribution around it.

    With the levels at 0, Δ, 2Δ … 1, Δ = 1 / (K − 1), and the logistic function σ::

        p(x|z) = σ((x + Δ/2 − μ)/s) − σ((x − Δ/2 − μ)/s)

    where what lies beyond the ends belongs to the first and the last level (Kingma et al. 2016). It
    is a probability and no density: −log p(x|z) / log 2 is a number of bits, and never negative.
    The decoder gives μ − ½ and the logarithm of s (beside 0.1) for each value: a mean and a spread.
    For counts, ratings and grey levels, whose order `Categorical` does not know.

    Parameters
    ----------
    n_levels : int, default=256
        K, at least 2.

    References
    ----------
    .. [1] D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow",
       NeurIPS 2016, arXiv:1606.04934.
    .. [2] T. Salimans, A. Karpathy, X. Chen and D. P. Kingma, "PixelCNN++", ICLR 2017,
       arXiv:1701.05517.

    Examples
    --------
    >>> import torch
    >>> levels = torch.tensor([[0.0], [0.5], [1.0]])
    >>> p = DiscretizedLogistic(3).log_prob(torch.zeros(3, 2), levels).exp()
    >>> p.flatten()
    tensor([0.0759, 0.8483, 0.0759])
    """

    continuous = False
    support = (0.0, 1.0)

    def __init__(self, n_levels: int = 256) -> None:
        super().__init__()
        if n_levels < 2:
            raise InvalidInputError(f"n_levels: expected at least 2; got {n_levels!r}")
        self.n_levels = n_levels

    @property
    def _gap(self) -> float:
        return 1 / (self.n_levels - 1)

    def parameter_channels(self, channels: int) -> int:
        return 2 * channels

    def location_and_log_scale(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Split the decoder's output into μ and log s."""
        location, raw = parameters.chunk(2, dim=1)
        bounded = _LOG_SCALE_BOUND * torch.tanh(raw / _LOG_SCALE_BOUND)
        return location + 0.5, bounded + math.log(_FIRST_SCALE)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        level = (x / self._gap).round()
        precision = torch.exp(-log_scale)
        middle, half = (level * self._gap - location) * precision, 0.5 * self._gap * precision
        # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^{b−a}): no difference of numbers that are alike. At an end
        # only one of the factors is left.
        below, above = F.logsigmoid(middle + half), F.logsigmoid(half - middle)
        between = torch.log(-torch.expm1(-2 * half))
        first, last = level <= 0, level >= self.n_levels - 1
        return (
            below.masked_fill(last, 0.0)
            + above.masked_fill(first, 0.0)
            + between.masked_fill(first | last, 0.0)
        )

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean before rounding, with what lies beyond the ends at the ends.

        It is within half a level of the mean of the levels, and much nearer where s is larger than
        a level.
        """
        location, log_scale = self.location_and_log_scale(parameters)
        scale = log_scale.exp()
        # E = ∫₀¹ P(X > t) dt, and the integral of a logistic function is a softplus.
        return scale * (F.softplus(location / scale) - F.softplus((location - 1) / scale))

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        draw = uniform_like(location, generator).clamp(1e-7, 1 - 1e-7)
        x = location + log_scale.exp() * (draw.log() - torch.log1p(-draw))
        return (x / self._gap).round().clamp(0, self.n_levels - 1) * self._gap

    def extra_repr(self) -> str:
        return f"n_levels={self.n_levels}"
