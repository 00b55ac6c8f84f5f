"""VAE-GAN as a module: samples are compared as a critic sees them."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import StochasticLatent
from isthmus.nn.modules.base import MODULES
from isthmus.nn.modules.critic import (
    CriticisedModule,
    convincing,
    draw_prior,
    gradient_penalty,
    telling_apart,
)
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Batch, Record

__all__ = ["VAEGANModule"]

_FLOOR = 1e-8  # of a mean squared difference, whose logarithm is taken


@MODULES.register("vae_gan")
class VAEGANModule(CriticisedModule):
    """minimise  β KL(q(z|x) ‖ p(z)) + (d/2) log E‖φ(x) − φ(g(z))‖² − λ E[log σ(D(g(z)))].

    φ are the features in the last hidden layer of the critic D, d their number, at most that of the
    values of a sample (Larsen, Sønderby, Larochelle & Winther 2016). The paper weights the squared
    difference by hand; here it is that of a Gaussian whose variance is at its best for the batch,
    so that the scale of the features does not matter. The critic tells data from what the decoder
    makes of codes and of draws from the prior; from it the decoder learns, the encoder does not.

    Parameters
    ----------
    encoder, decoder, latent, likelihood, critic, **parts
        See `isthmus.nn.CriticisedModule`; the latent has a posterior.
    gradient_weight : float, default=0.1
        The coefficient of `isthmus.nn.modules.critic.gradient_penalty` at the data.

    Examples
    --------
    >>> from isthmus.nn import Critic, Dense, GaussianLatent
    >>> critic = nn.ModuleDict({"data": Critic(Dense((4,), (16,)), 16)})
    >>> module = VAEGANModule(
    ...     Dense((4,), (4,)), Dense((2,), (4,)), GaussianLatent(), critic=critic
    ... )
    >>> sorted(module.losses(torch.rand(5, 4)))
    ['divergence', 'features', 'realism', 'reconstruction']
    """

    critics: ClassVar[tuple[str, ...]] = ("data",)

    def __init__(
        self, *parts: Any, critic: nn.ModuleDict, gradient_weight: float = 0.1, **more: Any
    ) -> None:
        super().__init__(*parts, critic=critic, **more)
        self.gradient_weight = float(gradient_weight)
        if not isinstance(self.latent, StochasticLatent):
            raise InvalidInputError(f"latent: expected a code with a posterior; got {self.latent}")

    def run(self, batch: Batch) -> Record:
        """Return the record of a batch; no network learns from its reconstruction."""
        record = self.observe(batch)
        self.corrupt(record)
        self.encode_record(record)
        self.draw(record)
        with torch.no_grad():
            self.decode_record(record)
        return record

    def terms(self, record: Record) -> Losses:
        """Return the three terms, and "reconstruction", from which no network learns.

        The last is −log p(x|z), in nats a sample: of all that is of the likelihood, only a scale
        is learned from it.
        """
        condition, generator = record.batch.condition, record.batch.noise
        critic = self.critic_called("data")
        assert record.divergence is not None
        losses = Losses(
            reconstruction=self.reconstruction(record),
            divergence=self._mean(record.divergence, record),
        )
        real = self.complete(record)
        shown = self.shown(record.z, condition, generator)
        difference = critic.features(real, condition) - critic.features(shown, condition)
        squared = difference.float().square().mean()
        # Of more features than there are values only so many can vary on their own.
        count = min(difference.shape[1], record.target[0].numel())
        losses["features"] = 0.5 * count * torch.log(squared + _FLOOR)
        made = self._made(record.z.detach(), condition, generator)
        logits = critic(made, None if condition is None else condition.repeat(2, 1))
        losses["realism"] = convincing(logits)
        return losses

    def _made(
        self, z: Tensor, condition: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Return what the decoder makes of codes, and of as many draws from the prior."""
        drawn = draw_prior(self.latent, z, generator)
        twice = None if condition is None else condition.repeat(2, 1)
        return self.shown(torch.cat([z, drawn]), twice, generator)

    def critic_terms(self, record: Record) -> Losses:
        """Return "data_critic", of telling data from what was made, and "gradient_penalty"."""
        condition, generator = record.batch.condition, record.batch.noise
        critic, real = self.critic_called("data"), self.complete(record)
        with torch.no_grad():
            made = self._made(self.code_of(record), condition, generator)
        twice = None if condition is None else condition.repeat(2, 1)
        return Losses(
            data_critic=telling_apart(critic(real, condition), critic(made, twice)),
            gradient_penalty=self.gradient_weight * gradient_penalty(critic, real, condition),
        )
