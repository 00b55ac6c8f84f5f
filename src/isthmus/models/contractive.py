"""The contractive autoencoder and its second order: a code that changes little with its input."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import COMMON, above, at_least
from isthmus.nn import Contractive, HigherOrderContractive, Spec

__all__ = ["ContractiveAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class ContractiveAutoencoder(BaseAutoencoder):
    """An autoencoder with a penalty on its Jacobian: minimise −log p(x|z) + λ ‖J(x)‖²_F, J = ∂z/∂x.

    With `curvature` it is CAE+H, which adds γ E ‖J(x) − J(x + ε)‖²_F, ε ~ N(0, σ²I): the Jacobian,
    and so the directions that the code ignores, changes little from one sample to its neighbours.

    One sigmoid layer with tied weights, as in the paper, unless told otherwise.

    Parameters
    ----------
    contraction : float, default=0.1
        λ.
    curvature : float, default=0.0
        γ; with 0 nothing of it is computed.
    curvature_noise : float, default=0.1
        σ, in units of the scaled data.
    curvature_draws : int, default=1
        Draws of ε for each sample in each step.
    jacobian : {"auto", "closed", "exact", "estimate"}, default="auto"
        How the norms are found, see `isthmus.nn.Contractive` and
        `isthmus.nn.HigherOrderContractive`. "auto" is the closed form for one layer, and the
        one-probe estimate for deeper and convolutional encoders.
    latent_activation : str or "auto", default="auto"
        "auto" is "sigmoid".
    hidden_layer_sizes : tuple of int or "auto", default=()
        See `Autoencoder`, as for all other parameters.
    tied_weights : bool, default=True
        See `Autoencoder`.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive auto-encoders:
       Explicit invariance during feature extraction", ICML 2011.
    .. [2] S. Rifai, G. Mesnil, P. Vincent, X. Muller, Y. Bengio, Y. Dauphin and X. Glorot, "Higher
       order contractive auto-encoder", ECML PKDD 2011, doi:10.1007/978-3-642-23783-6_41.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import ContractiveAutoencoder
    >>> X = load_digits().data / 16
    >>> model = ContractiveAutoencoder(latent_dim=32, max_epochs=5, random_state=0).fit(X)
    >>> "contraction" in model.history_
    True
    """

    hidden_layer_sizes: tuple[int, ...] | str = ()
    tied_weights: bool = True
    contraction: float = 0.1
    curvature: float = 0.0
    curvature_noise: float = 0.1
    curvature_draws: int = 1
    jacobian: str = "auto"

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "contraction": [at_least(0)],
        "curvature": [at_least(0)],
        "curvature_noise": [above(0)],
        "curvature_draws": [at_least(1, Integral)],
        "jacobian": [StrOptions({"auto", "closed", "exact", "estimate"})],
    }

    def choose(self, facts: DataFacts) -> Choices:
        choices = (
            super()
            .choose(facts)
            .but(
                latent=Spec("deterministic", {"activation": self.code_activation("sigmoid")}),
                penalties={"contraction": Contractive(self.jacobian)},
                coefficients={"contraction": float(self.contraction)},
            )
        )
        if not self.curvature:
            return choices
        noise, draws = float(self.curvature_noise), int(self.curvature_draws)
        return choices.but(
            penalties={"curvature": HigherOrderContractive(noise, draws, self.jacobian)},
            coefficients={"curvature": float(self.curvature)},
        )
