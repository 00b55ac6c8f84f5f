"""Which likelihood and scaling the data get, and what comes out in which units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, (200, 5)).astype(float)
UNIT = RNG.random((200, 5))
BYTES = RNG.integers(0, 256, (200, 9, 9)).astype(np.uint8)
CLASSES = RNG.integers(0, 4, (200, 5))
REAL = RNG.normal(3, 5, size=(200, 5))
COUNTS = RNG.integers(0, 500, (200, 5))
MIXED = np.column_stack([REAL[:, 0], BINARY[:, 0], CLASSES[:, 0], REAL[:, 1]])
QUICK = {"max_epochs": 3, "latent_dim": 2, "random_state": 0}

# data, likelihood, scaling, lowest and highest value a reconstruction may have
AUTO = {
    "binary": (BINARY, "bernoulli", "none", 0, 1),
    "boolean": (BINARY.astype(bool), "bernoulli", "none", 0, 1),
    "binary bytes": (BINARY.astype(np.uint8), "bernoulli", "none", 0, 1),
    "unit": (UNIT, "bernoulli", "none", 0, 1),
    "bytes": (BYTES, "bernoulli", "bytes", 0, 255),
    "classes": (CLASSES, "categorical:4", "none", 0, 3),
    "classes as floats": (CLASSES.astype(float), "categorical:4", "none", 0, 3),
    "class images": (BYTES % 3, "categorical:3", "none", 0, 2),
    "real": (REAL, "gaussian", "robust", -np.inf, np.inf),
    "counts": (COUNTS, "gaussian", "robust", -np.inf, np.inf),
    "negative whole": (COUNTS - 250, "gaussian", "robust", -np.inf, np.inf),
    "eleven levels": (RNG.integers(0, 11, (200, 5)), "gaussian", "robust", -np.inf, np.inf),
}


@pytest.mark.parametrize("kind", AUTO)
def test_the_data_decide(kind):
    X, likelihood, scaling, low, high = AUTO[kind]
    model = Autoencoder(**QUICK).fit(X)
    assert model.likelihood_ == likelihood
    assert model.scaler_.method == scaling
    back = model.reconstruct(X)
    assert back.shape == X.shape
    assert back.min() >= low
    assert back.max() <= high
    if np.isfinite(high):
        assert back.mean() == pytest.approx(X.mean(), abs=0.35 * (high - low))
    else:
        assert abs(back.mean() - X.mean()) < X.std()
    if likelihood.startswith("categorical"):
        np.testing.assert_array_equal(back, np.rint(back))
    assert np.isfinite(model.score_samples(X)).all()


def test_bytes_come_back_as_bytes_are_counted():
    model = Autoencoder(**{**QUICK, "max_epochs": 20}).fit(BYTES)
    back = model.reconstruct(BYTES)
    assert back.dtype == np.float32
    assert 90 < back.mean() < 165


SQUARED_ERROR = ("predictive_sparse", "recirculation")  # whose rule has one kind of unit for all


@pytest.mark.parametrize("name", SQUARED_ERROR)
def test_a_mixed_table_is_all_amounts_where_the_rule_knows_one_kind(name):
    model = ESTIMATORS[name](**QUICK, early_stopping=False).fit(MIXED)
    assert model.likelihood_ == "gaussian"
    np.testing.assert_allclose(model.scaler_.shift, MIXED.mean(0))
    assert np.isfinite(model.score_samples(MIXED)).all()


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in SQUARED_ERROR])
def test_every_column_of_a_mixed_table_has_its_own(name):
    model = ESTIMATORS[name](**QUICK, tied_weights=False, early_stopping=False).fit(MIXED)
    gaussian = ESTIMATORS[name]().value_defaults(["real"]).gaussian
    assert model.likelihood_ == "mixed"
    assert model.architecture_.likelihood == [
        (gaussian, [0, 3]),
        ("bernoulli", [1]),
        ("categorical:4", [2]),
    ]
    np.testing.assert_array_equal(model.scaler_.shift[[1, 2]], 0)
    np.testing.assert_array_equal(model.scaler_.scale[[1, 2]], 1)
    np.testing.assert_allclose(model.scaler_.shift[[0, 3]], MIXED[:, [0, 3]].mean(0))
    back = model.reconstruct(MIXED)
    assert ((back[:, 1] > 0) & (back[:, 1] < 1)).all()
    assert set(back[:, 2]) <= {0.0, 1.0, 2.0, 3.0}
    assert model.transform(MIXED).shape == (200, 2)
    assert np.isfinite(model.score_samples(MIXED)).all()


def test_weights_that_cannot_be_tied_are_refused():
    model = ESTIMATORS["contractive"](**QUICK, likelihood="gaussian_predicted_scale")
    with pytest.raises(InvalidInputError, match="tied_weights=False"):
        model.fit(REAL)


def test_a_mixed_table_learns_each_kind_of_column():
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    X = np.column_stack(
        [
            100 * z + rng.normal(size=600),
            z > 0,
            np.digitize(z, [-0.7, 0.7]),
            -z + 0.01 * rng.normal(size=600),
        ]
    )
    model = Autoencoder(latent_dim=2, max_epochs=60, learning_rate=0.01, random_state=0).fit(X)
    back = model.reconstruct(X)
    assert np.corrcoef(back[:, 0], X[:, 0])[0, 1] > 0.98
    assert ((back[:, 1] > 0.5) == X[:, 1]).mean() > 0.95
    assert (back[:, 2] == X[:, 2]).mean() > 0.9
    assert back[:, 0].std() == pytest.approx(X[:, 0].std(), rel=0.1)


ALLOWED = (
    [("gaussian", s) for s in ("auto", "robust", "standard", "center", "minmax", None)]
    + [("gaussian_learned_scale", s) for s in ("auto", None)]
    + [("gaussian_predicted_scale", s) for s in ("auto", "minmax")]
    + [("laplace", s) for s in ("auto", "standard")]
    + [("bernoulli", s) for s in ("auto", "minmax")]
    + [("continuous_bernoulli", s) for s in ("auto", "minmax")]
)


@pytest.mark.parametrize(("likelihood", "scaling"), ALLOWED)
@pytest.mark.parametrize("model", [Autoencoder, VariationalAutoencoder])
def test_explicit_choices_are_obeyed(model, likelihood, scaling):
    fitted = model(**QUICK, likelihood=likelihood, scaling=scaling).fit(REAL)
    assert fitted.likelihood_ == likelihood
    bounded = "bernoulli" in likelihood
    automatic = "minmax" if bounded else "robust"
    assert fitted.scaler_.method == {"auto": automatic, None: "none"}.get(scaling, scaling)
    back = fitted.reconstruct(REAL)
    assert back.shape == REAL.shape
    if bounded:
        assert (back >= REAL.min(0) - 1e-3).all()
        assert (back <= REAL.max(0) + 1e-3).all()
    assert np.isfinite(fitted.score_samples(REAL)).all()
    # Not the loss: that of a variational model has a weight that rises from 0.
    assert fitted.history_["reconstruction"][-1] < fitted.history_["reconstruction"][0]


@pytest.mark.parametrize("as_fractions", [False, True])
def test_levels_as_whole_numbers_and_as_fractions_are_one(as_fractions):
    whole = RNG.integers(0, 17, size=(60, 5)).astype(float)
    X = whole / 16 if as_fractions else whole
    model = VariationalAutoencoder(**QUICK, likelihood="discretized_logistic:17").fit(X)
    assert model.scaler_.method == ("none" if as_fractions else "levels:17")
    drawn = model.sample(50, output="draw", random_state=0) * (16 if as_fractions else 1)
    np.testing.assert_allclose(drawn, np.rint(drawn), atol=1e-5)
    assert drawn.min() >= 0
    assert drawn.max() <= 16
    other = VariationalAutoencoder(**QUICK, likelihood="discretized_logistic:17").fit(whole)
    # Probabilities do not know the units, and are never above 1.
    np.testing.assert_allclose(model.score_samples(X), other.score_samples(whole), rtol=1e-5)
    assert (model.score_samples(X) < 0).all()


def test_bytes_have_256_levels():
    model = Autoencoder(**QUICK, likelihood="discretized_logistic").fit(BYTES)
    assert model.likelihood_ == "discretized_logistic:256"
    assert model.scaler_.scale == pytest.approx(255.0)


@pytest.mark.parametrize(
    ("likelihood", "X", "message"),
    [
        ("discretized_logistic:3", [[0.0, 1.0], [0.4, 0.5]], "multiples of 1/2; got values in bet"),
        ("discretized_logistic:3", [[0, 1], [2, 3]], "name as many levels as there are"),
        ("discretized_logistic:3", [[0, 1], [2, -1]], "got -0.5 to 1 after scaling"),
        ("discretized_logistic", [[0, 1], [2, 3]], "name the number of levels, such as"),
        ("discretized_logistic:1", [[0, 1], [0, 1]], "'discretized_logistic:K' with K of at least"),
        (["gaussian", "discretized_logistic:3"], [[0.3, 0], [5, 3]], "in column 1"),
    ],
)
def test_what_are_no_levels_is_refused(likelihood, X, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        Autoencoder(**QUICK, likelihood=likelihood).fit(np.array(X, dtype=float))
    assert "\n" not in str(caught.value)


def test_new_values_between_levels_count_as_the_nearest_and_it_is_said():
    X = RNG.integers(0, 17, size=(60, 5)).astype(float)
    model = Autoencoder(**QUICK, likelihood="discretized_logistic:17").fit(X)
    with pytest.warns(UserWarning, match="each counts as the nearest level") as record:
        found = model.score_samples(X + 0.3 * (X < 16))
    assert record[0].filename == __file__
    assert np.isfinite(found).all()
    assert (found < 0).all()


def test_levels_beside_other_columns():
    X = np.column_stack([RNG.normal(5, 3, 60), RNG.integers(0, 6, 60)])
    likelihood = ["gaussian", "discretized_logistic:6"]
    model = Autoencoder(**QUICK, likelihood=likelihood, scaling="standard").fit(X)
    np.testing.assert_allclose(model.scaler_.scale, [X[:, 0].std(), 5.0])
    np.testing.assert_allclose(model.scaler_.shift, [X[:, 0].mean(), 0.0])
    with pytest.raises(InvalidInputError, match="scaling: levels are brought to 0"):
        Autoencoder(**QUICK, likelihood="discretized_logistic:6", scaling="standard").fit(X[:, 1:])


def test_minmax_runs_from_0_to_1():
    model = Autoencoder(**QUICK, scaling="minmax").fit(REAL)
    scaled = model.scaler_.forward(REAL, model.schema_)
    np.testing.assert_allclose(scaled.min(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.max(0), 1, atol=1e-6)


def test_bernoulli_on_bytes_and_gaussian_on_bytes_use_the_bytes_scale():
    for likelihood in ("bernoulli", "gaussian", "continuous_bernoulli"):
        model = Autoencoder(**QUICK, likelihood=likelihood).fit(BYTES)
        assert model.scaler_.method == "bytes"
        assert model.scaler_.scale == pytest.approx(255.0)


def test_values_beyond_the_fit_are_clipped_with_a_warning():
    model = Autoencoder(**QUICK).fit(UNIT)
    beyond = UNIT.copy()
    beyond[0, 0] = 1.5
    beyond[1, 1] = -2
    with pytest.warns(UserWarning, match="clipped") as record:
        back = model.reconstruct(beyond)
    assert record[0].filename == __file__  # the warning points at who called
    np.testing.assert_array_equal(back, model.reconstruct(np.clip(beyond, 0, 1)))
    with pytest.warns(UserWarning, match=r"from -2 to 1\.5 .* the 0 to 1 of the fit"):
        model.transform(beyond)


def test_a_class_that_was_not_in_the_fit_is_an_error():
    model = Autoencoder(**QUICK).fit(CLASSES)
    other = CLASSES.copy()
    other[5, 0] = 7
    with pytest.raises(InvalidInputError, match="classes 0 to 3"):
        model.transform(other)
    with pytest.raises(InvalidInputError, match="fractions"):
        model.transform(CLASSES + 0.5)


# Scores in nats --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("unit", [10.0, 0.001])
@pytest.mark.parametrize(
    "likelihood",
    ["auto", "gaussian", "laplace", "gaussian_predicted_scale", "continuous_bernoulli"],
)
def test_the_score_is_a_density_in_the_units_of_the_data(model, likelihood, unit):
    first, other = (model(**QUICK, likelihood=likelihood).fit(REAL * u) for u in (1.0, unit))
    shift = first.score_samples(REAL) - other.score_samples(REAL * unit)
    np.testing.assert_allclose(shift, REAL.shape[1] * np.log(unit), atol=2e-3)


def test_the_score_of_images_counts_every_pixel():
    X = RNG.normal(size=(30, 9, 8, 2))
    first, other = (Autoencoder(**QUICK).fit(X * unit) for unit in (1.0, 10.0))
    shift = first.score_samples(X) - other.score_samples(X * 10)
    np.testing.assert_allclose(shift, 9 * 8 * 2 * np.log(10), rtol=1e-4)


def test_the_gaussian_score_by_hand():
    model = Autoencoder(**QUICK, early_stopping=False).fit(REAL)
    residual = (REAL - model.reconstruct(REAL)) / REAL.std(0)
    expected = -0.5 * (residual**2 + np.log(2 * np.pi)).sum(1) - np.log(REAL.std(0)).sum()
    np.testing.assert_allclose(model.score_samples(REAL), expected, rtol=1e-4)
    assert model.score(REAL) == pytest.approx(expected.mean(), rel=1e-5)


def test_the_bernoulli_score_by_hand():
    model = Autoencoder(**QUICK).fit(BINARY)
    p = model.reconstruct(BINARY).astype(float)
    expected = np.where(BINARY == 1, np.log(p), np.log1p(-p)).sum(1)
    np.testing.assert_allclose(model.score_samples(BINARY), expected, rtol=1e-4)


def test_the_score_of_a_mixed_table_has_a_jacobian_for_its_densities_alone():
    z = RNG.normal(size=(2, 200))
    X = np.column_stack([z[0] + 0.001, BINARY[:, 0], z[1]])
    first, other = (Autoencoder(**QUICK).fit(X * [u, 1, u]) for u in (1.0, 10.0))
    shift = first.score_samples(X) - other.score_samples(X * [10, 1, 10])
    np.testing.assert_allclose(shift, 2 * np.log(10), atol=2e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_of_everything_possible_sum_to_one(n_classes):
    """Given a code, the probabilities of all samples there are add up to one."""
    X = np.random.default_rng(0).integers(0, n_classes, (100, 4))
    X[:n_classes, 0] = range(n_classes)
    model = Autoencoder(**QUICK).fit(X)
    assert model.likelihood_ == ("bernoulli" if n_classes == 2 else "categorical:3")
    everything = torch.tensor(
        list(itertools.product(range(n_classes), repeat=4)), dtype=torch.float32
    )
    for code in torch.from_numpy(model.transform(X[:3])):
        with torch.no_grad():
            parameters = model.module_.decode_parameters(code[None].repeat(len(everything), 1))
            log_prob = model.module_.likelihood.log_prob(parameters, everything).sum(1)
        assert float(log_prob.double().exp().sum()) == pytest.approx(1.0, rel=1e-5)


def test_bounds_of_everything_possible_sum_to_at_most_one():
    """The evidence lower bound is below log p(x), and the p(x) add up to one."""
    rng = np.random.default_rng(0)
    hidden = rng.integers(0, 2, (600, 1))
    X = (hidden ^ (rng.random((600, 6)) < 0.1)).astype(float)
    model = VariationalAutoencoder(
        latent_dim=2, max_epochs=60, learning_rate=0.01, random_state=0
    ).fit(X)
    everything = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    total = float(np.exp(model.score_samples(everything).astype(float)).sum())
    assert 0.5 < total <= 1.02


def test_a_gaussian_score_integrates_to_one():
    X = np.random.default_rng(0).normal(2, 3, size=(300, 1))
    model = VariationalAutoencoder(
        latent_dim=1, hidden_layer_sizes=(), max_epochs=60, learning_rate=0.01, random_state=0
    ).fit(X)
    grid = np.linspace(-25, 29, 4001)[:, None]
    total = float(np.exp(model.score_samples(grid).astype(float)).sum() * (grid[1, 0] - grid[0, 0]))
    assert total == pytest.approx(1.0, abs=0.05)
