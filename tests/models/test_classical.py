"""Denoising with emphasis, contraction of the second order, and tied weights throughout."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    PredictiveSparseDecomposition,
    RecirculationAutoencoder,
    SparseAutoencoder,
    load,
)
from isthmus.errors import InvalidInputError
from isthmus.evaluation import jacobian_norm
from isthmus.nn import HigherOrderContractive, TiedDense

X = np.random.default_rng(0).random((120, 12)).astype(np.float32)


@cache
def digits():
    data = load_digits().data[np.random.default_rng(0).permutation(1797)] / 16
    return data[:1400], data[1400:]


def weights(model):
    return b"".join(value.numpy().tobytes() for value in model.module_.state_dict().values())


# Denoising with emphasis --------------------------------------------------------------------------


def test_emphasis_moves_the_error_away_from_what_was_corrupted():
    held_in, held_out = digits()
    hit = np.random.default_rng(1).random(held_out.shape) < 0.4
    hit &= held_out > 0  # a masked 0 is no corruption
    noisy = np.where(hit, 0, held_out)
    share = {}
    for name, (alpha, beta) in {"plain": (1, 1), "full": (1, 0), "clean": (0, 1)}.items():
        model = DenoisingAutoencoder(
            corruption_level=0.4,
            corrupted_weight=alpha,
            clean_weight=beta,
            latent_dim=32,
            hidden_layer_sizes=(128,),
            max_epochs=12,
            learning_rate=5e-3,
            early_stopping=False,
            random_state=0,
        ).fit(held_in)
        error = (model.reconstruct(noisy) - held_out) ** 2
        share[name] = error[hit].mean(), error[~hit].mean()
    assert share["full"][0] < 0.9 * share["plain"][0] < 0.9 * share["clean"][0]
    assert share["clean"][1] < share["plain"][1] < share["full"][1]


def test_emphasis_is_of_the_training_loss_alone(tmp_path):
    settings = {"corruption_level": 0.0, "max_epochs": 3, "random_state": 0}
    full = DenoisingAutoencoder(corrupted_weight=1.0, clean_weight=0.0, **settings).fit(X)
    # Nothing is corrupted, so nothing is learnt; held-out rows and scores do not know of it.
    assert full.history_["reconstruction"] == [0, 0, 0]
    assert min(full.history_["val_reconstruction"]) > 1
    assert np.isfinite(full.score(X))
    full.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.module_.emphasis == (1.0, 0.0)
    np.testing.assert_array_equal(again.score_samples(X), full.score_samples(X))


def test_without_emphasis_nothing_is_compared():
    model = DenoisingAutoencoder(max_epochs=1, random_state=0).fit(X)
    assert model.module_.emphasis is None
    assert model.architecture_.module.options == {}


def test_emphasis_with_missing_values_and_classes():
    rng = np.random.default_rng(0)
    table = np.column_stack(
        [rng.normal(size=(90, 2)), rng.integers(0, 3, 90), rng.random(90) < 0.4]
    )
    table[rng.random(table.shape) < 0.2] = np.nan
    model = DenoisingAutoencoder(
        missing="ignore", corrupted_weight=2.0, clean_weight=0.5, max_epochs=5, random_state=0
    ).fit(table)
    assert model.likelihood_ == "mixed"
    assert np.isfinite(model.history_["loss"]).all()
    assert np.isfinite(model.reconstruct(table)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"corrupted_weight": 0.0, "clean_weight": 0.0}, "^corrupted_weight: expected"),
        ({"corrupted_weight": -1.0}, "corrupted_weight"),
        ({"clean_weight": 0.0, "walk_back_steps": 2}, "^corrupted_weight: emphasis is for walk_b"),
    ],
)
def test_impossible_emphasis(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        DenoisingAutoencoder(max_epochs=1, **settings).fit(X)


# Contraction of the second order ------------------------------------------------------------------


@cache
def contractive(curvature, hidden=()):
    return ContractiveAutoencoder(
        latent_dim=32,
        hidden_layer_sizes=hidden,
        contraction=0.0,
        curvature=curvature,
        curvature_noise=0.3,
        curvature_draws=2,
        max_epochs=8,
        batch_size=64,
        learning_rate=0.02,
        early_stopping=False,
        random_state=0,
    ).fit(digits()[0])


def measured(model, X):
    """E ‖J(x) − J(x + ε)‖² by the exact penalty, whatever the model was trained with."""
    x = torch.from_numpy(X[:100].astype(np.float32))
    penalty = HigherOrderContractive(0.3, 4, "exact")
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return penalty(model.module_, x, None, source).item()


@pytest.mark.parametrize("hidden", [(), (64,)], ids=["one layer", "deep"])
def test_curvature_is_lowered_at_a_similar_reconstruction(hidden):
    held_out = digits()[1]
    plain, curved = contractive(0.0, hidden), contractive(1.0, hidden)
    assert measured(curved, held_out) < 0.75 * measured(plain, held_out)
    errors = [((m.reconstruct(held_out) - held_out) ** 2).sum(1).mean() for m in (plain, curved)]
    assert errors[1] < 1.3 * errors[0]  # so not by shrinking the code to nothing


def test_curvature_is_counted_in_the_loss_and_is_what_is_measured():
    model = contractive(1.0)
    history = model.history_
    total = history["reconstruction"][-1] + 1.0 * history["curvature"][-1]
    assert history["loss"][-1] == pytest.approx(total, rel=1e-6)
    assert history["curvature"][-1] == pytest.approx(measured(model, digits()[0]), rel=0.15)


def test_without_curvature_nothing_of_it_is_computed():
    model = contractive(0.0)
    assert list(model.module_.penalties) == ["contraction"]
    assert "curvature" not in model.history_.names
    same = {"latent_dim": 4, "max_epochs": 3, "random_state": 0}
    one = ContractiveAutoencoder(**same).fit(X)
    other = ContractiveAutoencoder(**same, curvature_noise=5.0, curvature_draws=9).fit(X)
    assert weights(one) == weights(other)


@pytest.mark.parametrize("name", ["curvature", "curvature_noise", "curvature_draws"])
def test_impossible_curvature(name):
    with pytest.raises(InvalidInputError, match=name):
        ContractiveAutoencoder(**{name: -1}).fit(X)


# Tied weights throughout --------------------------------------------------------------------------

TIED = {
    "l1": (SparseAutoencoder, {"sparsity": "l1"}),
    "kl": (SparseAutoencoder, {"sparsity": "kl"}),
    # The loss of a Gaussian has a constant, beside which a fall is small.
    "topk": (SparseAutoencoder, {"sparsity": "topk", "k": 5, "likelihood": "bernoulli"}),
    "masking": (DenoisingAutoencoder, {}),
    "emphasis": (DenoisingAutoencoder, {"corrupted_weight": 2.0, "clean_weight": 0.5}),
    "contractive": (ContractiveAutoencoder, {}),
    "higher order": (ContractiveAutoencoder, {"curvature": 0.5}),
}


@pytest.mark.parametrize("missing", ["error", "ignore"])
@pytest.mark.parametrize("hidden", [(), (24,), (24, 16)], ids=str)
@pytest.mark.parametrize("name", TIED)
def test_tied_weights(name, hidden, missing, tmp_path):
    cls, settings = TIED[name]
    data = digits()[0][:300].copy()
    if missing == "ignore":
        data[np.random.default_rng(0).random(data.shape) < 0.2] = np.nan
    model = cls(
        latent_dim=20,
        hidden_layer_sizes=hidden,
        tied_weights=True,
        missing=missing,
        max_epochs=8,
        learning_rate=5e-3,
        random_state=0,
        **settings,
    ).fit(data)
    decoder, encoder = model.module_.decoder, model.module_.encoder
    assert isinstance(decoder, TiedDense)
    sizes = [64, *hidden, 20]
    layers = sum(a * b for a, b in pairwise(sizes))
    assert model.n_parameters_ == layers + sum(sizes[1:]) + sum(sizes[:-1])
    assert model.history_["val_reconstruction"][-1] < 0.97 * model.history_["val_reconstruction"][0]
    # Both ends use the same tensor: a change of the encoder's is a change of the decoder's.
    codes = model.transform(data)
    assert np.isfinite(codes).all()
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.reconstruct(data), model.reconstruct(data))
    before = model.inverse_transform(codes)
    with torch.no_grad():
        encoder.linears[-1].weight.mul_(2)
    assert (model.inverse_transform(codes) != before).any()


def test_salt_and_pepper_of_classes_are_those_of_their_inputs():
    X = np.random.default_rng(0).integers(0, 4, size=(60, 5))
    model = DenoisingAutoencoder(corruption="salt_and_pepper", max_epochs=1, latent_dim=2).fit(X)
    assert (model.module_.corruption.low, model.module_.corruption.high) == (0.0, 1.0)


def test_values_that_are_all_missing_are_not_clipped():
    X = np.random.default_rng(0).uniform(size=(60, 3))
    model = DenoisingAutoencoder(missing="ignore", max_epochs=1, latent_dim=2).fit(X)
    assert np.isfinite(model.transform(np.full((2, 3), np.nan))).all()  # warnings are errors


def test_a_code_with_a_gain_has_no_closed_form_of_its_jacobian():
    X = np.random.default_rng(0).normal(size=(60, 6))
    model = PredictiveSparseDecomposition(max_epochs=3, random_state=0).fit(X)
    x = torch.from_numpy(model.scaler_.forward(X, model.schema_))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: model.module_.encode(row[None])[0]))(x)
    assert jacobian_norm(model, X) == pytest.approx(
        float(jacobian.detach().square().sum((1, 2)).mean()), rel=1e-4
    )


def test_one_layer_says_so_to_arrays_as_well():
    X = np.random.default_rng(0).uniform(size=(30, 4))
    RecirculationAutoencoder(hidden_layer_sizes=np.array([]), max_epochs=1).fit(X)
    with pytest.raises(InvalidInputError, match="hidden_layer_sizes"):
        RecirculationAutoencoder(hidden_layer_sizes=np.array([3]), max_epochs=1).fit(X)


def test_a_refit_that_fails_leaves_no_old_network_behind():
    X = np.random.default_rng(0).normal(size=(60, 6))
    model = DenoisingAutoencoder(latent_dim=2, random_state=0).partial_fit(X)
    with pytest.raises(InvalidInputError):
        model.set_params(corruption_level=-1).fit(X)
    with pytest.raises(InvalidInputError):
        model.set_params(corruption_level=0.1, corruption="masking", checkpoint="/no/such/x").fit(X)
    model.set_params(latent_dim=4, checkpoint=None).partial_fit(100 * X)
    assert model.transform(X).shape == (60, 4)
