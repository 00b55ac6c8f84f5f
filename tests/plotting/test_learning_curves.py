"""Curves show the numbers of the history and nothing else."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from isthmus.errors import InvalidInputError
from isthmus.plotting import learning_curves

HISTORY = {"epoch": [1, 2, 3, 4], "loss": [9.0, 6.0, 5.0, 4.5], "val_loss": [9.5, 7.0, 6.0, 6.5]}


class Record:
    """The least that a history is: names, and a list a name."""

    names = tuple(HISTORY)

    def __getitem__(self, name):
        return HISTORY[name]


@pytest.mark.parametrize("history", [HISTORY, Record()])
def test_lines_hold_the_losses(history):
    figure = learning_curves(history)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["training"].get_xdata(), HISTORY["epoch"])
    np.testing.assert_array_equal(lines["training"].get_ydata(), HISTORY["loss"])
    np.testing.assert_array_equal(lines["validation"].get_ydata(), HISTORY["val_loss"])
    assert figure.axes[0].get_ylabel() == "loss (nats a sample)"


def test_ring_marks_the_best_epoch():
    ring = next(line for line in learning_curves(HISTORY).axes[0].lines if line.get_marker() == "o")
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (3, 6.0)


def test_terms_choose_the_lines_and_missing_ones_are_left_out():
    history = {"loss": [3.0, 2.0], "reconstruction": [2.0, 1.5]}
    figure = learning_curves(history, terms=["reconstruction", "val_loss"])
    assert [line.get_label() for line in figure.axes[0].lines] == ["reconstruction"]


def test_a_single_epoch_can_be_seen():
    (line,) = learning_curves({"epoch": [1], "loss": [2.0]}).axes[0].lines
    assert line.get_marker() == "o"


def test_draws_where_it_is_told_to():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert learning_curves(HISTORY, ax=right) is figure
    assert not left.lines
    assert right.lines


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"other": [1.0]}, object()])
def test_a_history_without_losses_is_refused(history):
    with pytest.raises(InvalidInputError, match="history: expected one of loss, val_loss"):
        learning_curves(history)
