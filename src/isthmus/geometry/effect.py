"""What an edit in the code does to samples, judged from outside and beside random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sklearn.neighbors import NearestNeighbors

from isthmus.data.containers import is_frame, like
from isthmus.errors import InvalidInputError, check_count
from isthmus.geometry._codes import decode, encode
from isthmus.models import BaseAutoencoder
from isthmus.training import draw_seed

__all__ = ["ConceptEffect", "EffectCurves", "measure_effect"]

Rows = NDArray[np.float64]

_PAIRS = 1000  # samples of which all distances are taken
_SAME = 1e-6  # of the distance between two samples: what rounding may do
_TINY = 1e-12  # a probability this near to 0 or 1 is as sure as it is


class EffectCurves(NamedTuple):
    """What is seen at each strength, the last axis of each array.

    Parameters
    ----------
    score : ndarray, float64
        Mean of the probe's score over the samples: log odds of the concept, of a classifier.
    share : ndarray, float64
        Samples whose score is above 0: that the probe says have the concept.
    identity : ndarray, float64
        Samples that are recognised: encoded anew, and the direction itself left aside, the edit is
        nearest to the reconstruction of its own original among those of all.
    change : ndarray, float64
        How much else changes: the mean distance, in the same codes, between the edit and its
        original's reconstruction, over the mean distance between two samples; NaN if the code has
        no other direction.
    kept : ndarray, float64, or None
        Samples about which `rest` says the same as at the reconstruction.
    """

    score: Rows
    share: Rows
    identity: Rows
    change: Rows
    kept: Rows | None


class ConceptEffect(NamedTuple):
    """The effect of a concept direction, and of random directions of the same length.

    Parameters
    ----------
    strengths : ndarray of shape (n_strengths,), float64
        What was applied.
    direction : EffectCurves
        Arrays of shape (n_strengths,).
    controls : EffectCurves
        Arrays of shape (n_controls, n_strengths).
    rising : ndarray of shape (n_samples,), float64
        The share of neighbouring strengths between which the score of a sample rises.
    """

    strengths: Rows
    direction: EffectCurves
    controls: EffectCurves
    rising: Rows

    @property
    def slope(self) -> float:
        """Least-squares slope of the mean score: log odds a unit of strength."""
        return float(_slopes(self.strengths, self.direction.score[None])[0])

    @property
    def control_slopes(self) -> Rows:
        """The same of each random direction (n_controls,); their signs mean nothing."""
        return _slopes(self.strengths, self.controls.score)

    @property
    def monotone(self) -> float:
        """Share of steps, over all samples, at which the score rises: 0.5 by chance."""
        return float(self.rising.mean())


def measure_effect(
    estimator: BaseAutoencoder,
    vector: NDArray[np.float32],
    X: Any,
    strengths: Sequence[float],
    y: Any,
    *,
    probe: Any,
    rest: Any,
    n_controls: int,
    random_state: int | np.random.RandomState | None,
) -> ConceptEffect:
    """Measure an edit; see `ConceptDirection.effect` for the parameters.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    vector : ndarray of shape (latent_dim,)
        The direction in the code; a strength is a multiple of it.
    X, strengths, y, probe, rest, n_controls, random_state
        As in `ConceptDirection.effect`.
    """
    check_count("n_controls", n_controls)
    steps = _steps(strengths)
    judge, label = _judge(probe), None if rest is None else _labeller(rest)
    codes = encode(estimator, X, y).astype(np.float64)
    if len(codes) < 2 or not (codes != codes[0]).any():
        raise InvalidInputError("X: expected at least two rows with different codes")

    def decoded(moved: Rows) -> Any:
        samples = decode(estimator, moved, y)
        return like(samples, X) if is_frame(X) else samples  # with its names, for all judges

    base = decoded(codes)
    base_codes = encode(estimator, base, y).astype(np.float64)
    usual = None if label is None else _labels(label, base)

    def look(direction: Rows) -> tuple[EffectCurves, Rows]:
        scores, recognised, kept = [], [], []
        for step in steps:
            edited = decoded(codes + step * direction)
            again = encode(estimator, edited, y).astype(np.float64)
            scores.append(_scores(judge, edited))
            recognised.append(_recognised(again, base_codes, direction))
            if label is not None:
                kept.append((_labels(label, edited) == usual).mean())
        score = np.stack(scores)
        identity, change = np.array(recognised).T
        share = (score > 0).mean(axis=1)
        same = np.array(kept) if kept else None
        return EffectCurves(score.mean(axis=1), share, identity, change, same), score

    direction, score = look(vector.astype(np.float64))
    directions = _random(codes, vector, int(n_controls), draw_seed(random_state))
    controls = [look(control)[0] for control in directions]
    return ConceptEffect(
        strengths=steps,
        direction=direction,
        controls=EffectCurves(
            score=np.stack([one.score for one in controls]),
            share=np.stack([one.share for one in controls]),
            identity=np.stack([one.identity for one in controls]),
            change=np.stack([one.change for one in controls]),
            kept=None if rest is None else np.stack([_known(one.kept) for one in controls]),
        ),
        rising=(np.diff(score, axis=0) > 0).mean(axis=0),
    )


def _known(kept: Rows | None) -> Rows:
    assert kept is not None
    return kept


def _slopes(strengths: Rows, scores: Rows) -> Rows:
    centred = strengths - strengths.mean()
    return np.asarray(scores @ centred / np.square(centred).sum())


def _steps(strengths: Any) -> Rows:
    try:
        steps = np.asarray(strengths, dtype=np.float64)
    except (TypeError, ValueError):
        steps = np.empty(0)
    if (
        steps.ndim != 1
        or len(steps) < 2
        or not np.isfinite(steps).all()
        or min(np.diff(steps)) <= 0
    ):
        raise InvalidInputError(
            f"strengths: expected two or more rising numbers, such as (-1, 0, 1); got {strengths!r}"
        )
    return steps


def _judge(probe: Any) -> Callable[[Any], Any]:
    """Return a function from samples to a score each."""
    if hasattr(probe, "decision_function") or hasattr(probe, "predict_proba"):
        classes = getattr(probe, "classes_", ())
        if len(classes) != 2:
            raise InvalidInputError(
                f"probe: expected a fitted classifier of two classes; got {type(probe).__name__} "
                f"with {len(classes)}"
            )
        if hasattr(probe, "decision_function"):
            return lambda samples: probe.decision_function(_flat(samples))

        def log_odds(samples: Any) -> Rows:
            sure = np.clip(probe.predict_proba(_flat(samples))[:, 1], _TINY, 1 - _TINY)
            return np.asarray(np.log(sure) - np.log1p(-sure))

        return log_odds
    if callable(probe):
        return lambda samples: probe(samples)
    raise InvalidInputError(
        "probe: expected a classifier with decision_function or predict_proba, or a callable; "
        f"got {type(probe).__name__}"
    )


def _labeller(rest: Any) -> Callable[[Any], Any]:
    if hasattr(rest, "predict"):
        return lambda samples: rest.predict(_flat(samples))
    if callable(rest):
        return lambda samples: rest(samples)
    raise InvalidInputError(
        f"rest: expected a classifier with predict, or a callable; got {type(rest).__name__}"
    )


def _flat(samples: Any) -> Any:
    return samples if np.ndim(samples) == 2 else samples.reshape(len(samples), -1)


def _scores(judge: Callable[[Any], Any], samples: Any) -> Rows:
    scores = np.asarray(judge(samples), dtype=np.float64)
    if scores.shape != (len(samples),) or not np.isfinite(scores).all():
        raise InvalidInputError(
            f"probe: expected a finite score for each of {len(samples)} samples; got shape "
            f"{scores.shape}"
        )
    return scores


def _labels(label: Callable[[Any], Any], samples: Any) -> NDArray[Any]:
    labels = np.asarray(label(samples))
    if labels.shape != (len(samples),):
        raise InvalidInputError(
            f"rest: expected a label for each of {len(samples)} samples; got shape {labels.shape}"
        )
    return labels


def _random(codes: Rows, vector: NDArray[np.float32], count: int, seed: int) -> Rows:
    """Return directions (count, latent_dim) as the codes vary, as long as the vector."""
    draws = np.random.default_rng(seed).normal(size=(count, len(codes)))
    directions = draws @ (codes - codes.mean(axis=0))
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(directions / np.maximum(lengths, 1e-30) * np.linalg.norm(vector))


def _recognised(again: Rows, base: Rows, direction: Rows) -> tuple[float, float]:
    """Return the share of rows nearest to their own original, and how far they are from it."""
    unit = direction / np.linalg.norm(direction)
    edited, original = (rows - np.outer(rows @ unit, unit) for rows in (again, base))
    usual = float(pdist(original[:_PAIRS]).mean())
    own = np.linalg.norm(edited - original, axis=1)
    nearest = NearestNeighbors(n_neighbors=1).fit(original).kneighbors(edited)[0][:, 0]
    # Not beaten by another: of codes that are all the same each is its own.
    identity = float((own <= nearest + _SAME * usual).mean())
    return identity, float(own.mean() / usual) if usual > 0 else np.nan
