"""Convolutional networks for signals (length) and images (height, width), of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import activation as make_activation
from isthmus.nn.initialisation import Dropout, blank, initialise_

__all__ = ["ConvolutionalDecoder", "ConvolutionalEncoder", "auto_channels"]

_CONVOLUTION: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: dict[int, type[nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
_BATCH_NORM: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


def auto_channels(spatial: Sequence[int]) -> tuple[int, ...]:
    """Choose the channels of each halving: 32, 64, 128, 128 … until the longest side is ≤ 7.

    Examples
    --------
    >>> auto_channels((28, 28))
    (32, 64)
    """
    channels: list[int] = []
    side = max(spatial)
    while side > 7 or not channels:
        channels.append(min(32 * 2 ** len(channels), 128))
        side = math.ceil(side / 2)
    return tuple(channels)


def _sizes(spatial: Sequence[int], halvings: int) -> list[tuple[int, ...]]:
    """Spatial sizes after 0, 1, … halvings, rounded up as a stride of 2 with padding 1 does."""
    sizes = [tuple(spatial)]
    for _ in range(halvings):
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
    return sizes


def _after(normalization: str | None, dims: int, channels: int, name: str) -> list[nn.Module]:
    modules: list[nn.Module] = []
    if normalization == "batch":
        modules.append(blank(_BATCH_NORM[dims], channels))
    elif normalization == "layer":
        modules.append(blank(nn.GroupNorm, 1, channels))
    return [*modules, make_activation(name)]


def last_map(spatial: Sequence[int], channels: Sequence[int]) -> tuple[int, ...]:
    """Return the size of the last feature map of an encoder with those channels.

    Examples
    --------
    >>> last_map((28, 28), (32, 64))
    (7, 7)
    """
    return _sizes(spatial, len(channels))[-1]


def _check_local(
    spatial: Sequence[int],
    channels: Sequence[int],
    size: int,
    code_channels: int,
    condition_dim: int,
) -> None:
    places = math.prod(last_map(spatial, channels))
    if size != places * code_channels:
        raise InvalidInputError(
            f"code_channels: expected {places} places times {code_channels} to be the numbers at "
            f"the end; got {size}"
        )
    if condition_dim:
        raise InvalidInputError("code_channels: a code of places takes no condition; set it to 0")


class _Stack(nn.Module):
    """Layers in a row, of which the dropout is handed the generator."""

    takes_generator = True

    def _run(self, layers: nn.ModuleList, h: Tensor, generator: torch.Generator | None) -> Tensor:
        for layer in layers:
            h = layer(h, generator) if isinstance(layer, Dropout) else layer(h)
        return h


class ConvolutionalEncoder(_Stack):
    """Convolutions of stride 2, then a linear layer to the code.

    ``(n, C, *spatial) → [conv 3, stride 2 → normalisation → activation → dropout] × depth →
    flatten → linear → (n, out)``

    Parameters
    ----------
    in_shape : tuple of int
        (channels, length) or (channels, height, width), of any size.
    out : int
        Numbers a sample at the end.
    channels : sequence of int
        Channels after each halving.
    activation, normalization, dropout, condition_dim, generator
        As in `Dense`; a condition is laid beside the flattened features.
    code_channels : int, default=0
        Where above 0, a convolution of size 1 gives so many numbers at each place of the last
        feature map, in place of the linear layer: `out` of them, place by place. It takes no
        condition.
    maps : bool, default=False
        Whether these numbers come map by map, each of them whole, and not place by
        place.

    Raises
    ------
    InvalidInputError
        If `out` is not what the places need, or with a condition besides.

    Examples
    --------
    >>> import torch
    >>> ConvolutionalEncoder((3, 17, 5), 8, (16, 32))(torch.zeros(2, 3, 17, 5)).shape
    torch.Size([2, 8])
    >>> local = ConvolutionalEncoder((3, 17, 5), 5 * 2 * 4, (16, 32), code_channels=4)
    >>> local(torch.zeros(2, 3, 17, 5)).shape
    torch.Size([2, 40])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out: int,
        channels: Sequence[int],
        *,
        activation: str = "relu",
        normalization: str | None = None,
        dropout: float = 0.0,
        condition_dim: int = 0,
        code_channels: int = 0,
        maps: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        dims = len(in_shape) - 1
        self.code_channels, self.maps = code_channels, maps
        self.layers = nn.ModuleList()
        for before, after in zip([in_shape[0], *channels], channels, strict=False):
            convolution = blank(
                _CONVOLUTION[dims], before, after, kernel_size=3, stride=2, padding=1
            )
            self.layers.append(convolution)
            self.layers.extend(_after(normalization, dims, after, activation))
            if dropout:
                self.layers.append(Dropout(dropout))
        if code_channels:
            _check_local(in_shape[1:], channels, out, code_channels, condition_dim)
            self.head = blank(_CONVOLUTION[dims], channels[-1], code_channels, kernel_size=1)
        else:
            flat = channels[-1] * math.prod(_sizes(in_shape[1:], len(channels))[-1])
            self.head = blank(nn.Linear, flat + condition_dim, out)
        initialise_(self, generator)

    def forward(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Map `x` (n, *in_shape) to (n, out).

        Parameters
        ----------
        x : Tensor of shape (n, *in_shape)
            What the encoder sees.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            The source of what dropout draws; torch's global one when absent.
        """
        h = self._run(self.layers, x, generator)
        if self.code_channels:
            places: Tensor = self.head(h)
            return (places if self.maps else places.movedim(1, -1)).flatten(1)
        h = h.flatten(1)
        if condition is not None:
            h = torch.cat([h, condition], dim=1)
        code: Tensor = self.head(h)
        return code


class ConvolutionalDecoder(_Stack):
    """A linear layer, then transposed convolutions that double back to exactly the data's shape.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    out_shape : tuple of int
        (channels, length) or (channels, height, width) of the output, of any size.
    channels : sequence of int
        The encoder's channels, in the encoder's order.
    activation, normalization, dropout, condition_dim, generator
        As in `Dense`.
    code_channels : int, default=0
        As in `ConvolutionalEncoder`: a convolution of size 1 in place of the linear layer.
    maps : bool, default=False
        As in `ConvolutionalEncoder`.

    Raises
    ------
    InvalidInputError
        As `ConvolutionalEncoder`.

    Examples
    --------
    >>> import torch
    >>> ConvolutionalDecoder(8, (3, 17, 5), (16, 32))(torch.zeros(2, 8)).shape
    torch.Size([2, 3, 17, 5])
    """

    def __init__(
        self,
        latent_dim: int,
        out_shape: Sequence[int],
        channels: Sequence[int],
        *,
        activation: str = "relu",
        normalization: str | None = None,
        dropout: float = 0.0,
        condition_dim: int = 0,
        code_channels: int = 0,
        maps: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        dims = len(out_shape) - 1
        sizes = _sizes(out_shape[1:], len(channels))
        self.code_channels, self.maps = code_channels, maps
        self.first_shape = (channels[-1], *sizes[-1])
        if code_channels:
            _check_local(out_shape[1:], channels, latent_dim, code_channels, condition_dim)
            self.first = blank(_CONVOLUTION[dims], code_channels, channels[-1], kernel_size=1)
        else:
            self.first = blank(nn.Linear, latent_dim + condition_dim, math.prod(self.first_shape))
        self.layers = nn.ModuleList([make_activation(activation)])
        outputs = [*reversed(channels[:-1]), out_shape[0]]
        for i, (before, after) in enumerate(zip(reversed(channels), outputs, strict=True)):
            target = sizes[len(channels) - 1 - i]
            # 2n − 1 comes out without output padding, 2n with: an odd side needs none.
            padding = tuple(1 - side % 2 for side in target)
            transposed = blank(
                _TRANSPOSED[dims],
                before,
                after,
                kernel_size=3,
                stride=2,
                padding=1,
                output_padding=padding,
            )
            self.layers.append(transposed)
            if i < len(channels) - 1:
                self.layers.extend(_after(normalization, dims, after, activation))
                if dropout:
                    self.layers.append(Dropout(dropout))
        initialise_(self, generator)

    def forward(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Map a code (n, latent_dim) to (n, *out_shape).

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim) or (n, *code_shape)
            The code.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            The source of what dropout draws; torch's global one when absent.
        """
        z = z.flatten(1)
        if self.code_channels:
            places = self.first_shape[1:]
            if self.maps:
                z = z.unflatten(1, (-1, *places))
            else:
                z = z.unflatten(1, (*places, -1)).movedim(-1, 1)
            h = self.first(z)
        else:
            h = z if condition is None else torch.cat([z, condition], dim=1)
            h = self.first(h).unflatten(1, self.first_shape)
        return self._run(self.layers, h, generator)
