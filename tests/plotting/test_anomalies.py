"""Heat maps, histograms of scores and the worst cases: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from isthmus import Autoencoder
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.data.files import read, write
from isthmus.errors import InvalidInputError
from isthmus.plotting.anomalies import heat_map, score_histogram, show_heat_map, worst_cases

RNG = np.random.default_rng(0)


# The map -------------------------------------------------------------------------------------


def test_channels_are_summed_and_missing_values_count_nothing():
    values = RNG.normal(size=(3, 6, 5, 3))
    np.testing.assert_allclose(heat_map(values, smoothing=0), values.sum(3))
    values[0, 2, 2, 1] = np.nan
    expected = np.nan_to_num(values).sum(3)
    np.testing.assert_allclose(heat_map(values, smoothing=0), expected)


@settings(max_examples=20, deadline=None)
@given(sigma=st.floats(1.0, 2.0), row=st.integers(12, 18), column=st.integers(12, 18))
def test_smoothing_keeps_the_sum_and_the_place_of_a_point(sigma, row, column):
    point = np.zeros((2, 31, 31))
    point[1, row, column] = 5.0
    smooth = heat_map(point, smoothing=sigma)
    assert smooth.sum() == pytest.approx(5.0, rel=1e-3)
    assert np.unravel_index(smooth[1].argmax(), (31, 31)) == (row, column)
    assert not smooth[0].any()  # images do not run into each other
    # A Gaussian: its second moment along either axis is the square of its width.
    offsets = np.arange(31) - row
    second = (smooth[1].sum(1) * offsets**2).sum() / 5
    assert second == pytest.approx(sigma**2, rel=0.01)


def test_a_constant_map_stays():
    np.testing.assert_allclose(heat_map(np.full((1, 7, 9), 2.5), smoothing=3.0), 2.5)


# The pictures --------------------------------------------------------------------------------


def labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def picture(figure):
    return figure.axes[0].images[0].get_array()


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_a_heat_map_glows_where_it_is_hot(channels):
    images = np.full((2, 16, 16, *channels), 0.5)
    contributions = np.zeros_like(images)
    contributions[0, 4, 12] = 1.0
    figure = show_heat_map(images, contributions, expected=images, smoothing=0)
    assert isinstance(figure, Figure)
    assert labels(figure) == ["image", "expected", "unusual here"]
    drawn = picture(figure).astype(int)
    bottom = drawn[-64:]  # tiles are 64 pixels: the last row
    coloured = np.ptp(bottom[..., :3], axis=-1) > 20
    place = np.argwhere(coloured).mean(0) / 4
    np.testing.assert_allclose(place, (4.4, 12.4), atol=0.2)
    assert coloured.sum() == 16  # one pixel of the image, enlarged four times
    assert (np.ptp(drawn[:64, :, :3], axis=-1) == 0).all()  # the image itself is grey


def test_a_limit_makes_pictures_comparable():
    images = np.zeros((1, 8, 8))
    heat = np.zeros((1, 8, 8))
    heat[0, 3, 3] = 1.0
    strong = picture(show_heat_map(images, heat, smoothing=0)).astype(int)
    weak = picture(show_heat_map(images, heat, smoothing=0, limit=100.0)).astype(int)
    hot = np.ptp(strong[-64:, :, :3], axis=-1).max()
    assert np.ptp(weak[-64:, :, :3], axis=-1).max() < 0.3 * hot
    cold = picture(show_heat_map(images, -heat, smoothing=0)).astype(int)
    assert not np.ptp(cold[..., :3], axis=-1).any()  # what is more usual than usual does not glow


def bars(figure):
    """Return the counts that the drawn bars stand for, one array a group."""
    axes = figure.axes[0]
    return [np.array([bar.get_height() * bar.get_width() for bar in c]) for c in axes.containers]


def test_a_histogram_has_an_area_of_one_a_group_and_counts_what_is_beyond():
    normal = RNG.normal(size=500)
    new = np.concatenate([normal[:90], np.full(10, -1e6)])
    figure = score_histogram({"normal": normal, "new": new}, threshold=-2.5)
    first, second = bars(figure)
    assert first.sum() == pytest.approx(1)
    assert second.sum() == pytest.approx(1)
    assert second[0] == pytest.approx(0.1)  # in the last bin, not off the picture
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "new (10 beyond the axis)" in texts
    low, high = figure.axes[0].get_xlim()
    assert -40 < low < -2.5 < high < 40
    line = figure.axes[0].lines[0].get_xdata()
    assert list(line) == [-2.5, -2.5]


def test_all_scores_alike_are_drawn():
    figure = score_histogram(np.full(5, 3.0))
    assert bars(figure)[0].sum() == pytest.approx(1)
    assert figure.axes[0].get_legend() is None


def test_the_worst_come_first_with_their_scores():
    images = np.stack([np.full((8, 8), i / 9) for i in range(10)])
    scores = np.array([-1, -9, -3, -8, -2, 0, 0, 0, 0, -0.5])
    figure = worst_cases(images, scores, n_images=4, n_columns=2)
    assert [text.get_text() for text in figure.axes[0].texts] == ["-9", "-8", "-3", "-2"]
    drawn = picture(figure)
    middle = [(32, 32), (32, 101), (101, 32), (101, 101)]
    shades = [int(drawn[row, column, 0]) for row, column in middle]
    assert shades == [round(255 * i / 9) for i in (1, 3, 2, 4)]
    named = worst_cases(images, scores, n_images=1, captions=[f"p{i}" for i in range(10)])
    assert [text.get_text() for text in named.axes[0].texts] == ["p1"]


def test_a_folder_of_pictures_with_one_that_is_spoilt(tmp_path):
    """From PNG files to the place of the defect: detector, reasons, heat map, worst case."""
    rng = np.random.default_rng(0)
    row, _ = np.mgrid[:16, :16] / 15 - 0.5
    place = rng.uniform(-0.3, 0.3, (300, 1, 1))
    pictures = (
        60 + 120 * np.exp(-(((row - place) / 0.15) ** 2)) + 3 * rng.normal(size=(300, 16, 16))
    )
    spoilt = pictures[-20:].copy()
    spoilt[7, 10:13, 3:6] = 250 - spoilt[7, 10:13, 3:6]
    for name, images in (("train", pictures[:-20]), ("new", spoilt)):
        write(f"{tmp_path / name}/", np.round(images).astype(np.uint8))
    train, new = read(tmp_path / "train").X, read(tmp_path / "new").X
    assert train.shape == (280, 16, 16)
    detector = AnomalyDetector(
        estimator=Autoencoder(
            latent_dim=4,
            channels=(8, 16),
            likelihood="gaussian",
            scaling="standard",
            learning_rate=3e-3,
            batch_size=32,
            max_epochs=30,
            early_stopping=False,
        ),
        random_state=0,
    ).fit(train)
    scores = detector.score_samples(new)
    assert scores.argmin() == 7
    reasons = detector.explain(new[7:8])
    hot = np.unravel_index(heat_map(reasons.contributions)[0].argmax(), (16, 16))
    assert 9 <= hot[0] <= 13
    assert 2 <= hot[1] <= 6
    figure = show_heat_map(new[7:8], reasons.contributions, expected=reasons.expected)
    assert labels(figure) == ["image", "expected", "unusual here"]
    drawn = worst_cases(new, scores, n_images=1)
    assert [text.get_text() for text in drawn.axes[0].texts] == [f"{scores[7]:.3g}"]


def test_figures_can_be_written(tmp_path):
    images = RNG.random((3, 12, 10))
    for i, figure in enumerate(
        (
            show_heat_map(images, RNG.normal(size=images.shape), title="heat"),
            score_histogram({"a": RNG.normal(size=20)}, title="scores"),
            worst_cases(images, [0.0, 1.0, 2.0], title="worst"),
        )
    ):
        figure.savefig(tmp_path / f"{i}.png")
        assert (tmp_path / f"{i}.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: heat_map(np.zeros((3, 4))), "^contributions: expected"),
        (lambda: heat_map(np.zeros((1, 4, 4)), smoothing=-1), "^smoothing: expected"),
        (
            lambda: show_heat_map(np.zeros((1, 4, 4)), np.zeros((1, 4, 5))),
            "^contributions: expected one a pixel",
        ),
        (
            lambda: show_heat_map(
                np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), expected=np.zeros((1, 5, 4))
            ),
            "^expected: expected the shape",
        ),
        (lambda: show_heat_map(np.zeros((1, 4)), np.zeros((1, 4, 4))), "^images: expected"),
        (lambda: score_histogram([]), "expected at least one score"),
        (lambda: score_histogram({}), "^scores: expected at least one group"),
        (lambda: score_histogram([0.0, np.nan]), "all finite"),
        (lambda: score_histogram(["a"]), "expected numbers"),
        (lambda: worst_cases(np.zeros((2, 4, 4)), [1.0]), "^scores: expected one an image"),
        (
            lambda: worst_cases(np.zeros((2, 4, 4)), [1.0, 2.0], captions=["a"]),
            "^captions: expected one an image",
        ),
        (lambda: worst_cases(np.zeros((2, 4, 4)), [1.0, 2.0], n_images=0), "^n_images: expected"),
    ],
)
def test_mistakes_are_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
