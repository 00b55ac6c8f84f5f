"""Codes that are no vectors, and corruptions that change the shape of what is encoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import AnomalyDetector, Autoencoder, DenoisingAutoencoder, VariationalAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.evaluation import diagnose
from isthmus.models import ESTIMATORS, untrained
from isthmus.testing import check_member

MAP = {"shape": [2, 2, 1]}
CODES = {"deterministic": ("deterministic", MAP), "gaussian": ("gaussian", MAP)}
# Members of which a code of another kind is the definition, or that need more of it than it has.
REFUSED = {
    "discrete": "has a code of its own",
    "vector_quantized": "has a code of its own",
    "predictive_sparse": "has a code of its own",
    "recirculation": "has a code of its own",
}
REFUSED_DETERMINISTIC = {
    "beta_tc": "needs a Gaussian posterior",
    "dip": "needs a Gaussian posterior",
    "info": "needs a code with a prior",
    "wasserstein": "needs a code with a prior",
    "adversarial": "needs a code with a prior",
    "conditional_adversarial": "needs a code with a prior",
    "gan": "needs a code with a prior",
    "importance": "need a posterior",
    "vae_gan": "expected a code with a posterior",
}
STACKED = {"layer": Autoencoder(max_epochs=1, batch_size=4)}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_takes_a_code_that_is_a_map_or_says_why_not(name, code):
    refused = REFUSED if code == "gaussian" else REFUSED | REFUSED_DETERMINISTIC
    settings = {"latent": CODES[code]}
    if name == "stacked":
        pytest.skip("the code of a stack is that of its last layer")
    if name in refused:
        with pytest.raises(InvalidInputError, match=refused[name]):
            ESTIMATORS[name](max_epochs=1, **settings).fit(
                np.random.default_rng(0).normal(size=(40, 6))
            )
        return
    check_member(ESTIMATORS[name], sklearn=False, **settings)


@pytest.fixture(scope="module")
def images():
    X = load_digits().images / 16
    return X[:1000], X[1000:]


@pytest.fixture(scope="module")
def convolutional(images):
    return Autoencoder(
        network=("convolutional", {"code_channels": 2}),
        channels=(16,),
        max_epochs=25,
        learning_rate=3e-3,
        random_state=0,
    ).fit(images[0])


def test_a_feature_map_is_learned_and_reconstructs(convolutional, images):
    train, held_out = images
    model = convolutional
    assert model.code_shape_ == (2, 4, 4)
    assert model.transform(held_out).shape == (len(held_out), 32)
    maps = model.transform(held_out, flatten=False)
    assert maps.shape == (len(held_out), 2, 4, 4)
    error = ((model.reconstruct(held_out) - held_out) ** 2).sum((1, 2)).mean()
    control = ((untrained(model, train).reconstruct(held_out) - held_out) ** 2).sum((1, 2)).mean()
    mean_image = ((held_out - train.mean(0)) ** 2).sum((1, 2)).mean()
    assert error < 0.4 * mean_image < control
    np.testing.assert_allclose(
        model.inverse_transform(maps), model.inverse_transform(maps.reshape(len(maps), -1))
    )
    np.testing.assert_allclose(
        model.inverse_transform(maps), model.reconstruct(held_out), rtol=1e-4, atol=1e-5
    )


def test_a_place_of_the_map_depends_on_its_surroundings_alone(convolutional, images):
    x = images[1][:1].copy()
    before = convolutional.transform(x, flatten=False)
    x[0, 7, 7] = 1 - x[0, 7, 7]
    after = convolutional.transform(x, flatten=False)
    changed = np.flatnonzero((before != after).any(axis=(0, 1, 2)))
    assert set(changed) <= {3}  # one layer of stride 2: a corner moves the last column alone


def test_what_stands_on_codes_takes_maps(convolutional, images, tmp_path):
    model, (train, held_out) = convolutional, images
    model.save(tmp_path / "map.safetensors")
    loaded = load(tmp_path / "map.safetensors")
    np.testing.assert_array_equal(
        loaded.transform(held_out, flatten=False), model.transform(held_out, flatten=False)
    )
    loaded.fit_density(train, random_state=0)
    drawn = loaded.sample(20, random_state=0)
    assert drawn.shape == (20, 8, 8)
    assert str(diagnose(model, held_out))
    detector = AnomalyDetector(estimator=Autoencoder(**model.get_params()), random_state=0)
    detector.fit(train)
    noise = np.random.default_rng(0).uniform(size=(50, 8, 8))
    assert np.median(detector.score_samples(noise)) < np.quantile(
        detector.score_samples(held_out), 0.01
    )


def test_a_gaussian_map_is_drawn_from_its_prior(images):
    model = VariationalAutoencoder(
        network=("convolutional", {"code_channels": 1}), channels=(8,), max_epochs=3, random_state=0
    )
    assert model.fit(images[0]).code_shape_ == (1, 4, 4)
    codes = model.draw_codes(4000, torch.Generator().manual_seed(0))
    assert codes.shape == (4000, 16)
    assert abs(codes.mean().item()) < 0.02
    assert model.sample(3, random_state=0).shape == (3, 8, 8)


# A larger target ---------------------------------------------------------------------------------


def test_sharpening_learns_what_a_small_picture_leaves_out(images):
    train, held_out = images
    model = DenoisingAutoencoder(
        corruption=("downsampling", {"factor": 2}),
        latent_dim=16,
        hidden_layer_sizes=(128,),
        max_epochs=60,
        learning_rate=3e-3,
        random_state=0,
    ).fit(train)
    assert model.architecture_.input_shape == (1, 4, 4)
    small = held_out.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    error = ((model.reconstruct(held_out) - held_out) ** 2).mean()
    enlarged = ((small.repeat(2, axis=1).repeat(2, axis=2) - held_out) ** 2).mean()
    # The best linear guess of the large picture from the small one, on the same rows.
    inputs = np.c_[
        np.ones(len(train)), train.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    ]
    weights, *_ = np.linalg.lstsq(inputs, train.reshape(-1, 64), rcond=None)
    guess = np.c_[np.ones(len(small)), small.reshape(-1, 16)] @ weights
    linear = ((guess.reshape(-1, 8, 8) - held_out) ** 2).mean()
    control = ((untrained(model, train).reconstruct(held_out) - held_out) ** 2).mean()
    assert error < 0.9 * linear < 0.9 * enlarged < control
    # Two pictures that are alike when small are one to the encoder.
    same = held_out[:1].copy()
    same[0, 0, 0], same[0, 0, 1] = held_out[0, 0, 1], held_out[0, 0, 0]
    np.testing.assert_allclose(model.transform(same), model.transform(held_out[:1]), atol=1e-6)
