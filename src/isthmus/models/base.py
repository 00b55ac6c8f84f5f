"""What all estimators share: scikit-learn's contract around one module and one loop."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from isthmus.data.condition import ConditionEncoder, fit_condition
from isthmus.data.containers import (
    check_values,
    is_frame,
    is_tensor,
    like,
    to_arrays,
)
from isthmus.data.scaling import Scaler
from isthmus.data.schema import Schema
from isthmus.errors import InvalidInputError
from isthmus.models import fitting, inference
from isthmus.models.architecture import Architecture
from isthmus.models.description import describe, within_support
from isthmus.models.parameters import COMMON, auto_latent_dim, check_parameters
from isthmus.models.sampling import CodeSampling
from isthmus.models.trained import TrainedEstimator
from isthmus.models.validation import check_size, numeric_array
from isthmus.nn import AutoencoderModule, Corruption, Penalty

__all__ = ["BaseAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class BaseAutoencoder(
    CodeSampling, ClassNamePrefixFeaturesOutMixin, TransformerMixin, TrainedEstimator
):
    """The parameters and methods of every estimator; see `Autoencoder` for their meaning.

    A new member of the family is a subclass that overrides `_latent`, `_corruption`, `_penalties`,
    `_coefficients`, `_annealing` or `_step`, and declares its own parameters as dataclass fields.
    """

    latent_dim: int | str = "auto"
    hidden_layer_sizes: tuple[int, ...] | str = "auto"
    activation: str = "relu"
    latent_activation: str = "auto"
    normalization: str | None = None
    dropout: float = 0.0
    tied_weights: bool = False
    network: str | tuple[nn.Module, nn.Module] = "auto"
    channels: tuple[int, ...] | str = "auto"
    layout: str = "auto"
    likelihood: str | Sequence[str] = "auto"
    scaling: str | None = "auto"
    missing: str = "error"

    _constraints: ClassVar[dict[str, list[Any]]] = COMMON
    _gaussian: ClassVar[str] = "gaussian"  # what "auto" means for real values
    _dense_only: ClassVar[bool] = False  # whether the mathematics needs fully connected layers

    # Fitted attributes: fields that no constructor sets, so that type checkers know them.
    architecture_: Architecture = field(init=False)
    schema_: Schema = field(init=False)
    scaler_: Scaler = field(init=False)
    condition_: ConditionEncoder | None = field(init=False)
    n_features_in_: int = field(init=False)

    # What a member of the family chooses -----------------------------------------------------

    def _latent(self) -> dict[str, Any]:
        """Return the fields of `Architecture` that say what the code is."""
        name = "identity" if self.latent_activation == "auto" else self.latent_activation
        return {"latent": "deterministic", "latent_activation": name}

    def _auto_latent_dim(self, n_values: int) -> int:
        return auto_latent_dim(n_values)

    def _settled(self, architecture: Architecture) -> Architecture:
        """Return the architecture with what could be decided only from the rest of it."""
        return architecture

    def _auto_likelihood(self, kinds: Sequence[str]) -> str:
        """Return what likelihood="auto" comes to; "auto" itself decides by the kinds of values."""
        return "auto"

    def _auto_scaling(self, kinds: Sequence[str]) -> str:
        """Return what scaling="auto" comes to, where the likelihood is "auto" as well."""
        return "auto"

    def _corruption(self, x: Tensor) -> Corruption | None:
        """Return C(x̃|x), given the scaled training data."""
        return None

    def _penalties(self, x: Tensor) -> dict[str, Penalty]:
        """Return the penalties by name, given the scaled training data."""
        return {}

    def _begin(self, module: AutoencoderModule, x: Tensor, generator: torch.Generator) -> None:
        """Give parts of a new module values from the scaled training data, where they need it."""

    def _initialise(self, module: AutoencoderModule, X: Any, seed: int) -> bool:
        """Give the module better initial weights than random ones; return whether that is all."""
        return False

    def _extra(self) -> dict[str, Any]:
        """Return what a saved file holds besides: what JSON can hold."""
        return {}

    def _restore(self, extra: Mapping[str, Any]) -> None:
        """Take over what `_extra` returned."""

    @property
    def _conditional(self) -> bool:
        return bool(getattr(self, "conditional", False))

    # Fitting -------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the network to the data.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, length, channels) or \
(n, height, width[, channels])
            The data: numpy, pandas, polars or torch; channels last.
        y : array-like of shape (n,) or (n, amounts), optional
            The condition, for conditional models; ignored by the others.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter or the data cannot be used; the message says what to do.
        DivergedError
            If the loss is NaN or infinite before there is one usable state.
        """
        check_parameters(self._constraints, self.get_params(deep=False), type(self).__name__)
        array = self._validate(X, reset=True)
        # A refit that fails must not leave half an old model.
        for name in ("module_", "_state", "density_", "_density"):
            self.__dict__.pop(name, None)
        describe(self, array, y)
        x, condition = self._inputs(array, y)
        check_size(x)
        fitting.fit(self, X, y, x, condition)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train one epoch on some rows; the first call also decides likelihood and scaling.

        The optimiser's moments are kept from call to call, also by pickling, but not by `save`: a
        loaded model trains on from its weights with a fresh optimiser.

        Parameters
        ----------
        X, y
            As in `fit`; every call must have the same columns.

        Returns
        -------
        self
        """
        check_parameters(self._constraints, self.get_params(deep=False), type(self).__name__)
        first = not hasattr(self, "module_")
        array = self._validate(X, reset=first)
        if first:
            describe(self, array, y)
        x, condition = self._inputs(array, y)
        check_size(x)
        for name in ("density_", "_density"):  # it is of codes that move now
            self.__dict__.pop(name, None)
        fitting.partial_fit(self, x, condition)
        return self

    def _validate(self, X: Any, reset: bool) -> NDArray[Any]:
        X = to_arrays(X)
        if not reset and self.schema_.layout != "table":
            # Before scikit-learn's own check, which takes the height for the number of features.
            self._check_shape(np.shape(X)[1:])
        array = numeric_array(self, X, reset)
        names = getattr(self, "feature_names_in_", None)
        check_values(array, allow_nan=self.missing == "ignore", names=names)
        if not reset:
            self._check_shape(array.shape[1:])
        return array

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape != self.schema_.sample_shape:
            raise InvalidInputError(
                f"X: expected samples of shape {self.schema_.sample_shape}, as in the fit; "
                f"got {shape}"
            )

    def _custom(self) -> tuple[nn.Module, nn.Module] | None:
        """Return copies of the user's networks, which stay as they were handed in."""
        if isinstance(self.network, str):
            return None
        encoder, decoder = self.network
        return copy.deepcopy((encoder, decoder))  # at once: they may share layers

    # Using a fitted model ------------------------------------------------------------------

    def transform(self, X: Any, y: Any = None) -> Any:
        """Encode: the code of each sample, the posterior mean where there is a posterior.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.

        Returns
        -------
        array of shape (n, latent_dim), float32
            In the container of `X`, or in the one that `set_output` asks for.
        """
        x, condition = self._prepare(X, y, encoding=True)
        codes = self._map(self.module_.encode, x, condition)
        if is_frame(X) and not getattr(self, "_sklearn_output_config", {}):
            return like(codes, X, self.get_feature_names_out())
        return like(codes, X) if is_tensor(X) else codes

    def inverse_transform(self, X: Any, y: Any = None) -> Any:
        """Decode: the mean of p(x|z) for each code, in the units and the shape of the data.

        Parameters
        ----------
        X : array-like of shape (n, latent_dim)
            Codes.
        y : array-like, optional
            The condition, for conditional models.

        Returns
        -------
        array of shape (n, *sample_shape), float32
            In the container of `X`; for classes, the most probable one.
        """
        check_is_fitted(self, "module_")
        try:
            codes = np.asarray(to_arrays(X), dtype=np.float32)
        except (TypeError, ValueError):
            raise InvalidInputError("X: expected numbers, one code a row; got text") from None
        if codes.ndim != 2 or codes.shape[1] != self.architecture_.latent_dim:
            raise InvalidInputError(
                f"X: expected codes of shape (n, {self.architecture_.latent_dim}); "
                f"got {codes.shape}"
            )
        if not len(codes):
            raise InvalidInputError("X: expected at least one code; got none")
        if not np.isfinite(codes).all():
            raise InvalidInputError("X: expected finite codes; got NaN or infinity")
        condition = self._encode_condition(y, len(codes))
        decoded = self._map(self.module_.decode, torch.from_numpy(codes.copy()), condition)
        return like(self.scaler_.backward(decoded, self.schema_), X, self._names())

    def reconstruct(self, X: Any, y: Any = None) -> Any:
        """Encode and decode; missing values are imputed.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.

        Returns
        -------
        array of the shape of `X`, float32
            In the container of `X`, in the units of the data.
        """
        x, condition = self._prepare(X, y)
        output = self._map(self.module_, x, condition)
        return like(self.scaler_.backward(output, self.schema_), X)

    def score_samples(self, X: Any, y: Any = None) -> Any:
        """Return log p(x) of each sample or its bound, in nats; higher is more normal.

        For a deterministic code it is log p(x|z) at z = f(x); for a code with a posterior, the
        evidence lower bound with the same 16 draws for every sample. Densities are in the units of
        the data. Missing values do not count.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.

        Returns
        -------
        array of shape (n,), float32
        """
        x, condition = self._prepare(X, y)
        return like(inference.log_density(self, x, condition), X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats a sample."""
        scores = self.score_samples(X, y)
        return float(
            np.mean(np.asarray(scores.cpu() if is_tensor(scores) else scores), dtype=float)
        )

    def _prepare(self, X: Any, y: Any, *, encoding: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return `_inputs` of new data.

        For `encoding` alone, y may be left out where the encoder takes no condition.
        """
        check_is_fitted(self, "module_")
        array = self._validate(X, reset=False)
        needed = y is not None or not encoding or self.module_.encoder_takes_condition
        return self._inputs(array, y, needed)

    def _inputs(
        self, array: NDArray[Any], y: Any, conditional: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return the scaled data and the condition as tensors on the CPU."""
        x = self.scaler_.forward(array, self.schema_)
        x = within_support(x, self.architecture_.likelihood, self._names())
        condition = self._encode_condition(y, len(array)) if conditional else None
        return torch.from_numpy(x), condition

    def _fit_condition(self, y: Any, n_samples: int) -> ConditionEncoder | None:
        """Look at y of the fit: return what it becomes as a condition, or None."""
        return fit_condition(y, n_samples) if self._conditional else None

    def _encode_condition(self, y: Any, n_samples: int) -> Tensor | None:
        if self.condition_ is None:
            return None
        encoder: ConditionEncoder = self.condition_
        return torch.from_numpy(encoder.encode(y, n_samples))

    def _map(self, function: Any, x: Tensor, condition: Tensor | None) -> NDArray[np.float32]:
        return inference.map_rows(self.module_, function, x, condition)

    def _names(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    # What scikit-learn and the reader want to know ---------------------------------------------

    @property
    def latent_dim_(self) -> int:
        """Numbers in the code."""
        return self.architecture_.latent_dim

    @property
    def sample_shape_(self) -> tuple[int, ...]:
        """Shape of one sample, channels last."""
        return self.schema_.sample_shape

    @property
    def likelihood_(self) -> str:
        """Name of the likelihood; "mixed" where columns differ."""
        spec = self.architecture_.likelihood
        return spec if isinstance(spec, str) else "mixed"

    @property
    def _widest(self) -> int:
        architecture = self.architecture_
        return max((*architecture.hidden, *architecture.channels, 0))

    @property
    def _description(self) -> str:
        return repr(self.architecture_)

    @property
    def _draws_globally(self) -> bool:
        return not isinstance(self.network, str)

    @property
    def _n_features_out(self) -> int:
        return self.architecture_.latent_dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "ignore"
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = self._conditional
        return tags
