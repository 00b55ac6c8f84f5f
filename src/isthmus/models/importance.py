"""The importance weighted autoencoder: a variational one with a tighter bound."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import at_least, share
from isthmus.models.variational import VariationalAutoencoder
from isthmus.nn import Spec

__all__ = ["ImportanceWeightedAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class ImportanceWeightedAutoencoder(VariationalAutoencoder):
    """maximise  E[log 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x)] over k draws (Burda et al. 2016).

    The bound rises with k to log p(x), the posterior may have a shape that the encoder cannot give,
    and more of the code is used. A step costs k passes through the decoder.

    Parameters
    ----------
    n_importance_samples : int, default=5
        k.
    gradient : {"iwae", "miwae", "ciwae", "piwae"}, default="iwae"
        What is followed: the bound itself; its mean over `n_groups` groups of k draws; a mix of it
        with the evidence lower bound; or "miwae" for the encoder and "iwae" with all draws for
        the decoder (Rainforth et al. 2018). With many draws the encoder's gradient in "iwae" is
        mostly noise, and the others help.
    n_groups : int, default=1
        Groups of "miwae" and "piwae".
    elbo_weight : float, default=0.5
        The weight of the evidence lower bound in "ciwae".
    beta : 1.0
    beta_warmup : int, default=0
        A bound that is not a sum has no coefficient: β stays 1.
    prior, posterior, conditional, dynamic_binarization, ...
        See `VariationalAutoencoder`.

    Notes
    -----
    `score_samples` is the importance weighted bound with 16 draws.

    References
    ----------
    .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       arXiv:1509.00519.
    .. [2] T. Rainforth et al., "Tighter variational bounds are not necessarily better", ICML 2018,
       arXiv:1802.04537.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import ImportanceWeightedAutoencoder
    >>> X = load_digits().data / 16
    >>> model = ImportanceWeightedAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    n_importance_samples: int = 5
    gradient: str = "iwae"
    n_groups: int = 1
    elbo_weight: float = 0.5
    beta_warmup: int = 0

    constraints: ClassVar[dict[str, list[Any]]] = {
        **VariationalAutoencoder.constraints,
        "n_importance_samples": [at_least(1, Integral)],
        "gradient": [StrOptions({"iwae", "miwae", "ciwae", "piwae"})],
        "n_groups": [at_least(1, Integral)],
        "elbo_weight": [share("both")],
    }

    def choose(self, facts: DataFacts) -> Choices:
        fixed = {"beta": 1, "beta_warmup": 0, "free_bits": 0, "capacity": None}
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise InvalidInputError(
                    f"{name}: an importance weighted bound has no such term; leave it at "
                    f"{value!r}; got {getattr(self, name)!r}"
                )
        grouped = self.gradient in ("miwae", "piwae")
        if self.n_groups > 1 and not grouped:
            raise InvalidInputError(
                f"n_groups: only for gradient='miwae' and 'piwae'; got {self.n_groups!r} with "
                f"{self.gradient!r}; leave it at 1"
            )
        options = {
            "n_samples": int(self.n_importance_samples),
            "n_groups": int(self.n_groups),
            "elbo_weight": float(self.elbo_weight) if self.gradient == "ciwae" else 0.0,
            "partial": float(self.gradient == "piwae"),
        }
        choices = super().choose(facts).but(module=Spec("importance", options))
        return dataclasses.replace(
            choices, coefficients={}
        )  # the bound has no part that is weighted
