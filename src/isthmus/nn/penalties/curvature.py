"""A penalty on how fast the encoder's Jacobian changes: the second order of contraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.modes import evaluation_mode
from isthmus.nn.noise import normal_like
from isthmus.nn.penalties.base import PENALTIES, random_signs
from isthmus.nn.penalties.contraction import (
    closed_form,
    encoder_code,
    exact_jacobian,
    has_closed_form,
)
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["HigherOrderContractive"]


@PENALTIES.register("higher_order_contractive")
@dataclass(frozen=True)
class HigherOrderContractive(Part):
    """E ‖J(x) − J(x + ε)‖²_F with ε ~ N(0, σ²I), averaged over the batch (Rifai et al. 2011).

    J = ∂z/∂x is the Jacobian of the encoder in evaluation mode, as in `Contractive`. For a small σ
    this is σ² times the squared norm of the second derivatives, the Hessian, at a cost of the order
    of the Jacobian's. A condition stays as it is.

    Parameters
    ----------
    sigma : float, default=0.1
        σ, in the units of what the encoder sees.
    n_draws : int, default=1
        Draws of ε for each sample; what depends on the draw averages out as 1 / n_draws.
    method : {"auto", "closed", "exact", "estimate"}, default="auto"
        ``"closed"``: one layer with a sigmoid, tanh, ReLU or no activation, where it is
        Σⱼ (s'(aⱼ(x)) − s'(aⱼ(x + ε)))² ‖Wⱼ‖² and no Jacobian is built. ``"exact"``: both Jacobians
        of any encoder, latent_dim backward passes each. ``"estimate"``:
        ‖vᵀJ(x) − vᵀJ(x + ε)‖² for random signs v, one backward pass a draw; unbiased. ``"auto"`` is
        "closed" where that is possible and "estimate" elsewhere.

    Raises
    ------
    InvalidInputError
        If a parameter is out of range, or the closed form is asked for an encoder that has none.

    References
    ----------
    .. [1] S. Rifai, G. Mesnil, P. Vincent, X. Muller, Y. Bengio, Y. Dauphin and X. Glorot, "Higher
       order contractive auto-encoder", ECML PKDD 2011, doi:10.1007/978-3-642-23783-6_41.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense
    >>> linear = AutoencoderModule(Dense((4,), (2,)), Dense((2,), (4,)))
    >>> x = torch.rand(3, 4)
    >>> HigherOrderContractive()(linear, x, linear.encode(x)).item()  # its Jacobian is constant
    0.0
    """

    sigma: float = 0.1
    n_draws: int = 1
    method: str = "auto"

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise InvalidInputError(f"sigma: expected a number above 0; got {self.sigma!r}")
        if self.n_draws < 1:
            raise InvalidInputError(f"n_draws: expected at least 1; got {self.n_draws!r}")
        if self.method not in ("auto", "closed", "exact", "estimate"):
            raise InvalidInputError(
                f"method: expected 'auto', 'closed', 'exact' or 'estimate'; got {self.method!r}"
            )

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Return the mean over the batch and the draws, at `x` whose code is `z`."""
        if self.method == "exact":
            return self._exact(module, x, generator, condition)
        if self.method == "estimate" or (self.method == "auto" and not has_closed_form(module)):
            return self._estimate(module, x, generator, condition)
        slope, weight = closed_form(module, x)
        here = slope(z)
        total = x.new_zeros(())
        for _ in range(self.n_draws):
            there = slope(encoder_code(module, self._beside(x, generator), condition))
            total = total + torch.dot((here - there).square().mean(0), weight)
        return total / self.n_draws

    def _beside(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        return normal_like(x, generator, self.sigma).add_(x)

    def _exact(
        self,
        module: AutoencoderModule,
        x: Tensor,
        generator: torch.Generator | None,
        condition: Tensor | None,
    ) -> Tensor:
        here = exact_jacobian(module, x, condition)
        total = x.new_zeros(())
        for _ in range(self.n_draws):
            there = exact_jacobian(module, self._beside(x, generator), condition)
            total = total + (here - there).square().sum()
        return total / (len(x) * self.n_draws)

    def _estimate(
        self,
        module: AutoencoderModule,
        x: Tensor,
        generator: torch.Generator | None,
        condition: Tensor | None,
    ) -> Tensor:
        # Also under no_grad (a validation loss) the Jacobians are needed.
        training = torch.is_grad_enabled()
        total = x.new_zeros(())
        with torch.enable_grad(), evaluation_mode(module.encoder):
            twice = None if condition is None else torch.cat([condition, condition])
            for _ in range(self.n_draws):
                # Both points in one pass, and the same signs for both.
                pair = torch.cat([x, self._beside(x, generator)]).detach().requires_grad_()
                z = encoder_code(module, pair, twice)
                sign = random_signs(z[: len(x)], generator).repeat(2, 1)
                (row,) = torch.autograd.grad(z, pair, sign, create_graph=training)
                total = total + (row[: len(x)] - row[len(x) :]).square().sum()
        estimate = total / (len(x) * self.n_draws)
        return estimate if training else estimate.detach()
