"""What all estimators share: scikit-learn's contract around one module and one loop."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast

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
from isthmus.data.scaling import Scaler, precision_of
from isthmus.data.schema import Schema
from isthmus.data.summary import Summary
from isthmus.errors import InvalidInputError
from isthmus.models.base import fitting, inference
from isthmus.models.base.architecture import CUSTOM, Architecture, build
from isthmus.models.base.aside import set_aside, settle_held_out, within_fences
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.description import (
    base_architecture,
    describe,
    with_parts,
    within_support,
)
from isthmus.models.base.identity import described
from isthmus.models.base.likelihoods import LikelihoodSpec
from isthmus.models.base.parameters import COMMON, check_parameters
from isthmus.models.base.sampling import CodeSampling
from isthmus.models.base.trained import TrainedEstimator
from isthmus.models.base.validation import (
    check_size,
    numeric_array,
    refuse_a_target,
    warn_of_fractions,
)
from isthmus.nn import (
    CORRUPTIONS,
    NETWORKS,
    AnyCorruption,
    AutoencoderModule,
    GaussianNoise,
    Latent,
    Likelihood,
    Network,
    Spec,
)
from isthmus.nn.modes import ordinary_mode
from isthmus.training import TrainingConfig, choose_device, draw_seed, new_state

__all__ = ["BaseAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class BaseAutoencoder(
    CodeSampling, ClassNamePrefixFeaturesOutMixin, TransformerMixin, TrainedEstimator
):
    """The parameters and methods of every estimator; see `Autoencoder` for their meaning.

    A new member of the family is a subclass that declares its own parameters as dataclass fields,
    their constraints in `constraints`, and overrides `choose`.
    """

    latent_dim: int | str = "auto"
    hidden_layer_sizes: tuple[int, ...] | str = "auto"
    activation: str = "relu"
    latent_activation: str = "auto"
    normalization: str | None = None
    dropout: float = 0.0
    tied_weights: bool = False
    network: str | tuple[str, dict[str, Any]] | tuple[nn.Module, nn.Module] | Network = "auto"
    channels: tuple[int, ...] | str = "auto"
    layout: str = "auto"
    latent: str | tuple[str, dict[str, Any]] | Latent = "auto"
    likelihood: str | Sequence[str] | tuple[str, dict[str, Any]] | Likelihood = "auto"
    scaling: str | None = "auto"
    missing: str = "error"
    corruption: str | Callable[..., Any] | None = None
    penalties: Mapping[str, Any] | None = None

    constraints: ClassVar[dict[str, list[Any]]] = COMMON
    dense_only: ClassVar[bool] = False  # whether the mathematics needs fully connected layers

    # Fitted attributes: fields that no constructor sets, so that type checkers know them.
    architecture_: Architecture = field(init=False)
    schema_: Schema = field(init=False)
    scaler_: Scaler = field(init=False)
    condition_: ConditionEncoder | None = field(init=False)
    likelihood_spec_: LikelihoodSpec = field(init=False)
    n_features_in_: int = field(init=False)
    dtype_: np.dtype[Any] = field(init=False)

    # What a member of the family chooses: the hooks -------------------------------------------

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        """Return what "auto" comes to for likelihood and scaling, given the kinds of values.

        Parameters
        ----------
        kinds : sequence of str
            See `isthmus.data.schema.infer_kinds`.
        """
        return ValueDefaults()

    def choose(self, facts: DataFacts) -> Choices:
        """Return what this estimator chooses for the data: parts, penalties and training recipe.

        A subclass changes what is its own: ``super().choose(facts).but(...)``.

        Parameters
        ----------
        facts : DataFacts
            What is known of the training data.

        Raises
        ------
        InvalidInputError
            If the parameters do not go with the data or with each other.
        """
        return Choices(
            architecture=base_architecture(self, facts),
            corruption=self.chosen_corruption(self.corruption, facts),
        )

    def initialise(self, module: AutoencoderModule, X: Any, seed: int) -> bool:
        """Set the initial weights, where a member has better ones than random ones.

        Parameters
        ----------
        module : AutoencoderModule
            With random weights.
        X : array-like
            The training data as they were given.
        seed : int
            The seed of the fit.

        Returns
        -------
        bool
            Whether nothing more has to be trained.
        """
        return False

    def extra_state(self) -> dict[str, Any]:
        """Return what this member alone keeps in a saved file, as JSON can hold it."""
        return {}

    def set_extra_state(self, extra: Mapping[str, Any]) -> None:
        """Take over what `extra_state` returned."""

    def fit_condition(self, y: Any, n_samples: int) -> None:
        """Look at y of the fit, and set `condition_`: what it becomes as a condition, or None.

        Parameters
        ----------
        y : array-like or None
            The condition of each sample.
        n_samples : int
            How many samples there are.
        """
        self.condition_ = fit_condition(y, n_samples) if self.is_conditional else None

    def encode_condition(self, y: Any, n_samples: int) -> Tensor | None:
        """Return the condition as numbers (n_samples, dim), or None without one.

        Parameters
        ----------
        y : array-like or None
            The condition of each sample.
        n_samples : int
            How many samples there are.
        """
        if self.condition_ is None:
            return None
        return torch.from_numpy(self.condition_.encode(y, n_samples))

    @property
    def is_conditional(self) -> bool:
        """Whether the model was asked to take a condition y."""
        return bool(getattr(self, "conditional", False))

    # What members make use of ------------------------------------------------------------------

    def code_activation(self, default: str) -> str:
        """Return the name of the activation of the code: `default` where it is "auto"."""
        return default if self.latent_activation == "auto" else self.latent_activation

    def no_code_activation(self, code: str) -> None:
        """Refuse an activation of a code that has none.

        Parameters
        ----------
        code : str
            What the code is called, such as "a discrete code".
        """
        if self.latent_activation not in ("auto", "identity"):
            raise InvalidInputError(
                f"latent_activation: {code} has none; set it to 'auto'; got "
                f"{self.latent_activation!r}"
            )

    def no_other_code(self) -> None:
        """Refuse a code of the user's own, for members of which the code is the definition."""
        if not (isinstance(self.latent, str) and self.latent == "auto"):
            raise InvalidInputError(
                f"latent: {type(self).__name__} has a code of its own; leave it at 'auto', or use "
                f"Autoencoder; got {self.latent!r}"
            )

    def chosen_corruption(self, given: Any, facts: DataFacts) -> AnyCorruption | None:
        """Return the corruption that a parameter stands for.

        Parameters
        ----------
        given : str, tuple, callable or None
            A name, a name with its options, or a corruption.
        facts : DataFacts
            What is known of the data.
        """
        if isinstance(given, str | tuple | Spec):
            made: AnyCorruption = CORRUPTIONS.make(Spec.of(given))
            return made
        return given  # type: ignore[no-any-return]

    # Fitting -------------------------------------------------------------------------------

    @with_callbacks
    @ordinary_mode()
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
        check_parameters(self.constraints, self.get_params(deep=False), type(self).__name__)
        array = self.check_data(X, reset=True)
        refuse_a_target(self, array, y)
        # A refit that fails must not leave half an old model.
        for name in ("module_", "_state", "density_"):
            if hasattr(self, name):
                delattr(self, name)
        fitting.check_resumable(self)
        seed = draw_seed(self.random_state)
        held_out = fitting.held_out_rows(self, len(array), seed)
        x, condition, choices = self.describe_data(array, y, held_out)
        module = self.initial_module(choices, seed)
        if self.initialise(module, X, seed):
            state = new_state(module.to(choose_device(self.device)).eval(), TrainingConfig())
            state.outcome = "pretrained"
        else:
            state = fitting.run(
                self, module, X, y, x, condition, seed, recipe=choices, held_out=held_out
            )
        self.adopt(state)
        return self

    @ordinary_mode()
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
        check_parameters(self.constraints, self.get_params(deep=False), type(self).__name__)
        first = not hasattr(self, "module_")
        array = self.check_data(X, reset=first)
        if first:
            x, condition, choices = self.describe_data(array, y)
        else:
            x, condition = self.scale(array, y)
            check_size(x)
            facts = self._facts(Summary.of(array, self.schema_))
            choices = with_parts(self, self.choose(facts), facts)
        if hasattr(self, "density_"):  # it is of codes that move now
            del self.density_
        self._state = fitting.partial_fit(
            self, choices, x, condition, getattr(self, "_state", None), first=first
        )
        self.adopt(self._state)
        return self

    def describe_data(
        self, array: NDArray[Any], y: Any, held_out: NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor | None, Choices]:
        """Decide everything that is "auto"; return scaled data, condition and choices.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The data of the fit, checked.
        y : array-like or None
            The condition.
        held_out : ndarray of bool, of shape (n,), optional
            Rows from which nothing is decided.
        """
        summary = describe(self, array, y, held_out)
        scaled = self.scaler_.forward(array, self.schema_)
        learned = set_aside(scaled, self.scaler_, self.column_names)
        if held_out is not None:
            learned = settle_held_out(learned, self.likelihood_spec_, held_out)
        x = torch.from_numpy(within_support(learned, self.likelihood_spec_, self.column_names))
        condition = self.encode_condition(y, len(array))
        check_size(x)
        facts = self._facts(summary)
        choices = with_parts(self, self.choose(facts), facts)
        if learned is not scaled and bool(torch.isnan(x).any()):
            choices = choices.but(missing=True)  # what is set aside is as if it were missing
        self.architecture_ = choices.architecture
        self.dtype_ = precision_of(array)
        return x, condition, choices

    def _facts(self, summary: Summary) -> DataFacts:
        condition_dim = 0 if self.condition_ is None else self.condition_.dim
        return DataFacts(self.schema_, self.likelihood_spec_, condition_dim, summary, self.scaler_)

    def initial_module(self, choices: Choices, seed: int) -> AutoencoderModule:
        """Build the module of some choices with its initial weights.

        Parameters
        ----------
        choices : Choices
            What this estimator has chosen.
        seed : int
            The seed of the weights.
        """
        generator = torch.Generator().manual_seed(seed)
        module = build(
            choices.architecture,
            generator,
            parts=self._own_parts(),
            corruption=choices.corruption,
            penalties=choices.penalties,
        )
        if choices.begin is not None:
            choices.begin(module, generator)
        return module

    def _own_parts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("network", "latent", "likelihood")}

    def check_data(self, X: Any, reset: bool) -> NDArray[Any]:
        """Return data as an array, checked; with `reset` as those of a fit.

        Parameters
        ----------
        X : array-like, one sample a row
            The data.
        reset : bool
            Whether their number of features and names are taken over.
        """
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

    def own_networks(self) -> tuple[nn.Module, nn.Module]:
        """Return copies of the user's networks, which stay as they were handed in."""
        pair = cast("tuple[nn.Module, nn.Module]", self.network)
        return copy.deepcopy(pair)  # at once: they may share layers

    # Using a fitted model ------------------------------------------------------------------

    @ordinary_mode()
    def transform(self, X: Any, y: Any = None, *, flatten: bool = True) -> Any:
        """Encode: the code of each sample, the posterior mean where there is a posterior.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.
        flatten : bool, default=True
            Whether a code that is a map or some tokens is laid out in one row, as scikit-learn has
            it; else it keeps its shape.

        Returns
        -------
        array of shape (n, latent_dim), float32; (n, *code_shape_) where not flattened
            In the container of `X`, or in the one that `set_output` asks for.
        """
        x, condition = self.to_tensors(X, y, encoding=True, noisy=self._takes_noise)
        codes = self.map_rows(self.module_.encode, x, condition)
        codes = codes.reshape(len(codes), -1) if flatten else codes
        if flatten and is_frame(X) and not getattr(self, "_sklearn_output_config", {}):
            return like(codes, X, self.get_feature_names_out())
        return like(codes, X) if is_tensor(X) else codes

    @ordinary_mode()
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
        array of shape (n, *sample_shape)
            In the container of `X` and the precision of the data of the fit (float32 or float64);
            for classes, the most probable one.
        """
        check_is_fitted(self, "module_")
        try:
            codes = np.asarray(to_arrays(X), dtype=np.float32)
        except (TypeError, ValueError):
            raise InvalidInputError("X: expected numbers, one code a row; got text") from None
        if codes.shape[1:] == self.code_shape_:
            codes = codes.reshape(len(codes), self.latent_dim_)
        if codes.ndim != 2 or codes.shape[1] != self.architecture_.latent_dim:
            raise InvalidInputError(
                f"X: expected codes of shape (n, {self.architecture_.latent_dim}); "
                f"got {codes.shape}"
            )
        if not len(codes):
            raise InvalidInputError("X: expected at least one code; got none")
        if not np.isfinite(codes).all():
            raise InvalidInputError("X: expected finite codes; got NaN or infinity")
        condition = self.encode_condition(y, len(codes))
        decoded = self.map_rows(self.module_.decode, torch.from_numpy(codes.copy()), condition)
        return like(self.in_units(decoded), X, self.column_names)

    @ordinary_mode()
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
        array of the shape of `X`, float32; float64 for data of more digits
            In the container of `X`, in the units of the data.
        """
        x, condition = self.to_tensors(X, y, noisy=self._takes_noise)
        output = self.map_rows(self.module_, x, condition)
        return like(self.scaler_.backward(output, self.schema_, precision_of(X)), X)

    @property
    def _takes_noise(self) -> bool:
        """Whether the encoder was trained on values that noise took beyond those of the data."""
        check_is_fitted(self, "module_")
        corruption = self.module_.corruption
        bounded = self.likelihood_ in ("bernoulli", "continuous_bernoulli")
        return isinstance(corruption, GaussianNoise) and corruption.clip is None and bounded

    def in_units(self, scaled: NDArray[np.float32]) -> NDArray[Any]:
        """Return scaled data (n, *module_shape) in the units and the precision of the fit.

        Parameters
        ----------
        scaled : ndarray of shape (n, *module_shape)
            Such as a decoder gives.

        Returns
        -------
        ndarray of shape (n, *sample_shape)
        """
        return self.scaler_.backward(scaled, self.schema_, self.dtype_)

    @ordinary_mode()
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
        array of shape (n,), float32; float64 for data of more digits
        """
        x, condition = self.to_tensors(X, y)
        scores = inference.log_density(self, x, condition)
        return like(scores.astype(precision_of(X), copy=False), X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats a sample.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.
        """
        scores = self.score_samples(X, y)
        return float(
            np.mean(np.asarray(scores.cpu() if is_tensor(scores) else scores), dtype=float)
        )

    def to_tensors(
        self, X: Any, y: Any = None, *, encoding: bool = False, noisy: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return new data as the module takes them: scaled, with their condition, on the CPU.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.
        encoding : bool, default=False
            Whether they are only to be encoded: y may then be left out where the encoder takes no
            condition.
        noisy : bool, default=False
            Whether values may lie outside of the likelihood's support, as noise brings them there:
            the encoder has seen such ones, and nothing is asked of their likelihood.

        Returns
        -------
        x : Tensor of shape (n, *module_shape)
        condition : Tensor of shape (n, condition_dim) or None
        """
        check_is_fitted(self, "module_")
        array = self.check_data(X, reset=False)
        needed = y is not None or not encoding or self.module_.encoder_takes_condition
        return self.scale(array, y, needed, noisy)

    def learned_tensors(self, X: Any) -> Tensor:
        """Return the data of a fit, scaled, with NaN for what this model has set aside.

        Parameters
        ----------
        X : array-like, one sample a row
            The data.
        """
        x, _ = self.to_tensors(X, encoding=True)
        return torch.from_numpy(within_fences(x.numpy(), self.scaler_))

    def scale(
        self, array: NDArray[Any], y: Any, conditional: bool = True, noisy: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return checked data as scaled tensors, with the condition.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The data, checked.
        y : array-like or None
            The condition.
        conditional : bool, default=True
            Whether it is wanted.
        noisy : bool, default=False
            See `to_tensors`.
        """
        if self.scaler_.method == "bytes":
            warn_of_fractions(array)
        x = self.scaler_.forward(array, self.schema_)
        if not noisy:
            x = within_support(x, self.likelihood_spec_, self.column_names)
        condition = self.encode_condition(y, len(array)) if conditional else None
        return torch.from_numpy(x), condition

    def map_rows(self, function: Any, x: Tensor, condition: Tensor | None) -> NDArray[np.float32]:
        """Apply a function of the module to rows, in chunks and without gradients.

        Parameters
        ----------
        function : callable ``(x, condition) -> Tensor``
            Such as ``module_.encode``.
        x, condition
            See `to_tensors`.
        """
        return inference.map_rows(self.module_, function, x, condition)

    @property
    def column_names(self) -> list[str] | None:
        """Names of the columns of the fit, as text; None where they had none."""
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
    def code_shape_(self) -> tuple[int, ...]:
        """Shape of one code; (latent_dim,) for most."""
        return self.module_.latent.code_shape(self.latent_dim_)

    @property
    def likelihood_(self) -> str:
        """Name of the likelihood; "mixed" where columns differ."""
        spec = self.likelihood_spec_
        if isinstance(spec, Spec):
            return spec.name
        return spec if isinstance(spec, str) else "mixed"

    @property
    def widest_layer(self) -> int:
        """Units of the widest layer, by which precision="auto" is decided."""
        architecture = self.architecture_
        return max((*architecture.hidden, *architecture.channels, 0))

    @property
    def network_digest(self) -> str:
        """What fixes the network, for the digest that a checkpoint is known by."""
        return json.dumps(described(self.architecture_.to_json()))

    @property
    def came_to(self) -> dict[str, Any]:
        """What each parameter that may be "auto" came to, as far as the network says it."""
        architecture = self.architecture_
        options = architecture.latent.options
        return {
            "latent_dim": architecture.latent_dim,
            "hidden_layer_sizes": architecture.hidden,
            "channels": architecture.channels,
            "network": architecture.network.name,
            "latent": architecture.latent.name,
            "latent_activation": options.get("activation", "identity"),
            "layout": self.schema_.layout,
            "likelihood": self.likelihood_spec_,
            "scaling": None if self.scaler_.method == "none" else self.scaler_.method,
            **{name: options[name] for name in ("k", "code_dim", "n_classes") if name in options},
        }

    @property
    def draws_globally(self) -> bool:
        """Whether the network may draw from torch's global generator."""
        name = self.architecture_.network.name
        return name == CUSTOM or NETWORKS[name].draws_globally

    @property
    def _n_features_out(self) -> int:
        return self.architecture_.latent_dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "ignore"
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = self.is_conditional
        return tags
