"""Adversarial autoencoders: codes like the prior, and the condition that is asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from isthmus import (
    AdversarialAutoencoder,
    Autoencoder,
    ConditionalAdversarialAutoencoder,
    load,
)
from isthmus.errors import InvalidInputError
from isthmus.models import untrained

X, Y = load_digits(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(X))
X, Y = X[ORDER] / 16, Y[ORDER]
TRAIN, TEST = slice(0, 1000), slice(1000, 1300)
QUICK = {
    "max_epochs": 25,
    "batch_size": 100,
    "hidden_layer_sizes": (96,),
    "early_stopping": False,
    "learning_rate": 5e-3,
    "random_state": 0,
}


def mmd(first, second):
    """Return the squared kernel distance of two samples, with a kernel of several widths."""

    def kernel(a, b):
        squares = ((a[:, None] - b[None]) ** 2).sum(-1)
        return sum((width / (width + squares)).mean() for width in (0.5, 2.0, 8.0))

    return kernel(first, first) + kernel(second, second) - 2 * kernel(first, second)


@cache
def judge():
    classifier = SVC(gamma=0.1).fit(X[:1400], Y[:1400])
    assert classifier.score(X[1400:], Y[1400:]) > 0.97
    return classifier


@cache
def matched(prior="normal"):
    model = AdversarialAutoencoder(latent_dim=3, prior=prior, conditional=True, **QUICK)
    return model.fit(X[TRAIN], Y[TRAIN])


@cache
def progressing():
    model = ConditionalAdversarialAutoencoder(latent_dim=6, **QUICK)
    return model.fit(X[TRAIN], Y[TRAIN])


@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_the_codes_of_new_data_are_like_draws_of_the_prior(prior):
    rng = np.random.default_rng(1)
    if prior == "normal":
        draws, again = rng.normal(size=(2, 300, 3))
    else:
        draws, again = rng.uniform(-1, 1, size=(2, 300, 3))
    model = matched(prior)
    ours = mmd(model.transform(X[TEST]), draws)
    plain = (
        Autoencoder(latent_dim=3, **{**QUICK, "max_epochs": 10}).fit(X[TRAIN]).transform(X[TEST])
    )
    control = untrained(model, X[TRAIN], Y[TRAIN]).transform(X[TEST])
    others = [mmd(codes, draws) for codes in (plain, control)]
    assert ours < 0.2 * min(others)
    assert mmd(again, draws) < ours  # and real draws are nearer still
    error = np.square(model.reconstruct(X[TEST], Y[TEST]) - X[TEST]).sum()
    assert error < 0.6 * np.square(X[TEST] - X[TRAIN].mean(0)).sum()  # they still say what x is


def test_a_conditional_model_draws_the_class_that_is_asked_for():
    labels = np.repeat(np.arange(10), 20)
    samples = matched().sample(200, labels, random_state=0)
    assert (judge().predict(samples) == labels).mean() > 0.7  # by chance 0.1


def test_a_code_needs_no_condition():
    model = matched()
    codes = model.transform(X[TEST])
    np.testing.assert_array_equal(codes, model.transform(X[TEST], Y[TEST]))
    np.testing.assert_array_equal(codes, model.transform(X[TEST], Y[TEST][::-1]))
    with pytest.raises(InvalidInputError, match="^y: "):
        model.reconstruct(X[TEST])
    with pytest.raises(InvalidInputError, match="not among the classes"):
        model.transform(X[:1], [11])
    assert np.isfinite(model.fit_density(X[TRAIN]).sample(3, 4, random_state=0)).all()
    del model.density_


def test_the_condition_decides_what_is_shown():
    """The same sample at every class: far above chance, and other than without the critics."""
    model = progressing()
    shown = model.progress(X[TEST][:100])
    assert shown.shape == (100, 10, 64)
    assert shown.dtype == np.float64
    told = judge().predict(shown.reshape(-1, 64)).reshape(100, 10)
    assert (told == np.arange(10)).mean() > 0.7
    assert (told.argmax(1) == 9).mean() > 0.5


def test_progress_is_decoding_the_code_under_each_condition():
    model = progressing()
    shown = model.progress(X[TEST][:5], [7, 2, 7])
    assert shown.shape == (5, 3, 64)
    codes = model.transform(X[TEST][:5])
    for place, digit in enumerate((7, 2, 7)):
        expected = model.inverse_transform(codes, np.full(5, digit))
        np.testing.assert_allclose(shown[:, place], expected, atol=1e-6)
    # What is no digit of the sample stays: with the class of the sample it is its reconstruction.
    every = model.progress(X[TEST][:5])
    own = every[np.arange(5), Y[TEST][:5]]
    np.testing.assert_allclose(own, model.reconstruct(X[TEST][:5], Y[TEST][:5]), atol=1e-6)


def test_images_amounts_and_a_file(tmp_path):
    images = (X[:60] * 255).reshape(60, 8, 8).astype(np.uint8)
    amounts = np.column_stack([images.mean((1, 2)), np.arange(60) / 7])
    model = ConditionalAdversarialAutoencoder(latent_dim=3, max_epochs=2, random_state=0)
    model.fit(images, amounts)
    assert model.architecture_.network.name == "convolutional"
    shown = model.progress(images[:4], amounts[:3])
    assert shown.shape == (4, 3, 8, 8)
    assert shown.max() > 1.5  # in the units of the data
    with pytest.raises(InvalidInputError, match=r"^y: .*amounts"):
        model.progress(images)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.progress(images[:4], amounts[:3]), shown)


def test_without_a_condition_it_is_the_one_between_all():
    model = progressing()
    codes = model.transform(X[TEST][:4])
    condition = np.full((4, 10), 0.1, dtype=np.float32)
    between = model.inverse_transform(codes)
    import torch

    with torch.no_grad():
        expected = model.module_.decode(torch.from_numpy(codes), torch.from_numpy(condition))
    np.testing.assert_allclose(between, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(X[TEST][:4]), between, atol=1e-6)


def test_what_cannot_be_is_refused():
    plain = ConditionalAdversarialAutoencoder(max_epochs=1, random_state=0).fit(X[:40])
    with pytest.raises(InvalidInputError, match="^progress: .*without y"):
        plain.progress(X[:2])
    with pytest.raises(InvalidInputError, match="^y: .*list of conditions"):
        progressing().progress(X[:2], [])
    with pytest.raises(InvalidInputError, match="not among the classes"):
        progressing().progress(X[:2], [12])
    model = ConditionalAdversarialAutoencoder(random_state=0).partial_fit(X[:40], Y[:40])
    with pytest.raises(InvalidInputError, match="^y: "):
        model.partial_fit(X[:40])
    for sizes in ((), (0,), (2.5,)):
        with pytest.raises(InvalidInputError, match="^critic_hidden_layer_sizes: ") as caught:
            AdversarialAutoencoder(critic_hidden_layer_sizes=sizes).fit(X[:40])
        assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="tied_weights: not for conditional"):
        AdversarialAutoencoder(conditional=True, tied_weights=True).fit(X[:40], Y[:40])


@pytest.mark.parametrize("model", [AdversarialAutoencoder, ConditionalAdversarialAutoencoder])
@pytest.mark.parametrize("kind", ["binary", "classes", "mixed", "images"])
def test_every_kind_of_data_may_have_holes(model, kind):
    rng = np.random.default_rng(0)
    data = {
        "binary": rng.integers(0, 2, (60, 4)).astype(float),
        "classes": rng.integers(0, 3, (60, 4)).astype(float),
        "mixed": np.column_stack(
            [rng.normal(size=60), rng.integers(0, 2, 60), rng.integers(0, 4, 60)]
        ),
        "images": rng.normal(size=(30, 9, 9, 2)),
    }[kind]
    data[rng.random(data.shape) < 0.2] = np.nan
    fitted = model(latent_dim=2, missing="ignore", max_epochs=2, random_state=0).fit(data)
    assert np.isfinite(fitted.reconstruct(data)).all()
    assert np.isfinite(fitted.score_samples(data)).all()
    assert all(np.isfinite(fitted.history_["code_critic"]))
