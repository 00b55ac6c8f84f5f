"""The networks of the family by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn.networks.base import NETWORKS, Network, Place
from isthmus.nn.networks.convolutional import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    auto_channels,
    last_map,
)
from isthmus.nn.networks.dense import Dense, TiedDense
from isthmus.nn.networks.recurrent import RecurrentDecoder, RecurrentEncoder

__all__ = ["ConvolutionalNetwork", "DenseNetwork", "GRUNetwork", "LSTMNetwork", "auto_hidden"]

_WIDTHS = (64,)  # what "auto" is for recurrent layers


def auto_hidden(n_values: int) -> tuple[int, ...]:
    """Return two hidden layers: the power of two above twice the values (64 to 512), and half.

    Examples
    --------
    >>> auto_hidden(10), auto_hidden(64), auto_hidden(784)
    ((64, 32), (128, 64), (512, 256))
    """
    wide = min(max(1 << (2 * n_values - 1).bit_length(), 64), 512)
    return (wide, wide // 2)


def _style(place: Place) -> dict[str, Any]:
    return {
        "activation": place.activation,
        "normalization": place.normalization,
        "dropout": place.dropout,
        "condition_dim": place.condition_dim,
        "generator": place.generator,
    }


@NETWORKS.register("dense")
class DenseNetwork(Network):
    """Fully connected layers, see `isthmus.nn.Dense`; with tied weights `isthmus.nn.TiedDense`."""

    uses = ("hidden",)
    draws_globally = False

    def pair(self, place: Place) -> tuple[nn.Module, nn.Module]:
        style = _style(place)
        seen = {**style, "condition_dim": place.encoder_condition_dim}
        encoder = Dense(place.in_shape, (place.heads,), place.hidden, **seen)
        if place.tied:
            return encoder, TiedDense(
                encoder,
                place.out_shape,
                place.code,
                activation=place.activation,
                generator=place.generator,
            )
        reverse = tuple(reversed(place.hidden))
        return encoder, Dense((place.code,), place.out_shape, reverse, **style)

    def auto_sizes(self, shape: Sequence[int]) -> tuple[int, ...]:
        n_values = 1
        for side in shape:
            n_values *= side
        return auto_hidden(n_values)


@NETWORKS.register("convolutional")
class ConvolutionalNetwork(Network):
    """Convolutions for signals and images, see `isthmus.nn.ConvolutionalEncoder`.

    Parameters
    ----------
    code_channels : int, default=0
        Where above 0, the code is a map: so many numbers at each place of the last feature map.
    """

    layouts = ("signal", "image")
    uses = ("channels",)
    draws_globally = False

    def __init__(self, code_channels: int = 0) -> None:
        if code_channels < 0:
            raise InvalidInputError(f"code_channels: expected 0 or more; got {code_channels!r}")
        self.code_channels = int(code_channels)

    def pair(self, place: Place) -> tuple[nn.Module, nn.Module]:
        style, seen = _style(place), _style(place)
        seen["condition_dim"] = place.encoder_condition_dim
        each = heads = place.code_channels
        if self.code_channels:  # the encoder may give more for each number of the code
            each = self.code_channels
            heads = each * place.heads // place.code
        maps = bool(self.code_channels)
        return (
            ConvolutionalEncoder(
                place.in_shape, place.heads, place.channels, code_channels=heads, maps=maps, **seen
            ),
            ConvolutionalDecoder(
                place.code, place.out_shape, place.channels, code_channels=each, maps=maps, **style
            ),
        )

    def code_shape(self, shape: Sequence[int], channels: Sequence[int]) -> tuple[int, ...] | None:
        return (self.code_channels, *last_map(shape[1:], channels)) if self.code_channels else None

    def auto_sizes(self, shape: Sequence[int]) -> tuple[int, ...]:
        return auto_channels(shape[1:])

    def check(self, layout: str, sample_shape: Sequence[int]) -> None:
        if layout == "table":
            raise InvalidInputError(
                "network: 'convolutional' needs signals (n, length, channels) or images "
                f"(n, height, width[, channels]); got a table of {sample_shape[0]} columns; "
                "reshape X first"
            )


class _Recurrent(Network):
    """What the two kinds of cells share."""

    layouts = ("signal",)
    uses = ("hidden",)
    draws_globally = False

    def pair(self, place: Place) -> tuple[nn.Module, nn.Module]:
        style: dict[str, Any] = {
            "cell": self.part_name,
            "dropout": place.dropout,
            "generator": place.generator,
        }
        return (
            RecurrentEncoder(
                place.in_shape,
                place.heads,
                place.hidden,
                condition_dim=place.encoder_condition_dim,
                **style,
            ),
            RecurrentDecoder(
                place.code,
                place.out_shape,
                place.hidden,
                condition_dim=place.condition_dim,
                **style,
            ),
        )

    def auto_sizes(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _WIDTHS

    def check(self, layout: str, sample_shape: Sequence[int]) -> None:
        if layout != "signal":
            raise InvalidInputError(
                f"network: {self.part_name!r} needs signals (n, length, channels); got a {layout} "
                f"of samples {tuple(sample_shape)}; reshape X, or choose network='auto'"
            )


@NETWORKS.register("lstm")
class LSTMNetwork(_Recurrent):
    """Long short-term memory for signals, see `isthmus.nn.RecurrentEncoder`."""


@NETWORKS.register("gru")
class GRUNetwork(_Recurrent):
    """Gated recurrent units for signals, see `isthmus.nn.RecurrentEncoder`."""
