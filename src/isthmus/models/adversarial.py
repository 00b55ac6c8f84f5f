"""The adversarial autoencoder: a critic makes the codes of the data like draws from a prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import COMMON, at_least, critic_layers
from isthmus.nn import Spec
from isthmus.training import Warmup, adversarial

__all__ = ["WARMUP", "AdversarialAutoencoder"]

WARMUP = 10  # epochs of warm-up: at first the critics have learned nothing


def matched_code(prior: str, activation: str) -> Spec:
    """Return the code that a critic makes like a prior.

    Parameters
    ----------
    prior : {"normal", "uniform"}
        Which.
    activation : str
        The activation of the code; "auto" is one whose range is the prior's.
    """
    uniform = prior == "uniform"
    if activation == "auto":
        activation = "tanh" if uniform else "identity"
    return Spec("matched", {"uniform": uniform, "activation": activation})


@dataclass(kw_only=True, eq=False, repr=False)
class AdversarialAutoencoder(BaseAutoencoder):
    """A code whose distribution over all data is a prior: E[−log p(x|z)] − λ E[log σ(D(z))].

    D is a critic, trained in turns with the rest, that tells draws of the prior p(z) from codes.
    `sample` decodes draws of the prior. The code of one sample is deterministic: `score_samples`
    is log p(x|z) at z = f(x), and no bound on log p(x).

    Parameters
    ----------
    adversarial_weight : float, default=10.0
        λ, in nats: how much the distribution of the codes counts beside the reconstruction. It
        rises from 0 in the first 10 epochs. Early stopping goes by the reconstruction alone.
    gradient_weight : float, default=1.0
        The coefficient of the squared slope of D on draws of the prior: without it the codes chase
        the critic in a cluster and never spread (Mescheder et al. 2018).
    prior : {"normal", "uniform"}, default="normal"
        p(z): N(0, I), or uniform in (−1, 1) in each number, with tanh units.
    conditional : bool, default=False
        Whether `y` is given to the decoder and the critic, but not to the encoder: p(x|z, y) with
        codes that tell nothing of y. `transform` needs no y. Text, booleans and whole numbers are
        classes, fractions are amounts.
    critic_hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of the hidden layers of the critic, at least one.
    latent_activation : str or "auto", default="auto"
        "auto" is "identity" for the normal prior and "tanh" for the uniform one.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial autoencoders",
       ICLR workshop 2016, arXiv:1511.05644.
    .. [2] L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually
       converge?", ICML 2018, arXiv:1801.04406.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import AdversarialAutoencoder
    >>> X = load_digits().data[:300] / 16
    >>> model = AdversarialAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    adversarial_weight: float = 10.0
    gradient_weight: float = 1.0
    prior: str = "normal"
    conditional: bool = False
    critic_hidden_layer_sizes: tuple[int, ...] = (256, 256)

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "adversarial_weight": [at_least(0)],
        "gradient_weight": [at_least(0)],
        "prior": [StrOptions({"normal", "uniform"})],
        "conditional": ["boolean"],
        "critic_hidden_layer_sizes": ["array-like"],
    }

    def choose(self, facts: DataFacts) -> Choices:
        return (
            super()
            .choose(facts)
            .but(
                module=Spec("adversarial", {"gradient_weight": float(self.gradient_weight)}),
                critic_hidden=critic_layers(self),
                latent=matched_code(self.prior, self.latent_activation),
                coefficients={
                    "adversarial": Warmup(float(self.adversarial_weight), WARMUP),
                    "code_critic": 0.0,  # descended as they are, and not in the loss that is shown
                    "gradient_penalty": 0.0,
                },
                unmonitored=("adversarial",),
                rule=adversarial,
                momentum=0.5,
            )
        )
