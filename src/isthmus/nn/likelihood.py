"""p(x|z): what the decoder's output means, in nats.

Data are ``x`` of shape (n, channels, …): channels first inside the network, and a plain table is
(n, columns). A decoder gives ``parameter_channels(channels)`` channels for them. `log_prob` keeps
the shape of ``x``, so that every value of every sample has its share of the score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Mixed",
]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# Predicted log scales are kept inside ±6 (σ from 0.0025 to 400 on standardised data): beyond it one
# exactly reproduced value is worth an unbounded number of nats and training runs away.
_LOG_SCALE_BOUND = 6.0


class Likelihood(nn.Module):
    """Base of the likelihoods: a distribution of each value given the decoder's output.

    A new one needs `log_prob`, `mean` and `sample`, and `parameter_channels` and `features` where
    the defaults do not fit.

    Attributes
    ----------
    continuous : bool
        Whether `log_prob` is the log of a density, which changes with the units of the data.
    support : tuple of float or None
        Lowest and highest value that has a probability; None for the whole line.
    """

    continuous = True
    support: tuple[float, float] | None = None

    def parameter_channels(self, channels: int) -> int:
        """Return how many channels the decoder must give for `channels` channels of data."""
        return channels

    def features(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of `x`: `x` itself, except for classes (one-hot)."""
        return x

    def feature_channels(self, channels: int) -> int:
        """Return how many channels `features` has for `channels` channels of data."""
        return channels

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z) of each value, in nats, in the shape of `x`."""
        raise NotImplementedError

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x|z], in the shape of the data."""
        raise NotImplementedError

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw x from p(x|z), in the shape of the data."""
        raise NotImplementedError

    def prediction(self, parameters: Tensor) -> Tensor:
        """Return the value to show for x: the mean, except for classes (the most probable)."""
        return self.mean(parameters)

    def loss(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return −log p(x|z) in nats a sample: summed over values, averaged over the batch.

        Parameters
        ----------
        parameters : Tensor
            The decoder's output.
        x : Tensor of shape (n, channels, ...)
            The data.
        observed : Tensor of bool, optional
            Where false, the value is missing and does not count.
        """
        log_prob = self.log_prob(parameters, x)
        if observed is not None:
            log_prob = log_prob * observed
        return -log_prob.sum() / len(x)


class _LocationScale(Likelihood):
    """A family with a mean and a scale that is fixed, learned once, or predicted for each value."""

    def __init__(self, scale: float | str = 1.0) -> None:
        super().__init__()
        if isinstance(scale, str):
            if scale not in ("learned", "predicted"):
                raise InvalidInputError(
                    f"scale: expected a number above 0, 'learned' or 'predicted'; got {scale!r}"
                )
        elif not scale > 0:
            raise InvalidInputError(f"scale: expected a number above 0; got {scale!r}")
        self.scale = scale
        if scale == "learned":
            self.raw_log_scale = nn.Parameter(torch.zeros(()))

    @property
    def log_scale(self) -> Tensor:
        """The log of the one learned scale."""
        # Adam moves any number by about the learning rate a step, and a log scale has further to
        # go than a weight: it moves ten times as fast.
        return 10 * self.raw_log_scale

    def parameter_channels(self, channels: int) -> int:
        return 2 * channels if self.scale == "predicted" else channels

    def location_and_log_scale(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Split the decoder's output into the location and the log of the scale."""
        if self.scale == "predicted":
            location, raw = parameters.chunk(2, dim=1)
            return location, _LOG_SCALE_BOUND * torch.tanh(raw / _LOG_SCALE_BOUND)
        if self.scale == "learned":
            return parameters, self.log_scale
        return parameters, parameters.new_full((), math.log(float(self.scale)))

    def mean(self, parameters: Tensor) -> Tensor:
        return self.location_and_log_scale(parameters)[0]

    def extra_repr(self) -> str:
        return f"scale={self.scale!r}"


class Gaussian(_LocationScale):
    """N(x; μ, σ²) of each value.

    Parameters
    ----------
    scale : float, "learned" or "predicted", default=1.0
        σ: a fixed number (1 gives half the squared error, up to a constant), one number learned for
        all values (Rybkin, Daniilidis & Levine 2021), or one for each value from the decoder.

    Examples
    --------
    >>> import torch
    >>> Gaussian().log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor([[-0.9189]])
    """

    def __init__(self, scale: float | str = 1.0) -> None:
        super().__init__(scale)
        self._constants: dict[tuple[int, torch.dtype, torch.device], Tensor] = {}

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        return -0.5 * ((x - location) * torch.exp(-log_scale)).square() - log_scale - _HALF_LOG_2PI

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        noise = torch.empty_like(location).normal_(generator=generator)
        return location + log_scale.exp() * noise

    def loss(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        if observed is not None or isinstance(self.scale, str):
            return super().loss(parameters, x, observed)
        # Two kernels for the common case: small models spend their time here.
        squared = F.mse_loss(parameters, x, reduction="sum")
        n = len(x)
        constant = self._constant(x.numel() // n, squared)
        return torch.add(constant, squared, alpha=0.5 / (n * self.scale**2))

    def _constant(self, n_values: int, like: Tensor) -> Tensor:
        key = (n_values, like.dtype, like.device)
        if key not in self._constants:
            value = n_values * (_HALF_LOG_2PI + math.log(float(self.scale)))
            # Not like.new_full: under torch.func that would keep a tensor of the transform.
            self._constants[key] = torch.full((), value, dtype=like.dtype, device=like.device)
        return self._constants[key]


class Laplace(_LocationScale):
    """exp(−|x − μ|/b) / 2b of each value: absolute instead of squared error.

    Parameters
    ----------
    scale : float, "learned" or "predicted", default=1.0
        b, as in `Gaussian`.

    Examples
    --------
    >>> import torch
    >>> Laplace(0.5).log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    tensor([[0.]])
    """

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        return -(x - location).abs() * torch.exp(-log_scale) - log_scale - math.log(2)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self.location_and_log_scale(parameters)
        draw = torch.empty_like(location).uniform_(generator=generator) - 0.5
        # log1p(−2|u|) is finite because |u| = ½ comes up only at u = −½ exactly; kept off it.
        tail = torch.log1p(-2 * draw.abs().clamp(max=0.5 - 1e-7))
        return location - log_scale.exp() * draw.sign() * tail


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

    def loss(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        if observed is not None:
            return super().loss(parameters, x, observed)
        return F.binary_cross_entropy_with_logits(parameters, x, reduction="sum") / len(x)


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
        draw = torch.empty_like(parameters).uniform_(generator=generator)
        size = parameters.abs().clamp(min=1e-3)
        x = 1 + torch.log(draw + (1 - draw) * torch.exp(-size)) / size
        return torch.where(parameters < 0, 1 - x, x).clamp(0, 1)


class Categorical(Likelihood):
    """One of K classes 0 … K−1 for each value, through a softmax.

    The decoder gives K logits a value, as channels (K · channels, class by class); the encoder sees
    the classes one-hot.

    Parameters
    ----------
    n_classes : int
        K, at least 2.

    Examples
    --------
    >>> import torch
    >>> Categorical(4).log_prob(torch.zeros(1, 4), torch.zeros(1, 1))
    tensor([[-1.3863]])
    """

    continuous = False

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        if n_classes < 2:
            raise InvalidInputError(f"n_classes: expected at least 2; got {n_classes!r}")
        self.n_classes = n_classes
        self.support = (0.0, float(n_classes - 1))

    def parameter_channels(self, channels: int) -> int:
        return self.n_classes * channels

    def feature_channels(self, channels: int) -> int:
        return self.n_classes * channels

    def features(self, x: Tensor) -> Tensor:
        levels = torch.arange(self.n_classes, device=x.device, dtype=x.dtype)
        one_hot = x.unsqueeze(1) == levels.view(-1, *[1] * (x.ndim - 1))  # NaN: no class at all
        return one_hot.to(x.dtype).flatten(1, 2)

    def _logits(self, parameters: Tensor) -> Tensor:
        logits: Tensor = parameters.unflatten(1, (self.n_classes, -1))  # (n, K, channels, …)
        return logits

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return -F.cross_entropy(self._logits(parameters), x.long(), reduction="none")

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the expected class index, which has a meaning where classes are levels."""
        probabilities = self._logits(parameters).softmax(1)
        levels = torch.arange(self.n_classes, device=parameters.device, dtype=parameters.dtype)
        expected: Tensor = torch.tensordot(probabilities, levels, dims=([1], [0]))
        return expected

    def prediction(self, parameters: Tensor) -> Tensor:
        return self._logits(parameters).argmax(1).to(parameters.dtype)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # Gumbel-max: the arg max of logits plus Gumbel noise is a draw from the softmax.
        logits = self._logits(parameters)
        noise = torch.empty_like(logits).exponential_(generator=generator).log_().neg_()
        return (logits + noise).argmax(1).to(parameters.dtype)

    def extra_repr(self) -> str:
        return f"n_classes={self.n_classes}"


class Mixed(Likelihood):
    """One likelihood for each group of columns of a table.

    Parameters
    ----------
    parts : sequence of (Likelihood, sequence of int)
        A likelihood and the columns it is for; every column belongs to one group.

    Examples
    --------
    >>> import torch
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
        return sum(
            part.feature_channels(len(group))
            for part, group in zip(self._likelihoods(), self.groups, strict=True)
        )

    def features(self, x: Tensor) -> Tensor:
        pieces = zip(self._likelihoods(), self.groups, strict=True)
        return torch.cat([part.features(x[:, group]) for part, group in pieces], dim=1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        pieces = zip(
            self._likelihoods(),
            parameters.split(self._parameter_sizes(), dim=1),
            self.groups,
            strict=True,
        )
        values = [part.log_prob(piece, x[:, group]) for part, piece, group in pieces]
        return torch.cat(values, dim=1)[:, self.inverse_order]

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
