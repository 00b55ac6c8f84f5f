"""Pictures of a detector at work: what is drawn is what was given."""

from __future__ import annotations

import io

import numpy as np
import pytest

from isthmus.applications.anomaly import Calibration, measure_drift
from isthmus.errors import InvalidInputError
from isthmus.evaluation.detection import detection_metrics
from isthmus.plotting.detection import p_value_stream, precision_recall

RNG = np.random.default_rng(0)


# p-values ------------------------------------------------------------------------------------


def test_points_are_the_p_values_and_alarms_have_their_colour():
    values = RNG.uniform(0.001, 1, 400)
    values[7] = np.nan
    (axes,) = p_value_stream(values, rate=0.1).axes
    quiet, loud = (np.asarray(part.get_offsets()) for part in axes.collections)
    assert set(loud[:, 0]) == set(np.flatnonzero(values <= 0.1))
    assert len(quiet) + len(loud) == 399
    for row, value in np.concatenate([quiet, loud]):
        assert value == values[int(row)]
    assert axes.get_yscale() == "log"


def test_of_many_rows_the_smallest_p_values_stay():
    values = RNG.uniform(0.01, 1, 20_000)
    values[[13, 17_001]] = 1e-4
    (axes,) = p_value_stream(values, rate=1e-3, n_points=600).axes
    quiet, loud = (np.asarray(part.get_offsets()) for part in axes.collections)
    assert set(loud[:, 0]) == {13, 17_001}
    assert len(quiet) <= 600
    assert quiet[:, 0].min() < 200  # from end to end
    assert quiet[:, 0].max() > 19_800


def test_blocks_are_drawn_at_their_mean_and_show_which_differ():
    calibration = Calibration(np.sort(RNG.normal(size=1000)))
    stream = np.concatenate([RNG.normal(size=500), RNG.normal(2, 1, size=500)])
    drift = measure_drift(calibration, stream)
    figure = p_value_stream(calibration.p_values(stream), blocks=drift.blocks, level=drift.level)
    means = figure.axes[1]
    assert len(means.collections) == len(drift.blocks) == 10
    colours = []
    for lines, block in zip(means.collections, drift.blocks, strict=True):
        ((start, low), (stop, high)) = lines.get_segments()[0]
        assert (start, stop) == (block.start, block.stop)
        assert low == high == pytest.approx(block.mean_p_value)
        colours.append(tuple(lines.get_color()[0]))
    assert len(set(colours[:5])) == len(set(colours[5:])) == 1
    assert colours[0] != colours[-1]
    figure.savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize("values", [[], [np.nan], [0.0, 0.5], [0.5, 1.5], [-0.1]])
def test_what_is_no_p_value_is_refused(values):
    with pytest.raises(InvalidInputError, match="p_values"):
        p_value_stream(values)


# precision and recall ------------------------------------------------------------------------


def test_the_curve_encloses_the_average_precision_and_the_mark_is_the_threshold():
    truth = RNG.random(300) < 0.2
    scores = np.where(truth, -2.0, 0.0) + RNG.normal(size=300)
    figure = precision_recall(truth, scores, offset=-1.5)
    axes = figure.axes[0]
    curve, chance, mark = axes.lines
    recall, precision = (np.asarray(part) for part in curve.get_data())
    found = detection_metrics(truth, scores, offset=-1.5)
    area = float(np.sum(np.diff(recall) * precision[1:]))  # steps that reach back
    assert area == pytest.approx(found.average_precision)
    assert chance.get_ydata()[0] == pytest.approx(truth.mean())
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (found.recall, found.precision)


def test_a_long_curve_is_thinned_and_keeps_its_shape():
    truth = RNG.random(20_000) < 0.2
    scores = np.where(truth, -2.0, 0.0) + RNG.normal(size=20_000)
    recall, precision = precision_recall(truth, scores).axes[0].lines[0].get_data()
    assert len(recall) <= 3000
    area = float(np.sum(np.diff(recall) * precision[1:]))
    assert area == pytest.approx(detection_metrics(truth, scores).average_precision, abs=2e-3)


def test_a_curve_needs_both_kinds():
    with pytest.raises(InvalidInputError, match="one kind"):
        precision_recall([0, 0, np.nan], [1.0, 2.0, 3.0])
    with pytest.raises(InvalidInputError, match="one label a score"):
        precision_recall([0, 1], [1.0])
