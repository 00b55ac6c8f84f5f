"""The Wasserstein autoencoder: deterministic codes that are as a whole distributed as a prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import COMMON, at_least
from isthmus.nn import MaximumMeanDiscrepancy, Spec

__all__ = ["WassersteinAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class WassersteinAutoencoder(BaseAutoencoder):
    """A deterministic code whose distribution over the data is a prior (Tolstikhin et al. 2018).

    minimise  E[−log p(x|z)] + λ MMD²(q(z), N(0, I)),  z = f(x)

    q(z) is the distribution of the codes of all data, estimated by those of a batch; the maximum
    mean discrepancy is zero only where it is the prior. With a Gaussian likelihood of scale 1 the
    first term is half the squared error, and the whole a bound on a Wasserstein distance between
    the data and the samples. This is WAE-MMD; with a critic in place of the kernel it would be an
    `AdversarialAutoencoder`.

    Parameters
    ----------
    mmd_weight : float, default=30.0
        λ, in nats; MMD² is at most 2. Its estimate from a small batch is noisy, and a large λ makes
        much of the noise: raise `batch_size` with it.
    kernel : {"multiquadric", "gaussian"}, default="multiquadric"
        See `isthmus.nn.squared_mmd`.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] I. Tolstikhin, O. Bousquet, S. Gelly and B. Schölkopf, "Wasserstein auto-encoders",
       ICLR 2018, arXiv:1711.01558.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import WassersteinAutoencoder
    >>> X = load_digits().data / 16
    >>> model = WassersteinAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    mmd_weight: float = 30.0
    kernel: str = "multiquadric"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "mmd_weight": [at_least(0)],
        "kernel": [StrOptions({"multiquadric", "gaussian"})],
    }

    def choose(self, facts: DataFacts) -> Choices:
        return (
            super()
            .choose(facts)
            .but(
                latent=Spec("matched", {"activation": self.code_activation("identity")}),
                penalties={"mmd": MaximumMeanDiscrepancy(self.kernel)},
                coefficients={"mmd": float(self.mmd_weight)},
            )
        )
