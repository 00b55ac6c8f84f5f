"""The conditional adversarial autoencoder: one sample under every condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.data.condition import fit_condition
from isthmus.errors import InvalidInputError
from isthmus.models.adversarial import WARMUP, matched_code
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import COMMON, at_least, critic_layers
from isthmus.nn import Spec
from isthmus.training import Warmup, adversarial

__all__ = ["ConditionalAdversarialAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class ConditionalAdversarialAutoencoder(BaseAutoencoder):
    """A sample without its condition is a code; under another condition it is another sample.

    minimise  E[−log p(x|z, y)] − λ E[log σ(D(z, y))] − μ E[log σ(E(x̂(z, y'), y'))],  z = f(x)

    D is a critic that tells draws of the prior from codes, E one that tells data with their
    condition from what the decoder makes of codes under the condition of another sample. A face and
    an age go in, and the same face comes out at every age (Zhang, Song & Qi 2017): `progress`.

    The encoder is not given y. With a y in `fit`, y is the condition of the decoder; without one
    there is no condition, and what is left is an adversarial autoencoder with a critic of the data.
    Where a fitted model needs a condition and gets none, it takes the one between all: every class
    alike, or the mean of the amounts. The scores are log p(x|z, y) at z = f(x).

    Parameters
    ----------
    adversarial_weight : float, default=10.0
        λ, in nats: how much the distribution of the codes counts beside the reconstruction.
    realism_weight : float, default=5.0
        μ, in nats: how much it counts that what is decoded looks like data of its condition. Both
        weights rise from 0 in the first 10 epochs; early stopping goes by the reconstruction alone.
    gradient_weight : float, default=0.1
        The coefficient of the squared slope of E at the data: more is steadier, and less like the
        data (Mescheder et al. 2018). That of D is as in `AdversarialAutoencoder`.
    prior : {"uniform", "normal"}, default="uniform"
        p(z): uniform in (−1, 1) in each number, with tanh units, as in the paper; or N(0, I).
    critic_hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of the hidden layers of each critic, at least one. With a convolutional network E has
        its channels in place of all but the last.
    latent_activation : str or "auto", default="auto"
        "auto" is "tanh" for the uniform prior and "identity" for the normal one.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] Z. Zhang, Y. Song and H. Qi, "Age progression/regression by conditional adversarial
       autoencoder", CVPR 2017, arXiv:1702.08423.
    .. [2] L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually
       converge?", ICML 2018, arXiv:1801.04406.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import ConditionalAdversarialAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ConditionalAdversarialAutoencoder(latent_dim=4, max_epochs=3, random_state=0)
    >>> model.fit(X[:300] / 16, y[:300]).progress(X[:5] / 16).shape
    (5, 10, 64)
    """

    adversarial_weight: float = 10.0
    realism_weight: float = 5.0
    gradient_weight: float = 0.1
    prior: str = "uniform"
    critic_hidden_layer_sizes: tuple[int, ...] = (256, 256)

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "adversarial_weight": [at_least(0)],
        "realism_weight": [at_least(0)],
        "gradient_weight": [at_least(0)],
        "prior": [StrOptions({"normal", "uniform"})],
        "critic_hidden_layer_sizes": ["array-like"],
    }

    def choose(self, facts: DataFacts) -> Choices:
        weight = float(self.gradient_weight)
        return (
            super()
            .choose(facts)
            .but(
                module=Spec("conditional_adversarial", {"data_gradient_weight": weight}),
                critic_hidden=critic_layers(self),
                latent=matched_code(self.prior, self.latent_activation),
                coefficients={
                    "adversarial": Warmup(float(self.adversarial_weight), WARMUP),
                    "realism": Warmup(float(self.realism_weight), WARMUP),
                    "code_critic": 0.0,
                    "data_critic": 0.0,
                    "gradient_penalty": 0.0,
                },
                unmonitored=("adversarial", "realism"),
                rule=adversarial,
                momentum=0.5,
            )
        )

    def fit_condition(self, y: Any, n_samples: int) -> None:
        self.condition_ = None if y is None else fit_condition(y, n_samples)

    def encode_condition(self, y: Any, n_samples: int) -> Tensor | None:
        if y is None and self.condition_ is not None:
            return torch.from_numpy(self.condition_.neutral(n_samples))
        return super().encode_condition(y, n_samples)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train one epoch on some rows; the first call also decides likelihood and scaling.

        Parameters
        ----------
        X, y
            As in `fit`; every call must have the same columns, and a y if the first had one.

        Returns
        -------
        self
        """
        if y is None and getattr(self, "condition_", None) is not None:
            raise InvalidInputError(
                "y: the first call had a condition of each sample; pass partial_fit(X, y)"
            )
        return super().partial_fit(X, y)

    def progress(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Show each sample under several conditions.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data; their own condition is not needed.
        y : array-like of shape (n_conditions,) or (n_conditions, amounts), optional
            The conditions, the same for every sample; all classes of the fit, sorted, when absent.

        Returns
        -------
        ndarray of shape (n, n_conditions, *sample_shape), float32
            In the units of the data.

        Raises
        ------
        InvalidInputError
            If the model was fitted without conditions, or with amounts and y is absent.
        """
        check_is_fitted(self, "module_")
        condition = self.condition_
        if condition is None:
            raise InvalidInputError("progress: this model was fitted without y; fit(X, y) first")
        if y is None:
            if condition.classes is None:
                raise InvalidInputError(
                    "y: the conditions of this model are amounts; give those to show"
                )
            y = condition.classes
        y = np.asarray(y)
        if y.ndim == 0 or not len(y):
            raise InvalidInputError("y: expected a list of conditions, such as [0, 1]; got none")
        conditions = torch.from_numpy(condition.encode(y, len(y)))
        x, _ = self.to_tensors(X, None, encoding=True)
        codes = torch.from_numpy(self.map_rows(self.module_.encode, x, None))
        decoded = self.map_rows(
            self.module_.decode,
            codes.repeat_interleave(len(y), dim=0),
            conditions.repeat(len(codes), 1),
        )
        shown = self.in_units(decoded)
        return shown.reshape(len(codes), len(y), *self.sample_shape_)
