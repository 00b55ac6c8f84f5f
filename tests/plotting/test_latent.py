"""The map shows the codes, or their principal plane, with the right colours."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
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


def test_the_ten_colours_differ():
    assert len(set(PALETTE)) == 10


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
