"""FactorVAE: a variational autoencoder whose critic measures the dependence of its codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import at_least, critic_layers
from isthmus.models.variational import VariationalAutoencoder
from isthmus.nn import Spec
from isthmus.training import Warmup, adversarial

__all__ = ["FactorVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class FactorVAE(VariationalAutoencoder):
    """A VAE whose codes are made independent by their total correlation (Kim & Mnih 2018).

    minimise  E[−log p(x|z)] + β KL(q(z|x) ‖ p(z)) + γ KL(q(z) ‖ Πⱼ q(zⱼ))

    q(z) is the distribution of the codes of all data together. A larger β presses on what the code
    says of x as well; γ presses on the dependence of its numbers alone. The last term is estimated
    by a critic, trained in turns with the rest, that tells codes from codes with shuffled columns:
    its logit is log q(z) − log Πⱼ q(zⱼ) when it is at its best.

    Parameters
    ----------
    gamma : float, default=10.0
        γ; 0 is a VAE. The paper takes 35 for dSprites, and 3 to 7 for images in colour.
    critic_hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of the hidden layers of the critic, at least one. The paper has six of 1000.
    beta : float, default=1.0
        β.
    beta_warmup : int, default=10
        Epochs in which β and γ rise from 0; early stopping waits for them.
    latent_dim, hidden_layer_sizes, ...
        See `VariationalAutoencoder`, as for all other parameters.

    References
    ----------
    .. [1] H. Kim and A. Mnih, "Disentangling by factorising", ICML 2018, arXiv:1802.05983.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import FactorVAE
    >>> X = load_digits().data[:300] / 16
    >>> model = FactorVAE(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> "total_correlation" in model.history_
    True
    """

    gamma: float = 10.0
    critic_hidden_layer_sizes: tuple[int, ...] = (256, 256)

    constraints: ClassVar[dict[str, list[Any]]] = {
        **VariationalAutoencoder.constraints,
        "gamma": [at_least(0)],
        "critic_hidden_layer_sizes": ["array-like"],
    }

    def choose(self, facts: DataFacts) -> Choices:
        return (
            super()
            .choose(facts)
            .but(
                module=Spec("factor"),
                critic_hidden=critic_layers(self),
                coefficients={
                    "total_correlation": Warmup(float(self.gamma), int(self.beta_warmup)),
                    "code_critic": 0.0,  # descended as it is, and not in the loss that is shown
                },
                rule=self.binarized(adversarial),
                momentum=0.5,
            )
        )
