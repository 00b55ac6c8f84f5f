"""Classes through a softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood
from isthmus.nn.noise import exponential_like

__all__ = ["Categorical"]

# Nats by which a class without a row is less probable than its logit says: as unusual as a number
# that is ten standard deviations off.
_NEVER = 50.0


@LIKELIHOODS.register("categorical")
class Categorical(Likelihood):
    """One of K classes 0 … K−1 for each value, through a softmax.

    The decoder gives K logits a value, as channels (K · channels, class by class); the encoder sees
    the classes one-hot.

    Parameters
    ----------
    n_classes : int
        K, at least 2.
    never_seen : bool, default=False
        Whether the last class stands for all that no training row has. Its logit is lowered by 50,
        as if it were a number ten standard deviations off, however short the training. Without that
        its improbability would be learned, and depend on how long.

    Examples
    --------
    >>> import torch
    >>> Categorical(4).log_prob(torch.zeros(1, 4), torch.zeros(1, 1))
    tensor([[-1.3863]])
    """

    continuous = False

    def __init__(self, n_classes: int, never_seen: bool = False) -> None:
        super().__init__()
        if n_classes < 2:
            raise InvalidInputError(f"n_classes: expected at least 2; got {n_classes!r}")
        self.n_classes = n_classes
        self.never_seen = never_seen
        self.support = (0.0, float(n_classes - 1))

    def parameter_channels(self, channels: int) -> int:
        return self.n_classes * channels

    def feature_channels(self, channels: int) -> int:
        return self.n_classes * channels

    def features(self, x: Tensor) -> Tensor:
        levels = torch.arange(self.n_classes, device=x.device, dtype=x.dtype)
        one_hot = x.unsqueeze(1) == levels.view(-1, *[1] * (x.ndim - 1))  # NaN: no class at all
        return one_hot.to(x.dtype).flatten(1, 2)

    def expected_features(self, parameters: Tensor) -> Tensor:
        return self.probabilities(parameters).flatten(1, 2)

    def each_feature(self, flags: Tensor) -> Tensor:
        repeated: Tensor = flags.unsqueeze(1).expand(-1, self.n_classes, *flags.shape[1:])
        return repeated.flatten(1, 2)

    def any_feature(self, flags: Tensor) -> Tensor:
        of_values: Tensor = flags.unflatten(1, (self.n_classes, -1))  # (n, K, channels, …)
        return of_values.any(1)

    def _logits(self, parameters: Tensor) -> Tensor:
        logits: Tensor = parameters.unflatten(1, (self.n_classes, -1))  # (n, K, channels, …)
        if self.never_seen:
            logits = torch.cat([logits[:, :-1], logits[:, -1:] - _NEVER], dim=1)
        return logits

    def probabilities(self, parameters: Tensor) -> Tensor:
        """Return p(class | z) of each value, (n, K, channels, …)."""
        return self._logits(parameters).softmax(1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return -F.cross_entropy(self._logits(parameters), x.long(), reduction="none")

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the expected class index, which has a meaning where classes are levels."""
        probabilities = self.probabilities(parameters)
        levels = torch.arange(self.n_classes, device=parameters.device, dtype=parameters.dtype)
        expected: Tensor = torch.tensordot(probabilities, levels, dims=([1], [0]))
        return expected

    def prediction(self, parameters: Tensor) -> Tensor:
        return self._logits(parameters).argmax(1).to(parameters.dtype)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # Gumbel-max: the arg max of logits plus Gumbel noise is a draw from the softmax.
        logits = self._logits(parameters)
        noise = exponential_like(logits, generator).log_().neg_()
        return (logits + noise).argmax(1).to(parameters.dtype)

    def extra_repr(self) -> str:
        return f"n_classes={self.n_classes}" + (", never_seen=True" if self.never_seen else "")
