"""The grid of walks has a row a number of the code, and the curves are those of the effect."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from isthmus.errors import InvalidInputError
from isthmus.geometry import ConceptEffect, EffectCurves, Traversal
from isthmus.plotting import plot_effect, traversal_grid


def walks(measure="KL"):
    shades = np.linspace(0, 1, 10, dtype=np.float32).reshape(2, 5)
    samples = np.broadcast_to(shades[..., None, None], (2, 5, 4, 4))
    return Traversal(
        dimensions=np.array([3, 1]),
        values=shades,
        codes=np.zeros((2, 5, 4), np.float32),
        samples=samples,
        weights=np.array([1.234, 0.01], np.float32),
        measure=measure,
    )


def test_rows_are_numbers_of_the_code_and_columns_are_steps():
    figure = traversal_grid(walks(), title="walks", value_range=(0, 1))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "code 3: KL 1.2 nats",
        "code 1: KL 0.01 nats",
    ]
    picture = np.asarray(axes.images[0].get_array())[..., 0] / 255
    rows = [round(place) for place in axes.get_yticks()]
    columns = np.linspace(0, picture.shape[1], 11)[1::2].astype(int)
    np.testing.assert_allclose(
        picture[np.ix_(rows, columns)], np.linspace(0, 1, 10).reshape(2, 5), atol=0.01
    )
    plain = traversal_grid(walks("variance"), ax=Figure(figsize=(5, 2))).axes[0]
    assert plain.get_yticklabels()[0].get_text() == "code 3: variance 1.2"


def test_flat_images_need_their_shape():
    flat = walks()._replace(samples=walks().samples.reshape(2, 5, 16))
    assert isinstance(traversal_grid(flat, image_shape=(4, 4)), Figure)
    with pytest.raises(InvalidInputError, match="^walks: "):
        traversal_grid(flat)


def test_curves_of_the_concept_and_of_the_controls():
    strengths = np.array([-1.0, 0.0, 1.0])
    one = EffectCurves(np.array([-3.0, 0.0, 2.0]), *[np.zeros(3)] * 3, None)
    others = EffectCurves(np.arange(6.0).reshape(2, 3), *[np.zeros((2, 3))] * 3, None)
    figure = plot_effect(ConceptEffect(strengths, one, others, np.ones(4)), title="$ bold")
    lines = figure.axes[0].get_lines()
    np.testing.assert_array_equal(lines[0].get_ydata(), [0, 1, 2])
    np.testing.assert_array_equal(lines[1].get_ydata(), [3, 4, 5])
    np.testing.assert_array_equal(lines[2].get_ydata(), one.score)
    np.testing.assert_array_equal(lines[2].get_xdata(), strengths)
    named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert named == ["random directions", "the concept"]
