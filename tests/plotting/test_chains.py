"""Chains as rows of images: what is where."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from isthmus.errors import InvalidInputError
from isthmus.plotting import chain_grid

CHAINS = np.random.default_rng(0).random((3, 6, 4, 5))
START = np.random.default_rng(1).random((3, 4, 5))


def tiles(figure):
    """Return the mean shade of each tile, row by row, from the picture that was drawn."""
    axes = figure.axes[0]
    picture = np.asarray(axes.images[0].get_array())[..., 0] / 255
    middles = [round(tick) for tick in axes.get_xticks()]
    height = picture.shape[0] // 3
    return np.array(
        [[picture[row * height + height // 2, middle] for middle in middles] for row in range(3)]
    )


def labels(figure):
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_rows_are_chains_and_columns_are_steps():
    flat = np.broadcast_to(np.linspace(0, 1, 18).reshape(3, 6, 1, 1), (3, 6, 4, 4))
    figure = chain_grid(flat, value_range=(0, 1))
    assert isinstance(figure, Figure)
    assert labels(figure) == ["1", "2", "3", "4", "5", "6"]
    np.testing.assert_allclose(tiles(figure), np.linspace(0, 1, 18).reshape(3, 6), atol=0.01)


def test_the_start_comes_first_and_steps_may_be_left_out():
    flat = np.broadcast_to(np.linspace(0, 0.5, 18).reshape(3, 6, 1, 1), (3, 6, 4, 4))
    figure = chain_grid(flat, start=np.full((3, 4, 4), 0.9), every=3, value_range=(0, 1))
    assert labels(figure) == ["start", "3", "6"]
    expected = np.column_stack([np.full(3, 0.9), flat[:, 2, 0, 0], flat[:, 5, 0, 0]])
    np.testing.assert_allclose(tiles(figure), expected, atol=0.01)


def test_one_start_for_all_chains_and_flat_images():
    first = chain_grid(CHAINS, start=START[:1])
    again = chain_grid(CHAINS.reshape(3, 6, 20), start=START[:1].reshape(1, 20), image_shape=(4, 5))
    np.testing.assert_array_equal(
        first.axes[0].images[0].get_array(), again.axes[0].images[0].get_array()
    )


def test_a_title_a_figure_of_ones_own_and_a_file(tmp_path):
    own = Figure(figsize=(6, 3))
    figure = chain_grid(CHAINS, title="two $ chains", ax=own)
    assert figure is own
    figure.savefig(tmp_path / "chains.png")
    assert (tmp_path / "chains.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"chains": np.zeros((4, 5))}, "chains"),
        ({"chains": np.zeros((2, 5, 20))}, "chains"),
        ({"every": 0}, "chains"),
        ({"every": 7}, "chains"),
        ({"start": START[:2]}, "start"),
        ({"start": np.zeros((3, 5, 5))}, "start"),
        ({"value_range": (1, 0)}, "value_range"),
    ],
)
def test_what_cannot_be_drawn(kwargs, word):
    with pytest.raises(InvalidInputError, match=f"^{word}") as caught:
        chain_grid(**{"chains": CHAINS, **kwargs})
    assert "\n" not in str(caught.value)
