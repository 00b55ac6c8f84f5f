"""The map shows the codes, or their principal plane, with the right colours."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from sklearn.decomposition import PCA

from isthmus.errors import InvalidInputError
from isthmus.plotting import latent_map
from isthmus.plotting._style import PALETTE


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def points(figure):
    return np.asarray(figure.axes[0].collections[0].get_offsets())


def test_two_codes_are_drawn_as_they_are(rng):
    Z = rng.normal(size=(30, 2))
    figure = latent_map(Z)
    np.testing.assert_array_equal(points(figure), Z)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("code 1", "code 2")


def test_more_codes_are_projected_and_the_axes_say_so(rng):
    Z = rng.normal(size=(200, 5)) * [5, 3, 1, 1, 1] + 7
    figure = latent_map(Z)
    pca = PCA(2).fit(Z)
    np.testing.assert_allclose(np.abs(points(figure)), np.abs(pca.transform(Z)))
    share = f"{pca.explained_variance_ratio_[0]:.0%}"
    label = figure.axes[0].get_xlabel()
    assert label == f"principal component 1 of 5 codes ({share} of their variance)"


def test_each_point_has_the_colour_of_its_class(rng):
    Z = rng.normal(size=(40, 2))
    y = np.repeat([3, 1], 20)
    figure = latent_map(Z, y)
    colours = figure.axes[0].collections[0].get_facecolors()
    drawn = {tuple(point): colour for point, colour in zip(points(figure), colours, strict=True)}
    for code, label in zip(Z, y, strict=True):
        expected = to_rgba(PALETTE[[1, 3].index(label)])
        np.testing.assert_allclose(drawn[tuple(code)][:3], expected[:3])


def test_few_classes_are_named_where_they_are(rng):
    Z = np.concatenate([rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 20])
    texts = latent_map(Z, ["near"] * 50 + ["far"] * 50).axes[0].texts
    places = {text.get_text(): np.array(text.get_position()) for text in texts}
    assert np.abs(places["near"]).max() < 1
    assert np.abs(places["far"] - 20).max() < 1


def test_a_class_of_two_groups_is_named_at_one_of_them(rng):
    Z = rng.normal(size=(100, 2)) + np.where(np.arange(100) < 60, 0, 30)[:, None]
    (text,) = latent_map(Z, ["a"] * 100).axes[0].texts
    assert np.abs(text.get_position()).max() < 2


def test_many_classes_get_a_legend_with_a_colour_each(rng):
    names = [f"c{k:02d}" for k in range(15)]
    figure = latent_map(rng.normal(size=(150, 2)), np.repeat(names, 10))
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == names
    assert len({tuple(handle.get_facecolor()[0]) for handle in legend.legend_handles}) == 15


def test_a_quantity_gets_a_colour_bar(rng):
    figure = latent_map(rng.normal(size=(50, 2)), np.arange(50))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_legend() is None


def test_mixed_labels_do_not_stop_it():
    figure = latent_map(np.eye(3), np.array(["b", 2, None], dtype=object))
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "None", "b"]


def test_two_samples_of_many_codes_and_equal_codes_are_drawn():
    assert points(latent_map([[1.0, 0, 0], [0, 1.0, 0]])).shape == (2, 2)
    assert (points(latent_map(np.ones((4, 3)))) == 0).all()


# Linear RGB as people see it (G. M. Machado et al. 2009, doi:10.1109/TVCG.2009.113, table 1), and
# the distance in CIELAB that two colours have at least; 2.3 is just noticeable.
SEEN_BY = {
    "most people": (np.eye(3), 15),
    "protanopes": (
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]], 15),
    "deuteranopes": (
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]], 15),
    "tritanopes": (
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]], 15),
}  # fmt: skip


def lab(linear):
    """Return CIELAB coordinates of linear sRGB colours, under D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(to_xyz).T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def test_the_ten_colours_differ():
    assert len(set(PALETTE)) == 10
    rgb = np.array([to_rgb(colour) for colour in PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix, least in SEEN_BY.values():
        seen = lab(np.clip(linear @ np.array(matrix).T, 0, 1))
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        assert apart[~np.eye(10, dtype=bool)].min() > least


@pytest.mark.parametrize(
    ("Z", "y", "message"),
    [
        ([[1.0]], None, r"Z: expected codes \(n_samples, 2 or more\), got shape \(1, 1\)"),
        ([1.0, 2.0], None, "Z: expected codes"),
        (np.zeros((0, 2)), None, "Z: expected codes"),
        ([[1.0, np.nan]], None, "Z: expected finite codes"),
        ([["a", "b"]], None, "Z: expected an array of numbers"),
        ([[1.0, 2.0]], [1, 2], r"y: expected one label a code, shape \(1,\), got \(2,\)"),
    ],
)
def test_what_cannot_be_drawn_is_named(Z, y, message):
    with pytest.raises(InvalidInputError, match=message):
        latent_map(Z, y)
