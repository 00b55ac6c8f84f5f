"""The regularised autoencoder: deterministic, smooth, and sampled from a density of its codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.density import DENSITIES
from isthmus.models.base.parameters import COMMON, at_least
from isthmus.nn import CodeNorm, DecoderGradient, DecoderWeights

__all__ = ["RegularizedAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class RegularizedAutoencoder(BaseAutoencoder):
    """Small codes, a smooth decoder, and a density put on the codes afterwards (Ghosh et al. 2020).

    minimise  E[−log p(x|z)] + β ½ ‖z‖² + λ Ω(decoder),  z = f(x)

    The noise of a variational code does two things: it keeps the decoder smooth around each code,
    and it lets a prior be known beforehand. Here the first is a penalty, and the second is found
    out: when the networks are trained, a density is fitted to the codes of the training data, as
    `fit_density` does for any member of the family. So `sample` works at once.

    Parameters
    ----------
    code_weight : float, default=0.01
        β.
    regularization : {"weights", "gradient"} or None, default="weights"
        Ω: half the squared weights of the decoder, half the squared norm of its Jacobian at
        the codes, or nothing.
    decoder_weight : float or "auto", default="auto"
        λ; "auto" is 0.001 for "weights" and 0.1 for "gradient".
    density : {"mixture", "flow"}, default="mixture"
        What is fitted to the codes, see `fit_density`, which can replace it at any time.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    Attributes
    ----------
    density_ : Prior
        The density of the codes. `partial_fit` removes it, since codes move with the networks.

    References
    ----------
    .. [1] P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schölkopf, "From variational to
       deterministic autoencoders", ICLR 2020, arXiv:1903.12436.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import RegularizedAutoencoder
    >>> X = load_digits().data / 16
    >>> model = RegularizedAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    code_weight: float = 0.01
    regularization: str | None = "weights"
    decoder_weight: float | str = "auto"
    density: str = "mixture"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "code_weight": [at_least(0)],
        "regularization": [StrOptions({"weights", "gradient"}), None],
        "decoder_weight": [at_least(0), StrOptions({"auto"})],
        "density": [StrOptions(set(DENSITIES))],
    }

    def choose(self, facts: DataFacts) -> Choices:
        choices = (
            super()
            .choose(facts)
            .but(penalties={"code": CodeNorm()}, coefficients={"code": float(self.code_weight)})
        )
        if self.regularization is None:
            return choices
        by_weights = self.regularization == "weights"
        auto, weight = 1e-3 if by_weights else 0.1, self.decoder_weight
        return choices.but(
            penalties={"decoder": DecoderWeights() if by_weights else DecoderGradient()},
            coefficients={"decoder": auto if isinstance(weight, str) else float(weight)},
        )

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the network to the data, and the density to its codes.

        Parameters
        ----------
        X, y
            See `Autoencoder.fit`; at least 2 rows.

        Returns
        -------
        self
        """
        super().fit(X, y)
        return self.fit_density(X, kind=self.density, random_state=self.random_state)
