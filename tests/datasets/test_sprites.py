"""Sprites: the numbering, and what each factor does to the picture."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.datasets import (
    SPRITE_FACTORS,
    SPRITE_SIZES,
    make_sprites,
    sprite_factors,
    sprite_indices,
)
from isthmus.datasets.sprites import render
from isthmus.errors import InvalidInputError

SHAPES = (0, 1, 2)


def sprites(*rows, size=64):
    return make_sprites(indices=sprite_indices(rows), size=size)[0].astype(float)


def drawn(shape, angle=0.0, scale=1.0, x=32.0, y=32.0, size=64):
    one = [np.array([value]) for value in (shape, scale, angle, x, y)]
    return render(*one, size)[0].astype(float)


def centroid(image):
    """Column and row of the middle of what is drawn, in shares of the frame."""
    places = (np.arange(len(image)) + 0.5) / len(image)
    return image.sum(0) @ places / image.sum(), image.sum(1) @ places / image.sum()


# The numbering ---------------------------------------------------------------------------------


def test_there_are_as_many_as_in_dsprites():
    assert math.prod(SPRITE_SIZES) == 737_280
    assert len(SPRITE_FACTORS) == len(SPRITE_SIZES)


def test_every_number_is_one_sprite():
    every = np.arange(737_280)
    factors = sprite_factors(every)
    np.testing.assert_array_equal(sprite_indices(factors), every)
    # The order of dSprites: nested loops, the vertical position innermost.
    steps = (6 * 40 * 32 * 32, 40 * 32 * 32, 32 * 32, 32, 1)
    np.testing.assert_array_equal(factors @ np.array(steps), every)
    assert [len(np.unique(column)) for column in factors.T] == list(SPRITE_SIZES)


@given(st.lists(st.tuples(*[st.integers(0, size - 1) for size in SPRITE_SIZES]), min_size=1))
def test_factors_come_back(rows):
    np.testing.assert_array_equal(sprite_factors(sprite_indices(rows)), rows)


def test_a_draw_has_no_sprite_twice_and_comes_from_its_seed():
    images, factors = make_sprites(3000, size=16, random_state=3)
    assert len(np.unique(sprite_indices(factors))) == 3000
    again = make_sprites(3000, size=16, random_state=3)
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(factors, again[1])
    assert (make_sprites(3000, size=16, random_state=4)[1] != factors).any()
    np.testing.assert_array_equal(images, make_sprites(indices=sprite_indices(factors), size=16)[0])
    # All values are drawn equally often, but for chance: χ² of each factor.
    for size, column in zip(SPRITE_SIZES, factors.T, strict=True):
        counts = np.bincount(column, minlength=size)
        expected = 3000 / size
        freedom = size - 1
        assert np.square(counts - expected).sum() / expected < freedom + 5 * np.sqrt(2 * freedom)


def test_the_generators_of_numpy_and_the_callers():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_sprites(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    generator = np.random.default_rng(0)
    first, second = make_sprites(5, random_state=generator), make_sprites(5, random_state=generator)
    assert (first[1] != second[1]).any()
    legacy = np.random.RandomState(0)
    assert make_sprites(5, random_state=legacy)[0].shape == (5, 64, 64)


# What each factor does -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 32, 50, 64, 128])
def test_all_are_zeros_and_ones_inside_the_frame(size):
    """The largest sprites at the corners, in all orientations; and the smallest ones are there."""
    corners = [
        (shape, scale, angle, x, y)
        for shape in SHAPES
        for scale in (0, 5)
        for angle in range(40)
        for x in (0, 31)
        for y in (0, 31)
    ]
    images, factors = make_sprites(indices=sprite_indices(corners), size=size)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    assert images.any((1, 2)).all()
    np.testing.assert_array_equal(factors, corners)
    if size >= 64:  # a margin of a 64th is nothing in smaller frames
        assert not images[:, [0, -1]].any()
        assert not images[:, :, [0, -1]].any()
    if size % 64 == 0:  # wholly inside: exactly as much is drawn in the corners as in the middle
        middle = np.array(corners)
        middle[:, 3:] = 15
        there = make_sprites(indices=sprite_indices(middle), size=size)[0]
        np.testing.assert_array_equal(images.sum((1, 2)), there.sum((1, 2)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 64])
def test_position_moves_the_centroid(shape, size):
    """One 64th of the frame a step, right with x and down with y; the middle is the middle."""
    rows = [(shape, 4, 7, x, 9) for x in range(32)] + [(shape, 4, 7, 9, y) for y in range(32)]
    places = np.array([centroid(image) for image in sprites(*rows, size=size)]) * 64
    grid = 64 / size  # the centroid of a few pixels is exact but for a part of one
    np.testing.assert_allclose(places[:32, 0], 16.5 + np.arange(32), atol=0.25 * grid)
    np.testing.assert_allclose(places[:32, 1], 25.5, atol=0.25 * grid)
    np.testing.assert_allclose(places[32:, 1], 16.5 + np.arange(32), atol=0.25 * grid)
    np.testing.assert_allclose(places[32:, 0], 25.5, atol=0.25 * grid)


def test_a_step_of_the_position_is_one_pixel_of_64():
    images = sprites(*[(2, 5, 3, x, y) for x, y in [(0, 0), (5, 0), (0, 7)]])
    np.testing.assert_array_equal(np.roll(images[0], 5, axis=1), images[1])
    np.testing.assert_array_equal(np.roll(images[0], 7, axis=0), images[2])


@pytest.mark.parametrize("shape", SHAPES)
def test_area_grows_as_the_square_of_the_scale(shape):
    """And the three shapes have one area: 22.4² 64ths."""
    scales = np.linspace(0.5, 1, 6)
    fine = [drawn(shape, 0.3, scale, size=1024).sum() / 16**2 for scale in scales]
    np.testing.assert_allclose(fine, 22.4**2 * scales**2, rtol=2e-3)
    coarse = sprites(*[(shape, k, angle, 15, 15) for angle in range(40) for k in range(6)])
    areas = coarse.sum((1, 2)).reshape(40, 6).mean(0)
    np.testing.assert_allclose(areas, 22.4**2 * scales**2, rtol=0.02)


@pytest.mark.parametrize(
    ("shape", "turn", "same"),
    [
        (0, math.pi / 2, True),
        (0, math.pi, True),
        (0, math.pi / 4, False),
        (1, math.pi, True),
        (1, math.pi / 2, False),
        (2, math.pi / 2, False),
        (2, math.pi, False),
        (2, 2 * math.pi, True),
    ],
)
@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1])
def test_symmetries_of_orientation(shape, turn, same, angle):
    overlap = (drawn(shape, angle) != drawn(shape, angle + turn)).mean() * 64**2
    assert overlap <= 2 if same else overlap > 30


@pytest.mark.parametrize("shape", SHAPES)
def test_a_quarter_turn_is_clockwise(shape):
    """As numpy turns an image, the other way round: axes from columns to rows."""
    turned = np.rot90(drawn(shape, 0.2, size=256), k=-1)
    assert (turned != drawn(shape, 0.2 + math.pi / 2, size=256)).mean() < 1e-4


def test_hearts_differ_in_all_orientations_but_the_last():
    images = sprites(*[(2, 5, k, 15, 15) for k in range(40)]).reshape(40, -1)
    np.testing.assert_array_equal(images[0], images[39])
    apart = np.abs(images[:39, None] - images[None, :39]).sum(2)
    assert apart[~np.eye(39, dtype=bool)].min() > 5
    upright = images[0].reshape(64, 64)
    np.testing.assert_array_equal(upright[:, :32], upright[:, 31:63][:, ::-1])  # about 31.5
    rows = upright.sum(1)
    assert rows[rows > 0][0] > rows[rows > 0][-1]  # two lobes above, a point below


def test_shapes_are_what_they_are_called():
    square, ellipse, heart = (drawn(shape, size=512) for shape in SHAPES)

    def box(image):
        return np.ptp(np.flatnonzero(image.any(0))) + 1, np.ptp(np.flatnonzero(image.any(1))) + 1

    wide, high = box(square)
    assert abs(wide - high) <= 1
    assert square.sum() == pytest.approx(wide * high)
    wide, high = box(ellipse)
    assert wide / high == pytest.approx(1.5, rel=0.02)
    assert ellipse.sum() == pytest.approx(math.pi / 4 * wide * high, rel=0.01)
    wide, high = box(heart)
    convex = np.maximum.accumulate(heart) * np.maximum.accumulate(heart[::-1])[::-1]
    assert convex.sum() == heart.sum()  # no column has a gap ...
    across = np.maximum.accumulate(heart, 1) * np.maximum.accumulate(heart[:, ::-1], 1)[:, ::-1]
    assert across.sum() > heart.sum() + 50  # ... but the rows between the lobes have


# What it costs, and what it is for -------------------------------------------------------------


def test_thousands_a_second():
    began = time.process_time()
    make_sprites(4000, random_state=0)
    assert time.process_time() - began < 4000 / 4000


def test_the_room_needs_numpy_alone():
    code = (
        "import sys, isthmus.datasets; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_estimator_takes_them_for_binary():
    from isthmus import VariationalAutoencoder

    images, _ = make_sprites(20, size=16, random_state=0)
    model = VariationalAutoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(images)
    assert model.likelihood_ == "bernoulli"
    assert model.sample_shape_ == (16, 16)


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 737_281}, "n_samples"),
        ({"n_samples": 2.5}, "n_samples"),
        ({"size": 8}, "size"),
        ({"size": 32.0}, "size"),
        ({"indices": [-1]}, "indices"),
        ({"indices": [737_280]}, "indices"),
        ({"indices": [0.5]}, "indices"),
        ({"indices": [np.nan]}, "indices"),
        ({"indices": [np.inf]}, "indices"),
        ({"indices": []}, "indices"),
        ({"indices": [[1, 2]]}, "indices"),
        ({"indices": ["heart"]}, "indices"),
        ({"random_state": "seed"}, "random_state"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_what_cannot_be_drawn(arguments, word):
    with pytest.raises(InvalidInputError, match=f"^{word}: expected .*got") as caught:
        make_sprites(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "factors", [[[3, 0, 0, 0, 0]], [[0, 0, -1, 0, 0]], [[0, 0, 0, 0]], [0, 0, 0, 0, 0], [[0.5] * 5]]
)
def test_factors_that_do_not_exist(factors):
    with pytest.raises(InvalidInputError, match="^factors: expected .*got"):
        sprite_indices(factors)
