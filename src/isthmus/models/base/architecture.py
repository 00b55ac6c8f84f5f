"""A network as data: what JSON can hold, and the module that is built from it.

The estimators decide every "auto" once, write the decision down here, and a saved model is rebuilt
from it without looking at the data again.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.models.base.likelihoods import LikelihoodSpec, make_likelihood
from isthmus.nn import (
    LATENTS,
    MODULES,
    NETWORKS,
    PRIORS,
    AutoencoderModule,
    ConvolutionalEncoder,
    Critic,
    CriticisedModule,
    Dense,
    Latent,
    Likelihood,
    Place,
    Prior,
    Spec,
)
from isthmus.nn.global_random import global_random
from isthmus.nn.modules.shapes import check_shapes

__all__ = ["CUSTOM", "Architecture", "build", "make_latent", "make_prior"]

CUSTOM = "custom"  # stands for an object of the user's own that is not registered

_PLAIN = "normal"  # the standard normal prior, of which everything is known: no module


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes the shapes of a network.

    Parameters
    ----------
    module_shape : tuple of int
        Shape of one sample, channels first.
    latent_dim : int
        Numbers in the code.
    latent, network, module : Spec
        What the code is, which networks, and which module puts them together; the name "custom"
        stands for an object that has to be handed in. A prior is an option of the latent.
    likelihood : str, list or Spec
        See `isthmus.models.base.likelihoods.make_likelihood`.
    input_shape : tuple of int, optional
        Shape of what the encoder's input is made from, channels first, where a corruption changes
        it; that of the sample when absent.
    hidden : tuple of int
        Units of the dense encoder's hidden layers, or widths of the recurrent one's; the decoder
        has them in reverse.
    channels : tuple of int
        The channels of the convolutional encoder.
    code_channels : int
        Numbers of the code at each place of the last feature map of a convolutional network; 0
        where the code is of the whole of it.
    critic_hidden : tuple of int
        Units of the hidden layers of each critic, if the module has critics; at least one layer. A
        critic of images or signals has the convolutions of the encoder, and then the last of these
        layers.
    activation, normalization, dropout, tied_weights
        See `isthmus.nn.Dense`.
    condition_dim : int
        Numbers in a condition.
    missing : bool
        Whether NaN means "not observed".
    """

    module_shape: tuple[int, ...]
    latent_dim: int
    latent: Spec = field(default_factory=lambda: Spec("deterministic"))
    network: Spec = field(default_factory=lambda: Spec("dense"))
    module: Spec = field(default_factory=lambda: Spec("autoencoder"))
    likelihood: LikelihoodSpec = "gaussian"
    input_shape: tuple[int, ...] | None = None
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    code_channels: int = 0
    critic_hidden: tuple[int, ...] = ()
    activation: str = "relu"
    normalization: str | None = None
    dropout: float = 0.0
    tied_weights: bool = False
    condition_dim: int = 0
    missing: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v.to_json() if isinstance(v, Spec) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Architecture:
        """Return the architecture that `to_json` described, of this format or the first."""
        fields = dict(value)
        if isinstance(fields["latent"], str):
            fields = _of_the_first_format(fields)
        for name in ("module_shape", "hidden", "channels", "critic_hidden"):
            fields[name] = tuple(int(entry) for entry in fields[name])
        if fields.get("input_shape") is not None:
            fields["input_shape"] = tuple(int(entry) for entry in fields["input_shape"])
        for name in ("latent", "network", "module"):
            fields[name] = Spec.from_json(fields[name])
        likelihood = fields["likelihood"]
        if isinstance(likelihood, dict):
            fields["likelihood"] = Spec.from_json(likelihood)
        elif not isinstance(likelihood, str):
            fields["likelihood"] = [(str(name), list(c)) for name, c in likelihood]
        return cls(**fields)

    @property
    def n_layers(self) -> int:
        """The largest number of layers that any part asks for, as a check before they are built."""
        counts = [len(self.hidden), len(self.channels), len(self.critic_hidden)]
        specs = [self.latent, self.network, self.module]
        while specs:
            options = specs.pop().options
            specs += [value for value in options.values() if isinstance(value, Spec)]
            counts.append(int(options.get("n_layers", 0)))
        return max(counts)


# Codes of the first format that have an activation.
_WITH_ACTIVATION = ("deterministic", "matched", "topk", "gained", "noisy")


def _of_the_first_format(value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of today for a description that names everything by text."""
    fields = dict(value)
    fields.setdefault("critic_hidden", ())  # the oldest files have none
    options = dict(fields.pop("latent_options", {}))
    activation, k = fields.pop("latent_activation", "identity"), fields.pop("k", 0)
    noise, alpha = fields.pop("noise", 0.0), fields.pop("alpha", 1.0)
    name = fields.pop("latent")
    if name in _WITH_ACTIVATION:
        options["activation"] = activation
    if name == "topk":
        options |= {"k": k, "alpha": alpha}
    if name == "noisy":
        options["noise"] = noise
    prior, prior_options = fields.pop("prior", _PLAIN), fields.pop("prior_options", {})
    if prior != _PLAIN:
        options["prior"] = {"part": {"name": prior, "options": prior_options}}
    kind = fields.pop("kind", "autoencoder")
    # What the decoder sees of such codes is now the code's own affair.
    kind = "autoencoder" if kind in ("ladder", "hyperspherical") else kind
    fields["latent"] = {"name": name, "options": options}
    fields["network"] = {"name": fields["network"], "options": {}}
    fields["module"] = {"name": kind, "options": fields.pop("options", {})}
    return fields


def make_prior(spec: Spec, place: Mapping[str, Any]) -> Prior | None:
    """Return the prior of a spec; None for the standard normal, of which everything is known.

    Parameters
    ----------
    spec : Spec
        Which, and its options.
    place : mapping
        ``latent_dim``, ``feature_shape`` and ``generator``, for those that take them.

    Raises
    ------
    InvalidInputError
        If there is no such prior.
    """
    if spec.name == _PLAIN:
        return None
    prior: Prior = PRIORS.make(spec, place=place)
    return prior


def make_latent(spec: Spec, place: Mapping[str, Any]) -> Latent:
    """Return the code of a spec, with its prior.

    Parameters
    ----------
    spec : Spec
        Which, and its options.
    place : mapping
        ``latent_dim``, ``feature_shape`` and ``generator``, for those that take them.

    Raises
    ------
    InvalidInputError
        If there is no such code or prior, or an option cannot be used.
    """
    prior = spec.options.get("prior")
    if isinstance(prior, Spec):
        spec = spec.but(prior=make_prior(prior, place))
    latent: Latent = LATENTS.make(spec, place=place)
    return latent


def build(
    architecture: Architecture,
    generator: torch.Generator | None = None,
    *,
    parts: Mapping[str, Any] | None = None,
    corruption: Any = None,
    penalties: Mapping[str, Any] | None = None,
) -> AutoencoderModule:
    """Build the module of an architecture.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    generator : torch.Generator, optional
        Where the initial weights come from.
    parts : mapping, optional
        The user's own objects where the architecture says "custom": ``"network"``, a pair of an
        encoder and a decoder, ``"latent"`` and ``"likelihood"``. They are copied.
    corruption, penalties
        For training, see `isthmus.nn.AutoencoderModule`.

    Raises
    ------
    InvalidInputError
        If a part is missing, or networks of the user's own do not fit.
    """
    likelihood: Likelihood
    if isinstance(architecture.likelihood, Spec) and architecture.likelihood.name == CUSTOM:
        likelihood = _own(parts, "likelihood")
    else:
        likelihood = make_likelihood(architecture.likelihood)
    shape = architecture.input_shape or architecture.module_shape
    in_shape = (likelihood.feature_channels(shape[0]), *shape[1:])
    place = {
        "latent_dim": architecture.latent_dim,
        "feature_shape": in_shape,
        "generator": generator,
    }
    if architecture.latent.name == CUSTOM:
        latent: Latent = _own(parts, "latent")
    else:
        latent = make_latent(architecture.latent, place)
    kind = MODULES[architecture.module.name]
    custom = architecture.network.name == CUSTOM
    if custom:
        encoder, decoder = _own(parts, "network")
    else:
        encoder, decoder = _networks(architecture, in_shape, likelihood, latent, generator)
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
        penalties=_copies(penalties),
        missing=architecture.missing,
        **critics,
        **architecture.module.options,
    )
    if custom:
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise InvalidInputError("network: your encoder and decoder have no parameters to train")
        check_shapes(module, architecture.module_shape, architecture.latent_dim)
    return module


def _own(parts: Mapping[str, Any] | None, name: str) -> Any:
    """Return a copy of an object of the user's own."""
    given = (parts or {}).get(name)
    if given is None:
        own, how = f"a {name} of your own", f"load(path, parts={{{name!r}: ...}})"
        if name == "network":
            own, how = (
                "an encoder and a decoder of your own",
                "load(path, network=(encoder, decoder))",
            )
        raise InvalidInputError(f"{name}: this model has {own}; pass them: {how}")
    return copy.deepcopy(given)  # an encoder and a decoder at once: they may share layers


def _copies(penalties: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return penalties, copies of those that are trained: the user's stay as they are."""
    return {
        name: copy.deepcopy(each) if isinstance(each, nn.Module) else each
        for name, each in (penalties or {}).items()
    }


def _networks(
    architecture: Architecture,
    in_shape: tuple[int, ...],
    likelihood: Likelihood,
    latent: Latent,
    generator: torch.Generator | None,
) -> tuple[nn.Module, nn.Module]:
    channels, *spatial = architecture.module_shape
    takes_condition = MODULES[architecture.module.name].encoder_takes_condition
    place = Place(
        in_shape=in_shape,
        heads=latent.outputs(architecture.latent_dim),
        code=latent.decoded_dim(architecture.latent_dim),
        out_shape=(likelihood.parameter_channels(channels), *spatial),
        hidden=architecture.hidden,
        channels=architecture.channels,
        code_channels=architecture.code_channels,
        activation=architecture.activation,
        normalization=architecture.normalization,
        dropout=architecture.dropout,
        tied=architecture.tied_weights,
        condition_dim=architecture.condition_dim,
        encoder_condition_dim=architecture.condition_dim if takes_condition else 0,
        generator=generator,
    )
    network = NETWORKS.make(architecture.network)
    with global_random(network.draws_globally):
        if network.draws_globally and generator is not None:
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        pair: tuple[nn.Module, nn.Module] = network.pair(place)
    return pair


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
    if name == "data" and architecture.network.name == "convolutional":
        network = ConvolutionalEncoder(seen, width, architecture.channels, **style)
    else:
        shape = seen if name == "data" else (architecture.latent_dim,)
        network = Dense(shape, (width,), hidden, **style)
    return Critic(network, width, generator)
