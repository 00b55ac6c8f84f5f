"""The streaming benchmark on made streams: what it may know, and that it finds what is there."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import nab
from isthmus.evaluation import nab_score


def stream(n, seed, faults=()):
    rng = np.random.default_rng(seed)
    values = np.sin(2 * np.pi * np.arange(n) / 16) + 0.1 * rng.normal(size=n)
    for first in faults:
        values[first : first + 12] = 0.3 + 0.1 * rng.normal(size=12)
    return values


@pytest.fixture(scope="module")
def files():
    made = {"a": (stream(1500, 0, [700]), [(690, 760)]), "b": (stream(1200, 1), [])}
    made["c"] = (stream(1400, 2, [500, 1000]), [(490, 560), (990, 1060)])
    return made


def test_a_score_knows_nothing_of_the_future(files):
    values = files["a"][0]
    changed = values.copy()
    changed[800:] += 5
    network = nab.make("dense", 2)
    one, two = (nab.beginnings(nab.surprises(v, network, 0)) for v in (values, changed))
    np.testing.assert_array_equal(one[:800], two[:800])
    assert not np.array_equal(one[800:], two[800:])


def test_an_alarm_is_raised_once():
    rng = np.random.default_rng(0)
    surprise = rng.normal(size=1000)
    surprise[600:620] = 30 - np.arange(20)
    scores = nab.beginnings(surprise)
    assert scores[600] > 20
    np.testing.assert_array_equal(scores[601:632], 0)


def test_the_table(files):
    rows = nab.table(files, ["dense", "untrained"], [0], max_epochs=120, random_seeds=20)
    score = {row["detector"]: row["score"] for row in rows}
    assert score["no alarms"] == 0
    assert 0 < score["random numbers"] < 60
    assert score["autoencoder, dense"] > 60
    assert score["autoencoder, dense"] > score["windowed Gaussian"]
    assert score["autoencoder, dense"] >= score["autoencoder, untrained"]


def test_a_windowed_gaussian():
    values = np.random.default_rng(0).normal(size=300)
    values[200] = 12
    scores = nab.windowed_gaussian(values, most=100, step=10)
    assert 20 + scores[20:].argmax() == 200
    assert scores[0] == 0
    past = values[:50]
    z = abs(values[50] - past.mean()) / past.std()
    from scipy.stats import norm

    assert scores[50] == pytest.approx(norm.cdf(z), rel=1e-9)
    window = values[150:250]  # after 100 values it moves on in steps of 10
    z = abs(values[255] - window.mean()) / window.std()
    assert scores[255] == pytest.approx(norm.cdf(z), rel=1e-9)


def test_published_scores_are_those_of_whole_files():
    """A detector's raw scores lie between all windows missed with alarms, and all found at once."""
    n_windows = [2, 2, 2, 1, 1, 1, 0, 3, 1, 3, 1, 2, 2, 3, 2, 2, 2, 2, 1, 3, 4, 5, 2, 2]
    assert sum(n_windows) == 49
    for raw in nab.PUBLISHED.values():
        assert len(raw) == 24
        assert all(score <= n for score, n in zip(raw, n_windows, strict=True))


def test_random_numbers_are_worth_little():
    """On streams like NAB's, the mean over draws is near the 11.0 that is published for one."""
    windows = [[(2000, 2200), (3000, 3200)]] * 24
    found = [
        nab_score([np.random.default_rng([s, i]).random(4032) for i in range(24)], windows).score
        for s in range(20)
    ]
    assert abs(np.mean(found) - nab.RANDOM_PUBLISHED) < 2 * np.std(found)
