"""A collapse is provoked and named, and mended by what is said to mend it, on fewer digits."""

from __future__ import annotations

import numpy as np

from benchmarks.posterior_collapse import COLLAPSED, MENDED, SETTINGS, digits, findings, fitted
from isthmus import diagnose

SMALL = {"hidden_layer_sizes": (64,), "learning_rate": 5e-3, "batch_size": 50}


def test_collapse_is_named_and_free_bits_mend_it():
    names = ("β = 20", "β = 20, free bits 0.25")
    found = findings(names, 500, 300, 60, seed=0, **SMALL)
    collapsed, mended = (found[name] for name in names)
    assert collapsed["collapsed"]
    assert collapsed["in use"] == 0
    assert collapsed["error"] > 0.95
    assert not mended["collapsed"]
    assert mended["in use"] == 8
    # Not only does the divergence stay up: the decoder makes something of it.
    assert mended["error"] < 0.93 * collapsed["error"]
    assert mended["divergence"] > 0.5 > 10 * collapsed["divergence"]


def test_warm_up_mends_a_collapse_that_training_falls_into():
    for seed in range(2):
        found = findings(("β = 3", "β = 3, warm-up"), 500, 300, 60, seed=seed, **SMALL)
        without, mended = found["β = 3"], found["β = 3, warm-up"]
        # Nothing is told of the data; whether it is called collapsed is near its bound by the seed.
        assert without["divergence"] < 0.1
        assert without["error"] > 0.95
        assert not mended["collapsed"]
        assert mended["error"] < without["error"] - 0.1


def test_what_it_says_names_the_remedies():
    train, test = digits(200, 100, 0)
    model = fitted(train, 6, 0, beta=20.0, **SMALL)
    (finding,) = (f for f in diagnose(model, test).problems if f.name == "posterior collapse")
    for remedy in ("beta", "beta_warmup", "free_bits"):
        assert remedy in finding.text
    assert set(COLLAPSED) | set(MENDED) <= set(SETTINGS)
    assert np.isfinite(finding.numbers["divergence"])
