"""The small benchmark already shows what the large one claims."""

import numpy as np

from benchmarks.parabola import compare, nearest_on_curve, parabola


def test_one_number_is_enough_for_a_bend():
    found = {name: values[0] for name, values in compare(500, 25, [0]).items()}
    assert found["Autoencoder, one number"] < 0.2 * found["PCA, one component"]
    assert found["PCA, one component"] < found["mean of the training rows"]
    assert found["the same network, untrained"] > found["PCA, one component"]
    assert found["nearest point of the true curve"] < found["Autoencoder, one number"]


def test_the_floor_is_the_distance_to_the_curve():
    rows = parabola(50, np.random.default_rng(0))
    near = nearest_on_curve(rows)
    np.testing.assert_allclose(near[:, 1], near[:, 0] ** 2)
    # The way to the nearest point is at a right angle to the curve.
    slope = np.column_stack([np.ones(50), 2 * near[:, 0]])
    way = rows - near
    assert np.abs((way * slope).sum(1)).max() < 1e-2 * np.linalg.norm(slope, axis=1).max()
