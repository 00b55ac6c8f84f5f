"""The measures of the chorales benchmark on music whose entropy is known, and a small run."""

import numpy as np
import pytest

from benchmarks.chorales import by_frequency, by_previous, cross_entropy, perceptron, table


def coins(n_pieces, seed):
    """Pieces in which a coin decides at each step between two chords of two keys: log 2 a step."""
    rng = np.random.default_rng(seed)
    heads = rng.integers(0, 2, size=(n_pieces, 24))[..., None]
    return list(np.concatenate([heads, heads, 1 - heads, 1 - heads], axis=2).astype(np.uint8))


def alternating(n_pieces, seed):
    """Pieces that alternate between two chords."""
    first = np.random.default_rng(seed).integers(0, 2, size=n_pieces)
    heads = (np.arange(24) + first[:, None])[..., None] % 2
    return list(np.concatenate([heads, 1 - heads], axis=2).astype(np.uint8))


def test_controls_give_the_entropies_that_are_known():
    train, test = coins(30, 0), coins(30, 1)
    assert cross_entropy(np.ones((3, 4)), np.full((3, 4), 0.5)) == pytest.approx(4 * np.log(2))
    # Four keys, each on its own a fair coin, whatever came before.
    assert by_frequency(train, test) == pytest.approx(4 * np.log(2), abs=0.05)
    assert by_previous(train, test) == pytest.approx(4 * np.log(2), abs=0.05)
    train, test = alternating(30, 0), alternating(30, 1)
    assert by_frequency(train, test) == pytest.approx(2 * np.log(2), abs=0.05)
    # Only the first step of 24 is open, and the history of silence says that it is the first.
    assert by_previous(train, test) < 0.3
    assert perceptron(train, test, 0) < 0.5


def test_a_code_knows_what_independent_keys_do_not():
    step = {
        "latent_dim": 1, "hidden_layer_sizes": (32,), "batch_size": 32, "max_epochs": 30,
        "learning_rate": 1e-2, "early_stopping": False,
    }  # fmt: skip
    windows = {"dense": {**step, "network": "dense", "latent_dim": 2, "max_epochs": 1}}
    rows = table({"train": coins(25, 0), "test": coins(8, 1)}, [0], step, windows, 64)
    nats = {row["model"]: row["nats a step"] for row in rows}
    assert all(list(row) == list(rows[0]) for row in rows)
    of_step = next(row for row in rows if row["model"].startswith("VAE of a step"))
    assert np.log(2) - 0.05 < of_step["nats a step"] < 1.5
    assert of_step["nats a step"] <= of_step["bound"] + 0.02
    assert of_step["untrained"] > 2.5
    others = [value for name, value in nats.items() if not name.startswith("VAE")]
    assert min(others) > 2.5
