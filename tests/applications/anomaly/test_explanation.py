"""Reasons: the planted value is named, what is expected is near the truth, groups are found."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import AnomalyDetector, Autoencoder
from isthmus.applications.anomaly import Explanation, group

ESTIMATOR = Autoencoder(
    latent_dim=2, hidden_layer_sizes=(32,), max_epochs=60, batch_size=64, early_stopping=False
)


def plane(n, seed=0):
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(9).normal(size=(2, 8))
    return 50 + 10 * (rng.normal(size=(n, 2)) @ axes + 0.1 * rng.normal(size=(n, 8)))


@pytest.fixture(scope="module")
def model():
    return AnomalyDetector(estimator=ESTIMATOR, random_state=0).fit(plane(1500))


def test_the_planted_value_is_the_first_reason_and_its_truth_is_expected(model):
    rows = plane(40, seed=3)
    truth = rows.copy()
    columns = np.arange(40) % 8
    rows[np.arange(40), columns] += 40 * np.where(np.arange(40) % 2, 1, -1)
    explanation = model.explain(rows)
    named = [int(explanation.reasons(i)[0].feature[1:]) for i in range(40)]
    assert np.mean(named == columns) > 0.9
    expected = explanation.expected[np.arange(40), columns]
    error = np.abs(expected - truth[np.arange(40), columns])
    assert np.median(error) < 5
    # The control: what a plain reconstruction expects, which the odd value pulls along.
    plain = model.members_[0].reconstruct(rows)[np.arange(40), columns]
    assert np.median(error) < np.median(np.abs(plain - truth[np.arange(40), columns]))
    assert str(explanation.reasons(0)[0]).startswith(f"x0 was {rows[0, 0]:.4g}, expected ")


def test_normal_values_contribute_nothing_on_average(model):
    contributions = model.explain(plane(1000, seed=5)).contributions
    assert (np.abs(contributions.mean(0)) < 0.5 * contributions.std(0)).all()


def test_names_are_those_of_the_columns():
    pd = pytest.importorskip("pandas")
    names = [f"sensor {i}" for i in range(8)]
    estimator = Autoencoder(latent_dim=2, hidden_layer_sizes=(), max_epochs=5)
    frame = pd.DataFrame(plane(300), columns=names)
    detector = AnomalyDetector(estimator=estimator, random_state=0).fit(frame)
    frame.loc[0, "sensor 3"] += 500
    assert detector.explain(frame[:2]).reasons(0, most=1)[0].feature == "sensor 3"


def test_rows_that_are_odd_alike_are_one_group():
    rng = np.random.default_rng(0)
    profile = np.zeros((30, 6))
    profile[:15, 1] = rng.uniform(10, 100, 15)
    profile[15:25, [2, 4]] = rng.uniform(10, 100, (10, 2))
    profile[25:, 0] = 20
    profile += rng.uniform(0, 0.1, profile.shape)
    shuffled = rng.permutation(30)
    explanation = Explanation(profile, profile[shuffled], profile, np.ones(6), list("abcdef"))
    labels = np.empty(30, dtype=int)
    labels[shuffled] = group(explanation)
    assert [len(set(labels[part])) for part in (slice(15), slice(15, 25), slice(25, 30))] == [1] * 3
    assert (labels[0], labels[15], labels[25]) == (0, 1, 2)  # the largest comes first
    none = Explanation(profile[:0], profile[:0], profile[:0], np.ones(6), list("abcdef"))
    assert len(group(none)) == 0
