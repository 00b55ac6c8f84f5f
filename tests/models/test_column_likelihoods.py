"""One likelihood a column, given by name: what is fitted, scored, saved and refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp
from sklearn.base import clone

from isthmus import Autoencoder, VariationalAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS
from isthmus.models.base.likelihoods import make_likelihood
from isthmus.nn import Categorical

RNG = np.random.default_rng(0)
N, CLASSES = 400, 70
Z = RNG.normal(size=N)
X = np.column_stack(
    [
        50 + 20 * Z + RNG.normal(size=N),
        np.clip(np.rint(35 + 12 * Z), 0, CLASSES - 1),  # 70 classes that follow from z
        Z > 0.3,
        RNG.random(N),
    ]
)
NAMES = ["gaussian", f"categorical:{CLASSES}", "bernoulli", "laplace"]
QUICK = {"max_epochs": 3, "latent_dim": 2, "random_state": 0}
SQUARED_ERROR = ("predictive_sparse", "recirculation")  # whose rule has one kind of unit for all


def fitted(cls=Autoencoder, X=X, likelihood=NAMES, **parameters):
    return cls(**{**QUICK, **parameters}, likelihood=likelihood).fit(X)


def test_each_column_has_the_one_that_was_named():
    model = fitted(early_stopping=False)
    assert model.likelihood_ == "mixed"
    assert model.architecture_.likelihood == [(name, [i]) for i, name in enumerate(NAMES)]
    # Classes and what lies in a Bernoulli's interval stay as they are; the rest is standardised.
    np.testing.assert_allclose(model.scaler_.shift, [X[:, 0].mean(), 0, 0, X[:, 3].mean()])
    np.testing.assert_allclose(model.scaler_.scale, [X[:, 0].std(), 1, 1, X[:, 3].std()])
    back = model.reconstruct(X)
    assert set(back[:, 1]) <= set(range(CLASSES))
    assert ((back[:, 2] > 0) & (back[:, 2] < 1)).all()


def test_the_score_by_hand():
    model = fitted()
    scaled = (X - model.scaler_.shift) / model.scaler_.scale
    with torch.no_grad():
        parameters = model.module_.decode_parameters(torch.from_numpy(model.transform(X)))
    raw = parameters.double().numpy()
    assert raw.shape == (N, 1 + CLASSES + 1 + 1)
    gaussian = -0.5 * (scaled[:, 0] - raw[:, 0]) ** 2 - 0.5 * np.log(2 * np.pi)
    classes = log_softmax(raw[:, 1 : 1 + CLASSES], axis=1)[np.arange(N), X[:, 1].astype(int)]
    logit = raw[:, 1 + CLASSES]
    bernoulli = X[:, 2] * logit - np.logaddexp(0, logit)
    laplace = -np.abs(scaled[:, 3] - raw[:, -1]) - np.log(2)
    jacobian = np.log(model.scaler_.scale).sum()
    expected = gaussian + classes + bernoulli + laplace - jacobian
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4, atol=1e-4)


def test_named_is_the_same_as_found():
    table = np.column_stack([X[:, 0], X[:, 2], np.digitize(Z, [-1, 0, 1])])
    found = Autoencoder(**QUICK).fit(table)
    named = fitted(X=table, likelihood=["gaussian", "bernoulli", "categorical:4"])
    assert named.architecture_ == found.architecture_
    assert named.score_samples(table).tobytes() == found.score_samples(table).tobytes()
    one = fitted(X=table, likelihood=["gaussian"] * 3, early_stopping=False)
    assert one.likelihood_ == "gaussian"
    np.testing.assert_allclose(one.scaler_.scale, table.std(0))


def test_seventy_classes_are_learned():
    model = fitted(max_epochs=80, learning_rate=0.01)
    with torch.no_grad():
        codes = torch.from_numpy(model.transform(X))
        logits = model.module_.decode_parameters(codes)[:, 1 : 1 + CLASSES].double().numpy()
    truth = X[:, 1].astype(int)
    surprise = (logsumexp(logits, axis=1) - logits[np.arange(N), truth]).mean()
    shares = np.bincount(truth, minlength=CLASSES) / N
    shares = shares[shares > 0]
    marginal = -(shares * np.log(shares)).sum()
    assert surprise < 0.6 * marginal  # far better than knowing how frequent each class is


def test_a_class_without_a_row_becomes_improbable():
    X = np.column_stack([RNG.integers(0, 3, 500), RNG.normal(size=500)])
    model = fitted(X=X, likelihood=["categorical:4", "gaussian"], max_epochs=30)
    scores = [model.score_samples(np.column_stack([np.full(500, k), X[:, 1]])) for k in range(4)]
    assert (scores[3] < np.min(scores[:3], axis=0) - 3).all()


@pytest.mark.parametrize("max_epochs", [1, 30])
def test_a_class_of_the_never_seen_is_improbable_however_short_the_training(max_epochs):
    X = np.column_stack([RNG.integers(0, 3, 500), RNG.normal(size=500)])
    model = fitted(X=X, likelihood=["categorical:3+1", "gaussian"], max_epochs=max_epochs)
    scores = [model.score_samples(np.column_stack([np.full(500, k), X[:, 1]])) for k in range(4)]
    assert (scores[3] < np.min(scores[:3], axis=0) - 35).all()
    assert (scores[3] < np.max(scores[:3], axis=0) - 45).all()
    assert set(model.reconstruct(X)[:, 0]) <= {0, 1, 2}
    constant = fitted(X=X * [0, 1], likelihood=["categorical:1+1", "gaussian"])
    new = constant.score_samples(X * [0, 1] + [1, 0]) - constant.score_samples(X * [0, 1])
    assert (new < -45).all()


def test_the_class_of_the_never_seen_by_hand():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, 2, generator=generator, dtype=torch.float64)
    likelihood = Categorical(4, never_seen=True)
    lowered = logits.clone()
    lowered[:, 3] -= 50
    expected = torch.log_softmax(lowered, dim=1)
    for k in range(4):
        x = torch.full((5, 2), float(k), dtype=torch.float64)
        torch.testing.assert_close(likelihood.log_prob(logits.flatten(1), x), expected[:, k])
    probabilities = likelihood.probabilities(logits.flatten(1))
    torch.testing.assert_close(probabilities, expected.exp())
    draws = likelihood.sample(logits.flatten(1).repeat(2000, 1), generator)
    assert set(draws.unique().tolist()) == {0, 1, 2}
    assert repr(make_likelihood("categorical:3+1")) == repr(likelihood)
    assert not make_likelihood("categorical:4").never_seen


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in SQUARED_ERROR])
def test_every_member_takes_them(name):
    model = fitted(ESTIMATORS[name], tied_weights=False)
    assert model.likelihood_ == "mixed"
    assert np.isfinite(model.score_samples(X)).all()
    assert model.reconstruct(X).shape == X.shape


@pytest.mark.parametrize("name", SQUARED_ERROR)
def test_members_of_one_kind_of_unit_refuse_them(name):
    with pytest.raises(InvalidInputError, match="likelihood"):
        fitted(ESTIMATORS[name])


@pytest.mark.parametrize("container", [list, tuple, np.array], ids=["list", "tuple", "array"])
@pytest.mark.parametrize("cls", [Autoencoder, VariationalAutoencoder])
def test_a_file_holds_them(cls, container, tmp_path):
    model = fitted(cls, likelihood=container(NAMES))
    path = tmp_path / "m.safetensors"
    model.save(path)
    again = load(path)
    assert list(again.likelihood) == NAMES
    assert again.architecture_ == model.architecture_
    assert again.score_samples(X).tobytes() == model.score_samples(X).tobytes()
    third = clone(again).fit(X)  # the parameters that were read back fit again
    assert third.score_samples(X).tobytes() == model.score_samples(X).tobytes()


def test_missing_values_and_single_epochs():
    holes = X.copy()
    holes[RNG.random(X.shape) < 0.1] = np.nan
    model = fitted(X=holes, missing="ignore")
    back = model.reconstruct(holes)
    assert np.isfinite(back).all()
    assert np.isfinite(model.score_samples(holes)).all()
    stepwise = Autoencoder(**QUICK, likelihood=NAMES, missing="ignore")
    for _ in range(2):
        stepwise.partial_fit(holes)
    assert stepwise.likelihood_ == "mixed"


def test_bounded_columns_are_brought_into_their_interval():
    table = np.column_stack([X[:, 0], X[:, 3], X[:, 1]])
    names = ["continuous_bernoulli", "continuous_bernoulli", "gaussian"]
    model = fitted(X=table, likelihood=names)
    np.testing.assert_allclose(model.scaler_.shift[:2], [X[:, 0].min(), 0])
    np.testing.assert_allclose(model.scaler_.scale[:2], [np.ptp(X[:, 0]), 1])
    plain = fitted(X=table, likelihood=["laplace", "bernoulli", "gaussian"], scaling=None)
    assert plain.scaler_.method == "none"
    minmax = fitted(X=table, likelihood=["laplace", "gaussian", "categorical:70"], scaling="minmax")
    np.testing.assert_allclose(minmax.scaler_.scale, [*np.ptp(table[:, :2], axis=0), 1])


BAD = {
    "too few": (X, NAMES[:3], {}, ["4 of them", "got 3"]),
    "too many": (X, [*NAMES, "gaussian"], {}, ["4 of them", "got 5"]),
    "none": (X, [], {}, ["4 of them", "got 0"]),
    "unknown": (X, ["gauss", *NAMES[1:]], {}, ["'gauss'", "column 0", "categorical:K"]),
    "auto": (X, ["auto", *NAMES[1:]], {}, ["'auto'", "column 0"]),
    "no number": (X, ["gaussian", "categorical", *NAMES[2:]], {}, ["'categorical'", "column 1"]),
    "one class": (X, ["gaussian", "categorical:1", *NAMES[2:]], {}, ["'categorical:1'"]),
    "no class": (X, ["gaussian", "categorical:0+1", *NAMES[2:]], {}, ["'categorical:0+1'"]),
    "two more": (X, ["gaussian", "categorical:3+2", *NAMES[2:]], {}, ["'categorical:3+2'"]),
    "odd digits": (X, ["gaussian", "categorical:²", *NAMES[2:]], {}, ["'categorical:²'"]),
    "no name": (X, [None, *NAMES[1:]], {}, ["None", "column 0"]),
    "too few classes": (
        X,
        ["gaussian", "categorical:20", *NAMES[2:]],
        {},
        ["'categorical:20'", "column 1", "0 to 19", "TableEncoder"],
    ),
    "fractions": (X, ["categorical:99", *NAMES[1:]], {}, ["'categorical:99'", "column 0", "frac"]),
    "outside": (X, ["bernoulli", *NAMES[1:]], {"scaling": None}, ["'bernoulli'", "columns 0, 2"]),
    "images": (RNG.random((20, 9, 9)), ["gaussian"] * 9, {}, ["tables", "(9, 9)"]),
    "a number": (X, 3, {}, ["likelihood", "3"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused(case):
    data, likelihood, parameters, words = BAD[case]
    with pytest.raises(InvalidInputError) as caught:
        fitted(X=data, likelihood=likelihood, **parameters)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def test_a_class_beyond_the_fit_is_an_error():
    model = fitted()
    new = X.copy()
    new[3, 1] = CLASSES
    with pytest.raises(InvalidInputError, match=r"classes 0 to 69 in column 1, .* got .* 70"):
        model.score_samples(new)
