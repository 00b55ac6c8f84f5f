"""How good the samples of a model are: how near to real rows, and how many kinds they cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation.classifier_features import ClassifierFeatures
from isthmus.evaluation.distribution_distance import frechet_distance, kernel_distance
from isthmus.evaluation.overlap import overlap
from isthmus.training import draw_seed

__all__ = ["SampleQuality", "sample_quality"]

_BLOCK, _BLOCKS = 1000, 5  # rows of a block for the kernel distance, and the fewest blocks

FeatureFunction = Callable[[Any], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class SampleQuality:
    """Samples against real rows, in the features of a classifier; see `sample_quality`.

    Attributes
    ----------
    classifier_frechet_distance : float
        See `frechet_distance`; lower is better, and it is above 0 even for real rows.
    classifier_kernel_distance : float
        See `kernel_distance`; lower is better, 0 on average for real rows.
    kernel_spread : float
        Its standard deviation over blocks of at most 1,000 rows.
    kernel_blocks : int
        How many blocks.
    precision, recall : float
        See `precision_recall`; higher is better.
    density, coverage : float
        See `density_coverage`; higher is better.
    n_rows : int
        Samples, and as many real rows, that were compared.
    classifier_accuracy : float or None
        On held-out real rows, if the features are `ClassifierFeatures`.
    """

    classifier_frechet_distance: float
    classifier_kernel_distance: float
    kernel_spread: float
    kernel_blocks: int
    precision: float
    recall: float
    density: float
    coverage: float
    n_rows: int
    classifier_accuracy: float | None


def sample_quality(
    samples: Any,
    reference: Any,
    *,
    labels: Any = None,
    features: ClassifierFeatures | FeatureFunction | None = None,
    max_rows: int = 10_000,
    random_state: Any = 0,
) -> SampleQuality:
    """Compare samples with real rows, in the features of a small classifier.

    Parameters
    ----------
    samples : array-like, one sample a row
        What a model has drawn; as many as `reference`, if that is possible.
    reference : array-like, one sample a row, in the same shape and units
        Real rows. Rows that the model was not trained on, or copies look perfect.
    labels : array-like of shape (n,), optional
        Classes of `reference`, if there are no `features` yet: a random half of it then trains the
        classifier, and the other half is what samples are compared with.
    features : ClassifierFeatures or callable, optional
        Fitted, or any function from rows to features (n, n_features). Several models are compared
        in the same features; fit them once, on rows other than `reference`.
    max_rows : int, default=10,000
        Rows of each kind that are compared, drawn at random where there are more: the time is of
        the order of its square. Both kinds get the same number, because every one of these measures
        depends on it.
    random_state : int, RandomState or None, default=0
        The seed of the halves, the rows, the blocks and the classifier.

    Returns
    -------
    SampleQuality

    Raises
    ------
    InvalidInputError
        If neither or both of `labels` and `features` are given, there are too few rows, the shapes
        differ, or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> features = ClassifierFeatures(n_features=16, random_state=0).fit(X[::3], y[::3])
    >>> good = sample_quality(X[1::3], X[2::3], features=features)
    >>> blurred = (X[1::3] + X[1::3][::-1]) / 2
    >>> bad = sample_quality(blurred, X[2::3], features=features)
    >>> bad.classifier_frechet_distance > 3 * good.classifier_frechet_distance
    True
    >>> bad.precision < good.precision
    True
    """
    check_count("max_rows", max_rows)
    samples, reference = np.asarray(samples), np.asarray(reference)
    if samples.shape[1:] != reference.shape[1:] or samples.ndim < 2:
        raise InvalidInputError(
            f"samples: expected rows of shape {reference.shape[1:]} as in reference, got "
            f"{samples.shape}; reshape them"
        )
    seed = draw_seed(random_state)
    rng = np.random.default_rng(seed)
    if (labels is None) == (features is None):
        got = "both" if features is not None else "neither"
        raise InvalidInputError(
            f"features: expected either features or labels to train a classifier with, got {got}; "
            "see ClassifierFeatures"
        )
    if features is None:
        labels = np.asarray(labels)
        if labels.shape != (len(reference),):
            raise InvalidInputError(
                f"labels: expected one class a row of reference, shape ({len(reference)},), got "
                f"{labels.shape}"
            )
        order = rng.permutation(len(reference))
        first, second = order[: len(order) // 2], order[len(order) // 2 :]
        features = ClassifierFeatures(random_state=seed).fit(reference[first], labels[first])
        reference = reference[second]
    count = min(len(samples), len(reference), int(max_rows))
    function = features.transform if isinstance(features, ClassifierFeatures) else features
    pair = []
    for name, rows in (("samples", samples), ("reference", reference)):
        chosen = rows[np.sort(rng.permutation(len(rows))[:count])]
        pair.append(_features(function, chosen, name))
    frechet = frechet_distance(*pair)
    size = max(2, min(_BLOCK, count // _BLOCKS))
    kernel = kernel_distance(*pair, block_size=size, random_state=seed)
    both, cover = overlap(*pair)
    return SampleQuality(
        classifier_frechet_distance=frechet,
        classifier_kernel_distance=kernel.value,
        kernel_spread=kernel.spread,
        kernel_blocks=kernel.n_blocks,
        precision=both.precision,
        recall=both.recall,
        density=cover.density,
        coverage=cover.coverage,
        n_rows=count,
        classifier_accuracy=getattr(features, "accuracy_", None),
    )


def _features(function: FeatureFunction, rows: NDArray[Any], name: str) -> NDArray[Any]:
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        raise InvalidInputError(
            f"{name}: expected finite numbers, got NaN or infinity; drop or impute those rows"
        )
    found = np.asarray(function(rows))
    if found.ndim != 2 or len(found) != len(rows):
        raise InvalidInputError(
            f"features: expected (n, n_features) for n = {len(rows)} rows, got shape {found.shape}"
        )
    return found
