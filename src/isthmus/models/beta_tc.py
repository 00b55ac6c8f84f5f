"""The β-TCVAE: a variational autoencoder that presses on the dependence of its codes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.variational import VariationalAutoencoder
from isthmus.nn import TotalCorrelation
from isthmus.training import Warmup

__all__ = ["BetaTCVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class BetaTCVAE(VariationalAutoencoder):
    """A VAE whose codes are made independent by their total correlation (Chen et al. 2018).

    The divergence of a VAE, averaged over the data, is what the code says of x, plus the total
    correlation KL(q(z) ‖ Πⱼ q(zⱼ)), plus what each number's distribution is off its prior. A β-VAE
    weights all three; here β is that of the total correlation alone:

    minimise  E[−log p(x|z)] + KL(q(z|x) ‖ p(z)) + (β − 1) KL(q(z) ‖ Πⱼ q(zⱼ))

    The total correlation is estimated from the posteriors of each batch, see
    `isthmus.nn.TotalCorrelation`.

    Parameters
    ----------
    beta : float, default=6.0
        β; 1 is the evidence lower bound.
    beta_warmup : int, default=10
        Epochs in which the divergence and β − 1 rise from 0; early stopping waits for them.
    sampling : {"weighted", "stratified"}, default="weighted"
        How a batch stands for the data: as in the experiments of the paper, or with less bias and
        more noise.
    posterior : {"gaussian"}, default="gaussian"
        As the estimate needs it.
    capacity : None
        It would take the place of β.
    latent_dim, hidden_layer_sizes, ...
        See `VariationalAutoencoder`, as for all other parameters.

    References
    ----------
    .. [1] R. T. Q. Chen, X. Li, R. Grosse and D. Duvenaud, "Isolating sources of disentanglement
       in variational autoencoders", NeurIPS 2018, arXiv:1802.04942.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import BetaTCVAE
    >>> X = load_digits().data / 16
    >>> model = BetaTCVAE(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> "total_correlation" in model.history_
    True
    """

    beta: float = 6.0
    sampling: str = "weighted"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **VariationalAutoencoder.constraints,
        "sampling": [StrOptions({"weighted", "stratified"})],
        "posterior": [StrOptions({"gaussian"})],
        "capacity": [None],
    }

    def choose(self, facts: DataFacts) -> Choices:
        choices = super().choose(facts)
        warmup = int(self.beta_warmup)
        full = Warmup(1.0, warmup)
        return choices.but(
            penalties={"total_correlation": TotalCorrelation(facts.n_rows, self.sampling)},
            coefficients={
                **dict.fromkeys(choices.coefficients, full),
                "total_correlation": Warmup(float(self.beta) - 1, warmup),
            },
        )
