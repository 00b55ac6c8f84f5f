"""Measures of a detector where the truth is known, and what labels may look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.evaluation import anomaly_labels, detection_metrics


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_measures_are_what_their_definitions_say(seed, n):
    rng = np.random.default_rng(seed)
    truth, scores = rng.random(n) < 0.4, rng.integers(-5, 5, n).astype(float)
    found = detection_metrics(truth, scores, offset=0.0)
    alarms = scores < 0
    if truth.any() and not truth.all():
        pairs = scores[~truth][:, None] - scores[truth][None, :]
        assert found.auroc == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    else:
        assert np.isnan(found.auroc)
        assert np.isnan(found.average_precision)
    hits = (alarms & truth).sum()
    for value, part, whole in (
        (found.precision, hits, alarms.sum()),
        (found.recall, hits, truth.sum()),
        (found.false_alarm_rate, (alarms & ~truth).sum(), (~truth).sum()),
        (found.f1, 2 * hits, alarms.sum() + truth.sum()),
    ):
        assert value == pytest.approx(part / whole) if whole else np.isnan(value)


def test_rows_without_a_label_or_a_score_are_left_out():
    truth = [0, 1, np.nan, 1, 0]
    scores = [-1.0, -5.0, -9.0, np.nan, -2.0]
    found = detection_metrics(truth, scores, offset=-4.0)
    assert (found.rows, found.anomalies, found.alarms) == (3, 1, 1)
    assert (found.auroc, found.f1) == (1.0, 1.0)
    without = detection_metrics(truth, scores)
    assert np.isnan([without.f1, without.precision, without.recall]).all()
    assert without.auroc == 1.0


@pytest.mark.parametrize(
    ("labels", "anomalies"),
    [
        ([1, -1, 1], [0, 1, 0]),
        ([0, 1, 1], [0, 1, 1]),
        ([1.0, 0.0, np.nan], [1, 0, np.nan]),
        ([True, False], [1, 0]),
        (["true", "False"], [1, 0]),
        (["1", "-1"], [0, 1]),
        (["0", "1", None], [0, 1, np.nan]),
        (["Anomaly", "anomaly "], [1, 1]),
        (["normal", "neptune", "smurf", ""], [0, 1, 1, np.nan]),
        ([0, 0], [0, 0]),
        ([-1, -1], [1, 1]),
    ],
)
def test_labels_of_every_convention(labels, anomalies):
    np.testing.assert_array_equal(anomaly_labels(np.array(labels, dtype=object)), anomalies)
    if None not in labels:
        np.testing.assert_array_equal(anomaly_labels(labels), anomalies)


@pytest.mark.parametrize("labels", [[2, 1], ["a", "b"], [], [np.nan], [0, 1, -1], [0.5, 1]])
def test_labels_that_do_not_say_which_are_anomalies(labels):
    with pytest.raises(InvalidInputError, match="labels: expected"):
        anomaly_labels(labels)


def test_lengths_must_agree_and_something_be_there():
    with pytest.raises(InvalidInputError, match="one label a score"):
        detection_metrics([0, 1], [1.0])
    with pytest.raises(InvalidInputError, match="there are none"):
        detection_metrics([np.nan], [1.0])
