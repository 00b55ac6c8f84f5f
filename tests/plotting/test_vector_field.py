"""The arrows are the vectors, all on one scale."""

import numpy as np
import pytest

from isthmus.errors import InvalidInputError
from isthmus.plotting import vector_field

RNG = np.random.default_rng(0)
POINTS = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
VECTORS = RNG.normal(size=(25, 2)) * 100


def quivers(figure):
    return [c for c in figure.axes[0].collections if hasattr(c, "U")]


def test_each_arrow_starts_at_its_point_and_is_its_vector():
    (drawn,) = quivers(vector_field(POINTS, VECTORS))
    np.testing.assert_array_equal(drawn.XY, POINTS)
    np.testing.assert_array_equal(np.column_stack([drawn.U, drawn.V]), VECTORS)
    # In units of the axes the 95th percentile is about a cell long.
    longest = np.percentile(np.linalg.norm(VECTORS, axis=1), 95) / drawn.scale
    assert 0.5 < longest < 1.5
    assert (drawn.angles, drawn.scale_units) == ("xy", "xy")


def test_truth_and_estimate_share_a_scale_and_have_a_legend():
    figure = vector_field(POINTS, VECTORS, true=3 * VECTORS, data=RNG.normal(size=(50, 2)))
    truth, estimate = quivers(figure)
    assert truth.scale == estimate.scale
    np.testing.assert_array_equal(truth.U, 3 * estimate.U)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["true", "estimate"]
    assert len(figure.axes[0].collections) == 3


def test_zero_vectors_and_one_point_are_drawn():
    for points, vectors in ((POINTS, 0 * VECTORS), ([[1.0, 1.0]], [[0.0, 2.0]])):
        figure = vector_field(points, vectors)
        figure.canvas.draw()
        (drawn,) = quivers(figure)
        np.testing.assert_array_equal(drawn.XY, points)
        np.testing.assert_array_equal(np.column_stack([drawn.U, drawn.V]), vectors)
        assert 0 < drawn.scale < np.inf
        axes = figure.axes[0]  # every point is in the picture
        assert all(axes.viewLim.contains(*point) for point in points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": np.zeros((2, 3)), "vectors": np.zeros((2, 2))}, "points: expected shape"),
        ({"points": np.zeros((2, 2)), "vectors": np.zeros((3, 2))}, "vectors: expected one"),
        ({"points": POINTS, "vectors": VECTORS, "true": VECTORS[:3]}, "true: expected one"),
        ({"points": POINTS, "vectors": VECTORS * np.nan}, "vectors: expected finite"),
        ({"points": [["a", "b"]], "vectors": [[0, 1]]}, "points: expected an array"),
    ],
)
def test_what_cannot_be_drawn_is_named(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        vector_field(**arguments)
