"""Rows that calibrate are held out of everything: the networks, the scores and their tails.

Which rows are held out is not asked; it shows: their values move the calibration and nothing else.
"""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import AnomalyDetector, Autoencoder, DeepSVDD
from isthmus.applications.anomaly import SeriesDetector

N_ROWS, N_HELD_OUT = 25, 10
ROWS = np.random.default_rng(0).normal(size=(N_ROWS, 4))
NEW = np.random.default_rng(1).normal(size=(30, 4))
SMALL = {"latent_dim": 2, "hidden_layer_sizes": (8,), "max_epochs": 2}
DETECTORS = {
    "default": {},
    "an estimator": {"estimator": Autoencoder(**SMALL)},
    "two members": {"estimator": Autoencoder(**SMALL), "n_members": 2},
    "early stopping": {
        "estimator": Autoencoder(**SMALL | {"validation_fraction": 0.5}),
    },
    "every score": {
        "estimator": Autoencoder(**SMALL),
        "scores": ("reconstruction", "mahalanobis", "mixture", "neighbours", "local"),
    },
    "Deep SVDD": {"estimator": DeepSVDD(**SMALL)},
    "a known contamination": {"estimator": Autoencoder(**SMALL), "contamination": 0.1},
}


def fit(X, **parameters):
    common = {"calibration_fraction": N_HELD_OUT / N_ROWS, "random_state": 0}
    return AnomalyDetector(**common | parameters).fit(X)


def changed(X, rows):
    """Return the data with wild values in some rows."""
    X = X.copy()
    X[rows] = 9 * np.random.default_rng(2).normal(size=X[rows].shape) + 50
    return X


def held_out_rows(**parameters):
    """Return the rows whose values do not move the scores of new rows."""
    expected = fit(ROWS, **parameters).score_samples(NEW)
    found = [fit(changed(ROWS, [i]), **parameters).score_samples(NEW) for i in range(N_ROWS)]
    return [row for row, scores in enumerate(found) if np.array_equal(scores, expected)]


@pytest.mark.filterwarnings("ignore::isthmus.errors.CollapseWarning")  # of few rows
@pytest.mark.parametrize("kind", DETECTORS)
def test_nothing_is_learned_from_the_rows_that_calibrate(kind):
    parameters = DETECTORS[kind]
    rows = held_out_rows(**parameters)
    assert len(rows) == N_HELD_OUT
    before, after = fit(ROWS, **parameters), fit(changed(ROWS, rows), **parameters)
    np.testing.assert_array_equal(after.score_samples(NEW), before.score_samples(NEW))
    # They are what calibrates, all of them and no other row.
    for detector, X in ((before, ROWS), (after, changed(ROWS, rows))):
        oddness = np.sort(-detector.score_samples(X[rows]))
        np.testing.assert_allclose(detector.calibration_.oddness, oddness, rtol=1e-5)
    assert after.offset_ < before.offset_


@pytest.mark.filterwarnings("ignore:X. values so far")  # as the changed ones are
def test_without_a_calibration_every_row_is_learned_from():
    assert held_out_rows(estimator=Autoencoder(**SMALL), calibration_fraction=0) == []


def test_another_seed_holds_other_rows_out():
    estimator = Autoencoder(**SMALL)
    first = held_out_rows(estimator=estimator)
    assert held_out_rows(estimator=estimator, random_state=1) != first


@pytest.mark.filterwarnings("ignore:X. values so far")
def test_nothing_is_learned_from_the_end_of_a_series():
    rng = np.random.default_rng(0)
    X = np.sin(np.arange(400)[:, None] / [3, 5]) + 0.1 * rng.normal(size=(400, 2))
    new = X[:100] + 0.1 * rng.normal(size=(100, 2))

    def scores(values):
        inner = AnomalyDetector(estimator=Autoencoder(**SMALL))
        detector = SeriesDetector(inner, window=8, calibration_fraction=0.25, random_state=0)
        return detector.fit(values).score_samples(new)

    expected = scores(X)
    np.testing.assert_array_equal(scores(changed(X, slice(300, None))), expected)
    assert (scores(changed(X, slice(299, 300))) != expected).any()
