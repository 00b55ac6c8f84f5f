"""The InfoVAE: a variational autoencoder that matches all codes, and not each, to the prior."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, Options, StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import at_least
from isthmus.models.variational import VariationalAutoencoder
from isthmus.nn import MaximumMeanDiscrepancy
from isthmus.training import Warmup

__all__ = ["InfoVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class InfoVAE(VariationalAutoencoder):
    """A VAE in which the mean of the posteriors counts beside each of them (Zhao et al. 2019).

    minimise  E[−log p(x|z)] + (1 − α) KL(q(z|x) ‖ p(z)) + (α + λ − 1) MMD²(q(z), p(z))

    The divergence keeps every posterior at the prior, and so keeps the code from telling x. What
    sampling needs is only that q(z), their mean, is the prior: the maximum mean discrepancy asks
    for that. α = 1 leaves only it: an MMD-VAE.

    Parameters
    ----------
    alpha : float, default=0.9
        α, at most 1: how much of the divergence is left out.
    mmd_weight : float, default=10.0
        λ, in nats; MMD² is at most 2. At least 1 − α. Far larger ones hold the code where it
        begins, at the prior and without use.
    kernel : {"multiquadric", "gaussian"}, default="multiquadric"
        See `isthmus.nn.squared_mmd`.
    beta : {1}, default=1.0
        1 − α stands in its place.
    prior : {"normal"}, default="normal"
        For which the kernel's scales are.
    capacity : None
        It would take the place of 1 − α.
    beta_warmup : int, default=10
        Epochs in which 1 − α rises from 0; early stopping waits for them.
    latent_dim, hidden_layer_sizes, ...
        See `VariationalAutoencoder`, as for all other parameters.

    References
    ----------
    .. [1] S. Zhao, J. Song and S. Ermon, "InfoVAE: balancing learning and inference in variational
       autoencoders", AAAI 2019, doi:10.1609/aaai.v33i01.33015885, arXiv:1706.02262.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import InfoVAE
    >>> X = load_digits().data / 16
    >>> model = InfoVAE(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> "mmd" in model.history_
    True
    """

    alpha: float = 0.9
    mmd_weight: float = 10.0
    kernel: str = "multiquadric"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **VariationalAutoencoder.constraints,
        "alpha": [Interval(Real, None, 1, closed="right")],
        "mmd_weight": [at_least(0)],
        "kernel": [StrOptions({"multiquadric", "gaussian"})],
        "beta": [Options(Real, {1.0})],
        "prior": [StrOptions({"normal"})],
        "capacity": [None],
    }

    def choose(self, facts: DataFacts) -> Choices:
        if self.mmd_weight < 1 - self.alpha:
            raise InvalidInputError(
                f"mmd_weight: expected at least 1 - alpha = {1 - self.alpha:g}, so that the "
                f"discrepancy is not rewarded; got {self.mmd_weight!r}"
            )
        choices = super().choose(facts)
        part = Warmup(1 - float(self.alpha), int(self.beta_warmup))
        return choices.but(
            penalties={"mmd": MaximumMeanDiscrepancy(self.kernel)},
            coefficients={
                **dict.fromkeys(choices.coefficients, part),
                "mmd": float(self.alpha + self.mmd_weight - 1),
            },
        )
