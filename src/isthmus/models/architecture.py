"""A network as data: what JSON can hold, and the module that is built from it.

The estimators decide every "auto" once, write the decision down here, and a saved model is rebuilt
from it without looking at the data again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.models.latents import make_latent
from isthmus.models.likelihoods import LikelihoodSpec, make_likelihood
from isthmus.nn import (
    AdversarialModule,
    AutoencoderModule,
    ConditionalAdversarialModule,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Corruption,
    Critic,
    CriticisedModule,
    Dense,
    FactorModule,
    GANModule,
    HypersphericalModule,
    ImportanceWeightedModule,
    LadderLatent,
    LadderModule,
    Latent,
    Likelihood,
    Penalty,
    PredictiveSparseModule,
    RecurrentDecoder,
    RecurrentEncoder,
    TiedDense,
    UnbiasedModule,
    VAEGANModule,
)
from isthmus.nn.networks import CELLS
from isthmus.nn.shapes import check_shapes

__all__ = [
    "MODULES",
    "Architecture",
    "build",
]

# A model file may name these and no others.
MODULES: dict[str, type[AutoencoderModule]] = {
    "adversarial": AdversarialModule,
    "autoencoder": AutoencoderModule,
    "conditional_adversarial": ConditionalAdversarialModule,
    "factor": FactorModule,
    "gan": GANModule,
    "hyperspherical": HypersphericalModule,
    "importance": ImportanceWeightedModule,
    "ladder": LadderModule,
    "predictive_sparse": PredictiveSparseModule,
    "unbiased": UnbiasedModule,
    "vae_gan": VAEGANModule,
}


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes the shapes of a network.

    Parameters
    ----------
    module_shape : tuple of int
        Shape of one sample, channels first.
    latent_dim : int
        Numbers in the code.
    latent : {"deterministic", "matched", "topk", "gaussian", "flow", "noisy", "gained", \
"vector_quantized", "finite_scalar", "categorical", "bits", "von_mises_fisher", "ladder"}
        What the code is.
    latent_options : dict of str to float or list of int
        What that code takes besides.
    prior : {"normal", "mixture", "vamp", "flow"}
        Of a code that is drawn; the discrete ones have their own.
    prior_options : dict of str to float
        What that prior takes besides.
    k, alpha : int, float
        Of "topk".
    noise : float
        Of "noisy".
    latent_activation : str
        Of a code that is no Gaussian one.
    network : {"dense", "convolutional", "lstm", "gru", "custom"}
        Which networks.
    hidden : tuple of int
        Units of the dense encoder's hidden layers, or widths of the recurrent one's; the decoder
        has them in reverse.
    channels : tuple of int
        Of the convolutional encoder.
    code_channels : int
        Of a convolutional network: numbers of the code at each place of the last feature map; 0
        where the code is of the whole of it.
    critic_hidden : tuple of int
        Units of the hidden layers of each critic, if the module has any; at least one layer. One of
        the data has the channels of a convolutional encoder before the last of them.
    activation, normalization, dropout, tied_weights
        See `isthmus.nn.Dense`.
    likelihood : str or list
        See `isthmus.models.likelihoods.make_likelihood`.
    condition_dim : int
        Numbers in a condition.
    missing : bool
        Whether NaN means "not observed".
    kind : str
        Which module: a key of `MODULES`.
    options : dict of str to float
        What that module takes besides: its keyword arguments.
    """

    module_shape: tuple[int, ...]
    latent_dim: int
    latent: str = "deterministic"
    latent_options: dict[str, Any] = field(default_factory=dict)
    prior: str = "normal"
    prior_options: dict[str, float] = field(default_factory=dict)
    k: int = 0
    noise: float = 0.0
    alpha: float = 1.0
    latent_activation: str = "identity"
    network: str = "dense"
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    code_channels: int = 0
    critic_hidden: tuple[int, ...] = ()
    activation: str = "relu"
    normalization: str | None = None
    dropout: float = 0.0
    tied_weights: bool = False
    likelihood: LikelihoodSpec = "gaussian"
    condition_dim: int = 0
    missing: bool = False
    kind: str = "autoencoder"
    options: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Architecture:
        """Return the architecture that `to_json` described."""
        fields = dict(value)
        fields.setdefault("critic_hidden", ())  # older files have none
        for name in ("module_shape", "hidden", "channels", "critic_hidden"):
            fields[name] = tuple(int(entry) for entry in fields[name])
        if not isinstance(fields["likelihood"], str):
            fields["likelihood"] = [(str(name), list(c)) for name, c in fields["likelihood"]]
        return cls(**fields)


def build(
    architecture: Architecture,
    generator: torch.Generator | None = None,
    *,
    custom: tuple[nn.Module, nn.Module] | None = None,
    corruption: Corruption | None = None,
    penalties: Mapping[str, Penalty] | None = None,
) -> AutoencoderModule:
    """Build the module of an architecture.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    generator : torch.Generator, optional
        Where the initial weights come from.
    custom : tuple of torch.nn.Module, optional
        The user's encoder and decoder, for ``network="custom"``.
    corruption, penalties
        For training, see `isthmus.nn.AutoencoderModule`.

    Raises
    ------
    InvalidInputError
        If networks of the user's own do not fit.
    """
    likelihood = make_likelihood(architecture.likelihood)
    latent = make_latent(architecture, likelihood, generator)
    if architecture.network == "custom":
        if custom is None:
            raise InvalidInputError(
                "network: this model has an encoder and a decoder of your own; pass them: "
                "load(path, network=(encoder, decoder))"
            )
        encoder, decoder = custom
    else:
        encoder, decoder = _networks(architecture, likelihood, latent, generator)
    kind = MODULES[architecture.kind]
    critics: dict[str, Any] = {}
    if issubclass(kind, CriticisedModule):
        critics["critic"] = nn.ModuleDict(
            {
                name: _critic(architecture, name, kind, likelihood, generator)
                for name in kind.critics
            }
        )
    module = kind(
        encoder,
        decoder,
        latent,
        likelihood,
        corruption=corruption,
        penalties=penalties,
        missing=architecture.missing,
        **critics,
        **architecture.options,
    )
    if custom is not None:
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise InvalidInputError("network: your encoder and decoder have no parameters to train")
        check_shapes(module, architecture.module_shape, architecture.latent_dim)
    return module


def _networks(
    architecture: Architecture,
    likelihood: Likelihood,
    latent: Latent,
    generator: torch.Generator | None,
) -> tuple[nn.Module, nn.Module]:
    channels, *spatial = architecture.module_shape
    in_shape = (likelihood.feature_channels(channels), *spatial)
    out_shape = (likelihood.parameter_channels(channels), *spatial)
    takes_condition = MODULES[architecture.kind].encoder_takes_condition
    code, heads = architecture.latent_dim, latent.outputs(architecture.latent_dim)
    if isinstance(latent, LadderLatent):
        code = latent.levels[0]
    style: dict[str, Any] = {
        "activation": architecture.activation,
        "normalization": architecture.normalization,
        "dropout": architecture.dropout,
        "condition_dim": architecture.condition_dim,
        "generator": generator,
    }
    seen = {**style, "condition_dim": architecture.condition_dim if takes_condition else 0}
    if architecture.network == "convolutional":
        seen["code_channels"] = style["code_channels"] = architecture.code_channels
        return (
            ConvolutionalEncoder(in_shape, heads, architecture.channels, **seen),
            ConvolutionalDecoder(code, out_shape, architecture.channels, **style),
        )
    if architecture.network in CELLS:
        for name in ("activation", "normalization"):  # a cell has its own
            del style[name], seen[name]
        style["cell"] = seen["cell"] = architecture.network
        return (
            RecurrentEncoder(in_shape, heads, architecture.hidden, **seen),
            RecurrentDecoder(code, out_shape, architecture.hidden, **style),
        )
    encoder = Dense(in_shape, (heads,), architecture.hidden, **seen)
    if architecture.tied_weights:
        tied = TiedDense(
            encoder, out_shape, code, activation=architecture.activation, generator=generator
        )
        return encoder, tied
    reverse: Sequence[int] = tuple(reversed(architecture.hidden))
    return encoder, Dense((code,), out_shape, reverse, **style)


def _critic(
    architecture: Architecture,
    name: str,
    kind: type[CriticisedModule],
    likelihood: Likelihood,
    generator: torch.Generator | None,
) -> Critic:
    *hidden, width = architecture.critic_hidden
    channels, *spatial = architecture.module_shape
    style: dict[str, Any] = {
        "activation": "leaky_relu",
        "condition_dim": architecture.condition_dim if kind.critics_take_condition else 0,
        "generator": generator,
    }
    seen = (likelihood.feature_channels(channels), *spatial)
    network: nn.Module
    if name == "data" and architecture.network == "convolutional":
        network = ConvolutionalEncoder(seen, width, architecture.channels, **style)
    else:
        shape = seen if name == "data" else (architecture.latent_dim,)
        network = Dense(shape, (width,), hidden, **style)
    return Critic(network, width, generator)
