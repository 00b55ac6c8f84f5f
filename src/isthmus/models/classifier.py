"""A classifier on a pretrained encoder: few labels, and much data without."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.callback import with_callbacks
from sklearn.frozen import FrozenEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from isthmus.data.containers import in_one_line, is_tensor, to_arrays
from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder, fitting, inference
from isthmus.models.base.control import untrained
from isthmus.models.base.parameters import COMMON, check_parameters
from isthmus.models.base.second_phase import SecondPhase
from isthmus.models.base.trained import TrainedEstimator
from isthmus.models.stacked import StackedAutoencoder
from isthmus.nn import ClassifierModule
from isthmus.nn.modes import ordinary_mode
from isthmus.nn.networks import auto_hidden
from isthmus.training import draw_seed, fingerprint

__all__ = ["AutoencoderClassifier"]


@dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderClassifier(ClassifierMixin, SecondPhase):
    """A softmax classifier whose encoder is pretrained as an autoencoder, then fine-tuned.

    The autoencoder is fitted to all rows, with and without a label; then the encoder and a softmax
    layer on its code are trained together on the rows that have one.

    Parameters
    ----------
    autoencoder : estimator of the family, FrozenEstimator or None, default=None
        What is pretrained; None is a `StackedAutoencoder` of two wide layers of ReLUs. One that is
        fitted already is not fitted again if it comes in a ``sklearn.frozen.FrozenEstimator``; its
        copy is fine-tuned.
    pretraining : bool, default=True
        Without it the encoder starts from random weights: the supervised control.
    early_stopping : bool, default=False
        Whether to hold labelled rows out and to stop by them; few labels are better all used.
    max_epochs, batch_size, learning_rate, ...
        The settings of the fine-tuning, as in `Autoencoder`; the pretraining has the autoencoder's
        own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    autoencoder_ : estimator of the family
        The fitted autoencoder. Its encoder is the fine-tuned one: its `transform` gives the
        features of the classifier.
    n_labelled_ : int
        Rows of the fit that had a label.

    Notes
    -----
    A label of −1, NaN or None means "unlabelled", as in `sklearn.semi_supervised`. Where −1 and one
    other label are all there is, they are the two classes.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising
       autoencoders", Journal of Machine Learning Research 11 (2010), 3371-3408.
    .. [2] S. Rifai, Y. N. Dauphin, P. Vincent, Y. Bengio and X. Muller, "The manifold tangent
       classifier", NIPS 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder, AutoencoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> few = np.where(np.arange(len(y)) < 200, y, -1)
    >>> model = AutoencoderClassifier(
    ...     autoencoder=Autoencoder(latent_dim=32, max_epochs=10, random_state=0),
    ...     learning_rate=3e-3, max_epochs=60, random_state=0,
    ... ).fit(X / 16, few)
    >>> model.n_labelled_, model.score(X / 16, y) > 0.8
    (200, True)
    """

    autoencoder: Any = None
    pretraining: bool = True
    early_stopping: bool = False

    constraints: ClassVar[dict[str, list[Any]]] = {
        **{k: v for k, v in COMMON.items() if k in TrainedEstimator.__dataclass_fields__},
        "autoencoder": [BaseAutoencoder, FrozenEstimator, None],
        "pretraining": ["boolean"],
    }

    classes_: NDArray[Any] = field(init=False)
    n_labelled_: int = field(init=False)

    @with_callbacks
    @ordinary_mode()
    def fit(self, X: Any, y: Any = None) -> Self:
        """Pretrain on all rows, then fine-tune on the labelled ones.

        Parameters
        ----------
        X : array-like, one sample a row
            The data, as for the autoencoder.
        y : array-like of shape (n,)
            The labels; −1, NaN or None where there is none.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there are fewer than two classes, or the data cannot be used.
        """
        check_parameters(self.constraints, self.get_params(deep=False), type(self).__name__)
        if hasattr(self, "module_"):
            del self.module_
        fitting.check_resumable(self)
        base = self._base(X)
        # Checked before hours of pretraining, which checks again.
        n_rows = len(base.check_data(X, reset=not self.is_frozen))
        classes, targets = _encode(y, n_rows)
        if base.is_conditional:
            raise InvalidInputError(
                "autoencoder: a conditional model wants the label to encode; set conditional=False"
            )
        seed = draw_seed(self.random_state)
        self.autoencoder_ = self._pretrained(base, X)
        x = self.autoencoder_.learned_tensors(X)
        self.classes_ = classes
        labelled = np.flatnonzero(targets >= 0)
        self.n_labelled_ = len(labelled)
        rows = torch.from_numpy(labelled)
        self.adopt(
            fitting.run(
                self,
                self.assemble(torch.Generator().manual_seed(seed + 6)),
                X,
                y,
                x[rows],
                torch.from_numpy(targets)[rows],
                seed,
                phase=replace(self.phase, name=f"{type(self).__name__}, fine-tuning"),
                held_out=fitting.held_out_rows(self, len(labelled), seed),
            )
        )
        return self

    @property
    def is_frozen(self) -> bool:
        """Whether the autoencoder is taken as it is fitted."""
        return isinstance(self.autoencoder, FrozenEstimator)

    def _base(self, X: Any) -> BaseAutoencoder:
        """Return the autoencoder to fit, or a copy of the one that is fitted."""
        if self.autoencoder is None:
            # A code for a classifier need not be narrow.
            width = auto_hidden(math.prod(np.asarray(to_arrays(X)).shape[1:]))[0]
            return StackedAutoencoder(
                hidden_layer_sizes=(width,),
                latent_dim=width,
                activation="relu",
                fine_tuning=False,  # what follows fine-tunes, with labels
                device=self.device,
                precision=self.precision,
            )
        if not self.is_frozen:
            base: BaseAutoencoder = clone(self.autoencoder)
            return base
        inner = self.autoencoder.estimator
        if not isinstance(inner, BaseAutoencoder):
            raise InvalidInputError(
                "autoencoder: expected an estimator of the family in the FrozenEstimator; got "
                f"{type(inner).__name__}"
            )
        check_is_fitted(inner, "module_")
        return copy.deepcopy(inner)

    def _pretrained(self, base: BaseAutoencoder, X: Any) -> BaseAutoencoder:
        if base.random_state is None:
            base.set_params(random_state=self.random_state)
        if self.is_frozen:
            return base if self.pretraining else untrained(base, X)
        if self.checkpoint is not None and base.checkpoint is None:
            base.set_params(checkpoint=f"{self.checkpoint}.autoencoder")
        if self.verbose and not base.verbose:
            base.set_params(verbose=self.verbose)
        return base.fit(X) if self.pretraining else untrained(base, X)

    def assemble(self, generator: torch.Generator | None = None) -> ClassifierModule:
        """Return the encoder of the autoencoder with a new head."""
        base = self.autoencoder_
        return ClassifierModule(base.module_, base.latent_dim_, len(self.classes_), generator)

    # Using a fitted model ------------------------------------------------------------------

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return p(class | x) of each row.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.

        Returns
        -------
        ndarray of shape (n, n_classes), float32
            In the order of `classes_`.
        """
        check_is_fitted(self, "module_")
        module = self.module_
        assert isinstance(module, ClassifierModule)
        x, _ = self.autoencoder_.to_tensors(X, None)
        return inference.map_rows(
            module, lambda rows, _: module.logits(rows).float().softmax(1), x, None
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, an array of shape (n,)."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return labels

    @property
    def network_digest(self) -> str:
        """What fixes the network, for the digest that a checkpoint is known by."""
        # A frozen autoencoder has no checkpoint that would vouch for its weights.
        weights = self.autoencoder_.module_.state_dict().values() if self.is_frozen else ()
        digest = fingerprint("", *weights)
        return f"{super().network_digest} {self.classes_.tolist()} {digest}"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = self.autoencoder.estimator if self.is_frozen else self.autoencoder
        tags.input_tags.allow_nan = getattr(inner, "missing", "error") == "ignore"
        tags.input_tags.three_d_array = True
        return tags


def _encode(y: Any, n_rows: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes, and the class of each row as a number, −1 where it has no label."""
    if y is None:
        raise InvalidInputError(
            "y: AutoencoderClassifier requires y to be passed, but the target y is None; -1 or NaN "
            "marks rows without a label"
        )
    try:
        labels = column_or_1d(np.asarray(y.cpu() if is_tensor(y) else y), warn=True)
        if len(labels) != n_rows:
            check_consistent_length(np.empty(n_rows), labels)
        if labels.dtype.kind == "f" and np.isinf(labels).any():
            raise ValueError("expected labels; got infinity")
        known = _known(labels)
        named = labels[known]
        if named.dtype == object and not any(isinstance(value, str) for value in named):
            named = np.array(named.tolist())  # numbers that stood beside None
        if len(named):
            check_classification_targets(named)
        classes, numbers = np.unique(named, return_inverse=True)
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"y: {in_one_line(error).removeprefix('X: ')}") from None
    if len(classes) < 2:
        raise InvalidInputError(
            f"y: expected labels of at least two classes; got {len(classes)} class"
            f"{'es' if len(classes) != 1 else ''} besides -1 and NaN; label more rows"
        )
    targets = np.full(n_rows, -1, dtype=np.int64)
    targets[known] = numbers
    return classes, targets


def _known(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which rows have a label."""
    if labels.dtype.kind in "OUS":
        values = labels.tolist()
        # pandas' NA is neither equal to itself nor different.
        missing = np.array([v is None or (v == v) is not True for v in values], dtype=bool)
        minus = np.array(
            [not gone and v in (-1, "-1") for v, gone in zip(values, missing, strict=True)],
            dtype=bool,
        )
    else:
        missing = np.isnan(labels) if labels.dtype.kind == "f" else np.zeros(len(labels), bool)
        minus = labels == -1 if labels.dtype.kind in "if" else np.zeros(len(labels), bool)
    others = labels[~missing & ~minus]
    if minus.any() and len(others) and (others == others[0]).all():
        return ~missing  # −1 and one other label: two classes, not one
    known: NDArray[np.bool_] = ~missing & ~minus
    return known
