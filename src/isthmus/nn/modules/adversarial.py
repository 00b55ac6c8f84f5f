"""Adversarial autoencoders as modules: a critic makes the codes those of a prior."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isthmus.nn.modules.base import MODULES
from isthmus.nn.modules.critic import (
    CriticisedModule,
    check_prior,
    convincing,
    draw_prior,
    gradient_penalty,
    shuffle,
    telling_apart,
)
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Record

__all__ = ["AdversarialModule", "ConditionalAdversarialModule"]


@MODULES.register("adversarial")
class AdversarialModule(CriticisedModule):
    """minimise  E[−log p(x|z)] − λ E[log σ(D(z))],  D tells draws of p(z) from codes of the data.

    Makhzani, Shlens, Jaitly, Goodfellow & Frey (2016). The encoder is not given the condition; the
    decoder is, and so is the critic: z then has the distribution p(z) under every condition, and
    tells nothing of it.

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `CriticisedModule`; the latent is `Matched`, or another with a `sample_prior`.
    gradient_weight : float, default=1.0
        The coefficient of `gradient_penalty`, with the code in units of the prior's standard
        deviation. Without it the codes chase the critic in a cluster and never spread over the
        prior.

    Examples
    --------
    >>> from isthmus.nn import Critic, Dense, Matched
    >>> critic = nn.ModuleDict({"code": Critic(Dense((2,), (16,)), 16)})
    >>> module = AdversarialModule(Dense((4,), (2,)), Dense((2,), (4,)), Matched(), critic=critic)
    >>> sorted(module.losses(torch.rand(5, 4))), sorted(module.critic_losses(torch.rand(5, 4)))
    (['adversarial', 'reconstruction'], ['code_critic', 'gradient_penalty'])
    """

    encoder_takes_condition: ClassVar[bool] = False

    def __init__(
        self, *parts: Any, critic: nn.ModuleDict, gradient_weight: float = 1.0, **more: Any
    ) -> None:
        super().__init__(*parts, critic=critic, **more)
        self.gradient_weight = float(gradient_weight)
        check_prior(self.latent)

    def penalty_terms(self, record: Record) -> dict[str, Tensor]:
        """Return Ω of each penalty, and "adversarial": what it costs not to convince the critic."""
        logits = self.critic_called("code")(record.z, record.batch.condition)
        return {**super().penalty_terms(record), "adversarial": convincing(logits)}

    def critic_terms(self, record: Record) -> Losses:
        """Return "code_critic", telling draws of the prior from codes, and "gradient_penalty"."""
        return self.told_apart(record, self.code_of(record))

    def told_apart(self, record: Record, z: Tensor) -> Losses:
        """Return what the critic of the code minimises.

        Parameters
        ----------
        record : Record
            The record of the batch.
        z : Tensor of shape (n, latent_dim)
            Its codes.
        """
        condition = record.batch.condition
        drawn = draw_prior(self.latent, z, record.batch.noise)
        critic = self.critic_called("code")
        penalty = gradient_penalty(critic, drawn, condition) * drawn.var(correction=0)
        return Losses(
            code_critic=telling_apart(critic(drawn, condition), critic(z, condition)),
            gradient_penalty=self.gradient_weight * penalty,
        )


@MODULES.register("conditional_adversarial")
class ConditionalAdversarialModule(AdversarialModule):
    """An adversarial autoencoder with a critic of the data too (Zhang, Song & Qi 2017).

    That critic tells data with their condition from what the decoder makes of their codes under a
    condition of another sample: what is shown is made to look like data, and like its condition.

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `AdversarialModule`.
    data_gradient_weight : float, default=0.1
        The coefficient of `gradient_penalty` for the critic of the data.
    """

    critics: ClassVar[tuple[str, ...]] = ("code", "data")

    def __init__(
        self, *parts: Any, critic: nn.ModuleDict, data_gradient_weight: float = 0.1, **more: Any
    ) -> None:
        super().__init__(*parts, critic=critic, **more)
        self.data_gradient_weight = float(data_gradient_weight)

    def penalty_terms(self, record: Record) -> dict[str, Tensor]:
        """Return the terms of an adversarial autoencoder, and "realism": the same of the data."""
        terms = super().penalty_terms(record)
        condition, generator = record.batch.condition, record.batch.noise
        other = None if condition is None else shuffle(condition, generator)
        logits = self.critic_called("data")(self.shown(record.z, other, generator), other)
        return {**terms, "realism": convincing(logits)}

    def critic_terms(self, record: Record) -> Losses:
        """Return what both critics minimise, and the sum of their gradient penalties."""
        condition, generator = record.batch.condition, record.batch.noise
        z = self.code_of(record)
        losses = self.told_apart(record, z)
        critic, real = self.critic_called("data"), self.complete(record)
        other = None if condition is None else shuffle(condition, generator)
        with torch.no_grad():
            made = self.shown(z, other, generator)
        losses["data_critic"] = telling_apart(critic(real, condition), critic(made, other))
        penalty = self.data_gradient_weight * gradient_penalty(critic, real, condition)
        losses["gradient_penalty"] = losses["gradient_penalty"] + penalty
        return losses
