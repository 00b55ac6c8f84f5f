"""NAB's rules: published scores of single files, and a slow reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.evaluation import nab_score
from isthmus.evaluation.nab import nab_probation, nab_weights


def alarms(n_steps, *steps):
    scores = np.zeros(n_steps)
    scores[list(steps)] = 1.0
    return scores


# Published, of numenta/NAB: results/*/..._standard_scores.csv, and the column S(t)_standard -------


def test_weights_in_a_window_are_the_published_ones():
    """iio_us-east-1: the first steps of its first window, which is 63 steps long."""
    published = [1.0, 0.9988874626029411, 0.9976844152769112, 0.9963836172977596, 0.994977269571872]
    weights = nab_weights(1243, [(218, 280), (900, 962)])
    np.testing.assert_allclose(weights[218:223], published, rtol=1e-14)
    np.testing.assert_array_equal(weights[:218], -0.11)


@pytest.mark.parametrize(
    ("n_steps", "width", "published", "silent"),
    [
        (4032, 403, 0.8606718242697022, 0),  # windowedGaussian, ec2_network_in_257a54
        (4032, 403, 0.8589086704377245, 0),  # skyline, ec2_cpu_utilization_ac20cd
        (4032, 343, 0.9565378402835625, 0),  # skyline, ec2_cpu_utilization_825cc2
        (4032, 201, -0.13844919792440225, 1),  # windowedGaussian, rds_cpu_utilization_cc0c53
        (4032, 201, -0.14198431716872828, 1),  # skyline, the same file
    ],
)
def test_files_without_false_alarms_have_published_scores(n_steps, width, published, silent):
    """One step of the window gives the published score to its last digits, and no other does."""
    windows = [(1000 * (1 + i), 1000 * (1 + i) + width - 1) for i in range(1 + silent)]
    found = [
        nab_score([alarms(n_steps, 1000 + step)], [windows], 0.5).raw[0] for step in range(width)
    ]
    assert np.sum(np.abs(np.array(found) - published) < 1e-12) == 1


def test_files_without_found_windows_have_published_scores():
    """False alarms far from any window: 0.11 each; every window that is missed: 1."""
    steps = range(700, 712)
    several = [alarms(4032, *steps), alarms(18050, 900), alarms(10320), alarms(4032, 100)]
    windows = [[], [(15000, 16498)], [(k, k + 206) for k in range(5000, 9000, 800)], [(900, 1302)]]
    found = nab_score(several, windows, 0.5)
    # windowedGaussian: ec2_cpu_utilization_c6585a, cpu_utilization_asg_misconfiguration, nyc_taxi;
    # and an alarm in the probation, which does not count.
    np.testing.assert_allclose(found.raw, [-1.32, -1.11, -5.0, -1.0], rtol=1e-14)
    assert found.n_windows == 7


def test_whole_corpora():
    """The normalisation: with 116 windows −116, of no alarms, is 0, and Numenta's 46.63 is 70.1."""
    n_windows = 116
    for raw, published in ((-116.0, 0.0), (46.6344501971, 70.10105611943965)):
        normalised = 100 * (raw + n_windows) / (2 * n_windows)
        assert normalised == pytest.approx(published, abs=1e-9)
    # Our own normalisation is that one.
    scores, windows = [alarms(400, 150, 200)] * 3, [[(145, 160), (300, 320)]] * 3
    found = nab_score(scores, windows, 0.5)
    assert found.score == pytest.approx(100 * (sum(found.raw) + 6) / 12)


# Ours ---------------------------------------------------------------------------------------------


def reference(scores, windows, threshold):
    """The rules as they are told, step by step."""

    def sigmoid(x):
        return 2 / (1 + math.exp(5 * x)) - 1

    raw, counted = [], 0
    for score, labelled in zip(scores, windows, strict=True):
        n = len(score)
        begin = min(math.floor(0.15 * n), 750)
        total = 0.0
        for first, last in labelled:
            if last < begin:
                continue
            counted += 1
            found = [t for t in range(max(first, begin), last + 1) if score[t] >= threshold]
            # The earliest is the best, since the weights fall.
            total += (
                sigmoid((found[0] - last - 1) / (last - first + 1)) / sigmoid(-1) if found else -1
            )
        for t in range(begin, n):
            if score[t] < threshold or any(first <= t <= last for first, last in labelled):
                continue
            before = [(first, last) for first, last in labelled if last < t]
            if not before:
                total -= 0.11
                continue
            first, last = before[-1]
            far = (t - last) / max(last - first, 1)
            total += 0.11 * (sigmoid(far) if far < 3 else -1)
        raw.append(total)
    return raw, counted


@st.composite
def corpora(draw):
    scores, windows = [], []
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(5, 40))
        levels = st.integers(0, 4)  # ties
        scores.append(np.array(draw(st.lists(levels, min_size=n, max_size=n)), dtype=float))
        cuts = sorted(draw(st.sets(st.integers(0, n - 1), max_size=4)))
        cuts = cuts[: len(cuts) // 2 * 2]
        windows.append(list(zip(cuts[::2], cuts[1::2], strict=True)))
    return scores, windows


@settings(max_examples=200, deadline=None)
@given(corpora(), st.integers(0, 5))
def test_the_rules_step_by_step(corpus, threshold):
    scores, windows = corpus
    raw, counted = reference(scores, windows, threshold)
    if not counted:
        with pytest.raises(InvalidInputError, match="at least one after the probation"):
            nab_score(scores, windows, threshold)
        return
    found = nab_score(scores, windows, threshold)
    np.testing.assert_allclose(found.raw, raw, atol=1e-12)
    assert found.n_windows == counted
    assert found.score == pytest.approx(100 * (sum(raw) + counted) / (2 * counted), abs=1e-9)
    # The threshold that is chosen is the best of all there are.
    best = nab_score(scores, windows)
    every = [nab_score(scores, windows, t).score for t in range(6)]
    assert best.score == pytest.approx(max(every), abs=1e-9)
    assert best.score >= 0


def test_null_is_0_and_perfect_is_100():
    windows = [[(200, 240), (500, 600)], [], [(900, 930)]]
    scores = [alarms(800, 200, 500), alarms(700), alarms(1000, 900)]
    assert nab_score(scores, windows).score == pytest.approx(100)
    assert nab_score([np.zeros(len(s)) for s in scores], windows).score == 0
    assert nab_score(scores, windows, 2.0).score == 0
    everything = nab_score([np.ones(len(s)) for s in scores], windows, 0.5)
    assert everything.score < 0


def test_probation():
    assert [nab_probation(n) for n in (10, 4032, 5000, 5001, 22695)] == [1, 604, 750, 750, 750]


def test_bad_input_is_refused():
    with pytest.raises(InvalidInputError, match="windows: expected a list for each of 1"):
        nab_score([np.zeros(9)], [])
    with pytest.raises(InvalidInputError, match="scores: expected one number a step"):
        nab_score([np.full(9, np.nan)], [[(3, 4)]])
    with pytest.raises(InvalidInputError, match="windows: expected first and last steps"):
        nab_score([np.zeros(9)], [[(3, 6), (5, 7)]])
