"""The judges judge what is known beforehand, and a small model beats its controls."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from benchmarks.faces import (
    AgeJudge,
    Faces,
    Recogniser,
    controls,
    first_of_each,
    judged,
    models,
    picture,
)

DENSE = {"hidden_layer_sizes": (64,), "latent_dim": 12}


@cache
def made():
    """Return digits as faces: the hand is the person; the older are lighter at the sides."""
    digits = (load_digits().images[:560] / 16).astype(np.float32)
    group = np.random.default_rng(0).integers(0, 3, len(digits))
    sides = np.zeros((8, 8), np.float32)
    sides[:, [0, 7]] = 0.12
    images = np.clip(0.8 * digits + group[:, None, None] * sides, 0, 1).astype(np.float32)
    return Faces(images[:500], group[:500]), Faces(images[500:], group[500:])


@cache
def judges():
    train, _ = made()
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(20), 6)
    persons = train.images[person] + 0.05 * rng.normal(size=(120, 8, 8)).astype(np.float32)
    recognise = Recogniser(persons, person, train.images, 0, max_epochs=10, **DENSE)
    return recognise, AgeJudge(train, 20, 0, **DENSE)


def test_the_first_of_each_person():
    person = np.array([1, 1, 2, 2, 2])
    east, north = [1.0, 0.0], [0.0, 1.0]
    assert first_of_each(np.array([east, east, north, north, north]), person) == 1
    assert first_of_each(np.array([east, north, north, east, north]), person) == 1 / 3


def test_the_judges_know_their_trade():
    _, test = made()
    recognise, age = judges()
    read = age(test.images)
    assert spearmanr(read, test.group).statistic > 0.9
    features = recognise(test.images)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1)
    noisy = np.clip(1.5 * test.images + 0.1, 0, 2)  # neither contrast nor brightness counts
    np.testing.assert_allclose(recognise(noisy), features, atol=1e-3)


def test_the_controls_do_one_thing_each():
    train, test = made()
    found = {name: judged(show, test, *judges()) for name, show in controls(train).items()}
    same, mean, shift = (
        found[name]
        for name in (
            "the face as it is",
            "mean face of the group",
            "plus the difference of the mean faces",
        )
    )
    assert same["identity"] == 1
    assert abs(same["age"]) < 1e-6
    assert mean["identity"] <= 2 / len(test.images)
    assert mean["age"] > 0.9
    assert shift["identity"] > 0.8
    assert shift["age"] > 0.9


def test_a_small_model_does_both_and_an_untrained_one_neither():
    train, test = made()
    settings = {**DENSE, "max_epochs": 18, "learning_rate": 5e-3}
    ways = models(train, 0, {**settings, "critic_hidden_layer_sizes": (32,)}, settings)
    found = {name: judged(show, test, *judges()) for name, show in ways.items()}
    ours, blank = found["conditional adversarial autoencoder"], found["untrained"]
    assert ours["identity"] > 0.15  # nine times as often as by chance
    assert ours["age"] > 0.7
    assert blank["identity"] < 0.1  # what age is read off it is an accident
    assert found["conditional VAE"]["age"] > 0.7
    assert ways["conditional VAE"](test).shape == (60, 3, 8, 8)


def test_faces_are_drawn_beside_themselves(tmp_path):
    train, test = made()
    way = controls(train)["plus the difference of the mean faces"]
    picture(way, test, tmp_path / "faces.png", n_faces=2)
    with Image.open(tmp_path / "faces.png") as image:
        width, height = image.size
    assert width > height  # a face and its three ages, in two rows
