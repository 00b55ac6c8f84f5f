"""A generative adversarial network as a module of the family, with an encoder beside it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from isthmus.nn.modules.base import MODULES
from isthmus.nn.modules.critic import (
    CriticisedModule,
    check_prior,
    convincing,
    draw_prior,
    gradient_penalty,
    telling_apart,
)
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Batch, Record

__all__ = ["GANModule"]


@MODULES.register("gan")
class GANModule(CriticisedModule):
    """minimise  −E_{z ~ p(z)} [log σ(D(g(z)))],  D tells data from g(z), g the decoder.

    The decoder learns from the critic alone (Goodfellow et al. 2014). Beside it, an encoder learns
    to give back the z of what the decoder has made, ½‖z − f(g(z))‖², and the decoder does not learn
    from it: a latent regressor (Donahue, Krähenbühl & Darrell 2017). The encoder is not given the
    condition of a conditional model; decoder and critic are.

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `isthmus.nn.CriticisedModule`; the latent is `Matched`.
    gradient_weight : float, default=0.1
        The coefficient of `isthmus.nn.modules.critic.gradient_penalty` at the data.

    Examples
    --------
    >>> from isthmus.nn import Critic, Dense, Matched
    >>> critic = nn.ModuleDict({"data": Critic(Dense((4,), (16,)), 16)})
    >>> module = GANModule(Dense((4,), (2,)), Dense((2,), (4,)), Matched(), critic=critic)
    >>> sorted(module.losses(torch.rand(5, 4)))
    ['realism', 'reconstruction', 'regression']
    """

    critics: ClassVar[tuple[str, ...]] = ("data",)
    encoder_takes_condition: ClassVar[bool] = False

    def __init__(
        self, *parts: Any, critic: nn.ModuleDict, gradient_weight: float = 0.1, **more: Any
    ) -> None:
        super().__init__(*parts, critic=critic, **more)
        check_prior(self.latent)
        self.gradient_weight = float(gradient_weight)

    def run(self, batch: Batch) -> Record:
        """Return the record of a batch; no network learns from it."""
        with torch.no_grad():
            return super().run(batch)

    def terms(self, record: Record) -> Losses:
        """Return "realism" and "regression", and "reconstruction", from which no network learns.

        The last is −log p(x|z) at z = f(x), in nats a sample: of all that is of the likelihood,
        only a scale is learned from it.
        """
        condition, generator = record.batch.condition, record.batch.noise
        losses = Losses(reconstruction=self.reconstruction(record))
        z = draw_prior(self.latent, record.z, generator)
        made = self.shown(z, condition, generator)
        losses["realism"] = convincing(self.critic_called("data")(made, condition))
        found = self.latent.mean(
            self.encoder_output(made.detach(), condition, generator).to(z.dtype)
        )
        losses["regression"] = 0.5 * (z - found).square().sum() / len(z)
        return losses

    def critic_terms(self, record: Record) -> Losses:
        """Return "data_critic", of telling data from what was made, and "gradient_penalty"."""
        condition, generator = record.batch.condition, record.batch.noise
        critic, real = self.critic_called("data"), self.complete(record)
        with torch.no_grad():
            z = draw_prior(self.latent, self.code_of(record), generator)
            made = self.shown(z, condition, generator)
        return Losses(
            data_critic=telling_apart(critic(real, condition), critic(made, condition)),
            gradient_penalty=self.gradient_weight * gradient_penalty(critic, real, condition),
        )
