"""The recirculation autoencoder: trained without back-propagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.models.base import BaseAutoencoder
from isthmus.models.parameters import COMMON, check_one_layer, share
from isthmus.training import Step, recirculation

__all__ = ["RecirculationAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class RecirculationAutoencoder(BaseAutoencoder):
    """Activity goes round a loop and teaches: ΔV ∝ (x₀ − x₁) h₀ᵀ, ΔW ∝ (h₀ − h₁) x₁ᵀ.

    One layer of logistic hidden units, which are the code, and visible units that are logistic for
    values in [0, 1] and linear for others; untied weights. No gradient is sent back through a
    layer, see `isthmus.training.recirculation`.

    Parameters
    ----------
    regression : float, default=0.75
        λ: how much of the old activity stays in the new one, from 0 to below 1.
    learning_rate : float, default=1e-2
        Of the optimiser.
    likelihood : {"auto", "bernoulli", "gaussian"}, default="auto"
        Logistic or linear visible units. "auto" is Bernoulli for binary data, bytes and data in
        [0, 1], and Gaussian, standardised, for all others.
    latent_activation : {"auto", "sigmoid"}, default="auto"
        The hidden units are logistic.
    hidden_layer_sizes : tuple of int, default=()
        There are no other hidden layers: it must be empty. `normalization`, `dropout` and
        `tied_weights` must stay at their defaults too.
    latent_dim, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] G. E. Hinton and J. L. McClelland, "Learning representations by recirculation", Neural
       Information Processing Systems (1987), American Institute of Physics (1988), 358-366.
       No DOI.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import RecirculationAutoencoder
    >>> patterns = np.eye(4)
    >>> model = RecirculationAutoencoder(
    ...     latent_dim=2, learning_rate=0.05, max_epochs=1000, early_stopping=False, random_state=0
    ... ).fit(patterns)
    >>> model.reconstruct(patterns).argmax(axis=1)
    array([0, 1, 2, 3])
    """

    hidden_layer_sizes: tuple[int, ...] | str = ()
    learning_rate: float = 1e-2
    regression: float = 0.75

    _dense_only: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "likelihood": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "latent_activation": [StrOptions({"auto", "sigmoid"})],
        "regression": [share("left")],
    }

    def _auto_likelihood(self, kinds: Sequence[str]) -> str:
        return "bernoulli" if {*kinds} <= {"binary", "unit", "bytes"} else "gaussian"

    def _latent(self) -> dict[str, Any]:
        check_one_layer(self)
        return {"latent": "deterministic", "latent_activation": "sigmoid"}

    def _step(self) -> Step:
        return recirculation(float(self.regression))
