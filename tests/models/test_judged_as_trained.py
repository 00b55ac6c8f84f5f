"""A denoiser is judged by corrupted rows, and takes noise as it was trained on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import DenoisingAutoencoder

IMAGES = (load_digits().images / 16).astype(np.float32)
TRAIN, NEW = IMAGES[:1300], IMAGES[1300:]


def flipped(x, generator):
    return x.flip(-1)


@pytest.fixture(scope="module")
def unflip():
    def fit(**changes):
        return DenoisingAutoencoder(
            corruption=flipped,
            latent_dim=32,
            hidden_layer_sizes=(128,),
            learning_rate=3e-3,
            max_epochs=30,
            random_state=0,
            **changes,
        ).fit(TRAIN)

    return fit(), fit(early_stopping=False)


def error(model, shown, clean):
    return float(np.square(model.reconstruct(shown) - clean).mean())


def test_a_flip_is_learned_to_the_end_with_early_stopping(unflip):
    stopped, whole = unflip
    assert int(np.argmin(stopped.history_["val_loss"])) > 15  # it was the first epoch
    shown = NEW[:, :, ::-1].copy()
    assert error(stopped, shown, NEW) < 1.3 * error(whole, shown, NEW)
    assert error(stopped, shown, NEW) < 0.5 * np.square(NEW.mean(0) - NEW).mean()
    assert error(stopped, shown, NEW) < 0.5 * np.square(shown - NEW).mean()


def test_the_held_out_rows_are_corrupted_once(unflip):
    settings = {"latent_dim": 8, "max_epochs": 3, "random_state": 0}
    one, other = (
        DenoisingAutoencoder(corruption="masking", corruption_level=0.5, **settings).fit(TRAIN)
        for _ in range(2)
    )
    assert one.history_["val_loss"] == other.history_["val_loss"]
    # Half of the values are hidden: what is held out costs more than when nothing is.
    plain = DenoisingAutoencoder(corruption="masking", corruption_level=0.0, **settings).fit(TRAIN)
    assert one.history_["val_loss"][-1] > plain.history_["val_loss"][-1] + 0.5


def test_noisy_input_is_taken_as_it_is():
    model = DenoisingAutoencoder(
        corruption="gaussian", corruption_level=0.5, latent_dim=16, max_epochs=3, random_state=0
    ).fit(TRAIN)
    noisy = NEW + np.random.default_rng(0).normal(0, 0.5, NEW.shape).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = model.reconstruct(noisy)
        codes = model.transform(noisy)
    with torch.inference_mode():
        module = model.module_.eval()
        expected = module(torch.from_numpy(noisy[:, None]))[:, 0].numpy()
    np.testing.assert_allclose(back, expected, atol=1e-5)
    np.testing.assert_allclose(model.inverse_transform(codes), back, atol=1e-5)
