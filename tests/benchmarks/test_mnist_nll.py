"""The table of likelihoods on small data: its order where mathematics fixes it."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from benchmarks import mnist_nll


def test_the_small_table(monkeypatch):
    monkeypatch.delenv("NLL_STORE", raising=False)
    monkeypatch.setattr(mnist_nll, "RESTART", 1)
    x = (load_digits().data / 16).astype(np.float32)
    rows = mnist_nll.table(x[:800], x[800:850], {"VAE": 5, "IWAE": 3}, n_draws=200)
    assert [list(row) for row in rows] == [list(rows[0])] * 4
    found = {row["model"]: row for row in rows}
    blank = found["its network, untrained"]
    for name in mnist_nll.PUBLISHED:
        assert found[name]["−log p(x)"] < found[name]["−bound"]
        assert found[name]["−log p(x)"] < blank["−log p(x)"]
    assert found["IWAE, k = 5"]["epochs"] == 4  # both rounds


def test_pixels_are_drawn_with_their_grey_value():
    grey = np.full((4000, 2), [0.25, 1.0], dtype=np.float32)
    np.testing.assert_allclose(mnist_nll.drawn(grey, seed=0).mean(0), [0.25, 1.0], atol=0.03)
    assert np.array_equal(mnist_nll.drawn(grey, seed=0), mnist_nll.drawn(grey, seed=0))
