"""The hyperspherical VAE: codes on the unit sphere, with a prior that prefers none of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least
from isthmus.nn import Spec
from isthmus.training import Warmup

__all__ = ["HypersphericalVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class HypersphericalVAE(BaseAutoencoder):
    """A VAE whose codes are unit vectors: q(z|x) is von Mises–Fisher (Davidson et al. 2018).

    minimise  E[−log p(x|z)] + β KL(vMF(z; μ(x), κ(x)) ‖ uniform)

    A normal prior pulls all codes to its centre, whatever they mean. A sphere has no centre: the
    uniform prior leaves the directions alone and asks only that posteriors are wide. It suits data
    that are angles or cycles, and codes that are compared by their angle.

    `transform` gives the mean directions μ; what lies between two is to be brought to length 1.

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Numbers in the code, at least 2: the sphere has one dimension less. A few; the area of a
        sphere vanishes with many, and so does its advantage.
    beta : float, default=1.0
        β; 1 is the evidence lower bound.
    beta_warmup : int, default=10
        Epochs in which β rises from 0; early stopping waits for them.
    conditional : bool, default=False
        Whether `y` is given to encoder and decoder, see `VariationalAutoencoder`.
    hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] T. R. Davidson, L. Falorsi, N. De Cao, T. Kipf and J. M. Tomczak, "Hyperspherical
       variational auto-encoders", UAI 2018, arXiv:1804.00891.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import HypersphericalVAE
    >>> X = load_digits().data[:300] / 16
    >>> model = HypersphericalVAE(latent_dim=3, max_epochs=2, random_state=0).fit(X)
    >>> bool(np.allclose(np.linalg.norm(model.transform(X), axis=1), 1))
    True
    """

    beta: float = 1.0
    beta_warmup: int = 10
    conditional: bool = False

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "latent_dim": [at_least(2, Integral), StrOptions({"auto"})],
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
        "conditional": ["boolean"],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        self.no_code_activation("a code on the sphere")
        choices = super().choose(facts)
        return choices.but(
            latent=Spec("von_mises_fisher"),
            latent_dim=max(2, choices.architecture.latent_dim),
            coefficients={"divergence": Warmup(float(self.beta), int(self.beta_warmup))},
        )

    def draw_codes(self, n_samples: int, generator: torch.Generator) -> Tensor:
        codes = super().draw_codes(n_samples, generator)
        # A density knows nothing of the sphere.
        return torch.nn.functional.normalize(codes, dim=1)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and encode; a conditional model uses y for both."""
        return self.fit(X, y).transform(X, y)
