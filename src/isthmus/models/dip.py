"""The DIP-VAE: a variational autoencoder that holds the covariance of its codes at the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import at_least
from isthmus.models.variational import VariationalAutoencoder
from isthmus.nn import CovariancePenalty
from isthmus.training import Warmup

__all__ = ["DIPVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class DIPVAE(VariationalAutoencoder):
    """A VAE whose inferred prior is disentangled: codes without covariances (Kumar et al. 2018).

    minimise  E[−log p(x|z)] + β KL(q(z|x) ‖ p(z)) + λₒ Σᵢ≠ⱼ Cᵢⱼ² + λ_d Σⱼ (Cⱼⱼ − 1)²

    C is the covariance of the posterior means (type I) or of the codes (type II), see
    `isthmus.nn.CovariancePenalty`. Nothing stronger than a covariance is looked at, so that it
    costs nearly nothing.

    Parameters
    ----------
    covariance : {"means", "codes"}, default="codes"
        Type I or type II. Type I wants every posterior mean to vary, needed or not; type II is
        content with numbers that are left at the prior.
    off_diagonal : float, default=1.0
        λₒ. The paper goes from 1 to 500 for images of 64 × 64, whose reconstruction is worth
        hundreds of nats.
    diagonal : float or "auto", default="auto"
        λ_d; "auto" is 10 λₒ for "means" and λₒ for "codes", as in the paper.
    beta_warmup : int, default=20
        Epochs in which β, λₒ and λ_d rise from 0; early stopping waits for them. Codes that begin
        to move move together at first: with fewer epochs small data may never get beyond that.
    posterior : {"gaussian"}, default="gaussian"
        As the covariance needs it.
    latent_dim, hidden_layer_sizes, ...
        See `VariationalAutoencoder`, as for all other parameters.

    References
    ----------
    .. [1] A. Kumar, P. Sattigeri and A. Balakrishnan, "Variational inference of disentangled
       latent concepts from unlabeled observations", ICLR 2018, arXiv:1711.00848.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import DIPVAE
    >>> X = load_digits().data / 16
    >>> model = DIPVAE(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> "off_diagonal" in model.history_ and "diagonal" in model.history_
    True
    """

    beta_warmup: int = 20
    covariance: str = "codes"
    off_diagonal: float = 1.0
    diagonal: float | str = "auto"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **VariationalAutoencoder.constraints,
        "covariance": [StrOptions({"means", "codes"})],
        "off_diagonal": [at_least(0)],
        "diagonal": [at_least(0), StrOptions({"auto"})],
        "posterior": [StrOptions({"gaussian"})],
    }

    def choose(self, facts: DataFacts) -> Choices:
        warmup, off_diagonal = int(self.beta_warmup), float(self.off_diagonal)
        if isinstance(self.diagonal, str):
            diagonal = off_diagonal * (10.0 if self.covariance == "means" else 1.0)
        else:
            diagonal = float(self.diagonal)
        return (
            super()
            .choose(facts)
            .but(
                penalties={
                    name: CovariancePenalty(name, self.covariance)
                    for name in ("off_diagonal", "diagonal")
                },
                coefficients={
                    "off_diagonal": Warmup(off_diagonal, warmup),
                    "diagonal": Warmup(diagonal, warmup),
                },
            )
        )
