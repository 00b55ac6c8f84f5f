"""The generative adversarial network, with an encoder beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least, critic_layers
from isthmus.nn import Spec
from isthmus.training import adversarial

__all__ = ["GenerativeAdversarialNetwork"]


@dataclass(kw_only=True, eq=False, repr=False)
class GenerativeAdversarialNetwork(BaseAutoencoder):
    """A decoder that learns from a critic alone what data look like (Goodfellow et al. 2014).

    minimise  −E_{z ~ N(0, I)} [log σ(D(g(z)))],  in turns with a critic D that tells data from g(z)

    The decoder never sees a sample nor a code of one. So that it is a member of the family, an
    encoder f is trained beside it to give back the z of what was decoded: ½‖z − f(g(z))‖² (a latent
    regressor, Donahue et al. 2017). `transform` is that f: on data, the code from which the most
    similar thing might be made, and no better than the decoder's samples are like the data.
    `reconstruct` is g(f(x)) and keeps the kind rather than the sample; `score_samples` is
    log p(x|z) at z = f(x), not log p(x), which a GAN does not have.

    No term of the loss says how good the samples are, so that there is no early stopping unless it
    is asked for; it then goes by how well held-out rows are reconstructed, which tells whether what
    is made covers the data.

    Parameters
    ----------
    gradient_weight : float, default=0.1
        The coefficient of ½‖∂D/∂x‖² at the data: more is steadier, less is sharper (Mescheder et
        al. 2018).
    conditional : bool, default=False
        Whether `y` is given to decoder and critic (Mirza & Osindero 2014), and not to the encoder:
        `transform` needs no y. Text, booleans and whole numbers are classes, fractions are amounts.
    critic_hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of the hidden layers of the critic, at least one. With a convolutional network it has
        its channels in place of all but the last.
    latent_activation : {"auto", "identity"}, default="auto"
        The prior is a normal distribution: the code has no activation.
    batch_size : int or "auto", default=64
        Rows a step.
    early_stopping : bool, default=False
        See above.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters; `tied_weights` must stay False.

    References
    ----------
    .. [1] I. J. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014, arXiv:1406.2661.
    .. [2] J. Donahue, P. Krähenbühl and T. Darrell, "Adversarial feature learning", ICLR 2017,
       arXiv:1605.09782.
    .. [3] L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually
       converge?", ICML 2018, arXiv:1801.04406.
    .. [4] M. Mirza and S. Osindero, "Conditional generative adversarial nets", 2014,
       arXiv:1411.1784.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import GenerativeAdversarialNetwork
    >>> X = load_digits().data[:300] / 16
    >>> model = GenerativeAdversarialNetwork(max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    batch_size: int | str = 64
    early_stopping: bool = False
    gradient_weight: float = 0.1
    conditional: bool = False
    critic_hidden_layer_sizes: tuple[int, ...] = (256, 256)

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "latent_activation": [StrOptions({"auto", "identity"})],
        "gradient_weight": [at_least(0)],
        "conditional": ["boolean"],
        "critic_hidden_layer_sizes": ["array-like"],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        if self.tied_weights:
            raise InvalidInputError(
                "tied_weights: the decoder learns from the critic alone, and the encoder from the "
                "decoder; set it to False"
            )
        if self.corruption is not None:
            raise InvalidInputError(
                "corruption: the networks learn from what is generated; leave it at None"
            )
        return (
            super()
            .choose(facts)
            .but(
                module=Spec("gan", {"gradient_weight": float(self.gradient_weight)}),
                critic_hidden=critic_layers(self),
                latent=Spec("matched"),
                coefficients={"data_critic": 0.0, "gradient_penalty": 0.0},
                unmonitored=("realism", "regression"),
                rule=adversarial,
                momentum=0.5,
            )
        )
