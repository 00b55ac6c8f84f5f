"""The table of learned priors on small data: what holds whatever was learned."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from benchmarks import vamp_prior
from benchmarks.mnist_nll import drawn


def test_the_small_table(monkeypatch):
    monkeypatch.delenv("NLL_STORE", raising=False)
    x = drawn((load_digits().data / 16).astype(np.float32), seed=0)
    size = vamp_prior.Size(
        latent_dim=6, hidden_layer_sizes=(32,), n_components=20, max_epochs=25, learning_rate=5e-3
    )
    rows, found = vamp_prior.table(x[:1000], x[1000:1060], size, seeds=(0,), n_draws=100)
    assert [list(row) for row in rows] == [list(rows[0])] * 4
    by_name = {row["prior"]: row for row in rows}
    blank = by_name["standard normal, untrained"]["−log p(x)"]
    alone = by_name["none: each pixel on its own"]["−log p(x)"]
    for prior in vamp_prior.PRIORS:
        row = by_name[prior]
        assert row["−log p(x)"] < row["−bound"]
        assert row["−log p(x)"] < min(alone, blank)
        assert row["−log p(x)"] == found[prior].mean()
