"""Tables, signals and images of any size, down to one feature and two rows."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.models import ESTIMATORS

RNG = np.random.default_rng(0)

# name: (shape of the data, layout found, shape inside the network, network chosen)
SHAPES = {
    "table": ((20, 7), "table", (7,), "dense"),
    "signal": ((20, 40, 2), "signal", (2, 40), "convolutional"),
    "odd signal": ((20, 37, 1), "signal", (1, 37), "convolutional"),
    "short signal": ((20, 5, 3), "signal", (3, 5), "dense"),
    "long signal": ((20, 200, 8), "signal", (8, 200), "convolutional"),
    "grey images": ((20, 12, 12), "image", (1, 12, 12), "convolutional"),
    "odd images": ((20, 13, 9), "image", (1, 13, 9), "convolutional"),
    "one channel": ((20, 9, 11, 1), "image", (1, 9, 11), "convolutional"),
    "colour images": ((20, 10, 9, 3), "image", (3, 10, 9), "convolutional"),
    "tiny images": ((20, 4, 4, 3), "image", (3, 4, 4), "dense"),
    "thin images": ((20, 1, 9, 2), "image", (2, 1, 9), "convolutional"),
    "one pixel": ((20, 1, 1, 3), "image", (3, 1, 1), "dense"),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_and_data_have_the_shapes_they_should(shape, name):
    size, layout, inside, network = SHAPES[shape]
    X = RNG.normal(size=size)
    model = ESTIMATORS[name](latent_dim=3, max_epochs=1, random_state=0).fit(X)
    assert model.schema_.layout == layout
    assert model.sample_shape_ == size[1:]
    assert model.architecture_.module_shape == inside
    # One sigmoid layer with tied weights is what a contractive autoencoder is; a sparse one has no
    # hidden layers either.
    dense = name in ("contractive", "sparse") or ESTIMATORS[name].dense_only
    assert model.architecture_.network.name == ("dense" if dense else network)
    codes = model.transform(X)
    assert codes.shape == (20, 3)
    for back in (model.reconstruct(X), model.inverse_transform(codes)):
        assert back.shape == size
        assert back.dtype == np.float64
        assert back.flags.c_contiguous
    assert model.score_samples(X).shape == (20,)
    assert np.isfinite(model.score_samples(X)).all()
    if name == "variational":
        assert model.sample(4, random_state=0).shape == (4, *size[1:])


@pytest.mark.parametrize("shape", ["signal", "colour images", "odd images"])
def test_channels_stay_where_they_are(shape):
    """A model that copies its input puts every value back in its own place."""
    size = SHAPES[shape][0]
    X = RNG.normal(size=size)
    n_values = int(np.prod(size[1:]))
    model = Autoencoder(
        latent_dim=n_values,
        hidden_layer_sizes=(),
        network="dense",
        max_epochs=1,
        random_state=0,
    ).fit(X)
    for layer in (model.module_.encoder.layers[0], model.module_.decoder.layers[0]):
        layer.weight.data = np_eye(n_values)
        layer.bias.data.zero_()
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-5)


def np_eye(n):
    import torch

    return torch.eye(n)


@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_each_channel_is_scaled_by_itself(network):
    X = RNG.normal(size=(50, 9, 8, 2)) * [1.0, 100.0] + [0.0, 1000.0]
    model = Autoencoder(latent_dim=3, network=network, max_epochs=1, random_state=0).fit(X)
    np.testing.assert_allclose(model.scaler_.shift, X.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(model.scaler_.scale, X.std((0, 1, 2)), rtol=1e-9)
    back = model.reconstruct(X)
    assert abs(back[..., 0].mean()) < 5
    assert back[..., 1].mean() == pytest.approx(1000, rel=0.2)


def test_layout_says_what_three_axes_are():
    X = RNG.normal(size=(20, 12, 12))
    signal = Autoencoder(latent_dim=2, layout="signal", max_epochs=1, random_state=0).fit(X)
    image = Autoencoder(latent_dim=2, layout="image", max_epochs=1, random_state=0).fit(X)
    assert signal.architecture_.module_shape == (12, 12)
    assert image.architecture_.module_shape == (1, 12, 12)
    assert signal.reconstruct(X).shape == image.reconstruct(X).shape == X.shape
    tall = RNG.normal(size=(20, 40, 2))
    forced = Autoencoder(latent_dim=2, layout="image", max_epochs=1, random_state=0).fit(tall)
    assert forced.architecture_.module_shape == (1, 40, 2)


def test_named_network_and_sizes_are_obeyed():
    X = RNG.normal(size=(20, 16, 16))
    conv = Autoencoder(latent_dim=2, channels=(4, 6), max_epochs=1, random_state=0).fit(X)
    assert conv.architecture_.channels == (4, 6)
    dense = Autoencoder(latent_dim=2, network="dense", hidden_layer_sizes=[7], max_epochs=1)
    dense.fit(X)
    assert dense.architecture_.hidden == (7,)
    linear = Autoencoder(latent_dim=2, hidden_layer_sizes=(), max_epochs=1).fit(X)
    assert linear.architecture_.network.name == "dense"
    assert linear.n_parameters_ == 256 * 2 + 2 + 2 * 256 + 256


def test_sizes_may_be_numpy_arrays():
    X = RNG.normal(size=(20, 16, 16))
    for given in (np.array([7, 5]), np.array([8])):
        model = Autoencoder(latent_dim=2, hidden_layer_sizes=given, max_epochs=1).fit(X)
        assert model.architecture_.network.name == "dense"
        assert model.architecture_.hidden == tuple(given)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    "size", [(30, 1), (2, 3), (2, 1), (2, 9, 9), (3, 2)], ids=lambda s: "x".join(map(str, s))
)
def test_the_smallest_data(size, name):
    X = RNG.normal(size=size)
    model = ESTIMATORS[name](max_epochs=2, random_state=0).fit(X)
    assert model.reconstruct(X).shape == size
    assert np.isfinite(model.transform(X)).all()
    assert model.transform(X[:1]).shape == (1, model.latent_dim_)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("rows", [2, 3, 33, 65])
def test_rows_that_do_not_fill_a_batch(rows, normalization):
    X = RNG.normal(size=(rows, 4))
    model = Autoencoder(
        batch_size=32, normalization=normalization, max_epochs=2, random_state=0
    ).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()


def test_a_batch_larger_than_the_data_is_the_data():
    X = RNG.normal(size=(50, 4))
    kwargs = {"latent_dim": 2, "max_epochs": 3, "early_stopping": False, "random_state": 0}
    large = Autoencoder(batch_size=10**9, **kwargs).fit(X)
    exact = Autoencoder(batch_size=50, **kwargs).fit(X)
    np.testing.assert_array_equal(large.transform(X), exact.transform(X))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("scaling", ["auto", "minmax", None])
def test_constant_columns_come_back(scaling, name):
    X = RNG.normal(size=(60, 4))
    X[:, 1] = 7.0
    X[:, 3] = 0.0
    model = ESTIMATORS[name](scaling=scaling, max_epochs=2, random_state=0).fit(X)
    back = model.reconstruct(X)
    assert np.isfinite(back).all()
    assert np.isfinite(model.score_samples(X)).all()
    if scaling is not None:
        assert model.scaler_.scale[1] == model.scaler_.scale[3] == 1.0


def test_a_constant_column_with_a_large_offset_is_not_blown_up():
    X = RNG.normal(size=(200, 3))
    X[:, 0] = 1e8 + 0.1
    model = Autoencoder(max_epochs=2, random_state=0).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()
    np.testing.assert_allclose(model.reconstruct(X)[:, 0], 1e8, rtol=1e-6)


def test_everything_constant():
    model = Autoencoder(max_epochs=2, random_state=0).fit(np.full((20, 3), 5.5))
    assert np.isfinite(model.reconstruct(np.full((2, 3), 5.5))).all()


def test_large_offsets_keep_their_precision():
    X = 1e6 + RNG.normal(size=(400, 3)).cumsum(1)
    model = Autoencoder(
        latent_dim=3, hidden_layer_sizes=(), learning_rate=0.03, max_epochs=60, random_state=0
    ).fit(X)
    assert np.abs(model.reconstruct(X) - X).mean() < 0.2  # of a spread of about 1.4


def test_tiny_and_large_units_do_not_matter():
    X = RNG.normal(size=(60, 3))
    codes = [
        Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X * unit).transform(X * unit)
        for unit in (1.0, 1e-30, 1e30)
    ]
    np.testing.assert_allclose(codes[1], codes[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(codes[2], codes[0], rtol=1e-4, atol=1e-5)


def test_rows_in_many_chunks_are_the_rows_in_one():
    X = RNG.normal(size=(40_000, 3)).astype(np.float32)  # more than one chunk of `_map`
    model = VariationalAutoencoder(latent_dim=2, max_epochs=1, batch_size=4096, random_state=0)
    model.fit(X[:5000])
    whole = model.transform(X)
    assert whole.shape == (40_000, 2)
    np.testing.assert_allclose(model.transform(X[20_000:20_010]), whole[20_000:20_010], atol=1e-5)
    np.testing.assert_allclose(
        model.score_samples(X[39_990:]), model.score_samples(X)[39_990:], rtol=1e-4
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_row_has_the_same_code_wherever_it_stands(name):
    """As `check_methods_sample_order_invariance` asks, but not left to one unseeded order."""
    rng = np.random.default_rng(1)
    for X, rtol in ((3 * rng.uniform(size=(20, 3)), 1e-7), (rng.normal(size=(50, 10)), 2e-6)):
        model = ESTIMATORS[name](max_epochs=2, random_state=1).fit(X)
        codes, scores = model.transform(X), model.score_samples(X)
        for _ in range(40):
            order = rng.permutation(len(X))
            np.testing.assert_allclose(model.transform(X[order]), codes[order], rtol, 1e-9)
            np.testing.assert_allclose(model.score_samples(X[order]), scores[order], rtol, 1e-9)
