"""Inverse autoregressive flow: a posterior whose numbers depend on each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import initialise_

__all__ = ["InverseAutoregressiveFlow", "MaskedLinear"]


class MaskedLinear(nn.Linear):
    """A linear layer of which some weights are always 0 (Germain et al. 2015).

    Parameters
    ----------
    before, after : Tensor of int
        The degree of each input and of each output unit; an output sees the inputs whose degree is
        at most its own, or below its own with ``strict=True``.
    strict : bool, default=False
        See there.
    device : torch.device, optional
        Where the weights are made.
    """

    mask: Tensor

    def __init__(
        self,
        before: Tensor,
        after: Tensor,
        *,
        strict: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(len(before), len(after), device=device)
        seen = after[:, None] > before if strict else after[:, None] >= before
        # Not part of the saved state: the degrees say it. As weights: it moves with the module.
        self.register_buffer("mask", seen.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `x` (n, inputs) to (n, outputs)."""
        return functional.linear(x, self.weight * self.mask, self.bias)


class InverseAutoregressiveFlow(nn.Module):
    """z ← σ ⊙ z + (1 − σ) ⊙ m, where mᵢ and σᵢ see z₁ … zᵢ₋₁ and a context (Kingma et al. 2016).

    Each step is a lower triangular map, whose log determinant is Σ log σ; between steps the order
    of the numbers is reversed. Only drawing is quick, and that is all a posterior needs.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    context_dim : int
        Numbers that the encoder gives besides.
    n_layers : int, default=2
        Steps.
    hidden : int, default=64
        Units of the hidden layer of each step.
    generator : torch.Generator, optional
        Where the initial weights come from.

    References
    ----------
    .. [1] D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow",
       NeurIPS 2016, arXiv:1606.04934.
    .. [2] M. Germain, K. Gregor, I. Murray and H. Larochelle, "MADE: masked autoencoder for
       distribution estimation", ICML 2015, arXiv:1502.03509.

    Examples
    --------
    >>> import torch
    >>> flow = InverseAutoregressiveFlow(3, 2, generator=torch.Generator().manual_seed(0))
    >>> z, log_determinant = flow(torch.randn(5, 3), torch.zeros(5, 2))
    >>> z.shape, log_determinant.shape
    (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(
        self,
        latent_dim: int,
        context_dim: int,
        n_layers: int = 2,
        hidden: int = 64,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_layers < 1 or hidden < 1:
            raise InvalidInputError(
                f"n_layers: expected it and hidden to be at least 1; got {n_layers!r}, {hidden!r}"
            )
        with torch.device("cpu"):
            order = torch.arange(latent_dim)
            # The context has degree −1: everything may see it. A unit of degree i sees z₀ … zᵢ, one
            # of degree −1 the context alone.
            before = torch.cat([order, torch.full((context_dim,), -1)])
            units = torch.arange(hidden) % latent_dim - 1
            after = order.repeat(2)
        device = torch.empty(0).device  # see `blank`
        self.steps = nn.ModuleList()
        for _ in range(n_layers):
            first = _masked(before, units, False, device)
            self.steps.append(nn.Sequential(first, nn.ELU(), _masked(units, after, True, device)))
        initialise_(self, generator)

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Push draws through the steps.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Draws of a simple distribution.
        context : Tensor of shape (n, context_dim)
            What the encoder says of each sample.

        Returns
        -------
        z : Tensor of shape (n, latent_dim)
        log_determinant : Tensor of shape (n,)
            log |det ∂z/∂z₀|.
        """
        log_determinant = torch.zeros_like(z[:, 0])
        for index, step in enumerate(self.steps):
            if index:
                z = z.flip(1)
            m, s = step(torch.cat([z, context], dim=1)).chunk(2, dim=1)
            # At first σ is near 0.82: close to the identity, as the paper advises.
            gate = torch.sigmoid(s + 1.5)
            z = gate * z + (1 - gate) * m
            log_determinant = log_determinant + functional.logsigmoid(s + 1.5).sum(1)
        return z, log_determinant


def _masked(before: Tensor, after: Tensor, strict: bool, device: torch.device) -> MaskedLinear:
    """Build without drawing from a global generator; the mask has values even on "meta"."""
    layer = MaskedLinear(before, after, strict=strict, device="meta")
    if device.type == "meta":
        return layer
    mask = layer.mask
    layer = layer.to_empty(device=device)
    layer.mask = mask.to(device)
    return layer
