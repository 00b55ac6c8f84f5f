"""An encoder and a decoder of the user's own."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from isthmus import VAEGAN, Autoencoder, SparseAutoencoder, VariationalAutoencoder, load
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.models import ESTIMATORS, untrained

X = np.random.default_rng(0).normal(size=(100, 6))
IMAGES = np.random.default_rng(1).random((40, 8, 8))


def table_pair(code=3, heads=1, outputs=1):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Linear(6, 10), nn.BatchNorm1d(10), nn.ReLU())
        encoder.append(nn.Linear(10, heads * code))
        decoder = nn.Sequential(nn.Linear(code, 10), nn.Tanh(), nn.Linear(10, 6 * outputs))
    return encoder, decoder


def image_pair():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)
        )
        decoder = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, (1, 8, 8)))
    return encoder, decoder


def state(networks):
    return [{k: v.clone() for k, v in n.state_dict().items()} for n in networks]


def same(first, second):
    return all(
        torch.equal(a[k], b[k]) for a, b in zip(first, second, strict=True) for k in {**a, **b}
    )


DENSE_ONLY = ("predictive_sparse", "recirculation", "stacked")  # made of linear layers


@pytest.mark.parametrize("name", DENSE_ONLY)
def test_what_is_made_of_linear_layers_refuses(name):
    with pytest.raises(InvalidInputError, match="network: .*fully connected.*'auto'"):
        ESTIMATORS[name](network=table_pair(), max_epochs=1).fit(X)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in DENSE_ONLY])
def test_fit_save_and_load(name, tmp_path):
    heads = 2 if issubclass(ESTIMATORS[name], VariationalAutoencoder | VAEGAN) else 1
    sizes = {"heads": heads}
    extra = {"tied_weights": False} if name == "contractive" else {}
    if name == "ladder":  # levels of 2 and 1: the heads of the first and 6 features; it is decoded
        sizes, extra = {"code": 2, "heads": 5}, {"latent_dim": 3, "level_hidden": 6}
    networks = table_pair(**sizes)
    before, modes = state(networks), [n.training for n in networks]
    model = ESTIMATORS[name](network=networks, max_epochs=3, random_state=0, **extra).fit(X)
    assert model.latent_dim_ == 3
    assert model.architecture_.network.name == "custom"
    # The user's modules are a template: they are neither trained nor put in another mode.
    assert same(state(networks), before)
    assert [n.training for n in networks] == modes
    assert all(p.grad is None for n in networks for p in n.parameters())
    assert model.network is networks
    trained = (model.module_.encoder, model.module_.decoder)
    assert not same(state(trained), before)

    path = tmp_path / "m.safetensors"
    model.save(path)
    fresh = table_pair(**sizes)
    for parameter in fresh[0].parameters():
        parameter.data.zero_()
    blank = state(fresh)
    again = load(path, network=fresh)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert same(state(fresh), blank)  # load takes copies too
    again.partial_fit(X)
    assert again.get_params()["network"] is fresh


def test_loading_needs_networks_that_fit(tmp_path):
    path = tmp_path / "m.safetensors"
    Autoencoder(network=table_pair(), max_epochs=1, random_state=0).fit(X).save(path)
    with pytest.raises(InvalidInputError, match=r"network: .*load\(path, network="):
        load(path)
    for wrong in (table_pair(code=4), (nn.Linear(6, 3), nn.Linear(3, 6)), image_pair()):
        with pytest.raises((ModelFileError, InvalidInputError), match="network|shape") as caught:
            load(path, network=wrong)
        assert "\n" not in str(caught.value)


def test_networks_for_a_model_that_has_its_own(tmp_path):
    path = tmp_path / "m.safetensors"
    model = Autoencoder(latent_dim=3, max_epochs=1, random_state=0).fit(X)
    model.save(path)
    try:
        again = load(path, network=table_pair())
    except InvalidInputError as error:
        assert "network" in str(error)  # as good
        return
    assert again.get_params() == model.get_params()  # what loads says what it is


def test_images():
    networks = image_pair()
    model = Autoencoder(network=networks, max_epochs=3, random_state=0).fit(IMAGES)
    assert model.transform(IMAGES).shape == (40, 5)
    assert model.reconstruct(IMAGES).shape == (40, 8, 8)
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_the_weights_are_where_training_starts():
    networks = table_pair()
    control = untrained(Autoencoder(network=networks, early_stopping=False), X)
    assert same(state((control.module_.encoder, control.module_.decoder)), state(networks))
    scaled = torch.from_numpy(((X - X.mean(0)) / X.std(0)).astype(np.float32))
    with torch.no_grad():
        expected = networks[0].eval()(scaled).numpy()
    np.testing.assert_allclose(control.transform(X), expected, atol=1e-5)


def test_clone_leaves_the_template_alone():
    networks = table_pair()
    model = Autoencoder(network=networks, max_epochs=1, random_state=0).fit(X)
    copied = clone(model)
    assert same(state(copied.network), state(networks))
    np.testing.assert_array_equal(copied.fit(X).transform(X), model.transform(X))


def test_predicted_scale_asks_for_two_outputs():
    model = Autoencoder(
        network=table_pair(outputs=2), likelihood="gaussian_predicted_scale", max_epochs=1
    ).fit(X)
    assert model.reconstruct(X).shape == X.shape
    with pytest.raises(InvalidInputError, match=r"\(2, 12\).*\(2, 6\)"):
        Autoencoder(network=table_pair(), likelihood="gaussian_predicted_scale", max_epochs=1).fit(
            X
        )


def test_topk_on_an_encoder_of_ones_own():
    model = SparseAutoencoder(
        network=table_pair(code=8), latent_dim=8, sparsity="topk", k=2, max_epochs=1
    ).fit(X)
    assert ((model.transform(X) != 0).sum(1) == 2).all()


def test_a_list_is_a_pair_too():
    model = Autoencoder(network=list(table_pair()), max_epochs=1).fit(X)
    assert model.latent_dim_ == 3


def test_double_precision_modules_are_refused_or_work():
    networks = tuple(n.double() for n in table_pair())
    model = Autoencoder(network=networks, max_epochs=1)
    try:
        model.fit(X)
    except InvalidInputError as error:
        assert "\n" not in str(error)
        return
    assert np.isfinite(model.transform(X)).all()


class Tied(nn.Module):
    """A decoder that uses its encoder's weight."""

    def __init__(self, encoder):
        super().__init__()
        self.weight = encoder.weight
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, z):
        return z @ self.weight + self.bias


def test_weights_that_the_user_shares_stay_shared(tmp_path):
    encoder = nn.Linear(6, 3)
    model = Autoencoder(network=(encoder, Tied(encoder)), max_epochs=3, random_state=0).fit(X)
    module = model.module_
    assert module.encoder.weight is module.decoder.weight
    assert model.n_parameters_ == 18 + 3 + 6


def test_a_model_with_shared_weights_can_be_saved(tmp_path):
    shared = nn.Linear(6, 6)
    encoder = nn.Sequential(shared, nn.ReLU(), copy.deepcopy(shared), nn.Linear(6, 3))
    encoder[2].weight = shared.weight  # two layers of one encoder, one weight
    model = Autoencoder(network=(encoder, nn.Linear(3, 6)), max_epochs=2, random_state=0).fit(X)
    path = tmp_path / "m.safetensors"
    model.save(path)
    again = load(path, network=(encoder, nn.Linear(3, 6)))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_frozen_parameters_stay_frozen(tmp_path):
    encoder, decoder = table_pair()
    encoder[0].weight.requires_grad_(False)
    model = Autoencoder(network=(encoder, decoder), max_epochs=2, random_state=0).fit(X)
    assert torch.equal(model.module_.encoder[0].weight, encoder[0].weight)
    assert not torch.equal(model.module_.decoder[0].weight, decoder[0].weight)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors", network=(encoder, decoder))
    assert not again.module_.encoder[0].weight.requires_grad
    assert again.module_.decoder[0].weight.requires_grad


def test_a_vae_of_ones_own_samples():
    model = VariationalAutoencoder(network=table_pair(heads=2), max_epochs=2, random_state=0).fit(X)
    assert model.sample(5, random_state=0).shape == (5, 6)
    assert model.history_["divergence"][-1] > 0


def test_auto_k_is_a_tenth_of_the_code_that_the_encoder_gives():
    X = np.random.default_rng(0).normal(size=(60, 6))
    networks = (nn.Linear(6, 20), nn.Linear(20, 6))
    model = SparseAutoencoder(sparsity="topk", network=networks, max_epochs=1, random_state=0)
    codes = model.fit(X).transform(X)
    assert ((codes != 0).sum(1) == 2).all()


def test_pieces_draw_numbers_of_their_own():
    seen = []

    class Noisy(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(float(torch.rand(())))
            return super().forward(x)

    X = np.random.default_rng(0).normal(size=(20, 3))
    model = Autoencoder(network=(Noisy(3, 2), nn.Linear(2, 3)), random_state=0)
    state = torch.get_rng_state()
    for _ in range(3):
        model.partial_fit(X)
    assert len(set(seen)) == 3
    assert torch.equal(torch.get_rng_state(), state)


def test_pieces_draw_what_their_seed_says():
    seen = []

    class Noisy(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(float(torch.rand(())))
            return super().forward(x)

    X = np.random.default_rng(0).normal(size=(20, 3))
    for seed in (0, 0, 1):
        model = Autoencoder(network=(Noisy(3, 2), nn.Linear(2, 3)), random_state=seed)
        model.partial_fit(X).partial_fit(X)
    first, again, other = np.reshape(seen, (3, -1))
    np.testing.assert_array_equal(first, again)
    assert (first[1:] != other[1:]).all()
