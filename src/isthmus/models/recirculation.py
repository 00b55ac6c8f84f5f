"""The recirculation autoencoder: trained without back-propagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, check_one_layer, share
from isthmus.nn import Spec
from isthmus.training import recirculation

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
        The step size of the optimiser at the start.
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

    dense_only: ClassVar[bool] = True
    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "likelihood": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "latent_activation": [StrOptions({"auto", "sigmoid"})],
        "regression": [share("left")],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        bounded = {*kinds} <= {"binary", "unit", "bytes"}
        return ValueDefaults(likelihood="bernoulli" if bounded else "gaussian")

    def choose(self, facts: DataFacts) -> Choices:
        check_one_layer(self)
        self.no_other_code()
        for name in ("corruption", "penalties"):
            if getattr(self, name):
                raise InvalidInputError(
                    f"{name}: nothing is differentiated here, and so nothing learns from it; leave "
                    "it at None"
                )
        return (
            super()
            .choose(facts)
            .but(
                latent=Spec("deterministic", {"activation": "sigmoid"}),
                rule=recirculation(float(self.regression)),
            )
        )
