"""Tiles land where they should, with the right shades."""

import io
import sys
import threading

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from isthmus.errors import InvalidInputError, MissingDependencyError
from isthmus.plotting import image_rows, sample_grid, walk


def picture(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def pixels(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_rows_are_named_and_in_order():
    black, white = np.zeros((2, 8, 8)), np.ones((2, 8, 8))
    figure = image_rows({"black": black, "white": white}, value_range=(0, 1))
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["black", "white"]
    mosaic = picture(figure)
    places = [round(tick) for tick in figure.axes[0].get_yticks()]
    assert mosaic[places[0], 0].tolist() == [0, 0, 0, 255]
    assert mosaic[places[1], 0].tolist() == [255, 255, 255, 255]


def test_small_images_are_enlarged_by_whole_numbers_with_transparent_gaps():
    images = np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2)
    mosaic = picture(sample_grid(images, n_columns=2))
    zoom = 32
    assert mosaic.shape == (2 * zoom, 4 * zoom + 5, 4)
    np.testing.assert_array_equal(mosaic[::zoom, : 2 * zoom : zoom, 0], [[0, 255], [255, 0]])
    assert (mosaic[:, 2 * zoom : 2 * zoom + 5, 3] == 0).all()
    assert (mosaic[:, 2 * zoom + 5 :, 3] == 255).all()


def test_all_rows_share_the_shades_of_the_first():
    first = np.array([[[0.0, 10.0]]])
    mosaic = picture(image_rows({"a": first, "b": first / 2, "c": first * 9}))
    assert mosaic[[0, 37, 74], -1, 0].tolist() == [255, 128, 255]


@pytest.mark.parametrize(
    ("image", "middle"),
    [
        (np.array([[[0, 128]]], np.uint8), 128),  # 0 to 255
        (np.array([[[0.0, 0.5]]]), 128),  # 0 to 1
        (np.array([[[-1.0, 3.0]]]), 255),  # its own ends
        (np.array([[[7.0, 7.0]]]), 128),  # nothing but one value
        (np.array([[[0.0, np.nan]]]), 0),
    ],
)
def test_the_range_fits_the_data(image, middle):
    assert picture(sample_grid(image))[0, -1, 0] == middle


def test_colour_and_opacity_are_kept():
    image = np.zeros((1, 4, 4, 4))
    image[..., 0] = 1.0
    image[..., 3] = 0.5
    assert picture(sample_grid(image))[0, 0].tolist() == [255, 0, 0, 128]


def test_flat_images_get_their_shape():
    flat = np.arange(6.0).reshape(1, 6)
    tall = picture(sample_grid(flat, image_shape=(3, 2)))
    assert tall.shape[0] > tall.shape[1]


@pytest.mark.parametrize(("count", "columns"), [(16, 4), (24, 6), (10, 5), (7, 4), (1, 1)])
def test_grids_are_wide_and_full_where_possible(count, columns):
    width = picture(sample_grid(np.zeros((count, 64, 64)))).shape[1]
    assert width == columns * 64 + (columns - 1) * 5


def test_rows_of_fewer_images_leave_room():
    mosaic = picture(image_rows({"a": np.ones((3, 64, 64)), "b": np.ones((1, 64, 64))}))
    assert mosaic.shape == (133, 202, 4)
    assert (mosaic[69:, 69:, 3] == 0).all()


def test_walk_names_its_ends_under_them():
    figure = walk(np.zeros((5, 8, 8)), ends=("three", "eight"))
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["three", "eight"]
    assert figure.axes[0].get_xticks().tolist() == [31.5, 4 * 69 + 31.5]


def test_nothing_is_cut_off():
    long = "a rather long name of a row, much longer than usual"
    page = pixels(image_rows({long: np.zeros((3, 8, 8))}, title="A title"))
    edges = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    assert (edges == edges[0]).all()
    assert page.std() > 0


def test_draws_into_given_axes_and_leaves_pyplot_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    figure = Figure(figsize=(4, 4))
    axes = figure.subplots(2, 1)
    assert sample_grid(np.zeros((4, 8, 8)), ax=axes[1]) is figure
    assert walk(np.zeros((4, 8, 8)), ax=axes[0]) is figure
    assert all(ax.images for ax in axes)
    assert "matplotlib.pyplot" not in sys.modules


def test_threads_draw_the_same():
    images = np.random.default_rng(0).random((4, 8, 8))
    expected = pixels(sample_grid(images))
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.append(pixels(sample_grid(images)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 4
    assert all(np.array_equal(page, expected) for page in drawn)


@pytest.mark.parametrize(
    ("images", "how", "message"),
    [
        (np.zeros((2, 6)), {}, "images: expected images .* got shape"),
        (np.zeros((2, 6)), {"image_shape": (2, 2)}, "expected 4 values an image"),
        (np.zeros((2, 3, 3, 2)), {}, "1, 3 or 4 channels"),
        (np.zeros((0, 3, 3)), {}, "images: expected images"),
        ([["a"]], {}, "images: expected an array of numbers"),
        (np.zeros((1, 2, 2)), {"value_range": (1, 0)}, "value_range: expected"),
        (np.zeros((1, 2, 2)), {"ax": "here"}, "ax: expected matplotlib axes"),
    ],
)
def test_what_cannot_be_drawn_is_named(images, how, message):
    with pytest.raises(InvalidInputError, match=message):
        sample_grid(images, **how)


def test_no_rows_are_refused():
    with pytest.raises(InvalidInputError, match="rows: expected at least one"):
        image_rows({})


def test_without_matplotlib_the_way_to_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'isthmus\[plot\]'"):
        sample_grid(np.zeros((1, 2, 2)))
