"""A penalty on the encoder's Jacobian, and what such penalties share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import SLOPES
from isthmus.nn.latent import Deterministic
from isthmus.nn.modes import evaluation_mode
from isthmus.nn.networks import Dense
from isthmus.nn.penalties.base import PENALTIES, random_signs
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["Contractive", "closed_form", "encoder_code", "exact_jacobian", "has_closed_form"]


@PENALTIES.register("contractive")
@dataclass(frozen=True)
class Contractive(Part):
    """‖∂z/∂x‖²_F, averaged over the batch (Rifai, Vincent, Muller, Glorot & Bengio 2011).

    The Jacobian is that of the encoder in evaluation mode: without dropout, and with the running
    statistics of a batch normalisation, which would otherwise tie the samples to each other.

    Parameters
    ----------
    method : {"auto", "closed", "exact", "estimate"}, default="auto"
        ``"closed"``: one layer with a sigmoid, tanh, ReLU or no activation, where it is
        Σⱼ s'(aⱼ)² ‖Wⱼ‖². ``"exact"``: the whole Jacobian of any encoder by `torch.func`; costs
        latent_dim backward passes. ``"estimate"``: ‖vᵀJ‖² for random signs v, one backward pass a
        probe (Hutchinson 1990); unbiased, its variance for one sample and one probe is
        2(‖JJᵀ‖²_F − Σⱼ (JJᵀ)ⱼⱼ²), that is zero where the rows of J are orthogonal.
        ``"auto"`` is "closed" where that is possible and "estimate" elsewhere.
    n_probes : int, default=1
        Probes of the estimate; its variance falls as 1 / n_probes.

    Raises
    ------
    InvalidInputError
        If the closed form is asked for an encoder that has none.

    Examples
    --------
    >>> Contractive("exact")
    Contractive(method='exact', n_probes=1)
    """

    method: str = "auto"
    n_probes: int = 1

    def __post_init__(self) -> None:
        if self.method not in ("auto", "closed", "exact", "estimate"):
            raise InvalidInputError(
                f"method: expected 'auto', 'closed', 'exact' or 'estimate'; got {self.method!r}"
            )
        if self.n_probes < 1:
            raise InvalidInputError(f"n_probes: expected at least 1; got {self.n_probes!r}")

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Return the mean squared Frobenius norm of the encoder's Jacobian at `x`."""
        if self.method == "exact":
            return exact_jacobian(module, x, condition).square().sum() / len(x)
        if self.method == "estimate" or (self.method == "auto" and not has_closed_form(module)):
            return self._estimate(module, x, generator, condition)
        slope, weight = closed_form(module, x)
        return torch.dot(slope(z).square().mean(0), weight)

    def _estimate(
        self,
        module: AutoencoderModule,
        x: Tensor,
        generator: torch.Generator | None,
        condition: Tensor | None,
    ) -> Tensor:
        # Also under no_grad (a validation loss) the Jacobian is needed.
        training = torch.is_grad_enabled()
        with torch.enable_grad(), evaluation_mode(module.encoder):
            x = x.detach().requires_grad_()
            z = encoder_code(module, x, condition)
            total = z.new_zeros(())
            for _ in range(self.n_probes):
                sign = random_signs(z, generator)
                (row,) = torch.autograd.grad(z, x, sign, create_graph=training, retain_graph=True)
                total = total + row.square().sum()
        estimate = total / (len(x) * self.n_probes)
        return estimate if training else estimate.detach()


def encoder_code(module: AutoencoderModule, x: Tensor, condition: Tensor | None) -> Tensor:
    """Return the code (n, latent_dim) of what an encoder sees, without a draw.

    Parameters
    ----------
    module : AutoencoderModule
        The module whose encoder is asked.
    x : Tensor of shape (n, ...)
        What the encoder sees.
    condition : Tensor of shape (n, condition_dim) or None
        For conditional models.
    """
    return module.latent.mean(module.encoder_output(x, condition))


def exact_jacobian(module: AutoencoderModule, x: Tensor, condition: Tensor | None) -> Tensor:
    """Return ∂z/∂x of each sample (n, latent_dim, …), in evaluation mode, by `torch.func`.

    Parameters
    ----------
    module : AutoencoderModule
        The module whose encoder is asked.
    x : Tensor of shape (n, ...)
        What the encoder sees.
    condition : Tensor of shape (n, condition_dim) or None
        For conditional models.
    """

    def code(sample: Tensor, c: Tensor | None) -> Tensor:
        return encoder_code(module, sample[None], None if c is None else c[None])[0]

    rows = (0, None if condition is None else 0)
    with evaluation_mode(module.encoder):
        jacobian: Tensor = torch.func.vmap(torch.func.jacrev(code), rows)(x, condition)
    return jacobian


def closed_form(module: AutoencoderModule, x: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return what the Jacobian of one layer is made of: the slopes as a function of z, and ‖Wⱼ‖².

    Parameters
    ----------
    module : AutoencoderModule
        Its encoder is one linear layer.
    x : Tensor of shape (n, ...)
        What the encoder sees.

    Raises
    ------
    InvalidInputError
        If the encoder has no closed form.
    """
    if not has_closed_form(module) or not isinstance(module.encoder, Dense):
        raise InvalidInputError(
            "method: 'closed' needs one linear layer and an identity, sigmoid, tanh or relu "
            "code; use 'exact' or 'estimate' with this encoder"
        )
    # Only the weights that the data go through; a condition lies in the columns after them.
    weight = module.encoder.linears[0].weight[:, : x[0].numel()]
    return SLOPES[_activation(module)], weight.square().sum(1)


def has_closed_form(module: AutoencoderModule) -> bool:
    """Whether the encoder is one linear layer with an activation whose slope its output tells."""
    return (
        isinstance(module.encoder, Dense)
        and len(module.encoder.linears) == 1
        and type(module.latent) is Deterministic  # those derived from it have other slopes
        and _activation(module) in SLOPES
    )


def _activation(module: AutoencoderModule) -> type[nn.Module]:
    return type(cast(nn.Module, module.latent.activation))
