"""The small benchmark: the controls are where they must be, and a real turntable is read."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.disentanglement import BETA, BLANK, PCA, TRUE, Size, compare, sprites, turntable

SMALL = Size(
    n_images=1000,
    n_judged=1000,
    pixels=16,
    hidden_layer_sizes=(64,),
    latent_dim=5,
    batch_size=32,
    max_epochs=4,
)


def test_learned_codes_lie_between_the_controls(monkeypatch):
    monkeypatch.delenv("DISENTANGLEMENT_STORE", raising=False)
    found = compare(sprites, SMALL, [0], names=[BETA])
    one = {name: {key: values[0] for key, values in of.items()} for name, of in found.items()}
    assert set(one) == {BETA, BLANK, PCA, TRUE}
    # The factors themselves: all there is, but for more values than bins.
    assert one[TRUE]["FactorVAE score"] == 1
    assert one[TRUE]["DCI disentanglement"] > 0.95
    for name in (BETA, BLANK, PCA):
        assert 0 <= one[name]["MIG"] < 0.5 < one[TRUE]["MIG"] < 0.95
        assert one[name]["DCI disentanglement"] < 0.8
    assert one[PCA]["squared error"] < one[BETA]["squared error"] < one[BLANK]["squared error"]


def test_what_judges_was_not_learned_from():
    data = sprites(SMALL, seed=1)
    assert data.train.shape == data.judged.shape == (1000, 16 * 16)
    again = sprites(SMALL, seed=1)
    np.testing.assert_array_equal(data.factors, again.factors)
    assert (sprites(SMALL, seed=2).factors != data.factors).any()


def test_coil_has_all_views_of_all_objects(real_data):
    if not (real_data / "coil20").is_dir():
        pytest.skip("no COIL-20 among the real data")
    data = turntable()
    assert data.judged.shape == (1000, 32 * 32)
    assert [len(np.unique(column)) for column in data.factors.T] == [20, 50]
    assert len(np.unique(data.factors, axis=0)) == 1000
