"""Levels as text, classes, windows, pictures; and an estimator that learns them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

import isthmus
from isthmus import VariationalAutoencoder
from isthmus.applications.generation import (
    SUPER_MARIO,
    Legend,
    format_level,
    join_windows,
    level_picture,
    level_windows,
    parse_level,
    read_legend,
    read_levels,
    write_level,
)
from isthmus.errors import InvalidInputError
from isthmus.geometry import interpolate

LEVELS = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 12)
)


@given(LEVELS)
def test_text_gives_back_the_level(level):
    np.testing.assert_array_equal(parse_level(format_level(level)), level)
    np.testing.assert_array_equal(parse_level(format_level(level.astype(np.float32))), level)


@settings(max_examples=20, deadline=None)
@given(LEVELS)
def test_files_give_back_the_level(tmp_path_factory, level):
    folder = tmp_path_factory.mktemp("levels")
    write_level(folder / "b.txt", level)
    write_level(folder / "a.txt", level[:, :1])
    found = read_levels(folder)
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], level)
    np.testing.assert_array_equal(read_levels(folder / "b.txt")["b"], level)


@given(LEVELS, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_windows_are_cut_from_above_and_the_ground_stays(level, width, height, step):
    rows, columns = level.shape
    if columns < width:
        with pytest.raises(InvalidInputError, match="width"):
            level_windows([level], width, height)
        return
    windows = level_windows([level], width, height, step=step)
    starts = range(0, columns - width + 1, step)
    assert windows.shape == (len(starts), height, width)
    for window, start in zip(windows, starts, strict=True):
        kept = min(rows, height)
        np.testing.assert_array_equal(
            window[height - kept :], level[rows - kept :, start : start + width]
        )
        assert (window[: height - kept] == SUPER_MARIO.empty).all()


def test_windows_side_by_side_are_the_level_again():
    level = np.random.default_rng(0).integers(0, 13, (14, 48))
    np.testing.assert_array_equal(join_windows(level_windows([level], step=16)), level)


def test_a_picture_has_a_colour_for_each_kind(tmp_path):
    level = np.arange(12).reshape(3, 4)
    picture = level_picture(level, tile=5)
    assert picture.shape == (15, 20, 3)
    centres = picture[2::5, 2::5].reshape(-1, 3)
    colours = np.unique(centres, axis=0)
    assert len(colours) == 12 - 2  # the halves of a pipe have one colour
    write_level(tmp_path / "level.png", level)
    with Image.open(tmp_path / "level.png") as image:
        np.testing.assert_array_equal(np.asarray(image), level_picture(level))


def test_a_legend_of_another_game(tmp_path):
    tiles = {"#": ["solid"], ".": ["empty", "passable"], "~": ["lava"]}
    (tmp_path / "game.json").write_text(json.dumps({"tiles": tiles}))
    legend = read_legend(tmp_path / "game.json")
    assert legend == Legend("#.~", (("solid",), ("empty", "passable"), ("lava",)))
    assert legend.empty == 1
    assert legend.solid.tolist() == [True, False, False]
    level = parse_level("..~\n###", legend)
    assert format_level(level, legend) == "..~\n###"
    assert len(np.unique(level_picture(level, legend, tile=1).reshape(-1, 3), axis=0)) == 3
    assert level_windows([level], 2, 3, legend=legend)[0, 0].tolist() == [1, 1]


def test_the_built_in_legend_is_that_of_the_corpus(real_data):
    path = real_data / "mario" / "smb.json"
    if not path.exists():
        pytest.skip(f"no legend at {path}")
    assert read_legend(path) == SUPER_MARIO


MISTAKES = {
    "nothing": (lambda folder: parse_level("\n \n"), "got none"),
    "ragged": (lambda folder: parse_level("---\n--"), "row 1 has 2"),
    "an unknown tile": (lambda folder: parse_level("-%-"), "'%'"),
    "no file": (lambda folder: read_levels(folder / "no"), "no such file"),
    "an empty folder": (lambda folder: read_levels(folder), "no .txt"),
    "not text": (lambda folder: read_levels(folder / "bytes.bin"), "not a text file"),
    "no legend": (lambda folder: read_legend(folder / "none.json"), "no such file"),
    "not a legend": (lambda folder: read_legend(folder / "bad.json"), "not a legend"),
    "a legend without air": (lambda folder: read_legend(folder / "solid.json"), "'empty'"),
    "narrow": (lambda folder: level_windows([np.zeros((2, 3), int)], 4), "smaller width"),
    "a width of nothing": (lambda folder: level_windows([np.zeros((2, 3), int)], 0), "width"),
    "one window": (lambda folder: join_windows(np.zeros((2, 3))), "(n, height, width)"),
    "fractions": (lambda folder: format_level(np.full((2, 2), 0.5)), "whole numbers"),
    "unknown classes": (lambda folder: format_level([[13]]), "0 to 12"),
    "no folder": (lambda folder: write_level(folder / "no" / "a.txt", [[0]]), "folder"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named_in_one_line(tmp_path, name):
    (tmp_path / "bytes.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bad.json").write_text("[]")
    (tmp_path / "solid.json").write_text('{"tiles": {"#": ["solid"]}}')
    act, expected = MISTAKES[name]
    with pytest.raises(InvalidInputError) as error:
        act(tmp_path)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_more_than_ten_classes_are_learned_by_a_convolutional_network(tmp_path):
    # Two kinds of windows, told apart by what their lower half is: the code must carry which.
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 80)
    windows = np.full((80, 8, 8), 2)
    windows[:, 4:] = np.where(kind, 12, 0)[:, None, None]
    model = VariationalAutoencoder(
        latent_dim=2,
        likelihood="categorical:13",
        layout="image",
        channels=(32,),
        max_epochs=60,
        batch_size=16,
        learning_rate=1e-2,
        random_state=0,
    ).fit(windows)
    assert model.architecture_.network.name == "convolutional"
    assert model.likelihood_ == "categorical:13"
    drawn = model.sample(50, random_state=0)
    assert drawn.shape == (50, 8, 8)
    assert set(np.unique(drawn)) == {0, 2, 12}  # no other class in any place
    np.testing.assert_array_equal(model.reconstruct(windows), windows)
    first, last = windows[kind == 0][0], windows[kind == 1][0]
    walk = interpolate(model, first, last, 5).samples
    np.testing.assert_array_equal(walk[0], first)
    np.testing.assert_array_equal(walk[-1], last)
    model.save(tmp_path / "levels.safetensors")
    again = isthmus.load(tmp_path / "levels.safetensors")
    np.testing.assert_array_equal(again.transform(windows), model.transform(windows))


def test_a_number_of_classes_that_does_not_fit_is_refused():
    windows = np.full((40, 8, 8), 12)
    for likelihood, expected in (("categorical:12", "0 to 11"), ("categorical:1", "at least 2")):
        with pytest.raises(InvalidInputError, match=expected):
            VariationalAutoencoder(likelihood=likelihood, layout="image").fit(windows)
    with pytest.raises(InvalidInputError, match="categorical:13"):
        VariationalAutoencoder(likelihood="categorical", layout="image").fit(windows)
    model = VariationalAutoencoder(likelihood="categorical:13", layout="image", max_epochs=1)
    with pytest.raises(InvalidInputError, match="0 to 12"):
        model.fit(windows).transform(windows + 1)
