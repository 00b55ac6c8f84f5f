"""The VAE-GAN: a variational autoencoder whose samples are compared as a critic sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least, critic_layers
from isthmus.nn import Spec
from isthmus.training import Warmup, adversarial

__all__ = ["VAEGAN"]


@dataclass(kw_only=True, eq=False, repr=False)
class VAEGAN(BaseAutoencoder):
    """A Gaussian code, and a likelihood of what a critic sees of x (Larsen et al. 2016).

    minimise  β KL(q(z|x) ‖ p(z)) + (d/2) log E‖φ(x) − φ(g(z))‖² − λ E[log σ(D(g(z)))]

    in turns with a critic D that tells data from what the decoder g makes of codes and of draws
    from the prior. φ are the features in D's last hidden layer, d their number, at most that of the
    values of a sample. Errors that the critic does not see, such as a stroke moved by a pixel, cost
    little; blur, which it sees, costs much. The encoder does not learn from the last term.

    `score_samples` is the bound of a variational autoencoder, with −log p(x|z) in the units of the
    data, which the networks do not minimise: only its scale is fitted. There is no early stopping
    unless it is asked for; it then goes by that bound.

    Parameters
    ----------
    beta : float, default=1.0
        β, which rises from 0 over `beta_warmup` epochs.
    beta_warmup : int, default=10
        See there; early stopping waits for them.
    realism_weight : float, default=5.0
        λ, in nats.
    gradient_weight : float, default=0.1
        The coefficient of ½‖∂D/∂x‖² at the data: more is steadier, less is sharper (Mescheder et
        al. 2018).
    conditional : bool, default=False
        Whether `y` is given to encoder, decoder and critic. Text, booleans and whole numbers are
        classes, fractions are amounts.
    critic_hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of the hidden layers of the critic, at least one. With a convolutional network it has
        its channels in place of all but the last.
    latent_activation : {"auto", "identity"}, default="auto"
        A Gaussian code has no activation.
    batch_size : int or "auto", default=64
        Rows a step.
    early_stopping : bool, default=False
        See above.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] A. B. L. Larsen, S. K. Sønderby, H. Larochelle and O. Winther, "Autoencoding beyond
       pixels using a learned similarity metric", ICML 2016, arXiv:1512.09300.
    .. [2] L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually
       converge?", ICML 2018, arXiv:1801.04406.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VAEGAN
    >>> X = load_digits().data[:300] / 16
    >>> model = VAEGAN(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    batch_size: int | str = 64
    early_stopping: bool = False
    beta: float = 1.0
    beta_warmup: int = 10
    realism_weight: float = 5.0
    gradient_weight: float = 0.1
    conditional: bool = False
    critic_hidden_layer_sizes: tuple[int, ...] = (256, 256)

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "latent_activation": [StrOptions({"auto", "identity"})],
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
        "realism_weight": [at_least(0)],
        "gradient_weight": [at_least(0)],
        "conditional": ["boolean"],
        "critic_hidden_layer_sizes": ["array-like"],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        return (
            super()
            .choose(facts)
            .but(
                module=Spec("vae_gan", {"gradient_weight": float(self.gradient_weight)}),
                critic_hidden=critic_layers(self),
                latent=Spec("gaussian"),
                coefficients={
                    "divergence": Warmup(float(self.beta), int(self.beta_warmup)),
                    "realism": float(self.realism_weight),
                    "data_critic": 0.0,
                    "gradient_penalty": 0.0,
                },
                unmonitored=("features", "realism"),
                rule=adversarial,
                momentum=0.5,
            )
        )

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and encode; a conditional model uses y for both."""
        return self.fit(X, y).transform(X, y)
