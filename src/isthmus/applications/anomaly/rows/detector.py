"""Find what is not normal: any autoencoder of the family as a detector with a stated error rate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isthmus import storage
from isthmus.applications.anomaly import threshold as rules
from isthmus.applications.anomaly.base import BaseDetector
from isthmus.applications.anomaly.calibration import Calibration
from isthmus.applications.anomaly.drift import Drift, measure_drift
from isthmus.applications.anomaly.explanation import Explanation
from isthmus.applications.anomaly.parameters import shown_value
from isthmus.applications.anomaly.rows.data import (
    hold_out_rows,
    known_labels,
    numeric_rows,
    value_names,
)
from isthmus.applications.anomaly.rows.ensemble import Member, fit_ensemble, mean_surprise
from isthmus.applications.anomaly.rows.parameters import CONSTRAINTS, RECALL, check_detector
from isthmus.applications.anomaly.rows.reasons import explain, in_columns
from isthmus.applications.anomaly.scores import Network
from isthmus.data.table import TableEncoder
from isthmus.errors import InvalidInputError
from isthmus.models import DeepSVDD
from isthmus.training import draw_seed

__all__ = ["AnomalyDetector"]


class AnomalyDetector(BaseDetector):
    """Learn what is normal and score what is not, with any autoencoder of the family.

    Some training rows are held out. They calibrate: the p-value of a new row is the share of them
    that is at least as unusual, so that a false-alarm rate can be stated and kept without labels
    and without knowing how many anomalies there are.

    Parameters
    ----------
    estimator : estimator of the family or DeepSVDD, optional
        The autoencoder, unfitted, for example ``VariationalAutoencoder(latent_dim=8)``. None takes
        an ensemble for tables that needs no tuning; for images and signals, and for tables of many
        kinds of columns, one that fits them.
    n_members : int or "auto", default="auto"
        How many are fitted, from different seeds; their scores are averaged. "auto" is 1 for an
        estimator of your own.
    scores : str or sequence of str, default="auto"
        What counts: "reconstruction" (−log p(x|z), with a spread for each value), "bound" (the
        evidence lower bound), "importance" (the importance-weighted bound), "divergence" (KL of
        the encoder alone), "mahalanobis", "mixture", "neighbours" or "local" (density of the code),
        "distance" (to the centre; for `DeepSVDD` alone, which has no score of a decoder). Several
        are averaged, each expressed in nats of its tail on the training rows.
    trim : float or "auto", default="auto"
        The share of each training batch that is not learned from, because the network reproduces it
        worst: keeps some per cent of anomalies among the training rows from being learned. "auto"
        is 0.05 for an estimator of your own, and 0 for the default ensemble, which has not the time
        to learn them; use 0 for data known to be clean.
    calibration_fraction : float or "auto", default="auto"
        The share of the training rows that is held out to calibrate, at most 10,000 rows. "auto" is
        a fifth of up to 2,500 rows, 500 of up to 10,000, and a twentieth of more. 0 holds none out:
        call `calibrate` with rows of your own.
    false_alarm_rate : float, "auto" or None, default="auto"
        The share of normal rows that may raise an alarm. "auto" is 0.01, or 2 / (m + 1) where the m
        held-out rows are too few for that; None sets no threshold: `predict` needs `calibrate`
        first.
    tail : {"conformal", "pot"}, default="conformal"
        Count the held-out rows beyond the threshold, or extrapolate their tail by the peaks over a
        threshold, for rates that are too small to be counted (no guarantee then).
    contamination : float or "auto", default="auto"
        The share of the training rows that are anomalies, if it is known, at most 0.5: the
        threshold is then this quantile of their scores, and `false_alarm_rate` plays no part.
    random_state : int, RandomState or None, default=None
        Fixes the held-out rows and the members.
    verbose : int, default=0
        1 shows the progress of each fit.

    Attributes
    ----------
    members_ : list of estimator
        The fitted networks.
    threshold_ : Threshold or None
        The threshold, the rule that it was chosen by, and the numbers that belong to it.
    calibration_ : Calibration or None
        The anomaly scores of the held-out rows: minus `score_samples`.
    offset_ : float
        `decision_function` is `score_samples` minus this; NaN where there is no threshold.
    ensemble_ : list of Member
        The networks, each with its scores.
    n_features_in_ : int
        Columns of the training data.
    feature_names_in_ : ndarray of str
        Their names, if they had any.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> normal = rng.normal(size=(600, 2)) @ np.array([[1.0, 0.9], [0.0, 0.2]])
    >>> detector = AnomalyDetector(false_alarm_rate=0.02, random_state=0).fit(normal)
    >>> detector.predict([[0.5, 0.4], [2.0, -2.0]])
    array([ 1, -1])
    """

    constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    ensemble_: list[Member]
    calibration_: Calibration | None
    encoder_: TableEncoder | None
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    sample_shape_: tuple[int, ...]

    def __init__(
        self,
        *,
        estimator: Network | None = None,
        n_members: int | str = "auto",
        scores: str | Sequence[str] = "auto",
        trim: float | str = "auto",
        calibration_fraction: float | str = "auto",
        false_alarm_rate: float | str | None = "auto",
        tail: str = "conformal",
        contamination: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_members = n_members
        self.scores = scores
        self.trim = trim
        self.calibration_fraction = calibration_fraction
        self.false_alarm_rate = false_alarm_rate
        self.tail = tail
        self.contamination = contamination
        self.random_state = random_state
        self.verbose = verbose

    # Fitting -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, length, channels) or \
(n, height, width[, channels]); or a DataFrame
            Mostly normal rows. A DataFrame may hold numbers, categories, dates and missing values.
        y : None
            Ignored; there by convention.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter or the data cannot be used; the message says what to do.
        DivergedError
            If the loss of a member is NaN or infinite before there is one usable state.
        """
        check_detector(self)
        for name in ("ensemble_", "threshold_", "calibration_"):
            if hasattr(self, name):  # a refit that fails must not leave half an old detector
                delattr(self, name)
        array = numeric_rows(self, X, reset=True)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        held_out = hold_out_rows(len(array), self.calibration_fraction, rng)
        some = bool(held_out.any())
        self._check_promise(len(array), int(held_out.sum()))
        training = array[~held_out] if some else array
        ensemble = fit_ensemble(self, training, seed, rng)
        known = not isinstance(self.contamination, str)
        oddness = mean_surprise(ensemble, array if known or not some else array[held_out])
        calibration = None
        if some:
            calibration = Calibration(np.sort(oddness[held_out] if known else oddness))
        elif self.calibration_fraction != 0:  # too few rows to hold any out
            calibration = Calibration(np.sort(oddness), held_out=False)
        threshold = (
            rules.quantile(oddness, float(self.contamination))
            if known
            else rules.promised(calibration, self.false_alarm_rate, self.tail)
        )
        self.ensemble_, self.calibration_, self.threshold_ = ensemble, calibration, threshold
        return self

    def calibrate(self, X: Any, y: Any = None, *, recall: float | None = None) -> Self:
        """Choose the threshold anew, by rows that the fit has not seen.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows.
        y : array-like of shape (n,), optional
            Their labels, if they are known: −1 for anomalies and 1 for normal rows, 1 (True) for
            anomalies and 0 (False) for normal rows, or words such as "normal" and "attack"; NaN
            where there is none. Without any all are taken for normal.
        recall : float, optional
            With labels: the share of the anomalies to find, with the best precision. Without it the
            threshold is that of the largest F1.

        Returns
        -------
        self
        """
        oddness = -self.score_samples(X)
        if y is None:
            if recall is not None:
                raise InvalidInputError("recall: needs the labels of the rows; pass y as well")
            calibration = Calibration(np.sort(oddness))
            threshold = rules.promised(calibration, self.false_alarm_rate, self.tail)
        else:
            if recall is not None and not RECALL.is_satisfied_by(recall):
                raise InvalidInputError(f"recall: expected {RECALL}; got {shown_value(recall)}")
            known, anomalies = known_labels(y, len(oddness))
            threshold = rules.labelled(oddness[known], anomalies, recall)
            calibration = Calibration(np.sort(oddness[known][~anomalies]))
        self.calibration_, self.threshold_ = calibration, threshold
        return self

    def redraw(self, false_alarm_rate: float, tail: str = "conformal") -> Self:
        """Choose the threshold of a fitted detector for another rate, by the held-out rows.

        Parameters
        ----------
        false_alarm_rate : float
            The share of normal rows that may raise an alarm.
        tail : {"conformal", "pot"}, default="conformal"
            As for the constructor.

        Returns
        -------
        self
            With these two as its parameters, and contamination "auto".
        """
        self._calibrated()
        before = self.get_params(deep=False)
        self.set_params(false_alarm_rate=false_alarm_rate, tail=tail, contamination="auto")
        try:
            check_detector(self)
            self.threshold_ = rules.promised(self.calibration_, self.false_alarm_rate, self.tail)
        except InvalidInputError:
            self.set_params(**before)
            raise
        return self

    def _check_promise(self, n_rows: int, n_held_out: int) -> None:
        """Refuse, before the work, a rate that so many rows cannot promise."""
        auto = self.false_alarm_rate is None or isinstance(self.false_alarm_rate, str)
        counted = self.tail == "conformal" and isinstance(self.contamination, str)
        if counted and not auto and self.calibration_fraction != 0:
            rows = n_held_out or n_rows
            calibration = Calibration(np.zeros(rows), held_out=n_held_out > 0)
            rules.promised(calibration, self.false_alarm_rate, self.tail)

    # Using a fitted detector ---------------------------------------------------------------

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how normal each row is; higher is more normal.

        It is minus the mean over members and scores of the surprise, in nats of the tail of the
        training rows. −3 of a single score says that about 5 % of them were as unusual, −7 that 0.1
        % would be; a mean of several is that far out more rarely. `p_values` say how rarely.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        return -mean_surprise(self.ensemble_, numeric_rows(self, X, reset=False))

    def explain(self, X: Any) -> Explanation:
        """Return why rows are unusual: what each value adds, and what was expected in its place.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows; a few thousand at most, since each is reconstructed several times.

        Returns
        -------
        Explanation
        """
        check_is_fitted(self)
        if isinstance(self.members_[0], DeepSVDD):
            raise InvalidInputError(
                "estimator: DeepSVDD has no decoder, and so nothing that it expects instead; for "
                "reasons use an autoencoder"
            )
        array = numeric_rows(self, X, reset=False)
        found = explain(self.ensemble_, array, value_names(self))
        return found if self.encoder_ is None else in_columns(found, self.encoder_, X)

    def drift(self, X: Any, n_blocks: int = 10, level: float = 0.01) -> Drift:
        """Tell whether a stream of rows, in order, is still what the detector was calibrated on.

        Parameters
        ----------
        X : array-like, one sample a row
            The stream.
        n_blocks : int, default=10
            Into how many blocks it is cut.
        level : float, default=0.01
            The probability, at most, of reporting a drift where there is none.

        Returns
        -------
        Drift
        """
        calibration: Calibration = self._calibrated()
        if not calibration.held_out:
            raise InvalidInputError(
                f"calibration_fraction: the {len(calibration)} rows were too few to hold any out, "
                "and a drift cannot be told from rows of the fit; call calibrate(X) with others"
            )
        return measure_drift(calibration, -self.score_samples(X), n_blocks, level)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted detector to one safe file, see `isthmus.load`.

        Parameters
        ----------
        path : path-like
            Usually ending in ``.safetensors``.
        """
        storage.save(self, path)

    @property
    def members_(self) -> list[Network]:
        """The fitted networks."""
        return [member.estimator for member in self.ensemble_]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "ensemble_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.estimator is None or self.estimator.missing == "ignore"
        tags.input_tags.three_d_array = True
        return tags
