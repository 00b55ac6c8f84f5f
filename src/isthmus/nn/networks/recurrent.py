"""Recurrent networks for signals: a sequence is read into a code, and written from it backwards."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import Dropout, blank, initialise_

__all__ = ["CELLS", "RecurrentDecoder", "RecurrentEncoder"]

CELLS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU}
_ROWS = 1024  # at a time where no gradient is kept: the states of all steps of all rows are large


class _Recurrent(nn.Module):
    """Recurrent layers on top of each other, of any widths, with dropout after each."""

    takes_generator = True

    def __init__(self, inputs: int, widths: Sequence[int], cell: str, dropout: float) -> None:
        super().__init__()
        if cell not in CELLS:
            raise InvalidInputError(f"cell: expected one of {', '.join(CELLS)}; got {cell!r}")
        if not widths:
            raise InvalidInputError("hidden: expected at least one width, such as (64,); got ()")
        self.cell = cell
        self.layers = nn.ModuleList()
        for before, after in zip([inputs, *widths], widths, strict=False):
            self.layers.append(blank(CELLS[cell], before, after, batch_first=True))
        self.dropout = Dropout(dropout) if dropout else None

    def _initialise(self, generator: torch.Generator | None) -> None:
        """Give all layers PyTorch's initial weights, and an LSTM the habit of remembering."""
        initialise_(self, generator)
        for layer in self.layers:
            assert isinstance(layer, nn.RNNBase)
            bound = 1 / math.sqrt(layer.hidden_size)
            for name, parameter in layer.named_parameters():
                if parameter.is_meta:
                    continue
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
                if self.cell == "lstm" and name == "bias_hh_l0":
                    with torch.no_grad():  # the forget gate's bias is 1 (Jozefowicz et al. 2015)
                        parameter[layer.hidden_size : 2 * layer.hidden_size] += 1

    def _run(
        self, x: Tensor, states: Sequence[Tensor | None], generator: torch.Generator | None
    ) -> Tensor:
        """Return the last layer's output (n, length, width)."""
        # The library's fused kernels have a first derivative, and on a GPU in training mode only;
        # penalties and measures take others, in evaluation mode.
        fused = self.training or not torch.is_grad_enabled()
        for layer, state in zip(self.layers, states, strict=True):
            x = _fused(layer, x, state) if fused else _scan(layer, x, state)
            if self.dropout is not None:
                x = self.dropout(x, generator)
        return x


def _fused(layer: nn.Module, x: Tensor, state: Tensor | None) -> Tensor:
    if state is None:
        output: Tensor = layer(x)[0]
    elif isinstance(layer, nn.LSTM):
        h, c = state[None].contiguous().chunk(2, -1)
        output = layer(x, (h.contiguous(), c.contiguous()))[0]
    else:
        output = layer(x, state[None].contiguous())[0]
    return output


def _scan(layer: nn.Module, x: Tensor, state: Tensor | None) -> Tensor:
    """Do what the layer does step by step, with operations that have all derivatives."""
    assert isinstance(layer, nn.RNNBase)
    width = layer.hidden_size
    lstm = isinstance(layer, nn.LSTM)
    w_in, w_own, b_in, b_own = layer.parameters()
    if state is None:
        state = x.new_zeros(x.shape[0], width * (2 if lstm else 1))
    h, c = (state[:, :width], state[:, width:]) if lstm else (state, state)
    seen = F.linear(x, w_in, b_in)
    outputs = []
    for step in seen.unbind(1):
        own = F.linear(h, w_own, b_own)
        if lstm:
            i, f, g, o = (step + own).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        else:
            (r, z, n), (own_r, own_z, own_n) = step.chunk(3, 1), own.chunk(3, 1)
            z = torch.sigmoid(z + own_z)
            h = (1 - z) * torch.tanh(n + torch.sigmoid(r + own_r) * own_n) + z * h
        outputs.append(h)
    return torch.stack(outputs, 1)


class RecurrentEncoder(_Recurrent):
    """Reads a sequence from its first step to its last; the last state is mapped to the code.

    ``(n, C, length) → [LSTM or GRU → dropout] × depth → last step → linear → (n, out)``

    Parameters
    ----------
    in_shape : tuple of int
        (channels, length).
    out : int
        Numbers a sample at the end.
    hidden : sequence of int
        Width of each layer.
    cell : {"lstm", "gru"}, default="lstm"
        Long short-term memory (Hochreiter & Schmidhuber 1997) or gated recurrent units (Cho et al.
        2014).
    dropout : float, default=0.0
        Probability that a number of a layer's output is dropped while training; not of its state.
    condition_dim : int, default=0
        Numbers of a condition that is laid beside the last state.
    generator : torch.Generator, optional
        Where the initial weights come from.

    References
    ----------
    .. [1] N. Srivastava, E. Mansimov and R. Salakhutdinov, "Unsupervised learning of video
       representations using LSTMs", ICML 2015, arXiv:1502.04681.
    .. [2] P. Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection",
       ICML workshop 2016, arXiv:1607.00148.

    Examples
    --------
    >>> import torch
    >>> RecurrentEncoder((3, 17), 8, (16,), cell="gru")(torch.zeros(2, 3, 17)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out: int,
        hidden: Sequence[int],
        *,
        cell: str = "lstm",
        dropout: float = 0.0,
        condition_dim: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(in_shape[0], hidden, cell, dropout)
        self.head = blank(nn.Linear, hidden[-1] + condition_dim, out)
        self._initialise(generator)

    def forward(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Map `x` (n, channels, length) to (n, out).

        Parameters
        ----------
        x : Tensor of shape (n, channels, length)
            What the encoder sees.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            The source of what dropout draws; torch's global one when absent.
        """
        if len(x) > _ROWS and not torch.is_grad_enabled():
            last = torch.cat([self._last(part, generator) for part in x.split(_ROWS)])
        else:
            last = self._last(x, generator)
        if condition is not None:
            last = torch.cat([last, condition], dim=1)
        code: Tensor = self.head(last)
        return code

    def _last(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        return self._run(x.transpose(1, 2), [None] * len(self.layers), generator)[:, -1]


class RecurrentDecoder(_Recurrent):
    """Writes a sequence from its last step to its first, and gives it back in its own order.

    Going backwards, the first steps to be written are those that the encoder has read last
    (Srivastava et al. 2015). The code sets the first state of each layer, and is the input of every
    step: nothing of the data is fed in, in training or later, so that there is one decoder and not
    two.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    out_shape : tuple of int
        (channels, length) of the output.
    hidden : sequence of int
        Widths of the encoder's layers, in the encoder's order.
    cell, dropout, condition_dim, generator
        As in `RecurrentEncoder`.

    Examples
    --------
    >>> import torch
    >>> RecurrentDecoder(8, (3, 17), (16,), cell="gru")(torch.zeros(2, 8)).shape
    torch.Size([2, 3, 17])
    """

    def __init__(
        self,
        latent_dim: int,
        out_shape: Sequence[int],
        hidden: Sequence[int],
        *,
        cell: str = "lstm",
        dropout: float = 0.0,
        condition_dim: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        widths = list(reversed(hidden))
        super().__init__(latent_dim + condition_dim, widths, cell, dropout)
        self.out_shape = tuple(out_shape)
        self.sizes = [width * (2 if cell == "lstm" else 1) for width in widths]
        self.first = blank(nn.Linear, latent_dim + condition_dim, sum(self.sizes))
        self.head = blank(nn.Linear, widths[-1], out_shape[0])
        self._initialise(generator)

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
        code = z if condition is None else torch.cat([z, condition], dim=1)
        if len(code) > _ROWS and not torch.is_grad_enabled():
            return torch.cat([self._write(part, generator) for part in code.split(_ROWS)])
        return self._write(code, generator)

    def _write(self, code: Tensor, generator: torch.Generator | None) -> Tensor:
        states = torch.tanh(self.first(code)).split(self.sizes, dim=1)
        steps = code[:, None].expand(-1, self.out_shape[1], -1)
        output: Tensor = self.head(self._run(steps, states, generator))
        return output.flip(1).transpose(1, 2)
