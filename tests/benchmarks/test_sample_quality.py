"""Sample quality on 8 × 8 digits, with two of the models: the order that the claim is about."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.sample_quality import CONTROLS, Method, available, holds, table

# A Bernoulli likelihood of so few grey pixels leaves most of a code unused.
GREY = {"likelihood": "gaussian_learned_scale", "learning_rate": 3e-3}
SMALL = [
    Method("VAE", "VariationalAutoencoder", mixture=True, parameters=GREY),
    Method("autoencoder", "Autoencoder", own=False, mixture=True, parameters=GREY),
]


@cache
def found():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x, y = (digits.images[order] / 16).astype(np.float32), digits.target[order]
    kept = {}
    result = table(
        x[:1000],
        y[:1000],
        x[1000:],
        hidden=(64,),
        latent_dim=8,
        epochs=60,
        methods=SMALL,
        keep=lambda name, row, images: kept.update({name: images}),
    )
    return result, kept


def test_every_kind_of_samples_has_its_row():
    rows, images = found()
    wanted = {"real, test", "real, training", "PCA + mixture", *CONTROLS}
    assert set(rows) == set(images) == wanted | {"VAE", "VAE + mixture", "autoencoder + mixture"}
    assert {part.shape for part in images.values()} == {(398, 8, 8)}


def test_the_small_version_already_shows_it():
    rows, _ = found()
    distance = {name: row["classifier Fréchet distance"] for name, row in rows.items()}
    assert distance["real, test"] < distance["VAE + mixture"] < distance["VAE"]
    assert distance["VAE"] < min(distance[name] for name in CONTROLS)
    assert all(holds(rows).values())
    assert rows["mean image"]["coverage"] < 0.05 < rows["VAE"]["coverage"]
    assert rows["real, test"]["recall"] > rows["VAE"]["recall"]


def test_the_claim_can_fail():
    rows, _ = found()
    spoilt = {**rows, "VAE": rows["mean image"], "real, test": rows["independent pixels"]}
    assert list(holds(spoilt).values()) == [False, False, True]
    assert not holds({**rows, "VAE + mixture": rows["mean image"]})["a mixture on the codes helps"]


def test_what_is_done_is_not_done_again_and_what_is_not_there_is_left_out():
    rows, _ = found()
    digits = load_digits()
    x = (digits.images / 16).astype(np.float32)
    again = table(
        x[:200],
        digits.target[:200],
        x[200:300],
        hidden=(4,),
        latent_dim=2,
        epochs=1,
        feature_epochs=1,
        methods=SMALL,
        done=rows,
    )
    assert again == rows
    assert available([Method("none", "NoSuchAutoencoder")]) == []
