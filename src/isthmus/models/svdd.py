"""Deep SVDD: one class, and the distance of its codes to one point."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from sklearn.callback import with_callbacks
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.data.containers import is_frame, is_tensor, like
from isthmus.errors import CollapseWarning, InvalidInputError
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.base import fitting, inference
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.control import untrained
from isthmus.models.base.parameters import COMMON, check_parameters
from isthmus.models.base.second_phase import SecondPhase
from isthmus.models.base.trained import TrainedEstimator
from isthmus.nn import OneClassModule, Spec
from isthmus.nn.modes import ordinary_mode
from isthmus.training import History, draw_seed

__all__ = ["DeepSVDD"]

_AUTO_CONTAMINATION = 0.01  # the training rows are normal: few of them are to be called unusual
_NEAREST_TO_ZERO = 0.1  # of the codes' root mean square: what an entry of c has at least
_COLLAPSED = 1e-3  # of ‖c‖: codes that spread less than this tell nothing apart
_PROBES = 256
_FARTHEST = float(np.finfo(np.float32).max)
_UNBOUNDED = {"relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "identity"}
# What the encoder shares with the autoencoder that it comes from.
_NETWORK = (
    "latent_dim",
    "hidden_layer_sizes",
    "activation",
    "normalization",
    "network",
    "channels",
    "layout",
    "likelihood",
    "scaling",
    "missing",
)


@dataclass(kw_only=True, eq=False, repr=False)
class DeepSVDDAutoencoder(Autoencoder):
    """The autoencoder that Deep SVDD's encoder is pretrained in: its encoder has no biases."""

    def choose(self, facts: DataFacts) -> Choices:
        return super().choose(facts).but(module=Spec("unbiased"))


@dataclass(kw_only=True, eq=False, repr=False)
class DeepSVDD(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, SecondPhase):
    """Deep support vector data description: minimise E ‖f(x) − c‖², score −‖f(x) − c‖².

    f is pretrained as the encoder of an autoencoder of the same architecture, c is the mean of the
    codes at that point, and then f is trained to bring the codes of the training rows, which are
    taken for normal, close to c (Ruff et al. 2018, one-class variant). There is no decoder. The
    encoder has no biases and no bounded activation, or it could give c whatever it is shown.

    Parameters
    ----------
    latent_dim, hidden_layer_sizes, activation, normalization, channels, layout, likelihood, \
scaling, missing
        The settings of the encoder and of its pretraining, as in `Autoencoder`. Activations that
        are bounded are refused. With ``missing="ignore"`` the encoder sees 0 where a value is
        missing: a row of nothing but missing values lies at ‖c‖² from the centre.
    network : {"auto", "dense", "convolutional"}, default="auto"
        "auto" is convolutional for signals and images and dense for tables.
    pretraining_epochs : int or "auto", default="auto"
        Epochs in which the autoencoder is trained; "auto" as `max_epochs`, and 0 starts from random
        weights.
    contamination : float or "auto", default="auto"
        Share of the training rows that lie beyond the threshold, up to 0.5; "auto" is 0.01.
    max_epochs, batch_size, learning_rate, ...
        The settings of both phases, as in `Autoencoder`.
    weight_decay : float, default=1e-6
        The decay of the weights in the second phase.

    Attributes
    ----------
    centre_ : ndarray of shape (latent_dim,), float32
        c.
    offset_ : float
        The score at the threshold: ``decision_function = score_samples − offset_``.
    spread_ : float
        Root mean square deviation of the codes of training rows and of noise, in units of ‖c‖: near
        0 the network has collapsed.
    autoencoder_ : Autoencoder
        The pretrained one. Its encoder is the one that was trained further.
    module_ : isthmus.nn.OneClassModule
        Encoder and centre.
    history_, n_iter_, fit_seconds_, outcome_
        The course of the second phase, see `Autoencoder`.

    Warns
    -----
    CollapseWarning
        If the trained network gives nearly the same code for everything.

    References
    ----------
    .. [1] L. Ruff, R. Vandermeulen, N. Goernitz, L. Deecke, S. A. Siddiqui, A. Binder, E. Müller
       and M. Kloft, "Deep one-class classification", ICML 2018, PMLR 80, 4393-4402.
    .. [2] D. M. J. Tax and R. P. W. Duin, "Support vector data description", Machine Learning 54
       (2004), doi:10.1023/B:MACH.0000008084.60811.49.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import DeepSVDD
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DeepSVDD(max_epochs=20, random_state=0).fit(X[y == 0] / 16)
    >>> scores = model.score_samples(X / 16)
    >>> bool(scores[y == 0].mean() > scores[y != 0].mean())
    True
    """

    latent_dim: int | str = "auto"
    hidden_layer_sizes: tuple[int, ...] | str = "auto"
    activation: str = "leaky_relu"
    normalization: str | None = None
    network: str = "auto"
    channels: tuple[int, ...] | str = "auto"
    layout: str = "auto"
    likelihood: str = "auto"
    scaling: str | None = "auto"
    missing: str = "error"
    pretraining_epochs: int | str = "auto"
    contamination: float | str = "auto"
    weight_decay: float = 1e-6

    constraints: ClassVar[dict[str, list[Any]]] = {
        **{k: v for k, v in COMMON.items() if k in TrainedEstimator.__dataclass_fields__},
        **{k: COMMON[k] for k in _NETWORK},
        "activation": [StrOptions(_UNBOUNDED)],
        "network": [StrOptions({"auto", "dense", "convolutional"})],
        "pretraining_epochs": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "contamination": [Interval(Real, 0, 0.5, closed="right"), StrOptions({"auto"})],
    }

    offset_: float = field(init=False)
    spread_: float = field(init=False)

    @with_callbacks
    @ordinary_mode()
    def fit(self, X: Any, y: Any = None) -> Self:
        """Pretrain the encoder, fix the centre, and bring the codes close to it.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, length, channels) or \
(n, height, width[, channels])
            Normal samples.
        y : None
            Ignored.

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
        x, seed = self._prepare_fit(X)
        held_out = fitting.held_out_rows(self, len(x), seed)
        module = self.assemble(self._initial_centre(x, held_out))
        phase = replace(self.phase, name=f"{type(self).__name__}, second phase")
        self.adopt(fitting.run(self, module, X, y, x, None, seed, phase=phase, held_out=held_out))
        self._judge(x, seed)
        return self

    def _prepare_fit(self, X: Any, *, pretrain: bool = True) -> tuple[Tensor, int]:
        """Fit the autoencoder; return the scaled rows and the seed."""
        name = type(self).__name__
        check_parameters(self.constraints, self.get_params(deep=False), name)
        if hasattr(self, "module_"):
            del self.module_
        fitting.check_resumable(self)
        seed = draw_seed(self.random_state)
        shared = (*_NETWORK, *(n for n in TrainedEstimator.__dataclass_fields__ if n in COMMON))
        base = DeepSVDDAutoencoder(**{name: getattr(self, name) for name in shared})
        base.set_params(random_state=seed, weight_decay=0.0)
        if self.checkpoint is not None:
            base.set_params(checkpoint=f"{self.checkpoint}.autoencoder")
        pretrain = pretrain and self.pretraining_epochs != 0
        if pretrain and self.pretraining_epochs != "auto":
            base.set_params(max_epochs=self.pretraining_epochs)
        self.autoencoder_ = base.fit(X) if pretrain else untrained(base, X)
        return self.autoencoder_.learned_tensors(X), seed

    def untrained_on(self, X: Any) -> Self:
        """Become the control: initial weights, and the centre and threshold that go with them."""
        x, seed = self._prepare_fit(X, pretrain=False)
        centre = self._initial_centre(x, fitting.held_out_rows(self, len(x), seed))
        self.module_ = self.assemble(centre).eval()
        self.history_, self.n_iter_, self.fit_seconds_ = History(), 0, 0.0
        self.outcome_ = "untrained"
        self._judge(x, seed)
        return self

    def _initial_centre(self, x: Tensor, held_out: NDArray[np.bool_] | None) -> Tensor:
        """Return the mean of the codes, its entries moved off 0 (there f = 0 would be the answer).

        An entry near 0 could be met by weights of 0 alone (Ruff et al. 2018, proposition 1).
        """
        module = self.autoencoder_.module_
        x = x if held_out is None else x[torch.from_numpy(~held_out)]
        codes = torch.from_numpy(
            inference.map_rows(module, lambda rows, _: module.encode(rows), x, None)
        ).double()
        centre = codes.mean(0)
        least = max(_NEAREST_TO_ZERO * float(codes.square().mean().sqrt()), 1e-3)
        sign = torch.where(centre < 0, -1.0, 1.0)
        return torch.where(centre.abs() < least, sign * least, centre).float()

    def assemble(self, centre: Tensor) -> OneClassModule:
        """Return the encoder of the autoencoder with a centre."""
        base = self.autoencoder_.module_
        return OneClassModule(base, centre.to(next(base.parameters()).device))

    def _judge(self, x: Tensor, seed: int) -> None:
        """Set the threshold, and warn of a network that tells nothing apart."""
        share = _AUTO_CONTAMINATION if self.contamination == "auto" else float(self.contamination)
        self.offset_ = float(np.quantile(self._scores(x), share))
        # Noise within the range of each value: what is not of the class must get another code.
        generator = torch.Generator().manual_seed(seed + 7)
        rows = x[torch.randperm(len(x), generator=generator)[:_PROBES]]
        known = torch.nan_to_num(x)
        low, high = known.amin(0), known.amax(0)
        noise = low + (high - low) * torch.rand(rows.shape, generator=generator)
        module = self.module_
        codes = inference.map_rows(
            module, lambda part, _: module.encode(part), torch.cat([rows, noise]), None
        ).astype(np.float64)
        deviation = np.sqrt(np.square(codes - codes.mean(0)).sum(1).mean())
        self.spread_ = float(deviation / np.linalg.norm(self.centre_))
        if self.spread_ < _COLLAPSED and bool((high > low).any()):
            warnings.warn(
                "the network has collapsed: the codes of the training rows and of noise differ by "
                f"{self.spread_:.2g} of the centre's length, and the scores say nothing; lower "
                "max_epochs, learning_rate or weight_decay, or leave constant values out of X",
                CollapseWarning,
                stacklevel=4,
            )

    def _scores(self, x: Tensor) -> NDArray[np.float64]:
        module = self.module_
        assert isinstance(module, OneClassModule)
        distances = inference.map_rows(module, lambda rows, _: module.distances(rows), x, None)
        # Where the encoder overflows a row is as far off as can be: NaN would be beyond no
        # threshold.
        far = np.nan_to_num(distances.astype(np.float64), nan=_FARTHEST, posinf=_FARTHEST)
        return -far  # as scikit-learn wants scores

    # Using a fitted model ------------------------------------------------------------------

    def transform(self, X: Any) -> Any:
        """Encode: the code f(x) of each sample, whose distance to `centre_` is its score.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.

        Returns
        -------
        array of shape (n, latent_dim), float32
            In the container of `X`, or in the one that `set_output` asks for.
        """
        check_is_fitted(self, "module_")
        x, _ = self.autoencoder_.to_tensors(X, None)
        module = self.module_
        codes = inference.map_rows(module, lambda rows, _: module.encode(rows), x, None)
        if is_frame(X) and not getattr(self, "_sklearn_output_config", {}):
            return like(codes, X, self.get_feature_names_out())
        return like(codes, X) if is_tensor(X) else codes

    def score_samples(self, X: Any) -> Any:
        """Return −‖f(x) − c‖² of each sample; higher is more normal.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.

        Returns
        -------
        array of shape (n,), float64
            In the container of `X`, in units of the code; finite, also where the encoder overflows.
        """
        check_is_fitted(self, "module_")
        x, _ = self.autoencoder_.to_tensors(X, None)
        return like(self._scores(x), X)

    def decision_function(self, X: Any) -> Any:
        """Return ``score_samples(X) − offset_``, (n,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return +1 for each normal sample and −1 for each outlier, an array of shape (n,)."""
        decision = self.decision_function(X)
        decision = np.asarray(decision.cpu() if is_tensor(decision) else decision)
        return np.where(decision >= 0, 1, -1)  # NaN is not normal

    @property
    def centre_(self) -> NDArray[np.float32]:
        """c, an array of shape (latent_dim,)."""
        module = self.module_
        if not isinstance(module, OneClassModule):
            raise InvalidInputError(f"module_: expected a OneClassModule; got {type(module)}")
        centre: NDArray[np.float32] = module.centre.cpu().numpy()
        return centre

    @property
    def latent_dim_(self) -> int:
        """Numbers in the code."""
        return self.autoencoder_.latent_dim_

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "ignore"
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
