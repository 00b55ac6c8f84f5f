"""Base class of the likelihoods p(x|z), and their registry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.registry import Part, Registry

__all__ = ["LIKELIHOODS", "Likelihood"]


class Likelihood(Part, nn.Module):
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

    continuous: bool = True
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
        """Return log p(x|z) of each value, in nats, in the shape of `x`.

        Parameters
        ----------
        parameters : Tensor of shape (n, parameter_channels(channels), ...)
            What the decoder gives.
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        """
        raise NotImplementedError

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x|z], in the shape of the data."""
        raise NotImplementedError

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw x from p(x|z), in the shape of the data.

        Parameters
        ----------
        parameters : Tensor of shape (n, parameter_channels(channels), ...)
            What the decoder gives.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        raise NotImplementedError

    def prediction(self, parameters: Tensor) -> Tensor:
        """Return the value to show for x: the mean, except for classes (the most probable)."""
        return self.mean(parameters)

    def expected_features(self, parameters: Tensor) -> Tensor:
        """Return E[features(x)|z], in the shape that the encoder sees."""
        return self.mean(parameters)

    def each_feature(self, flags: Tensor) -> Tensor:
        """Return for each of the `features` whether its value is flagged, in their shape."""
        return flags

    def any_feature(self, flags: Tensor) -> Tensor:
        """Return for each value whether any of its `features` is flagged, in the shape of x."""
        return flags

    def loss(self, parameters: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return −log p(x|z) in nats a sample: summed over values, averaged over the batch.

        Parameters
        ----------
        parameters : Tensor
            The decoder's output.
        x : Tensor of shape (n, channels, ...)
            The data.
        weight : Tensor of bool or float, optional
            How much each value counts, in the shape of `x`; False or 0 where it is missing.
        """
        log_prob = self.log_prob(parameters, x)
        if weight is not None:
            log_prob = log_prob * weight
        return -log_prob.sum() / len(x)


LIKELIHOODS: Registry[type[Likelihood]] = Registry("likelihood")
