"""Find what is not normal: any autoencoder of the family as a detector with a stated error rate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from isthmus.applications.anomaly import threshold as rules
from isthmus.applications.anomaly.calibration import Calibration
from isthmus.applications.anomaly.checks import check_learned, known_labels
from isthmus.applications.anomaly.columns import in_columns
from isthmus.applications.anomaly.drift import Drift, measure_drift
from isthmus.applications.anomaly.ensemble import choose_members
from isthmus.applications.anomaly.evidence import Network
from isthmus.applications.anomaly.explanation import Explanation
from isthmus.applications.anomaly.holdout import hold_out_rows
from isthmus.applications.anomaly.members import Member, explain, fit_scores, score_rows
from isthmus.applications.anomaly.parameters import check_detector, check_recall
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.applications.anomaly.validation import numeric_rows, value_names
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder, DeepSVDD
from isthmus.models.fitting import draw_seed

if TYPE_CHECKING:
    from isthmus.data.table import TableEncoder

__all__ = ["AnomalyDetector"]

_DEFAULT_TRIM = 0.05


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Learn what is normal and score what is not, with any autoencoder of the family.

    Some training rows are held out. They calibrate: the p-value of a new row is the share of them
    that is at least as odd, so that a false-alarm rate can be stated and kept without labels and
    without knowing how many anomalies there are.

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
        "distance" (to the centre, of `DeepSVDD` alone, which has no score of a decoder). Of
        several, each is expressed in nats of its tail on the training rows; they are averaged.
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
        held-out rows are too few for that; None draws no line: `predict` needs `calibrate` first.
    tail : {"conformal", "pot"}, default="conformal"
        Count the held-out rows beyond the line, or extrapolate their tail by the peaks over a
        threshold, for rates that are too small to be counted (no guarantee then).
    contamination : float or "auto", default="auto"
        The share of the training rows that are anomalies, if it is known, at most 0.5: the line is
        then drawn at this quantile of their scores, and `false_alarm_rate` plays no part.
    random_state : int, RandomState or None, default=None
        Fixes the held-out rows and the members.
    verbose : int, default=0
        1 shows the progress of each fit.

    Attributes
    ----------
    members_ : list of estimator
        The fitted networks.
    threshold_ : Threshold or None
        The line, the rule that drew it, and the numbers that belong to it.
    calibration_ : Calibration or None
        The oddness of the held-out rows.
    offset_ : float
        `decision_function` is `score_samples` minus this; NaN where no line was drawn.
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

    calibration_: Calibration | None
    threshold_: Threshold | None
    encoder_: TableEncoder | None
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    sample_shape_: tuple[int, ...]
    _members: list[Member]

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
        for name in ("_members", "threshold_", "calibration_", "offset_"):
            self.__dict__.pop(name, None)
        array = numeric_rows(self, X, reset=True)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        held_out = hold_out_rows(len(array), self.calibration_fraction, rng)
        self._check_promise(len(array), int(held_out.sum()))
        training = array[~held_out] if held_out.any() else array
        chosen = choose_members(self, training, seed)
        auto = _DEFAULT_TRIM if isinstance(self.estimator, BaseAutoencoder) else 0.0
        trim = auto if isinstance(self.trim, str) else float(self.trim)
        for estimator, _ in chosen:
            estimator.__dict__["_trim"] = trim
            check_learned(estimator.fit(training))
        rows = score_rows(training, rng)
        self._members = [fit_scores(estimator, names, rows, rng) for estimator, names in chosen]
        try:
            self._calibrate(array, held_out)
        except InvalidInputError:  # half a detector would be taken for a whole one
            del self._members
            raise
        return self

    def calibrate(self, X: Any, y: Any = None, *, recall: float | None = None) -> Self:
        """Draw the line anew, by rows that the fit has not seen.

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
            line of the largest F1 is drawn.

        Returns
        -------
        self
        """
        check_is_fitted(self, "_members")
        oddness = self._oddness(numeric_rows(self, X, reset=False))
        if y is None:
            if recall is not None:
                raise InvalidInputError("recall: needs the labels of the rows; pass y as well")
            calibration = Calibration(np.sort(oddness))
            line = rules.promised(calibration, self.false_alarm_rate, self.tail)
        else:
            check_recall(recall)
            known, anomalies = known_labels(y, len(oddness))
            line = rules.labelled(oddness[known], anomalies, recall)
            calibration = Calibration(np.sort(oddness[known][~anomalies]))
        self.calibration_ = calibration
        self._set_threshold(line)
        return self

    def redraw(self, false_alarm_rate: float, tail: str = "conformal") -> Self:
        """Draw the line of a fitted detector at another rate, by the rows that it held out.

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
            self._set_threshold(rules.promised(self.calibration_, self.false_alarm_rate, self.tail))
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

    def _calibrate(self, array: NDArray[Any], held_out: NDArray[np.bool_]) -> None:
        known = not isinstance(self.contamination, str)
        self.calibration_ = None
        oddness = self._oddness(array if known or not held_out.any() else array[held_out])
        if held_out.any():
            self.calibration_ = Calibration(np.sort(oddness[held_out] if known else oddness))
        elif self.calibration_fraction != 0:  # too few rows to hold any out
            self.calibration_ = Calibration(np.sort(oddness), held_out=False)
        if known:
            self._set_threshold(rules.quantile(oddness, float(self.contamination)))
        else:
            self._set_threshold(rules.promised(self.calibration_, self.false_alarm_rate, self.tail))

    def _set_threshold(self, line: Threshold | None) -> None:
        self.threshold_ = line
        self.offset_ = np.nan if line is None else -line.value

    # Using a fitted detector ---------------------------------------------------------------

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how normal each row is; higher is more normal.

        It is minus the mean over members and scores of the surprise, in nats of the tail of the
        training rows. Of a single score −3 says that about 5 % of them were as odd, −7 that 0.1 %
        would be; a mean of several is that far out more rarely. `p_values` say how rarely.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self, "_members")
        return -self._oddness(numeric_rows(self, X, reset=False))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return `score_samples` minus `offset_`: below 0 for anomalies.

        Raises
        ------
        InvalidInputError
            If no line was drawn.
        """
        check_is_fitted(self, "_members")
        if self.threshold_ is None:
            raise InvalidInputError(
                "false_alarm_rate: no threshold was chosen; call calibrate(X) with normal rows "
                "that the fit has not seen, or set false_alarm_rate and fit again"
            )
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return −1 for anomalies and 1 for normal rows."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """Return the share of held-out normal rows that is at least as odd; see `Calibration`.

        Where the rows were too few to hold any out (``calibration_.held_out`` is False) they are
        the rows of the fit, and p-values of new rows are too small.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows.

        Returns
        -------
        ndarray of shape (n,)
            From 1 / (m + 1) for m held-out rows, up to 1.
        """
        return self._calibrated().p_values(-self.score_samples(X))

    def explain(self, X: Any) -> Explanation:
        """Return why rows are odd: what each value adds, and what was expected in its place.

        Parameters
        ----------
        X : array-like, one sample a row
            The rows; a few thousand at most, since each is reconstructed several times.

        Returns
        -------
        Explanation
        """
        check_is_fitted(self, "_members")
        if isinstance(self.members_[0], DeepSVDD):
            raise InvalidInputError(
                "estimator: DeepSVDD has no decoder, and so nothing that it expects instead; for "
                "reasons use an autoencoder"
            )
        array = numeric_rows(self, X, reset=False)
        found = explain(self._members, array, value_names(self))
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
        calibration = self._calibrated()
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
        from isthmus.applications.anomaly.saving import save

        check_is_fitted(self, "_members")
        save(self, path)

    @property
    def members_(self) -> list[Network]:
        """The fitted networks."""
        return [member.estimator for member in self._members]

    def _calibrated(self) -> Calibration:
        check_is_fitted(self, "_members")
        if self.calibration_ is None:
            raise InvalidInputError(
                "calibration_fraction: no rows were held out; call calibrate(X) with normal rows "
                "that the fit has not seen"
            )
        return self.calibration_

    def _oddness(self, array: NDArray[Any]) -> NDArray[np.float64]:
        parts = [member.surprise(array) for member in self._members]
        return np.asarray(np.mean(parts, axis=0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.estimator is None or self.estimator.missing == "ignore"
        tags.input_tags.three_d_array = True
        return tags
