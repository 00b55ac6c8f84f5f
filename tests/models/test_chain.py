"""The sampling chain: does it visit the data, as often as it should, and nothing else?"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import DenoisingAutoencoder, GenerativeStochasticNetwork, load
from isthmus.errors import InvalidInputError
from isthmus.models import untrained
from isthmus.nn import GaussianNoise, NoisyCode, SaltAndPepper

# A distribution that is known: thermometers of 8 bits. Neighbours differ in one bit, so that after
# little noise p(x|x̃) is nearly a product over the bits, which is all that p(x|z) can be.
PATTERNS = np.tril(np.ones((9, 8)), -1)
CHANCES = np.array([0.2, 0.05, 0.05, 0.15, 0.1, 0.05, 0.05, 0.1, 0.25])
BITS = np.random.default_rng(0)
BINARY = PATTERNS[BITS.choice(9, 2000, p=CHANCES)]
REAL = np.random.default_rng(1).normal(size=(400, 2)) @ [[1.0, 2.0, 0.5], [0.0, 1.0, -1.0]]


def shares(states):
    """Return how often each of the 256 states is visited."""
    numbers = (states.reshape(-1, 8) @ 2 ** np.arange(8)).astype(int)
    return np.bincount(numbers, minlength=256) / len(numbers)


TRUE = np.zeros(256)
TRUE[(PATTERNS @ 2 ** np.arange(8)).astype(int)] = CHANCES


def total_variation(states):
    return 0.5 * np.abs(shares(states) - TRUE).sum()


@cache
def fitted(kind):
    common = {
        "corruption_level": 0.1,
        "hidden_layer_sizes": (32,),
        "latent_dim": 16,
        "max_epochs": 15,
        "batch_size": 100,
        "learning_rate": 0.01,
        "early_stopping": False,
        "random_state": 0,
    }
    if kind == "gsn":
        return GenerativeStochasticNetwork(**common).fit(BINARY)
    return DenoisingAutoencoder(
        corruption="salt_and_pepper", walk_back_steps=2 if kind == "walk-back" else 1, **common
    ).fit(BINARY)


def states(model, **kwargs):
    arguments = {"n_steps": 400, "n_chains": 50, "show": "sample", "random_state": 0} | kwargs
    return model.sample_chain(**arguments)


@pytest.mark.parametrize("kind", ["gsn", "denoiser", "walk-back"])
def test_the_chain_visits_patterns_as_often_as_the_data_do(kind):
    model = fitted(kind)
    reached = total_variation(states(model)[:, 100:])
    assert reached < 0.2
    independent = BITS.random((20_000, 8)) < BINARY.mean(0)
    assert total_variation(independent.astype(float)) > 0.8  # the same means, bit by bit
    assert total_variation(states(untrained(model, BINARY))[:, 100:]) > 0.9
    equal = np.where(TRUE > 0, 1 / 9, 0)  # every pattern alike: the chances are learned too
    assert reached < 0.5 * np.abs(equal - TRUE).sum()


@pytest.mark.parametrize("kind", ["gsn", "walk-back"])
def test_chains_from_noise_reach_the_data(kind):
    noise = np.random.default_rng(0).integers(0, 2, size=(200, 8)).astype(float)
    walked = states(fitted(kind), start=noise, n_chains=None, n_steps=50)
    assert walked.shape == (200, 50, 8)
    known = [shares(part)[TRUE > 0].sum() for part in (noise, walked[:, 0], walked[:, -10:])]
    assert known[0] < 0.1
    assert known[0] < known[1] < known[2]
    assert known[2] > 0.85


def test_a_chain_moves_from_one_end_to_the_other():
    """Sixty chains from the empty thermometer: after a while the full one is as likely as it is."""
    walked = states(fitted("gsn"), start=PATTERNS[:1], n_chains=60)
    assert (walked[:, 0].sum(-1) <= 4).all()
    full = (walked[:, 200:] == 1).all(-1).mean()
    assert full == pytest.approx(0.25, abs=0.12)


def test_samples_are_the_ends_of_chains():
    model = fitted("gsn")
    samples = model.sample(7, burn_in=30, random_state=3)
    chains = model.sample_chain(30, n_chains=7, random_state=3)
    np.testing.assert_array_equal(samples, chains[:, -1])
    assert samples.shape == (7, 8)
    assert samples.dtype == chains.dtype == np.float64
    rounded = model.sample(1000, random_state=0).round()
    assert total_variation(rounded) < 0.25


def test_means_are_shown_and_draws_fed_back():
    model = fitted("gsn")
    means, draws = (states(model, show=show) for show in ("mean", "sample"))
    assert set(np.unique(draws)) == {0, 1}
    assert ((means > 0) & (means < 1)).mean() > 0.99
    # Draws of the same chain: they agree with their means as often as the means say.
    assert np.abs(means - draws).mean() == pytest.approx((2 * means * (1 - means)).mean(), rel=0.05)


# Spurious modes ----------------------------------------------------------------------------------


def test_walk_back_keeps_the_chain_near_the_data():
    """One tied layer wanders off to patterns that are no digits; less so after walk-back."""
    X = (load_digits().data >= 8).astype(float)
    X = X[np.random.default_rng(0).permutation(len(X))]
    train, held_out = X[:1400], X[1400:1700]

    def distance(rows):
        """Squared distance to the nearest training image."""
        return (rows.sum(1)[:, None] + train.sum(1) - 2 * rows @ train.T).min(1)

    far = np.quantile(distance(held_out), 0.99)
    spurious = {}
    for steps in (1, 2):
        model = DenoisingAutoencoder(
            corruption="salt_and_pepper",
            corruption_level=0.1,
            walk_back_steps=steps,
            hidden_layer_sizes=(),
            tied_weights=True,
            latent_dim=128,
            latent_activation="tanh",
            max_epochs=25,
            learning_rate=3e-3,
            random_state=0,
        ).fit(train)
        ends = model.sample_chain(60, start=held_out, show="sample", random_state=0)[:, -1]
        spurious[steps] = (distance(ends) > far).mean()
    assert spurious[1] > 0.3
    assert spurious[2] < 0.75 * spurious[1]


# Real values, holes, images ----------------------------------------------------------------------


@cache
def gaussian():
    """Linear enough to be known: correlated normal data and a learned scale."""
    return GenerativeStochasticNetwork(
        corruption_level=0.3,
        hidden_layer_sizes=(64,),
        max_epochs=60,
        learning_rate=3e-3,
        early_stopping=False,
        random_state=0,
    ).fit(100 + 10 * REAL)


def test_real_values_keep_their_mean_and_covariance_in_the_units_of_the_data():
    model = gaussian()
    assert model.likelihood_ == "gaussian_learned_scale"
    assert model.module_.corruption == GaussianNoise(0.3)
    walked = model.sample_chain(300, n_chains=40, show="sample", random_state=0)[:, 100:]
    walked, X = walked.reshape(-1, 3), 100 + 10 * REAL
    assert np.abs(walked.mean(0) - X.mean(0)).max() < 0.35 * X.std(0).min()
    np.testing.assert_allclose(walked.std(0), X.std(0), rtol=0.35)
    np.testing.assert_allclose(np.corrcoef(walked.T), np.corrcoef(X.T), atol=0.2)
    control = untrained(model, X).sample_chain(300, n_chains=40, show="sample", random_state=0)
    assert np.abs(np.corrcoef(control[:, 100:].reshape(-1, 3).T) - np.corrcoef(X.T)).max() > 0.5


def test_missing_values_of_the_start_are_filled_and_do_not_count_in_the_score():
    holes = np.where(np.random.default_rng(0).random(BINARY.shape) < 0.2, np.nan, BINARY)
    model = GenerativeStochasticNetwork(missing="ignore", max_epochs=5, random_state=0)
    model.fit(holes)
    start = np.array([[1, 1, 1, np.nan, np.nan, 0, 0, 0]])
    walked = model.sample_chain(5, start=start, n_chains=3, show="sample", random_state=0)
    assert set(np.unique(walked)) <= {0, 1}
    # One value is observed: its own log chance, and nothing else.
    row = np.full((1, 8), np.nan)
    row[0, 2] = 1
    chance = model.reconstruct(row)[0, 2]
    assert model.score_samples(row)[0] == pytest.approx(np.log(chance), abs=1e-4)
    with pytest.raises(InvalidInputError, match="NaN in row 0"):
        fitted("gsn").sample_chain(5, start=start)


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).random((30, 9, 9, 2)),
        np.random.default_rng(0).integers(0, 256, (30, 9, 10)).astype(np.uint8),
        np.random.default_rng(0).normal(size=(30, 20, 2)),
        np.random.default_rng(0).integers(0, 4, (40, 5)),
        np.column_stack([REAL[:40, 0], REAL[:40, 1] > 0, np.arange(40) % 4]),
    ],
    ids=["colour", "bytes", "signal", "classes", "mixed"],
)
def test_every_kind_of_data_has_a_chain_in_its_own_units(X):
    model = GenerativeStochasticNetwork(latent_dim=6, max_epochs=2, random_state=0).fit(X)
    for show in ("mean", "sample"):
        walked = model.sample_chain(4, n_chains=3, show=show, random_state=0)
        assert walked.shape == (3, 4, *X.shape[1:])
        assert np.isfinite(walked).all()
        if X.dtype == np.uint8:
            assert 1 < walked.max() <= 255
    if X.ndim == 2 and X.shape[1] == 5:
        assert set(np.unique(walked)) <= {0, 1, 2, 3}


# Randomness, files, refusals ---------------------------------------------------------------------


def test_a_chain_is_reproducible():
    model = fitted("gsn")
    first, second = (states(model, n_steps=5) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (states(model, n_steps=5, random_state=1) != first).any()
    # A longer chain begins like a shorter one.
    np.testing.assert_array_equal(states(model, n_steps=9)[:, :5], first)


def test_the_noise_is_in_chain_and_training_and_nowhere_else():
    model = fitted("gsn")
    assert isinstance(model.module_.latent, NoisyCode)
    for method in (model.transform, model.reconstruct, model.score_samples):
        np.testing.assert_array_equal(method(BINARY), method(BINARY))
    import torch

    x = torch.from_numpy(BINARY.astype(np.float32))
    with torch.no_grad():
        code = torch.tanh(model.module_.posterior(x))
        expected = model.module_.likelihood.log_prob(model.module_.decode_parameters(code), x)
    np.testing.assert_allclose(model.transform(BINARY), code, atol=1e-5)
    np.testing.assert_allclose(model.score_samples(BINARY), expected.sum(1), atol=1e-4)


@pytest.mark.parametrize(
    "corruption", ["masking", "gaussian", "salt_and_pepper", GaussianNoise(0.2, clip=(-1.0, 2.0))]
)
def test_a_loaded_model_runs_the_same_chain(corruption, tmp_path):
    model = DenoisingAutoencoder(
        corruption=corruption,
        likelihood="gaussian_learned_scale",
        max_epochs=2,
        random_state=0,
    ).fit(REAL)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.module_.corruption == model.module_.corruption
    np.testing.assert_array_equal(
        again.sample_chain(5, random_state=0), model.sample_chain(5, random_state=0)
    )


def test_a_corruption_of_ones_own_is_set_again_after_loading(tmp_path):
    def corrupt(x, generator):
        return SaltAndPepper(0.2)(x, generator)

    kwargs = {"max_epochs": 2, "random_state": 0}
    model = GenerativeStochasticNetwork(corruption=corrupt, **kwargs).fit(BINARY)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    with pytest.raises(InvalidInputError, match=r"^corruption: .*set_params") as caught:
        again.sample()
    assert "\n" not in str(caught.value)
    again.set_params(corruption=corrupt)
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))


@pytest.mark.parametrize(
    ("X", "corruption"),
    [
        (BINARY, SaltAndPepper(0.1, 0.0, 1.0)),
        (REAL, GaussianNoise(0.1)),
    ],
    ids=["binary", "real"],
)
def test_automatic_corruption(X, corruption):
    model = GenerativeStochasticNetwork(max_epochs=1, random_state=0).fit(X[:100])
    assert model.module_.corruption == corruption
    assert model.architecture_.latent.name == "noisy"
    assert model.architecture_.latent.options["activation"] == "tanh"
    assert model.latent_dim_ == 2 * X.shape[1]


def test_one_step_of_walk_back_is_ordinary_training():
    kwargs = {"max_epochs": 3, "dropout": 0.2, "random_state": 0}
    codes = [
        DenoisingAutoencoder(**kwargs, **extra).fit(BINARY).transform(BINARY)
        for extra in ({}, {"walk_back_steps": 1}, {"walk_back_steps": 2})
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert (codes[0] != codes[2]).any()


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda m: m.sample_chain(0), "n_steps"),
        (lambda m: m.sample_chain(2.5), "n_steps"),
        (lambda m: m.sample_chain(3, n_chains=0), "n_chains"),
        (lambda m: m.sample_chain(3, n_chains=3, start=BINARY[:2]), "start"),
        (lambda m: m.sample_chain(3, start=BINARY[:2, :5]), "X"),
        (lambda m: m.sample_chain(3, show="all"), "show"),
        (lambda m: m.sample_chain(3, random_state="x"), "random_state"),
        (lambda m: m.sample(0), "n_samples"),
        (lambda m: m.sample(True), "n_samples"),
        (lambda m: m.sample(2, burn_in=0), "burn_in"),
    ],
)
def test_chains_that_cannot_be(call, word):
    with pytest.raises(InvalidInputError, match=f"^{word}\\b") as caught:
        call(fitted("gsn"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"walk_back_steps": 0}, "walk_back_steps"),
        ({"walk_back_steps": 1.5}, "walk_back_steps"),
        ({"hidden_noise": -1.0}, "hidden_noise"),
        ({"corruption": "salt"}, "corruption"),
        ({"corruption_level": 2.0}, "corruption_level"),
    ],
)
def test_parameters_that_cannot_be(kwargs, word):
    with pytest.raises(InvalidInputError, match=word):
        GenerativeStochasticNetwork(**kwargs).fit(BINARY)
