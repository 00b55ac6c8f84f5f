"""FactorVAE as a module: a critic estimates the total correlation of the code."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isthmus.nn.critic import CriticisedModule, telling_apart
from isthmus.nn.module import Losses

__all__ = ["FactorModule", "shuffle_columns"]


def shuffle_columns(z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Put the values of each column of `z` (n, d) in a random order of its own.

    Rows of q(z) become rows of Π q(zⱼ): every column keeps its values and none goes with another.

    Examples
    --------
    >>> z = torch.arange(6.0).reshape(3, 2)
    >>> mixed = shuffle_columns(z, torch.Generator().manual_seed(0))
    >>> torch.equal(mixed.sort(0).values, z)
    True
    """
    device = z.device if generator is None else generator.device
    noise = torch.rand(z.shape, generator=generator, device=device)
    return z.gather(0, noise.argsort(0).to(z.device))


class FactorModule(CriticisedModule):
    """minimise  the bound of a variational autoencoder + γ TC,  TC = KL(q(z) ‖ Π q(zⱼ)).

    The total correlation of the codes of all data together is the mean of the logit of a critic
    that tells codes z from those whose columns were shuffled (Kim & Mnih 2018). The critic is never
    given a condition: the total correlation is that of q(z).

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `isthmus.nn.critic.CriticisedModule`.

    Examples
    --------
    >>> from isthmus.nn import Critic, Dense, GaussianLatent
    >>> critic = torch.nn.ModuleDict({"code": Critic(Dense((2,), (16,)), 16)})
    >>> module = FactorModule(
    ...     Dense((4,), (4,)), Dense((2,), (4,)), GaussianLatent(), critic=critic
    ... )
    >>> sorted(module.losses(torch.rand(5, 4)))
    ['divergence', 'reconstruction', 'total_correlation']
    """

    critics_take_condition: ClassVar[bool] = False

    def penalty_terms(
        self,
        seen: Tensor,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        h: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return Ω of each penalty, and "total_correlation", estimated in nats.

        Parameters
        ----------
        seen, z, condition, generator, h
            See `AutoencoderModule.penalty_terms`.
        """
        terms = super().penalty_terms(seen, z, condition, generator, h)
        return {**terms, "total_correlation": self._critic("code")(z).mean()}

    def critic_losses(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return "code_critic": what is minimised by telling codes from shuffled ones.

        Parameters
        ----------
        x, condition, generator
            See `AutoencoderModule.losses`.
        """
        z, critic = self._code(x, condition, generator), self._critic("code")
        return Losses(code_critic=telling_apart(critic(z), critic(shuffle_columns(z, generator))))
