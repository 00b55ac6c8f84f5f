"""The defaults of every member are quick on few rows, and nothing is wrong with what they give."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from sklearn.datasets import load_wine

from isthmus import diagnose
from isthmus.models import ESTIMATORS

# The encoder of a GAN never sees data, nor its decoder: it does not reconstruct, and that is said.
NO_AUTOENCODER = ("gan",)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_defaults_on_wine_take_reasonable_time_and_have_no_problem(name):
    X = load_wine().data
    X = X[np.random.default_rng(0).permutation(len(X))]
    began = time.thread_time()  # of this thread: what else runs on the machine does not count
    model = ESTIMATORS[name](random_state=0).fit(X[:130])
    assert time.thread_time() - began < 20
    assert 0 < model.n_iter_ <= 300
    if name not in ("gan", "vae_gan"):  # which do not learn from it
        assert model.history_["reconstruction"][-1] < model.history_["reconstruction"][0]
    assert model.outcome_ in ("epochs", "early stopping")
    if name in NO_AUTOENCODER:
        return
    # A dictionary of twice as many atoms as columns may copy a row, and says so for some splits.
    said = {"copies its input"} if name == "predictive_sparse" else set()
    for given in ({"X": X[130:], "X_train": X[:130]}, {"X": X[:130]}):
        diagnosis = diagnose(model, **given)
        assert {finding.name for finding in diagnosis.problems} <= said, str(diagnosis)
        json.dumps(diagnosis.to_dict(), allow_nan=False)
