"""Critics: networks that tell two distributions apart, and what an autoencoder learns from them.

The logit of a critic that is trained to its best on samples of P and of Q is log P − log Q, so that
it estimates a ratio of densities which nobody can write down (Goodfellow et al. 2014).
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import activation as make_activation
from isthmus.nn.initialisation import blank, initialise_
from isthmus.nn.modes import full_precision
from isthmus.nn.modules.base import AutoencoderModule, as_batch
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Batch, Record

__all__ = [
    "Critic",
    "CriticisedModule",
    "check_prior",
    "convincing",
    "draw_prior",
    "gradient_penalty",
    "telling_apart",
]


class Critic(nn.Module):
    """A network with one number a sample at its end, the logit of "from P and not from Q".

    ``x (and a condition) → network → leaky ReLU → linear → (n,)``

    Parameters
    ----------
    network : Dense or ConvolutionalEncoder
        Gives (n, width); it takes the condition, if there is one.
    width : int
        Numbers that it gives: the features.
    generator : torch.Generator, optional
        Where the initial weights of the last layer come from.

    Examples
    --------
    >>> from isthmus.nn import Dense
    >>> Critic(Dense((2,), (16,)), 16)(torch.zeros(5, 2)).shape
    torch.Size([5])
    """

    def __init__(
        self, network: nn.Module, width: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.activation = make_activation("leaky_relu")
        self.head = blank(nn.Linear, width, 1)
        initialise_(self.head, generator)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return what the last layer sees of `x` (n, …): (n, width).

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            What is to be told apart.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        """
        h: Tensor = self.activation(self.network(x, condition))
        return h

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits (n,) of `x` (n, …), in nats and full precision.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            What is to be told apart.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        """
        logits: Tensor = self.head(self.features(x, condition))[:, 0]
        return full_precision(logits)


def telling_apart(of_p: Tensor, of_q: Tensor) -> Tensor:
    """Return what a critic minimises: the cross-entropies of its logits on samples of P and of Q.

    In nats; 2 log 2 for a critic that cannot tell them apart, and then minus twice the
    Jensen-Shannon divergence of P and Q for the best one.

    Parameters
    ----------
    of_p, of_q : Tensor of shape (n,)
        The logits.

    Examples
    --------
    >>> telling_apart(torch.zeros(3), torch.zeros(3))
    tensor(1.3863)
    """
    return F.softplus(-of_p).mean() + F.softplus(of_q).mean()


def convincing(of_q: Tensor) -> Tensor:
    """Return what is minimised by making samples of Q that a critic takes for those of P.

    −log σ(logit), in nats: its gradient does not vanish where the critic is sure, as that of
    log(1 − σ(logit)) does (Goodfellow et al. 2014).

    Parameters
    ----------
    of_q : Tensor of shape (n,)
        The logits.

    Examples
    --------
    >>> convincing(torch.zeros(3))
    tensor(0.6931)
    """
    return F.softplus(-of_q).mean()


def gradient_penalty(critic: Critic, x: Tensor, condition: Tensor | None = None) -> Tensor:
    """Return ½‖∂logit/∂x‖², averaged over samples `x` (n, …) of P.

    With it adversarial training near an equilibrium converges instead of circling (Mescheder,
    Geiger & Nowozin 2018, arXiv:1801.04406, who call it R₁).

    Parameters
    ----------
    critic : Critic
        Whose slope is held down.
    x : Tensor of shape (n, ...)
        Samples of P.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = critic(x, condition)
        (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return 0.5 * slope.square().sum() / len(x)


class CriticisedModule(AutoencoderModule):
    """An autoencoder module with critics: base of those that `isthmus.training.adversarial` trains.

    A subclass says what the critics have to tell apart, in `critic_losses`, and adds to the loss
    what the autoencoder learns from them.

    Parameters
    ----------
    *parts, **more
        See `AutoencoderModule`.
    critic : torch.nn.ModuleDict
        A `Critic` under each name of `critics`.

    Attributes
    ----------
    critics : tuple of str
        "code" for one that sees z, "data" for one that sees what an encoder sees of x.
    critics_take_condition : bool
        Whether the critics of a conditional model are given its condition.
    """

    critics: ClassVar[tuple[str, ...]] = ("code",)
    critics_take_condition: ClassVar[bool] = True

    def __init__(self, *parts: Any, critic: nn.ModuleDict, **more: Any) -> None:
        super().__init__(*parts, **more)
        self.critic = critic

    def critic_called(self, name: str) -> Critic:
        """Return the critic of a name."""
        return cast(Critic, self.critic[name])

    def critic_losses(
        self,
        x: Tensor | Batch,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return what the critics minimise for a batch, by name, in nats a sample.

        Parameters
        ----------
        x, condition, generator
            See `AutoencoderModule.losses`.
        """
        return self.critic_terms(self.observe(as_batch(x, condition, generator)))

    def critic_terms(self, record: Record) -> Losses:
        """Return what the critics minimise, of a record that was observed."""
        raise NotImplementedError

    def code_of(self, record: Record) -> Tensor:
        """Draw the code of a record that was observed, without a gradient."""
        with torch.no_grad():
            self.encode_record(record)
            z: Tensor = self.latent(record.h, record.batch.noise)
            return z

    def shown(
        self, z: Tensor, condition: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Return what an encoder or a critic would see of the mean of p(x|z).

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            The code.
        condition : Tensor of shape (n, condition_dim) or None
            For conditional models.
        generator : torch.Generator or None
            Where dropout comes from.
        """
        return self.likelihood.expected_features(self.decode_parameters(z, condition, generator))

    def complete(self, record: Record) -> Tensor:
        """Return what a critic sees of data: where a value is missing, its reconstruction.

        A critic that saw the holes would know all rows that have one.
        """
        batch = record.batch
        features: Tensor = self.likelihood.features(batch.x)
        if not self.missing:
            return features
        with torch.no_grad():
            h = self.encoder_output(record.seen, batch.condition, batch.noise)
            z = self.latent.mean(h.to(batch.x.dtype))
            filled = self.shown(z, batch.condition, batch.noise)
        return torch.where(self.likelihood.each_feature(torch.isnan(batch.x)), filled, features)


def check_prior(latent: nn.Module) -> None:
    """Refuse a code without a prior.

    Raises
    ------
    InvalidInputError
        If there is nothing to draw codes from.
    """
    if not hasattr(latent, "sample_prior"):
        raise InvalidInputError(
            "latent: this model needs a code with a prior to draw from, such as Matched(); got "
            f"{type(latent).__name__}"
        )


def draw_prior(latent: Any, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw as many codes from the prior of `latent` as there are in `like`, in its shape.

    Parameters
    ----------
    latent : Latent
        A code with a prior, see `check_prior`.
    like : Tensor of shape (n, *code_shape)
        Codes of this model.
    generator : torch.Generator or None
        Where the draws come from.
    """
    drawn: Tensor = latent.sample_prior(len(like), like[0].numel(), generator)
    return drawn.to(like).reshape(like.shape)


def shuffle(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return the rows of `x` in a random order."""
    device = x.device if generator is None else generator.device
    return x[torch.randperm(len(x), generator=generator, device=device).to(x.device)]
