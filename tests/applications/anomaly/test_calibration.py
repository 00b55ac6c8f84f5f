"""Conformal p-values, thresholds and the interval that theory gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto

from isthmus.applications.anomaly import Calibration
from isthmus.applications.anomaly.threshold import conformal, labelled, peaks_over_threshold
from isthmus.errors import InvalidInputError

values = st.lists(st.floats(-5, 5).map(lambda v: round(v, 1)), min_size=1, max_size=60)


@settings(deadline=None)
@given(values, values)
def test_p_values_are_counts(held_out, new):
    held_out, new = np.sort(held_out), np.array(new)
    slow = [(1 + sum(c >= s for c in held_out)) / (len(held_out) + 1) for s in new]
    np.testing.assert_allclose(Calibration(held_out).p_values(new), slow)


@settings(deadline=None)
@given(values, values, st.floats(0.02, 0.9))
def test_beyond_the_threshold_is_a_p_value_of_at_most_the_rate(held_out, new, rate):
    calibration = Calibration(np.sort(held_out))
    if rate < calibration.smallest_rate:
        with pytest.raises(InvalidInputError, match="held-out rows"):
            calibration.threshold(rate)
        return
    new = np.array(new)
    beyond = new > calibration.threshold(rate)
    np.testing.assert_array_equal(beyond, calibration.p_values(new) <= rate + 1e-9)


def test_the_rate_is_kept_on_average_and_its_spread_is_the_beta_binomial():
    rng = np.random.default_rng(0)
    m, n, rate, inside, shares = 199, 500, 0.05, 0, []
    for _ in range(400):
        calibration = Calibration(np.sort(rng.normal(size=m)))
        share = float((rng.normal(size=n) > calibration.threshold(rate)).mean())
        low, high = calibration.interval(rate, n, level=0.9)
        inside += low <= share <= high
        shares.append(share)
    # Exactly 0.05 in expectation, since 0.05 · 200 is whole; 400 draws have an error of 0.001.
    assert abs(np.mean(shares) - rate) < 0.004
    assert inside / 400 > 0.86  # at least 0.9, less three standard errors of 400 draws


def test_too_few_rows_for_a_rate_say_how_many_are_needed():
    with pytest.raises(InvalidInputError, match="needs at least 99 held-out rows; there are 20"):
        conformal(Calibration(np.arange(20.0)), 0.01)


def test_peaks_over_threshold_extrapolates_an_exponential_tail():
    rng = np.random.default_rng(0)
    calibration = Calibration(np.sort(rng.exponential(size=5000)))
    line = peaks_over_threshold(calibration, 1e-5)
    exact = -np.log(1e-5)
    assert abs(line.value - exact) < 2.5  # the largest of 5000 is near 8.5; counting ends there
    assert line.value > calibration.oddness[-1] - 2
    heavy = Calibration(np.sort(genpareto.rvs(0.5, size=5000, random_state=1)))
    line = peaks_over_threshold(heavy, 1e-4)
    assert 0.5 < line.value / genpareto.isf(1e-4, 0.5) < 2
    with pytest.raises(InvalidInputError, match="20 different held-out rows"):
        peaks_over_threshold(Calibration(np.arange(100.0)), 1e-4)
    with pytest.raises(InvalidInputError, match="rates below"):
        peaks_over_threshold(calibration, 0.5)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=4, max_size=40))
def test_a_labelled_line_has_the_best_f1_of_all_lines(rows):
    oddness = np.array([float(s) for s, _ in rows])
    anomalies = np.array([a for _, a in rows])
    if anomalies.all() or not anomalies.any():
        with pytest.raises(InvalidInputError, match="both|one kind"):
            labelled(oddness, anomalies, None)
        return

    def f1(cut):
        found = oddness > cut
        return 2 * (found & anomalies).sum() / max(found.sum() + anomalies.sum(), 1)

    line = labelled(oddness, anomalies, None)
    best = max(f1(cut) for cut in (*(oddness - 0.5), *oddness))
    assert f1(line.value) == pytest.approx(best)
    assert line.details["f1"] == pytest.approx(best)
    reached = labelled(oddness, anomalies, 0.8)
    found = oddness > reached.value
    assert (found & anomalies).sum() / anomalies.sum() >= 0.8


def test_an_extrapolated_line_is_not_below_the_rows_that_were_counted():
    rng = np.random.default_rng(0)
    oddness = rng.normal(size=2000)
    oddness[rng.permutation(2000)[:80]] = oddness.max() + 0.1  # four per cent are one repeated row
    line = peaks_over_threshold(Calibration(np.sort(oddness)), 0.001)
    assert line.value >= oddness.max()
    uniform = Calibration(np.sort(rng.uniform(size=1000)))
    assert peaks_over_threshold(uniform, 1e-4).value >= uniform.oddness[-1]
    assert peaks_over_threshold(uniform, 1e-4).details["shape"] >= -0.5
