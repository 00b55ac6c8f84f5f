"""Each member of the family does what its name says, beside its controls."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from isthmus import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from isthmus.errors import InvalidInputError
from isthmus.models import untrained


@cache
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    X, y = data.data[order] / 16, data.target[order]
    return X[:1400], X[1400:], y[:1400], y[1400:]


def error(model, X, noisy=None):
    return float(((model.reconstruct(X if noisy is None else noisy) - X) ** 2).sum(1).mean())


# Sparse ------------------------------------------------------------------------------------------


@cache
def sparse(kind):
    train, *_ = digits()
    common = {
        "latent_dim": 100,
        "max_epochs": 30,
        "learning_rate": 5e-3,
        "early_stopping": False,
        "random_state": 0,
    }
    if kind == "plain relu":
        return SparseAutoencoder(sparsity="l1", sparsity_weight=0.0, **common).fit(train)
    if kind == "plain sigmoid":
        return SparseAutoencoder(sparsity="kl", sparsity_weight=0.0, **common).fit(train)
    weight = {"l1": 0.3, "kl": 3.0, "topk": 0.1}[kind]
    return SparseAutoencoder(sparsity=kind, sparsity_weight=weight, **common).fit(train)


def hoyer(codes):
    """Sparseness of Hoyer (2004): 0 for equal activities, 1 for a single active unit."""
    codes = np.abs(codes.astype(float)) + 1e-12
    n = codes.shape[1]
    ratio = codes.sum(1) / np.sqrt((codes**2).sum(1))
    return float(((np.sqrt(n) - ratio) / (np.sqrt(n) - 1)).mean())


@pytest.mark.parametrize(
    ("kind", "control"), [("l1", "plain relu"), ("kl", "plain sigmoid"), ("topk", "plain relu")]
)
def test_sparse_codes_are_sparser_than_plain_ones(kind, control):
    _, held_out, *_ = digits()
    model, plain = sparse(kind), sparse(control)
    codes, dense = model.transform(held_out), plain.transform(held_out)
    assert hoyer(codes) > hoyer(dense) + 0.1
    mean_image = float(((held_out - digits()[0].mean(0)) ** 2).sum(1).mean())
    assert error(model, held_out) < 0.5 * mean_image  # and still says what the digit looks like


def test_l1_is_counted_in_the_loss():
    history = sparse("l1").history_
    total = history["reconstruction"][-1] + 0.3 * history["sparsity"][-1]
    assert history["loss"][-1] == pytest.approx(total, rel=1e-6)
    codes = sparse("l1").transform(digits()[0])
    assert codes.min() >= 0
    assert np.abs(codes).sum(1).mean() == pytest.approx(history["sparsity"][-1], rel=0.1)
    assert (codes == 0).mean() > 0.5


def test_kl_brings_the_mean_activity_to_its_target():
    activity = sparse("kl").transform(digits()[0]).mean(0)
    plain = sparse("plain sigmoid").transform(digits()[0]).mean(0)
    assert abs(np.median(activity) - 0.05) < 0.03
    assert np.median(plain) > 0.2


def test_topk_keeps_exactly_k():
    codes = sparse("topk").transform(digits()[1])
    assert ((codes != 0).sum(1) == 10).all()  # a tenth of 100
    assert (codes != 0).any(0).sum() > 20  # and not the same ones for every digit


def test_sparse_defaults():
    train, *_ = digits()
    model = SparseAutoencoder(max_epochs=1).fit(train[:100])
    assert model.latent_dim_ == 128
    assert model.architecture_.hidden == ()
    assert model.architecture_.latent.options["activation"] == "relu"


# Denoising ---------------------------------------------------------------------------------------


def test_denoiser_beats_the_noisy_input_the_plain_model_and_pca():
    train, held_out, *_ = digits()
    sigma = 0.3
    noisy = held_out + np.random.default_rng(0).normal(0, sigma, held_out.shape)
    common = {
        "latent_dim": 32,
        "hidden_layer_sizes": (256,),
        "likelihood": "gaussian",
        "scaling": None,
        "max_epochs": 60,
        "learning_rate": 3e-3,
        "random_state": 0,
    }
    denoiser = DenoisingAutoencoder(corruption="gaussian", corruption_level=sigma, **common)
    denoiser.fit(train)
    plain = Autoencoder(**common).fit(train)
    reached = error(denoiser, held_out, noisy)
    untouched = float(((noisy - held_out) ** 2).sum(1).mean())
    # The best of all PCA projections, chosen on the answer.
    projections = (PCA(k).fit(train) for k in range(2, 40, 2))
    linear = min(
        float(((p.inverse_transform(p.transform(noisy)) - held_out) ** 2).sum(1).mean())
        for p in projections
    )
    assert reached < 0.5 * untouched
    assert reached < 0.95 * linear
    assert reached < 0.8 * error(plain, held_out, noisy)
    assert reached < 0.3 * error(untrained(denoiser, train), held_out, noisy)


UNDOING = {"latent_dim": 32, "max_epochs": 40, "learning_rate": 3e-3, "random_state": 0}


@cache
def undoing_nothing():
    return Autoencoder(**UNDOING).fit(digits()[0])


@pytest.mark.parametrize("corruption", ["masking", "salt_and_pepper"])
def test_denoisers_undo_what_they_were_trained_on(corruption):
    train, held_out, *_ = digits()
    rng = np.random.default_rng(1)
    hit = rng.random(held_out.shape) < 0.3
    values = 0.0 if corruption == "masking" else rng.integers(0, 2, held_out.shape)
    noisy = np.where(hit, values, held_out)
    model = DenoisingAutoencoder(corruption=corruption, **UNDOING).fit(train)
    reached = error(model, held_out, noisy)
    assert reached < 0.6 * float(((noisy - held_out) ** 2).sum(1).mean())
    assert reached < 0.9 * error(undoing_nothing(), held_out, noisy)


def test_salt_and_pepper_are_the_extremes_of_the_data():
    X = np.random.default_rng(0).normal(5, 2, size=(100, 4))
    model = DenoisingAutoencoder(
        corruption="salt_and_pepper",
        scaling="standard",
        max_epochs=1,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    scaled = (X - X.mean(0)) / X.std(0)
    assert model.module_.corruption.low == pytest.approx(scaled.min(), rel=1e-5)
    assert model.module_.corruption.high == pytest.approx(scaled.max(), rel=1e-5)


def test_a_corruption_of_ones_own_gets_scaled_data_and_a_generator():
    seen = []

    def corrupt(x, generator):
        seen.append((tuple(x.shape), float(x.mean()), generator))
        return x * torch.empty_like(x).bernoulli_(0.5, generator=generator)

    X = np.random.default_rng(0).normal(100, 1, size=(64, 9, 8, 2))
    kwargs = {"corruption": corrupt, "latent_dim": 2, "max_epochs": 1, "random_state": 0}
    model = DenoisingAutoencoder(**kwargs, early_stopping=False).fit(X)
    shape, mean, generator = seen[0]
    assert shape == (32, 2, 9, 8)
    assert abs(mean) < 0.5
    assert isinstance(generator, torch.Generator)
    count = len(seen)
    codes = model.transform(X)
    model.score_samples(X)
    assert len(seen) == count  # training only
    again = DenoisingAutoencoder(**kwargs, early_stopping=False).fit(X)
    np.testing.assert_array_equal(again.transform(X), codes)


# Contractive -------------------------------------------------------------------------------------


def jacobian_norm(model, X):
    x = torch.from_numpy(X[:60].astype(np.float32))

    def code(sample):
        return model.module_.encode(sample[None])[0]

    jacobian = torch.func.vmap(torch.func.jacrev(code))(x)
    return float(jacobian.detach().square().sum() / len(x))


@pytest.mark.parametrize("hidden", [(), (64,)], ids=["one layer", "deep"])
def test_contraction_lowers_the_jacobian_at_a_similar_reconstruction(hidden):
    train, held_out, *_ = digits()
    common = {
        "latent_dim": 32,
        "hidden_layer_sizes": hidden,
        "max_epochs": 25,
        "learning_rate": 0.01,
        "random_state": 0,
    }
    contractive = ContractiveAutoencoder(contraction=0.1, **common).fit(train)
    plain = ContractiveAutoencoder(contraction=0.0, **common).fit(train)
    strict = ContractiveAutoencoder(contraction=1.0, **common).fit(train)
    norms = [jacobian_norm(m, held_out) for m in (plain, contractive, strict)]
    assert norms[1] < 0.7 * norms[0]
    assert norms[2] < norms[1]
    assert error(contractive, held_out) < 1.5 * error(plain, held_out) + 0.2


def test_the_penalty_recorded_is_the_jacobian_norm():
    train, *_ = digits()
    model = ContractiveAutoencoder(
        latent_dim=16, max_epochs=10, early_stopping=False, random_state=0
    ).fit(train)
    recorded = model.history_["contraction"][-1]
    assert recorded == pytest.approx(jacobian_norm(model, train), rel=0.15)
    total = model.history_["reconstruction"][-1] + 0.1 * recorded
    assert model.history_["loss"][-1] == pytest.approx(total, rel=1e-6)


def test_tied_weights_are_the_default_and_can_be_untied():
    train, *_ = digits()
    tied = ContractiveAutoencoder(latent_dim=16, max_epochs=1).fit(train[:100])
    assert tied.n_parameters_ == 64 * 16 + 16 + 64
    free = ContractiveAutoencoder(latent_dim=16, tied_weights=False, max_epochs=1).fit(train[:100])
    assert free.n_parameters_ == 2 * 64 * 16 + 16 + 64


# Variational -------------------------------------------------------------------------------------


@cache
def labeller():
    train, _, y, _ = digits()
    return LogisticRegression(C=0.1, max_iter=2000).fit(train, y)


@cache
def conditional():
    train, _, y, _ = digits()
    model = VariationalAutoencoder(
        conditional=True, latent_dim=8, max_epochs=40, learning_rate=3e-3, random_state=0
    )
    return model.fit(train, y)


def test_samples_are_of_the_class_that_was_asked_for():
    wanted = np.repeat(np.arange(10), 30)
    samples = conditional().sample(300, y=wanted, random_state=0)
    assert samples.shape == (300, 64)
    assert samples.min() >= 0
    assert samples.max() <= 1
    assert (labeller().predict(samples) == wanted).mean() > 0.8
    train, _, y, _ = digits()
    control = untrained(conditional(), train, y).sample(300, y=wanted, random_state=0)
    assert (labeller().predict(control) == wanted).mean() < 0.3
    # Thirty of a class are thirty different ones.
    assert samples[:30].std(0).mean() > 0.01


def test_one_condition_does_for_all_samples():
    model = conditional()
    one = model.sample(5, y=3, random_state=0)
    np.testing.assert_array_equal(one, model.sample(5, y=[3] * 5, random_state=0))
    assert (one != model.sample(5, y=4, random_state=0)).any()


def test_decoding_with_another_class_changes_the_class_and_keeps_the_style():
    _, held_out, _, y = digits()
    codes = conditional().transform(held_out, y)
    assert codes.shape == (len(held_out), 8)
    swapped = (y + 1) % 10
    images = conditional().inverse_transform(codes, swapped)
    assert (labeller().predict(images) == swapped).mean() > 0.7
    same = conditional().inverse_transform(codes, y)
    np.testing.assert_array_equal(same, conditional().reconstruct(held_out, y))
    assert (labeller().predict(same) == y).mean() > 0.85


def test_the_right_condition_scores_higher_than_a_wrong_one():
    _, held_out, _, y = digits()
    right = conditional().score_samples(held_out, y)
    wrong = conditional().score_samples(held_out, (y + 1) % 10)
    assert (right > wrong).mean() > 0.9
    assert conditional().score(held_out, y) == pytest.approx(right.mean(), rel=1e-5)


def test_fit_transform_of_a_conditional_model_uses_the_condition_twice():
    train, _, y, _ = digits()
    model = VariationalAutoencoder(conditional=True, latent_dim=2, max_epochs=1, random_state=0)
    codes = model.fit_transform(train[:100], y[:100])
    np.testing.assert_array_equal(codes, model.transform(train[:100], y[:100]))


def test_an_amount_as_a_condition():
    rng = np.random.default_rng(0)
    amount = rng.uniform(10, 20, size=800)
    X = np.column_stack([3 * amount, -amount, rng.normal(size=800)])
    model = VariationalAutoencoder(
        conditional=True, latent_dim=1, max_epochs=60, learning_rate=0.01, random_state=0
    ).fit(X, amount)
    assert model.condition_.classes is None
    for value in (11.3, 18.6):
        samples = model.sample(50, y=value, random_state=0)
        assert samples[:, 0].mean() == pytest.approx(3 * value, rel=0.05)
        assert samples[:, 1].mean() == pytest.approx(-value, rel=0.05)


def test_conditional_images():
    train, _, y, _ = digits()
    X = train[:200].reshape(-1, 8, 8)
    model = VariationalAutoencoder(conditional=True, latent_dim=2, max_epochs=1, random_state=0)
    model.fit(X, y[:200])
    assert model.architecture_.network.name == "convolutional"
    assert model.sample(3, y=[1, 2, 3], random_state=0).shape == (3, 8, 8)


def test_trained_samples_are_more_like_digits_than_untrained_ones():
    train, held_out, *_ = digits()
    model = VariationalAutoencoder(
        latent_dim=8, max_epochs=30, learning_rate=3e-3, random_state=0
    ).fit(train)
    control = untrained(model, train)

    def nearest(samples):
        distance = ((samples[:, None] - train[None]) ** 2).sum(-1)
        return float(distance.min(1).mean())

    ours, theirs = (nearest(m.sample(100, random_state=0)) for m in (model, control))
    assert ours < 0.5 * theirs
    shuffled = np.random.default_rng(0).permuted(held_out[:100], axis=1)
    assert ours < 0.5 * nearest(shuffled)


def test_y_of_a_model_that_is_not_conditional_is_ignored():
    train, _, y, _ = digits()
    kwargs = {"latent_dim": 2, "max_epochs": 1, "random_state": 0}
    first = Autoencoder(**kwargs).fit(train[:100], y[:100])
    second = Autoencoder(**kwargs).fit(train[:100])
    np.testing.assert_array_equal(first.transform(train), second.transform(train))
    with pytest.raises(InvalidInputError):
        VariationalAutoencoder(conditional=True, **kwargs).fit(train[:100])
