"""Features to compare samples in, from a small classifier that is trained on labelled data."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count
from isthmus.models import Autoencoder, AutoencoderClassifier
from isthmus.training import draw_seed

__all__ = ["ClassifierFeatures"]

_HELD_OUT = 0.1  # share of the rows that tell the accuracy


class ClassifierFeatures:
    """The last hidden layer of a small classifier of *your* labels; no Inception, no download.

    An encoder of the family (convolutional for images, dense for tables) with a softmax on top is
    trained on labelled rows from random weights. Its features are what the softmax sees: ReLUs,
    divided by one number, so that a feature has variance 1 on average over the training rows. A
    distance in them is therefore no FID: it compares with another one in the *same* fitted
    features, and with nothing that was published.

    Parameters
    ----------
    n_features : int, default=64
        Width of the last hidden layer.
    max_epochs : int, default=10
        Passes over the training rows.
    random_state : int, RandomState or None, default=None
        The seed of the weights, the order of rows and the rows held out.

    Attributes
    ----------
    classifier_ : AutoencoderClassifier
        What was trained.
    accuracy_ : float
        On a tenth of the rows that was held out: features of a classifier that cannot tell the
        classes apart see little.
    scale_ : float
        What features are divided by.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> features = ClassifierFeatures(n_features=16, random_state=0).fit(X, y)
    >>> features.transform(X).shape, features.accuracy_ > 0.8
    ((1797, 16), True)
    """

    def __init__(
        self, *, n_features: int = 64, max_epochs: int = 10, random_state: Any = None
    ) -> None:
        check_count("n_features", n_features)
        check_count("max_epochs", max_epochs)
        self.n_features = int(n_features)
        self.max_epochs = int(max_epochs)
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train the classifier.

        Parameters
        ----------
        X : array-like, one sample a row
            Real data: a table, or images (n, height, width[, channels]).
        y : array-like of shape (n,)
            Their classes, at least two.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there are fewer than 20 rows, or rows or labels cannot be used.
        """
        X, y = np.asarray(X), np.asarray(y)
        if X.ndim < 2 or len(X) < 2 / _HELD_OUT:
            raise InvalidInputError(
                f"X: expected (n, ...) with at least {2 / _HELD_OUT:.0f} labelled rows, got shape "
                f"{X.shape}; a classifier needs them"
            )
        if y.shape != (len(X),):
            raise InvalidInputError(
                f"y: expected one class a row, shape ({len(X)},), got {y.shape}; pass the "
                "labels of the same rows in the same order"
            )
        seed = draw_seed(self.random_state)
        order = np.random.default_rng(seed).permutation(len(X))
        count = int(len(X) * _HELD_OUT)
        held_out, kept = order[:count], np.sort(order[count:])
        # No likelihood with a support: samples beyond the range of the data are seen as they are.
        encoder = Autoencoder(
            latent_dim=self.n_features,
            latent_activation="relu",
            likelihood="gaussian",
            scaling="minmax",
            random_state=seed,
        )
        self.classifier_ = AutoencoderClassifier(
            autoencoder=encoder,
            pretraining=False,
            batch_size=min(128, max(16, len(kept) // 50)),
            learning_rate=2e-3,
            max_epochs=self.max_epochs,
            random_state=seed,
        ).fit(X[kept], y[kept])
        self.accuracy_ = float(np.mean(self.classifier_.predict(X[held_out]) == y[held_out]))
        self.scale_ = 1.0
        variance = float(self.transform(X[kept]).var(axis=0, dtype=np.float64).mean())
        if not variance > 0:
            raise InvalidInputError(
                "X: the trained features are the same for every row; train longer (max_epochs), or "
                "check that the rows differ"
            )
        self.scale_ = variance**0.5
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the features of each row.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            Real or sampled data, in the units of the fit.

        Returns
        -------
        ndarray of shape (n, n_features), float32

        Raises
        ------
        InvalidInputError
            If nothing was fitted, the shape is another one, or a value is NaN or infinite.
        """
        if not hasattr(self, "classifier_"):
            raise InvalidInputError("features: not fitted yet; call fit(X, y) with real data first")
        codes = self.classifier_.autoencoder_.transform(np.asarray(X))
        return np.asarray(codes / np.float32(self.scale_), dtype=np.float32)
