"""The sparse autoencoder: few units of a large code are active for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.parameters import COMMON, at_least, share
from isthmus.nn import L1, KLSparsity, Penalty
from isthmus.training import Coefficient

__all__ = ["SparseAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class SparseAutoencoder(BaseAutoencoder):
    """An autoencoder whose code is sparse: minimise −log p(x|z) + λ Ω(z), or keep k units.

    One linear layer each way and an overcomplete code, unless told otherwise.

    Parameters
    ----------
    sparsity : {"l1", "kl", "topk"}, default="l1"
        "l1": λ Σ|zⱼ| on a ReLU code. "kl": λ Σ KL(ρ ‖ mean activity of unit j over the batch) on a
        sigmoid code (Ng 2011). "topk": the k largest units stay, the others are 0 (Makhzani & Frey
        2013).
    sparsity_weight : float, default=0.1
        λ of "l1" and "kl".
    target_activity : float, default=0.05
        ρ of "kl".
    k : int or "auto", default="auto"
        Of "topk"; "auto" is a tenth of the code.
    latent_dim : int or "auto", default="auto"
        "auto" is twice the values of a sample, at most 1024.
    latent_activation : str or "auto", default="auto"
        "auto" is "relu" for "l1", "sigmoid" for "kl" and "identity" for "topk".
    hidden_layer_sizes : tuple of int or "auto", default=()
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford (2011).
    .. [2] A. Makhzani and B. Frey, "k-Sparse autoencoders" (2013), arXiv:1312.5663.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import SparseAutoencoder
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoder(sparsity="topk", k=10, max_epochs=5, random_state=0).fit(X)
    >>> int((model.transform(X) != 0).sum(axis=1).max())
    10
    """

    hidden_layer_sizes: tuple[int, ...] | str = ()
    sparsity: str = "l1"
    sparsity_weight: float = 0.1
    target_activity: float = 0.05
    k: int | str = "auto"

    _constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "sparsity": [StrOptions({"l1", "kl", "topk"})],
        "sparsity_weight": [at_least(0)],
        "target_activity": [share("neither")],
        "k": [at_least(1, Integral), StrOptions({"auto"})],
    }

    def _auto_latent_dim(self, n_values: int) -> int:
        return min(2 * n_values, 1024)

    def _latent(self) -> dict[str, Any]:
        name = self.latent_activation
        if name == "auto":
            name = {"l1": "relu", "kl": "sigmoid", "topk": "identity"}[self.sparsity]
        if self.sparsity == "kl" and name != "sigmoid":
            raise InvalidInputError(
                f"latent_activation: sparsity='kl' needs 'sigmoid', codes from 0 to 1; got {name!r}"
            )
        if self.sparsity != "topk":
            return {"latent": "deterministic", "latent_activation": name}
        size = self.latent_dim
        if isinstance(size, str):
            size = self._auto_latent_dim(self.schema_.n_values)
        k = max(1, int(size) // 10) if isinstance(self.k, str) else int(self.k)
        return {"latent": "topk", "k": k, "latent_activation": name}

    def _penalties(self) -> dict[str, Penalty]:
        if self.sparsity == "l1":
            return {"sparsity": L1()}
        return (
            {"sparsity": KLSparsity(float(self.target_activity))} if self.sparsity == "kl" else {}
        )

    def _coefficients(self) -> dict[str, Coefficient]:
        return {} if self.sparsity == "topk" else {"sparsity": float(self.sparsity_weight)}
