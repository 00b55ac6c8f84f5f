"""`PredictiveSparseDecomposition`: what it learns, both of its codes, and what it refuses."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import SparseCoder

from isthmus import PredictiveSparseDecomposition, load
from isthmus.errors import InvalidInputError
from isthmus.models import untrained
from isthmus.nn.modules.sparse_inference import sparse_objective

X = (load_digits().data / 16).astype(np.float32)
X = X[np.random.default_rng(0).permutation(len(X))]


@cache
def fitted():
    return PredictiveSparseDecomposition(
        latent_dim=64, max_epochs=10, learning_rate=5e-3, random_state=0
    ).fit(X[:1000])


def objective(model, codes, rows):
    """½‖x − Dz − b‖² + λ‖z‖₁ of each row, from what `inverse_transform` gives."""
    squared = ((rows - model.inverse_transform(codes)).astype(float) ** 2).sum(1)
    return 0.5 * squared + model.sparsity_weight * np.abs(codes).sum(1)


def planted(n=1500, d=20, k=20, seed=0):
    """Return rows that are sums of three atoms with random signs, and the atoms."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(d, k))
    atoms /= np.linalg.norm(atoms, axis=0)
    codes = np.zeros((n, k))
    for row in codes:
        row[rng.choice(k, 3, replace=False)] = rng.choice([-1, 1], 3) * rng.uniform(1, 2, 3)
    return codes @ atoms.T + 0.01 * rng.normal(size=(n, d)), atoms


def recovered(model, atoms):
    """Return the share of planted atoms that some learned atom is like, up to its sign."""
    learned = model.module_.dictionary.detach().numpy()
    return float((np.abs(learned.T @ atoms).max(0) > 0.95).mean())


def test_it_finds_the_atoms_that_made_the_data():
    rows, atoms = planted()
    model = PredictiveSparseDecomposition(
        latent_dim=30,
        scaling=None,
        learning_rate=0.02,
        max_epochs=40,
        early_stopping=False,
        random_state=0,
    ).fit(rows)
    assert recovered(model, atoms) >= 0.8
    assert recovered(untrained(model, rows), atoms) <= 0.1
    # Few units for each row, as they were made; the least that three atoms come to is 10 %.
    assert (model.sparse_encode(rows) != 0).mean() < 0.35


def test_the_optimised_code_is_better_and_sparse_and_the_predictor_is_near_it():
    model, rows = fitted(), X[1000:]
    fast, sparse = model.transform(rows), model.sparse_encode(rows)
    assert fast.shape == sparse.shape == (797, 64)
    assert fast.dtype == sparse.dtype == np.float32
    predicted, optimal = objective(model, fast, rows), objective(model, sparse, rows)
    assert (optimal <= predicted * (1 + 1e-5)).all()
    assert (sparse == 0).mean() > 0.5
    zero = objective(model, np.zeros_like(fast), rows)
    assert optimal.mean() < 0.7 * zero.mean()
    # Of what can be gained over no code at all, the predictor gets most; untrained, nothing.
    assert zero.mean() - predicted.mean() > 0.6 * (zero.mean() - optimal.mean())
    blank = untrained(model, X[:1000])
    assert objective(blank, blank.transform(rows), rows).mean() > 2 * predicted.mean()


def test_sparse_encode_is_the_lasso_of_scikit_learn_on_the_dictionary():
    model, rows = fitted(), X[1000:1050]
    layer = model.module_.decoder.linears[0]
    atoms = layer.weight.detach().double().numpy()
    centred = rows - layer.bias.detach().double().numpy()
    coder = SparseCoder(
        atoms.T, transform_algorithm="lasso_lars", transform_alpha=model.sparsity_weight
    )
    theirs = coder.transform(centred)
    ours = model.sparse_encode(rows, tolerance=1e-6, n_steps=5000)
    x, D = torch.from_numpy(centred), torch.from_numpy(atoms)
    best, found = (
        sparse_objective(torch.from_numpy(codes).double(), x, D, model.sparsity_weight)
        for codes in (theirs, ours)
    )
    assert (found <= best * (1 + 1e-5)).all()


def test_a_code_does_not_depend_on_the_other_rows():
    model = fitted()
    together = model.sparse_encode(X[1000:1100])
    for i in (0, 37, 99):
        np.testing.assert_allclose(
            model.sparse_encode(X[1000 + i : 1001 + i]), together[i : i + 1], atol=1e-5
        )


def test_the_fit_minimises_what_the_inference_minimises():
    model = fitted()
    assert model.module_.sparsity_weight == model.sparsity_weight == 0.2
    assert model.module_.prediction_weight == model.prediction_weight == 1.0
    record = model.history_.records[-1]
    total = record["reconstruction"] + 0.2 * record["sparsity"] + record["prediction"]
    assert record["loss"] == pytest.approx(total, rel=1e-6)
    assert model.history_["val_prediction"][-1] < 0.5 * model.history_["val_prediction"][0]


def test_reconstruct_uses_the_predictor():
    model = fitted()
    np.testing.assert_array_equal(
        model.reconstruct(X[:9]), model.inverse_transform(model.transform(X[:9]))
    )


@pytest.mark.parametrize(
    ("rows", "method"),
    [
        (X, "none"),
        ((X > 0.5).astype(float), "none"),
        ((X * 255).astype(np.uint8), "bytes"),
        (X * 16, "robust"),
        (np.rint(X * 3), "robust"),
    ],
    ids=["unit", "binary", "bytes", "amounts", "small whole numbers"],
)
def test_the_error_is_squared_for_every_kind_of_values(rows, method):
    model = PredictiveSparseDecomposition(max_epochs=1, latent_dim=8, random_state=0).fit(rows[:99])
    assert model.likelihood_ == "gaussian"
    assert model.scaler_.method == method


def test_missing_values_are_imputed_better_than_by_the_mean():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(600, 8))
    holes = rng.random(rows.shape) < 0.15
    seen = np.where(holes, np.nan, rows)
    model = PredictiveSparseDecomposition(
        missing="ignore", max_epochs=20, learning_rate=0.01, random_state=0
    ).fit(seen)
    mean = np.broadcast_to(np.nanmean(seen, axis=0), rows.shape)
    trivial = np.mean((mean[holes] - rows[holes]) ** 2)
    for back in (model.reconstruct(seen), model.inverse_transform(model.sparse_encode(seen))):
        assert np.isfinite(back).all()
        assert np.mean((back[holes] - rows[holes]) ** 2) < 0.6 * trivial


def test_a_saved_model_infers_the_same_codes(tmp_path):
    model = fitted()
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    rows = X[1000:1100]
    np.testing.assert_array_equal(again.sparse_encode(rows), model.sparse_encode(rows))
    assert again.architecture_ == model.architecture_
    assert type(again.module_) is type(model.module_)


def test_a_fit_that_was_interrupted_ends_with_the_same_weights(tmp_path, monkeypatch):
    arguments = {"max_epochs": 6, "latent_dim": 16, "random_state": 0}
    whole = PredictiveSparseDecomposition(**arguments).fit(X[:200])
    path = tmp_path / "c.safetensors"
    resumed = PredictiveSparseDecomposition(**arguments, checkpoint=path, checkpoint_interval=0)
    resumed.set_callbacks(Bomb(at=3))
    with pytest.raises(RuntimeError, match="boom"):
        resumed.fit(X[:200])
    resumed.set_callbacks().fit(X[:200])
    assert path.exists()
    np.testing.assert_array_equal(resumed.transform(X), whole.transform(X))
    np.testing.assert_array_equal(resumed.sparse_encode(X[:50]), whole.sparse_encode(X[:50]))


class Bomb:
    def __init__(self, at):
        self.at = at

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.at:
            raise RuntimeError("boom")


def test_tensors_give_tensors():
    codes = fitted().sparse_encode(torch.from_numpy(X[:5]))
    assert isinstance(codes, torch.Tensor)
    np.testing.assert_array_equal(codes.numpy(), fitted().sparse_encode(X[:5]))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"likelihood": "bernoulli"}, "'likelihood' parameter .*'bernoulli'"),
        ({"hidden_layer_sizes": (8,)}, r"hidden_layer_sizes: .*one linear layer.*\(8,\)"),
        ({"hidden_layer_sizes": "auto"}, "hidden_layer_sizes: .*one linear layer.*'auto'"),
        ({"tied_weights": True}, "tied_weights: .*one linear layer.*True"),
        ({"dropout": 0.5}, "dropout: .*one linear layer.*0.5"),
        ({"normalization": "batch"}, "normalization: .*one linear layer.*'batch'"),
        ({"latent_activation": "relu"}, "'latent_activation' parameter .*'relu'"),
        ({"sparsity_weight": -1}, "'sparsity_weight' parameter .*-1"),
        ({"prediction_weight": -1}, "'prediction_weight' parameter .*-1"),
        ({"inference_steps": 0}, "'inference_steps' parameter .*0"),
    ],
)
def test_what_it_cannot_do_is_refused(parameters, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        PredictiveSparseDecomposition(max_epochs=1, **parameters).fit(X[:50])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"n_steps": 0}, "n_steps"), ({"n_steps": 2.5}, "n_steps"), ({"tolerance": -1}, "tolerance")],
)
def test_an_inference_that_cannot_be(arguments, name):
    with pytest.raises(InvalidInputError, match=f"^{name}: "):
        fitted().sparse_encode(X[:5], **arguments)
