"""FactorVAE as a module: a critic estimates the total correlation of the code."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isthmus.nn.modules.base import MODULES
from isthmus.nn.modules.critic import CriticisedModule, telling_apart
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Record

__all__ = ["FactorModule", "shuffle_columns"]


def shuffle_columns(z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Put the values of each column of `z` (n, d) in a random order of its own.

    Rows of q(z) become rows of Π q(zⱼ): every column keeps its values and none goes with another.

    Parameters
    ----------
    z : Tensor of shape (n, d)
        Codes.
    generator : torch.Generator, optional
        The source of the draws; torch's global one when absent.

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


@MODULES.register("factor")
class FactorModule(CriticisedModule):
    """minimise  the bound of a variational autoencoder + γ TC,  TC = KL(q(z) ‖ Π q(zⱼ)).

    The total correlation of the codes of all data together is the mean of the logit of a critic
    that tells codes z from those whose columns were shuffled (Kim & Mnih 2018). The critic is never
    given a condition: the total correlation is that of q(z).

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `isthmus.nn.modules.critic.CriticisedModule`.

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

    def penalty_terms(self, record: Record) -> dict[str, Tensor]:
        """Return Ω of each penalty, and "total_correlation", estimated in nats."""
        correlation = self.critic_called("code")(record.z).mean()
        return {**super().penalty_terms(record), "total_correlation": correlation}

    def critic_terms(self, record: Record) -> Losses:
        """Return "code_critic": what is minimised by telling codes from shuffled ones."""
        z, critic = self.code_of(record), self.critic_called("code")
        mixed = shuffle_columns(z, record.batch.noise)
        return Losses(code_critic=telling_apart(critic(z), critic(mixed)))
