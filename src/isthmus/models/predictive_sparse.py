"""Predictive sparse decomposition: sparse codes found by optimisation, and their fast predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, cast

from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from isthmus.data.containers import is_tensor, like
from isthmus.errors import InvalidInputError, check_count
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least, check_one_layer
from isthmus.nn import PredictiveSparseModule, Spec
from isthmus.training import sparse_inference

__all__ = ["PredictiveSparseDecomposition"]


@dataclass(kw_only=True, eq=False, repr=False)
class PredictiveSparseDecomposition(BaseAutoencoder):
    """A dictionary with sparse codes and an encoder that predicts them, learned together.

    minimise ½‖x − (Dz + b)‖² + λ‖z‖₁ + (α/2)‖z − f(x)‖² over z for each sample, and over D, b and
    f(x) = g ⊙ tanh(Wx + c). Training alternates: z by FISTA from f(x), then one step of the
    optimiser on the weights with z fixed, then each atom, a column of D, gets a norm of 1 again.
    (The paper has no factors of ½: its λ is twice this one.)

    `transform` and `reconstruct` use the predictor; `sparse_encode` optimises.

    Parameters
    ----------
    sparsity_weight : float, default=0.2
        λ, in units of the scaled data: an atom is used where its product with the residual is
        larger.
    prediction_weight : float, default=1.0
        α.
    inference_steps : int, default=10
        Steps of FISTA while training.
    latent_dim : int or "auto", default="auto"
        Atoms; "auto" is twice the values of a sample, at most 256.
    likelihood : {"auto", "gaussian"}, default="auto"
        The squared error. Data in [0, 1] and bytes, divided by 255, are not standardised; all other
        columns are.
    latent_activation : {"auto", "tanh"}, default="auto"
        The activation of the predictor.
    hidden_layer_sizes : tuple of int, default=()
        The predictor has one layer: it must be empty. `normalization`, `dropout` and `tied_weights`
        must stay at their defaults too.
    learning_rate, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] K. Kavukcuoglu, M. Ranzato and Y. LeCun, "Fast inference in sparse coding algorithms with
       applications to object recognition", Technical Report CBLL-TR-2008-12-01, New York University
       (2008), arXiv:1010.3467.
    .. [2] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear
       inverse problems", SIAM Journal on Imaging Sciences 2 (2009), doi:10.1137/080716542.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import PredictiveSparseDecomposition
    >>> X = load_digits().data / 16
    >>> model = PredictiveSparseDecomposition(max_epochs=3, random_state=0).fit(X)
    >>> model.transform(X).shape, model.sparse_encode(X).shape
    ((1797, 128), (1797, 128))
    >>> bool((model.sparse_encode(X) == 0).mean() > 0.5)
    True
    """

    hidden_layer_sizes: tuple[int, ...] | str = ()
    sparsity_weight: float = 0.2
    prediction_weight: float = 1.0
    inference_steps: int = 10

    dense_only: ClassVar[bool] = True
    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "likelihood": [StrOptions({"auto", "gaussian"})],
        "latent_activation": [StrOptions({"auto", "tanh"})],
        "sparsity_weight": [at_least(0)],
        "prediction_weight": [at_least(0)],
        "inference_steps": [at_least(1, Integral)],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(likelihood="gaussian")

    def choose(self, facts: DataFacts) -> Choices:
        check_one_layer(self)
        self.no_other_code()
        choices = super().choose(facts)
        if isinstance(self.latent_dim, str):
            choices = choices.but(latent_dim=min(2 * facts.schema.n_values, 256))
        weights = {
            "sparsity_weight": float(self.sparsity_weight),
            "prediction_weight": float(self.prediction_weight),
        }
        steps = {"inference_steps": int(self.inference_steps)}
        return choices.but(
            latent=Spec("gained", {"activation": "tanh"}),
            module=Spec("predictive_sparse", {**weights, **steps}),
            coefficients={
                "sparsity": weights["sparsity_weight"],
                "prediction": weights["prediction_weight"],
            },
            rule=sparse_inference,
        )

    def sparse_encode(self, X: Any, *, n_steps: int = 1000, tolerance: float = 1e-4) -> Any:
        """Return the codes that minimise ½‖x − (Dz + b)‖² + λ‖z‖₁, without the predictor's term.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        n_steps : int, default=1000
            Steps of FISTA at most, from the predictor's codes.
        tolerance : float, default=1e-4
            A sample is done when its objective is sure to be within this share of ½‖x − b‖² of its
            minimum (by the duality gap, looked at every ten steps).

        Returns
        -------
        array of shape (n, latent_dim), float32
            Many are exactly 0. `inverse_transform` decodes them. A torch tensor for a tensor.

        Raises
        ------
        InvalidInputError
            If the data, `n_steps` or `tolerance` cannot be used.
        """
        check_count("n_steps", n_steps)
        if not tolerance >= 0:
            raise InvalidInputError(f"tolerance: expected at least 0; got {tolerance!r}")
        x, _ = self.to_tensors(X, None)
        module = cast(PredictiveSparseModule, self.module_)

        def encode(part: Tensor, condition: Tensor | None) -> Tensor:
            return module.infer(
                part, module.encode(part), n_steps=int(n_steps), tolerance=float(tolerance)
            )

        codes = self.map_rows(encode, x, None)
        return like(codes, X) if is_tensor(X) else codes
