"""The contractive autoencoder: a code that changes little when the input does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.parameters import COMMON, at_least
from isthmus.nn import Contractive, Penalty
from isthmus.training import Coefficient

__all__ = ["ContractiveAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class ContractiveAutoencoder(BaseAutoencoder):
    """An autoencoder with a penalty on its Jacobian: minimise −log p(x|z) + λ ‖∂z/∂x‖²_F.

    One sigmoid layer with tied weights, as in the paper, unless told otherwise.

    Parameters
    ----------
    contraction : float, default=0.1
        λ.
    jacobian : {"auto", "closed", "exact", "estimate"}, default="auto"
        How the norm is found, see `isthmus.nn.Contractive`. "auto" is the closed form for one
        layer, and the one-probe estimate for deeper and convolutional encoders.
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
    jacobian: str = "auto"

    _constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "contraction": [at_least(0)],
        "jacobian": [StrOptions({"auto", "closed", "exact", "estimate"})],
    }

    def _latent(self) -> dict[str, Any]:
        name = "sigmoid" if self.latent_activation == "auto" else self.latent_activation
        return {"latent": "deterministic", "latent_activation": name}

    def _penalties(self) -> dict[str, Penalty]:
        return {"contraction": Contractive(self.jacobian)}

    def _coefficients(self) -> dict[str, Coefficient]:
        return {"contraction": float(self.contraction)}
