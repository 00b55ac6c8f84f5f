"""One panel a map, with its own numbers."""

import numpy as np
import pytest

from isthmus.errors import InvalidInputError
from isthmus.geometry import Embedding
from isthmus.plotting import embeddings

RNG = np.random.default_rng(0)
LABELS = np.repeat(["a", "b"], 10)


def one(name, dimensions, trust):
    points = RNG.normal(size=(20, dimensions)).astype(np.float32)
    return Embedding(name, points, LABELS, trust, 0.5, np.arange(20))


def test_every_map_is_drawn_with_its_numbers():
    maps = [one("code (2 numbers)", 2, 0.91), one("PCA", 2, 0.82), one("t-SNE", 2, 0.73)]
    figure = embeddings(maps, title="maps")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [m.name for m in maps]
    for axes, drawn in zip(figure.axes, maps, strict=True):
        places = np.asarray(axes.collections[0].get_offsets())
        np.testing.assert_allclose(np.sort(places, 0), np.sort(drawn.points, 0))
        assert axes.get_xlabel() == f"trust {drawn.trustworthiness:.3f}, continuity 0.500"


def test_a_larger_code_lends_its_numbers_to_its_plane():
    maps = [one("code (5 numbers)", 5, 0.99), one("code, principal plane", 2, 0.8)]
    (axes,) = embeddings(maps).axes
    assert axes.get_title(loc="left") == "code, principal plane"
    assert axes.get_xlabel().splitlines() == [
        "trust 0.800, continuity 0.500",
        "all numbers: trust 0.990, continuity 0.500",
    ]


def test_a_code_of_one_number_is_drawn_against_its_rank():
    single = one("code (1 number)", 1, 0.9)
    (axes,) = embeddings([single]).axes
    places = np.asarray(axes.collections[0].get_offsets())
    order = np.argsort(places[:, 0])
    assert (np.diff(places[order, 1]) > 0).all()


def test_nothing_to_draw_is_named():
    with pytest.raises(InvalidInputError, match="comparison: expected"):
        embeddings([one("code (5 numbers)", 5, 0.9)])
