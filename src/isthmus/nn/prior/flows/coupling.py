"""Affine couplings: one half of a code moves and stretches the other (Dinh et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import blank, initialise_

__all__ = ["CouplingFlow"]

_LARGEST = 2.0  # of a log scale in one coupling: a factor of 7, and no overflow however it learns


class CouplingFlow(nn.Module):
    """T(z) = Tₙ ∘ … ∘ T₁(S z + b): an elementwise affine map, then couplings.

    A coupling leaves one half a of the numbers as it is and maps the other half,
    b ↦ b · exp(s(a)) + t(a), with a small network for s and t; the halves take turns. Both
    directions cost the same, and log |det ∂T/∂z| is a sum of log scales.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code. With 1 there is nothing to couple: an affine map remains.
    n_layers : int, default=6
        Couplings.
    hidden : int, default=64
        Units of the hidden layer of each network.
    generator : torch.Generator, optional
        Where the initial weights come from; the last layers are 0, so that T begins as identity.

    References
    ----------
    .. [1] L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP", ICLR 2017,
       arXiv:1605.08803.

    Examples
    --------
    >>> import torch
    >>> flow = CouplingFlow(4, generator=torch.Generator().manual_seed(0))
    >>> z = torch.randn(3, 4)
    >>> noise, log_determinant = flow(z)
    >>> torch.allclose(flow.inverse(noise), z, atol=1e-5), log_determinant.shape
    (True, torch.Size([3]))
    """

    def __init__(
        self,
        latent_dim: int,
        n_layers: int = 6,
        hidden: int = 64,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_layers < 1 or hidden < 1:
            raise InvalidInputError(
                f"n_layers: expected it and hidden to be at least 1; got {n_layers!r}, {hidden!r}"
            )
        self.latent_dim = latent_dim
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))
        self.shift = nn.Parameter(torch.zeros(latent_dim))
        self.networks = nn.ModuleList()
        self._kept: list[int] = []
        last: list[Tensor] = []
        for layer in range(n_layers if latent_dim > 1 else 0):
            kept = latent_dim // 2 if layer % 2 == 0 else latent_dim - latent_dim // 2
            end = blank(nn.Linear, hidden, 2 * (latent_dim - kept))
            last += [end.weight, end.bias]
            network = nn.Sequential(
                blank(nn.Linear, kept, hidden),
                nn.ReLU(),
                blank(nn.Linear, hidden, hidden),
                nn.ReLU(),
                end,
            )
            self._kept.append(kept)
            self.networks.append(network)
        initialise_(self, generator)
        with torch.no_grad():
            for parameter in last:
                if not parameter.is_meta:
                    parameter.zero_()

    def _parts(self, layer: int, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stays and what moves: the first numbers stay, or the last."""
        kept = self._kept[layer]
        if layer % 2 == 0:
            return z[:, :kept], z[:, kept:]
        return z[:, -kept:], z[:, :-kept]

    def _join(self, layer: int, stays: Tensor, moves: Tensor) -> Tensor:
        return torch.cat([stays, moves] if layer % 2 == 0 else [moves, stays], dim=1)

    def _affine(self, layer: int, stays: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.networks[layer](stays).chunk(2, dim=1)
        return _LARGEST * torch.tanh(raw / _LARGEST), shift

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map codes z (n, latent_dim) to T(z) in the same shape, with log |det ∂T/∂z| (n,)."""
        log_determinant = self.log_scale.sum().expand(len(z))
        z = z * self.log_scale.exp() + self.shift
        for layer in range(len(self.networks)):
            stays, moves = self._parts(layer, z)
            log_scale, shift = self._affine(layer, stays)
            z = self._join(layer, stays, moves * log_scale.exp() + shift)
            log_determinant = log_determinant + log_scale.sum(1)
        return z, log_determinant

    def inverse(self, noise: Tensor) -> Tensor:
        """Map T(z) (n, latent_dim) back to z."""
        z = noise
        for layer in reversed(range(len(self.networks))):
            stays, moves = self._parts(layer, z)
            log_scale, shift = self._affine(layer, stays)
            z = self._join(layer, stays, (moves - shift) * (-log_scale).exp())
        return (z - self.shift) * (-self.log_scale).exp()
