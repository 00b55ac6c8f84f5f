"""Held-out rows decide when to stop, and nothing else: no weight ever learns from them.

Which rows are held out is not asked; it shows. A row that the fit learns from moves the weights
when its values change, and a row that is held out does not.
"""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from isthmus import Autoencoder, AutoencoderClassifier
from isthmus.models import ESTIMATORS

N_ROWS, N_HELD_OUT = 24, 12
ROWS = np.random.default_rng(0).normal(size=(N_ROWS, 4))
LABELS = np.arange(N_ROWS) % 2
# Nothing is decided from the values of all rows: neither the likelihood nor a scale.
FIXED = {
    "latent_dim": 2,
    "likelihood": "gaussian",
    "scaling": None,
    "batch_size": 4,
    "early_stopping": True,
    "validation_fraction": N_HELD_OUT / N_ROWS,
    "random_state": 0,
}
TRAINING = ("batch_size", "early_stopping", "validation_fraction", "random_state")
# One epoch a layer: of several the best is chosen by the rows held out, and goes into the stack.
OWN = {"stacked": {"layer": Autoencoder(max_epochs=1, batch_size=4)}}


class Weights:
    """Writes down the weights at the end of every epoch."""

    def __init__(self):
        self.epochs = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name == "epoch":
            self.epochs.append(copy.deepcopy(fitted_estimator.module_.state_dict()))
        return False


def changed(rows):
    """Return the data with other values in some rows."""
    X = ROWS.copy()
    X[rows] = 3 * np.random.default_rng(1).normal(size=X[rows].shape) - 5
    return X


def fit(name, X, max_epochs=1, **parameters):
    weights = Weights()
    if name == "classifier":
        settings = {key: FIXED[key] for key in TRAINING}
        model = AutoencoderClassifier(autoencoder=encoder(), max_epochs=max_epochs, **settings)
    else:
        settings = FIXED | OWN.get(name, {}) | parameters
        model = ESTIMATORS[name](max_epochs=max_epochs, **settings)
    return model.set_callbacks(weights).fit(X, LABELS), weights.epochs


@functools.cache
def encoder():
    return FrozenEstimator(Autoencoder(max_epochs=1, **FIXED).fit(ROWS))


def equal(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def held_out_rows(name, **parameters):
    """Return the rows whose values move no weight in an epoch."""
    _, (expected,) = fit(name, ROWS, **parameters)
    found = [fit(name, changed([row]), **parameters)[1][0] for row in range(N_ROWS)]
    return [row for row, weights in enumerate(found) if equal(weights, expected)]


@pytest.mark.parametrize("name", [*ESTIMATORS, "classifier"])
def test_no_epoch_learns_from_the_rows_that_are_held_out(name):
    rows = held_out_rows(name)
    assert len(rows) == N_HELD_OUT
    before, expected = fit(name, ROWS, max_epochs=4)
    after, found = fit(name, changed(rows), max_epochs=4)
    assert len(found) == len(expected) == 4
    assert all(equal(*pair) for pair in zip(found, expected, strict=True))
    # They are looked at, though: it is by them that the best epoch is chosen.
    assert after.history_["loss"] == before.history_["loss"]
    assert after.history_["val_loss"] != before.history_["val_loss"]


def test_without_early_stopping_every_row_is_learned_from():
    assert held_out_rows("autoencoder", early_stopping=False) == []


def test_another_seed_holds_other_rows_out():
    assert held_out_rows("autoencoder", random_state=1) != held_out_rows("autoencoder")
