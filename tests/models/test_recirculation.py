"""`RecirculationAutoencoder`: that it learns, beside its controls, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from benchmarks.recirculation import RULES, cosines, digits, encoder_problem
from isthmus import RecirculationAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.models import untrained

X = (load_digits().data / 16).astype(np.float32)
X = X[np.random.default_rng(0).permutation(len(X))]


def test_it_learns_the_encoder_problem_of_the_paper():
    results = encoder_problem("recirculation", range(5), sweeps=700)
    assert all(result["learned"] for result in results)
    assert not any(result["learned"] for result in encoder_problem("recirculation", range(5), 1))


def test_it_learns_digits_less_well_than_back_propagation_and_better_than_its_controls():
    small = {"latent_dim": 16, "max_epochs": 20}
    errors = {rule: digits(rule, X[:1000], X[1000:], 0, **small) for rule in RULES}
    mean = float(((X[1000:] - X[:1000].mean(0)) ** 2).sum(1).mean())
    assert errors["recirculation"] < 0.4 * mean
    assert errors["recirculation"] < 2 * errors["back-propagation"]
    blank = untrained(RecirculationAutoencoder(latent_dim=16, random_state=0), X[:1000])
    assert ((blank.reconstruct(X[1000:]) - X[1000:]) ** 2).sum(1).mean() > mean


def test_it_learns_a_standardised_table():
    table = load_breast_cancer().data
    table = table[np.random.default_rng(0).permutation(len(table))]
    train, held_out = table[:450], table[450:]
    model = RecirculationAutoencoder(latent_dim=8, random_state=0).fit(train)
    assert model.likelihood_ == "gaussian"
    assert model.scaler_.method == "robust"
    scale = train.std(0)
    error = (((model.reconstruct(held_out) - held_out) / scale) ** 2).sum(1).mean()
    mean = (((train.mean(0) - held_out) / scale) ** 2).sum(1).mean()
    assert error < 0.4 * mean


def test_its_changes_point_along_the_negative_gradient_while_it_learns():
    found = cosines(X[:500], seed=0, epochs=20, latent_dim=16)
    assert len(found) == 21
    assert all(cosine["all"] > 0.5 for cosine in found)
    encoder = [cosine["encoder"] for cosine in found[1:]]
    assert np.mean(encoder) > 0.1
    assert np.mean(encoder[10:]) > np.mean(encoder[:10])  # its weights become more symmetric
    assert all(cosine["decoder"] == pytest.approx(1, abs=1e-4) for cosine in found)


@pytest.mark.parametrize("scale", [1, 16], ids=["logistic", "linear"])
def test_learning_makes_the_two_weights_more_symmetric(scale):
    def cosine(model):
        up, down = model.module_.encoder.linears[0], model.module_.decoder.linears[0]
        W, V = up.weight.detach().numpy(), down.weight.detach().numpy()
        return float((W * V.T).sum() / np.linalg.norm(W) / np.linalg.norm(V))

    model = RecirculationAutoencoder(
        latent_dim=32, max_epochs=5, early_stopping=False, random_state=0
    )
    assert abs(cosine(untrained(model, X * scale))) < 0.1
    assert cosine(model.fit(X * scale)) > 0.4


@pytest.mark.parametrize(
    ("rows", "likelihood", "method"),
    [
        (X, "bernoulli", "none"),
        ((X * 255).astype(np.uint8), "bernoulli", "bytes"),
        ((X > 0.5).astype(float), "bernoulli", "none"),
        (X * 16, "gaussian", "robust"),
        (np.rint(X * 3), "gaussian", "robust"),
    ],
    ids=["unit", "bytes", "binary", "amounts", "small whole numbers"],
)
def test_visible_units_go_with_the_values(rows, likelihood, method):
    model = RecirculationAutoencoder(latent_dim=4, max_epochs=1, random_state=0).fit(rows[:99])
    assert model.likelihood_ == likelihood
    assert model.scaler_.method == method
    codes = model.transform(rows)
    assert ((codes > 0) & (codes < 1)).all()  # logistic


def test_the_regression_is_that_of_the_rule():
    codes = [
        RecirculationAutoencoder(
            latent_dim=4, max_epochs=2, optimizer="sgd", regression=regression, random_state=0
        )
        .fit(X[:200])
        .transform(X)
        for regression in (0.0, 0.75)
    ]
    assert not np.allclose(*codes, atol=1e-3)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"likelihood": "categorical"}, "'likelihood' parameter .*'categorical'"),
        ({"likelihood": "gaussian_learned_scale"}, "'likelihood' parameter "),
        ({"hidden_layer_sizes": (8,)}, r"hidden_layer_sizes: .*one linear layer.*\(8,\)"),
        ({"tied_weights": True}, "tied_weights: .*one linear layer.*True"),
        ({"dropout": 0.5}, "dropout: .*one linear layer.*0.5"),
        ({"normalization": "layer"}, "normalization: .*one linear layer.*'layer'"),
        ({"latent_activation": "relu"}, "'latent_activation' parameter .*'relu'"),
        ({"network": "convolutional"}, "network: .*fully connected"),
        ({"regression": 1.0}, "'regression' parameter .*1.0"),
        ({"regression": -0.1}, "'regression' parameter .*-0.1"),
    ],
)
def test_what_it_cannot_do_is_refused(parameters, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        RecirculationAutoencoder(max_epochs=1, **parameters).fit(X[:50])
    assert "\n" not in str(caught.value)
