"""A distribution of sequences of indices: each given those before it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import blank
from isthmus.nn.prior.base import PRIORS, Prior

__all__ = ["AutoregressivePrior"]

_HEAD = 32  # numbers of an attention head, at least


@PRIORS.register("autoregressive")
class AutoregressivePrior(Prior):
    """p(i₁ … i_S) = Πₛ p(iₛ | i₁ … iₛ₋₁), by causal self-attention over the slots.

    Its "codes" are indices, and not numbers: whole numbers (n, n_slots) from 0 to n_codes − 1. They
    have no derivative, so that no gradient of it reaches what gave the indices.

    Parameters
    ----------
    n_slots : int
        S, indices in a sequence.
    n_codes : int
        What an index can be.
    hidden : int, default=64
        Numbers for each slot inside the network.
    n_layers : int, default=1
        Layers of attention.
    generator : torch.Generator, optional
        Where the initial weights come from. At first all sequences are equally probable.

    Raises
    ------
    InvalidInputError
        If one of the numbers is below 1.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> prior = AutoregressivePrior(3, 4, generator=torch.Generator().manual_seed(0))
    >>> prior.log_prob(torch.zeros(1, 3, dtype=torch.long)).exp()  # 4 ** -3
    tensor([0.0156], grad_fn=<ExpBackward0>)
    >>> prior.sample(2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_slots: int,
        n_codes: int,
        hidden: int = 64,
        n_layers: int = 1,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if min(n_slots, n_codes, hidden, n_layers) < 1:
            raise InvalidInputError(
                "n_slots: expected it, n_codes, hidden and n_layers to be at least 1; got "
                f"{n_slots!r}, {n_codes!r}, {hidden!r}, {n_layers!r}"
            )
        self.n_slots, self.n_codes = n_slots, n_codes
        self.place = nn.Parameter(torch.empty(n_slots, hidden))
        self.before = blank(nn.Embedding, n_codes, hidden)
        self.layers = nn.ModuleList([_Layer(hidden) for _ in range(n_layers)])
        self.norm = blank(nn.LayerNorm, hidden)
        self.head = blank(nn.Linear, hidden, n_codes)
        for name, parameter in self.named_parameters():
            if parameter.is_meta:
                continue
            with torch.no_grad():
                if "norm" in name:
                    parameter.fill_(float(name.endswith("weight")))
                elif name.startswith("head"):
                    parameter.zero_()  # uniform: no sequence is surprising before one was seen
                else:
                    bound = parameter.shape[-1] ** -0.5
                    parameter.uniform_(-bound, bound, generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p of each sequence of indices (n,), in nats, for z (n, n_slots)."""
        # What a slot sees: its place, and the index before it; before the first there is none.
        h = self.place + F.pad(self.before(z[:, :-1]), (0, 0, 1, 0))
        for layer in self.layers:
            h = layer(h)
        logits = self.head(self.norm(h))
        nats = F.cross_entropy(logits.flatten(0, 1), z.flatten(), reduction="none")
        return -nats.view(z.shape).sum(1)

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw sequences of indices: (n_samples, n_slots).

        Parameters
        ----------
        n_samples : int
            How many sequences.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        drawn: list[Tensor] = []
        past: list[list[Tensor]] = [[] for _ in self.layers]
        for slot, place in enumerate(self.place):
            h = place.expand(n_samples, 1, -1)
            if slot:
                h = h + self.before(drawn[-1])
            for layer, seen in zip(self.layers, past, strict=True):
                h = layer(h, seen)
            share = self.head(self.norm(h[:, 0])).softmax(1)
            drawn.append(torch.multinomial(share, 1, generator=generator))
        return torch.cat(drawn, dim=1)


class _Layer(nn.Module):
    """Attention to the slots before and a hidden layer, each added to what came in."""

    def __init__(self, size: int) -> None:
        super().__init__()
        heads = max(size // _HEAD, 1)
        self.heads = heads if size % heads == 0 else 1
        self.norm_in = blank(nn.LayerNorm, size)
        self.queries = blank(nn.Linear, size, 3 * size)
        self.mix = blank(nn.Linear, size, size)
        self.norm_mid = blank(nn.LayerNorm, size)
        self.wide = blank(nn.Linear, size, 2 * size)
        self.narrow = blank(nn.Linear, 2 * size, size)

    def forward(self, h: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """Map `h` (n, slots, size); with a past, one slot at a time, which is then put there."""
        parts = self.queries(self.norm_in(h)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (n, heads, slots, size of a head)
        if past is not None:
            if past:
                key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
            past[:] = key, value
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        h = h + self.mix(seen.transpose(1, 2).flatten(2))
        added: Tensor = self.narrow(F.relu(self.wide(self.norm_mid(h))))
        return h + added
