"""scikit-learn's contract: its own checks, its tools, and who owns the randomness."""

from __future__ import annotations

import pickle
import random

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS

QUICK = {"max_epochs": 2}
NAMES = tuple(ESTIMATORS)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(80, 6))


ONE_LAYER = {"predictive_sparse", "recirculation"}  # no hidden layers, dropout or tied weights


def deep(name, dropout):
    if name in ONE_LAYER:
        return {}
    return {"dropout": dropout, "hidden_layer_sizes": (8,), "tied_weights": False}


def make(name, **kwargs):
    return ESTIMATORS[name](**{"max_epochs": 2, "random_state": 0, **kwargs})


# What missing="ignore" changes of the contract is in what all share: two members stand for it.
@parametrize_with_checks(
    [cls(max_epochs=2) for cls in ESTIMATORS.values()]
    + [ESTIMATORS[name](max_epochs=2, missing="ignore") for name in ("autoencoder", "variational")]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_no_check_is_skipped_or_expected_to_fail(name):
    checks = list(estimator_checks_generator(ESTIMATORS[name](), legacy=True, mark=None))
    assert len(checks) > 40
    assert not hasattr(ESTIMATORS[name], "_xfail_checks")


@pytest.mark.parametrize("name", NAMES)
def test_constructor_stores_its_arguments_untouched(name):
    hidden, path = [4, 3], object()
    model = ESTIMATORS[name](hidden_layer_sizes=hidden, checkpoint=path, learning_rate="nonsense")
    assert model.hidden_layer_sizes is hidden
    assert model.checkpoint is path
    assert model.get_params()["learning_rate"] == "nonsense"
    assert not [attribute for attribute in vars(model) if attribute.endswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_clone_and_set_params(name, X):
    model = make(name, latent_dim=3).fit(X)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "module_")
    assert copy.set_params(latent_dim=2) is copy
    assert copy.fit(X).transform(X).shape == (80, 2)
    assert model.transform(X).shape == (80, 3)


@pytest.mark.parametrize("name", NAMES)
def test_pipeline_goes_there_and_back(name, X):
    pipeline = make_pipeline(StandardScaler(), make(name, latent_dim=3, likelihood="gaussian"))
    codes = pipeline.fit_transform(X)
    assert codes.shape == (80, 3)
    step = pipeline[-1]
    scaled = pipeline[0].transform(X)
    np.testing.assert_array_equal(codes, step.transform(scaled))
    back = pipeline.inverse_transform(codes)
    np.testing.assert_allclose(
        back, pipeline[0].inverse_transform(step.inverse_transform(codes)), rtol=1e-6
    )
    assert pipeline.score(X) == pytest.approx(step.score_samples(scaled).mean(), rel=1e-5)
    assert list(pipeline.get_feature_names_out()) == [f"{name_of(step)}{i}" for i in range(3)]


def name_of(model):
    return type(model).__name__.lower()


def test_grid_search_prefers_the_code_that_is_large_enough():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 6)) + 0.05 * rng.normal(size=(300, 6))
    search = GridSearchCV(
        make("autoencoder", hidden_layer_sizes=(), learning_rate=0.03, max_epochs=40),
        {"latent_dim": [1, 3]},
        cv=2,
    ).fit(X)
    assert search.best_params_ == {"latent_dim": 3}
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] > scores[0] + 0.1
    assert search.best_estimator_.transform(X).shape == (300, 3)


def test_cross_val_score_is_the_mean_of_score_samples(X):
    scores = cross_val_score(make("autoencoder"), X, cv=2)
    assert scores.shape == (2,)
    model = make("autoencoder").fit(X[40:])
    assert scores[0] == pytest.approx(model.score_samples(X[:40]).mean(), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_threads_give_what_one_thread_gives(name, X):
    model = make(name).fit(X)
    parts = np.array_split(X, 4)
    alone = [model.transform(part) for part in parts]
    together = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(model.transform)(part) for part in parts
    )
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    fitted = joblib.Parallel(n_jobs=3, backend="threading")(
        joblib.delayed(make(name, **deep(name, 0.2)).fit)(X) for _ in range(3)
    )
    codes = [other.transform(X) for other in fitted]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])


@pytest.mark.parametrize("name", NAMES)
def test_pickle_keeps_everything(name, X):
    model = make(name).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert again.get_params() == model.get_params()
    assert again.history_.records == model.history_.records
    unfitted = pickle.loads(pickle.dumps(make(name)))
    np.testing.assert_array_equal(unfitted.fit(X).transform(X), model.transform(X))


def test_pickle_in_the_middle_of_partial_fits(X):
    model = make("variational").partial_fit(X)
    again = pickle.loads(pickle.dumps(model))
    model.partial_fit(X)
    again.partial_fit(X)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


# Randomness ----------------------------------------------------------------------------------


def weights(model):
    return b"".join(value.numpy().tobytes() for value in model.module_.state_dict().values())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(name, X):
    extra = deep(name, 0.3)
    first, second = (make(name, **extra).fit(X) for _ in range(2))
    assert weights(first) == weights(second)
    columns = [c for c in first.history_.names if c != "seconds"]
    assert {c: first.history_[c] for c in columns} == {c: second.history_[c] for c in columns}
    assert weights(make(name, **extra, random_state=1).fit(X)) != weights(first)
    again = first.fit(X)  # refitting starts anew
    assert weights(again) == weights(second)


@pytest.mark.parametrize("name", NAMES)
def test_random_state_instance_and_none(name, X):
    first, second = (make(name, random_state=np.random.RandomState(3)).fit(X) for _ in range(2))
    assert weights(first) == weights(second)
    shared = np.random.RandomState(3)
    model = make(name, random_state=shared)
    assert weights(model.fit(X)) == weights(first)
    assert weights(model.fit(X)) != weights(first)  # the instance has moved on
    one, other = (make(name, random_state=None).fit(X) for _ in range(2))
    assert weights(one) != weights(other)


def test_numpy_integers_are_seeds(X):
    assert weights(make("autoencoder", random_state=np.int64(0)).fit(X)) == weights(
        make("autoencoder").fit(X)
    )
    make("autoencoder", random_state=2**32 - 1, max_epochs=1).fit(X)


def global_states():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global one is the subject
    return random.getstate(), (kind, keys.tobytes(), *rest), torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("seed", [0, None], ids=["seeded", "unseeded"])
@pytest.mark.parametrize("name", NAMES)
def test_global_generators_are_neither_seeded_nor_advanced(name, seed, X, tmp_path):
    before = global_states()
    model = make(name, random_state=seed, **deep(name, 0.2))
    model.fit(X)
    assert global_states() == before
    model.transform(X)
    model.reconstruct(X)
    model.score_samples(X)
    model.partial_fit(X)
    if model.can_sample:
        model.sample(5, random_state=seed)
    model.save(tmp_path / "m.safetensors")
    from isthmus import load

    load(tmp_path / "m.safetensors").transform(X)
    clone(model).set_params(hidden_layer_sizes=()).fit(X)
    assert global_states() == before


def test_images_do_not_touch_global_generators():
    images = np.random.default_rng(0).random((20, 9, 9))
    before = global_states()
    make("denoising", corruption="gaussian", dropout=0.1).fit(images).reconstruct(images)
    make("variational", latent_dim=2).fit(images).sample(2, random_state=None)
    assert global_states() == before


def own_networks():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3))
        decoder = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 6))
    return encoder, decoder


def test_dropout_of_the_users_own_network_is_seeded_and_leaves_the_global_generator(X):
    networks = own_networks()
    before = global_states()
    first = make("autoencoder", network=networks).fit(X)
    assert global_states() == before
    torch.rand(7)  # whatever state the global generator is in
    second = make("autoencoder", network=networks).fit(X)
    assert weights(first) == weights(second)
    assert weights(make("autoencoder", network=networks, random_state=1).fit(X)) != weights(first)
    before = global_states()
    first.partial_fit(X)
    first.transform(X)
    first.score_samples(X)
    assert global_states() == before


def test_a_failed_fit_puts_the_global_generator_back(X):
    networks = own_networks()
    before = global_states()
    with pytest.raises(RuntimeError, match="boom"):
        model = make("autoencoder", network=networks)
        model.set_callbacks(Bomb())
        model.fit(X)
    assert global_states() == before


class Bomb:
    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        raise RuntimeError("boom")


@pytest.mark.parametrize("name", NAMES)
def test_sample_is_reproducible(name, X):
    model = make(name).fit(X)
    try:
        model.sample(1)
    except InvalidInputError as error:  # neither a prior nor a chain
        assert "fit_density" in str(error)
        model.fit_density(X, random_state=0)
    np.testing.assert_array_equal(model.sample(4, random_state=1), model.sample(4, random_state=1))
    assert (model.sample(4, random_state=1) != model.sample(4, random_state=2)).any()
    assert (model.sample(4) != model.sample(4)).any()
    state = np.random.RandomState(0)
    assert (model.sample(4, random_state=state) != model.sample(4, random_state=state)).any()
    with pytest.raises(InvalidInputError, match="n_samples"):
        model.sample(0)
