"""Networks by name: a pair of an encoder and a decoder, made for the place that they are put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.registry import Part, Registry

__all__ = ["NETWORKS", "Network", "Place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What an encoder and a decoder have to fit.

    Parameters
    ----------
    in_shape : tuple of int
        (channels, …) of one sample as the encoder sees it.
    heads : int
        How many numbers the encoder must give.
    code : int
        How many numbers of the code the decoder sees.
    out_shape : tuple of int
        (channels, …) of the decoder's output, the parameters of the likelihood.
    hidden : tuple of int
        Units of hidden layers, or widths of recurrent ones; the decoder has them in reverse.
    channels : tuple of int
        Channels of a convolutional encoder, one entry for each halving; the decoder has them in
        reverse.
    code_channels : int
        Numbers of the code at each place, for a convolutional network whose code belongs to places;
        else 0.
    activation, normalization, dropout
        See `isthmus.nn.Dense`.
    tied : bool
        Whether the decoder has the encoder's weights.
    condition_dim : int
        Numbers in a condition.
    encoder_condition_dim : int
        The same for the encoder: 0 where only the decoder is given the condition.
    generator : torch.Generator, optional
        Where the initial weights come from.
    """

    in_shape: tuple[int, ...]
    heads: int
    code: int
    out_shape: tuple[int, ...]
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    code_channels: int = 0
    activation: str = "relu"
    normalization: str | None = None
    dropout: float = 0.0
    tied: bool = False
    condition_dim: int = 0
    encoder_condition_dim: int = 0
    generator: torch.Generator | None = None


class Network(Part):
    """Base of the networks that register themselves; its arguments are options of its own.

    Attributes
    ----------
    layouts : tuple of {"table", "signal", "image"}
        Which data it is for.
    uses : tuple of {"hidden", "channels"}
        Which of the sizes that an estimator is given it takes.
    draws_globally : bool
        Whether its layers take initial weights and dropout from torch's global generator, as those
        of torch do. It is then set aside, seeded, and put back.
    """

    layouts: tuple[str, ...] = ("table", "signal", "image")
    uses: tuple[str, ...] = ()
    draws_globally: bool = True

    def pair(self, place: Place) -> tuple[nn.Module, nn.Module]:
        """Return the encoder (n, *in_shape) → (n, heads) and the decoder (n, code) → out_shape."""
        raise NotImplementedError

    def auto_sizes(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the hidden sizes or channels that "auto" stands for, given a sample's shape."""
        return ()

    def code_shape(self, shape: Sequence[int], channels: Sequence[int]) -> tuple[int, ...] | None:
        """Return the shape of the code that the network gives, where that is no vector.

        Parameters
        ----------
        shape : sequence of int
            (channels, …) of a sample.
        channels : sequence of int
            The channels of a convolutional encoder.
        """
        return None

    def check(self, layout: str, sample_shape: Sequence[int]) -> None:
        """Refuse data that the network is not for.

        Parameters
        ----------
        layout : {"table", "signal", "image"}
            What kind of data the network is for.
        sample_shape : sequence of int
            Shape of one sample, channels last.

        Raises
        ------
        InvalidInputError
            If they are of another layout.
        """
        if layout not in self.layouts:
            raise InvalidInputError(
                f"network: {self.part_name!r} is for {' or '.join(self.layouts)} data; got a "
                f"{layout} of samples {tuple(sample_shape)}; choose network='auto'"
            )


NETWORKS: Registry[type[Network]] = Registry("network")
