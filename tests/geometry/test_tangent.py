"""Jacobians against finite differences, and what follows from them on known manifolds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder, ContractiveAutoencoder, SparseAutoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.geometry import jacobian, neighbour_tangents, sensitivity, tangent_space
from isthmus.geometry._maps import jacobian_chunks
from isthmus.models import ESTIMATORS, untrained

RNG = np.random.default_rng(0)
TABLE = RNG.normal(3, [1, 20, 0.1, 4, 1], size=(60, 5))
IMAGES = RNG.random((12, 9, 8, 3))


def map_of(model, of, X, y=None):
    """The map as users know it, of the network in float64, so that differences are exact."""
    model.module_.double()
    schema, scaler = model.schema_, model.scaler_
    scale = np.exp(scaler.log_scale(schema))
    shift = scaler.shift.reshape(-1, *(1,) * (len(schema.module_shape) - 1))
    c = None if y is None else model.encode_condition(y, len(X)).double()

    def inward(x):
        return torch.from_numpy(np.ascontiguousarray((schema.channels_first(x) - shift) / scale))

    def outward(x):
        return schema.channels_last(x.detach().numpy() * scale + shift)

    if of == "encoder":
        return lambda x: model.module_.encode(inward(x), c).detach().numpy()
    if of == "decoder":
        return lambda z: outward(model.module_.decode(torch.from_numpy(z), c))
    return lambda x: outward(model.module_(inward(x), c))


def differences(function, at, steps):
    """Central differences (n, *output, *input), one value at a time."""
    columns = []
    for place in np.ndindex(at.shape[1:]):
        move = np.zeros(at.shape[1:])
        move[place] = steps[place]
        columns.append((function(at + move) - function(at - move)) / (2 * steps[place]))
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape(*stacked.shape[:-1], *at.shape[1:])


def check(model, X, y=None, rtol=2e-3):
    found = {of: jacobian(model, X, y, of=of) for of in ("encoder", "decoder", "reconstruction")}
    codes = model.transform(X, y).astype(np.float64)
    for of, value in found.items():
        assert value.dtype == np.float32
        at = codes if of == "decoder" else X.astype(np.float64)
        size = 1e-5 * (at.std(0) + 1e-3)
        expected = differences(map_of(model, of, X, y), at, size)
        assert value.shape == expected.shape
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
    model.module_.float()


@pytest.mark.parametrize("latent_dim", [2, 9], ids=["under", "overcomplete"])
def test_a_table_in_its_own_units(latent_dim):
    model = Autoencoder(
        latent_dim=latent_dim, activation="tanh", max_epochs=2, scaling="standard", random_state=0
    )
    check(model.fit(TABLE), TABLE[:6])


def test_images_have_channels_last():
    model = Autoencoder(latent_dim=3, network="convolutional", activation="tanh", random_state=0)
    check(untrained(model, IMAGES * 7), IMAGES[:2] * 7)
    assert jacobian(untrained(model, IMAGES), IMAGES).shape == (12, 3, 9, 8, 3)


def test_the_condition_of_a_conditional_model_counts():
    y = np.arange(60) % 3
    model = VariationalAutoencoder(
        latent_dim=2, conditional=True, activation="tanh", max_epochs=2, random_state=0
    ).fit(TABLE, y)
    check(model, TABLE[:5], y[:5])
    other = jacobian(model, TABLE[:5], (y[:5] + 1) % 3)
    assert np.abs(other - jacobian(model, TABLE[:5], y[:5])).max() > 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_has_tangents(name):
    # A smooth code: with many ReLUs the tangent space may be that of a dead network.
    model = ESTIMATORS[name](latent_dim=3, max_epochs=1, random_state=0).fit(TABLE)
    for of in ("encoder", "decoder"):
        bases, lengths = tangent_space(model, TABLE, of=of)
        assert bases.shape == (60, 3, 5)
        np.testing.assert_allclose(bases @ bases.swapaxes(1, 2), np.eye(3)[None].repeat(60, 0),
                                   atol=1e-5)  # fmt: skip
        assert (np.diff(lengths, axis=1) <= 0).all()
    along, across = sensitivity(model, TABLE, n_components=2)
    assert along.shape == across.shape == (60,)


def test_singular_values_and_bases_are_those_of_the_jacobian():
    model = Autoencoder(latent_dim=3, max_epochs=2, random_state=0).fit(TABLE)
    for of, axis in (("encoder", 1), ("decoder", 2)):
        rows = np.moveaxis(jacobian(model, TABLE, of=of), axis, 1)
        bases, lengths = tangent_space(model, TABLE, n_components=2, of=of)
        for row, basis, length in zip(rows, bases, lengths, strict=True):
            gram = row.T @ row
            np.testing.assert_allclose(
                gram @ basis.T, basis.T * length**2, atol=1e-4 * gram.max() + 1e-6
            )


def test_a_linear_autoencoder_has_pcas_plane_everywhere():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.01 * rng.normal(size=(300, 6))
    model = Autoencoder(
        latent_dim=2, hidden_layer_sizes=(), likelihood="gaussian", scaling=None,
        early_stopping=False, learning_rate=0.03, max_epochs=60, random_state=0,
    ).fit(X)  # fmt: skip
    components = PCA(2).fit(X).components_
    blank = untrained(model, X)

    def shared(one):
        bases = tangent_space(one, X, of="decoder").bases
        return np.linalg.svd(bases @ components.T, compute_uv=False).min()

    assert shared(model) > 0.999  # the cosine of the largest angle
    assert shared(blank) < 0.9
    # Across, nothing is asked of a linear encoder: the data do not go there.
    along, _ = sensitivity(model, X, of="reconstruction", n_components=2)
    np.testing.assert_allclose(along, 1, atol=0.05)


def test_missing_values_have_no_derivative():
    X = TABLE.copy()
    X[3, 2] = np.nan
    model = Autoencoder(latent_dim=2, max_epochs=1, missing="ignore", random_state=0).fit(X)
    found = jacobian(model, X)
    assert (found[3, :, 2] == 0).all()
    assert np.abs(found[4, :, 2]).max() > 0
    assert np.isfinite(found).all()


def test_sensitivity_is_the_mean_over_directions():
    model = Autoencoder(latent_dim=2, max_epochs=1, activation="tanh", random_state=0).fit(TABLE)
    rng = np.random.default_rng(2)
    full = np.linalg.qr(rng.normal(size=(60, 5, 5)))[0].swapaxes(1, 2)
    along, across = sensitivity(model, TABLE, tangents=full[:, :2])
    J = jacobian(model, TABLE)
    for part, found in ((full[:, :2], along), (full[:, 2:], across)):
        v = rng.normal(size=(20000, part.shape[1]))
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        response = np.linalg.norm(v @ (J[7] @ part[7].T).T, axis=1)
        assert found[7] == pytest.approx(np.sqrt(np.square(response).mean()), rel=0.02)


def circle(n=400, dimensions=6):
    t = np.random.default_rng(3).uniform(0, 2 * np.pi, n)
    frame = np.linalg.qr(np.random.default_rng(4).normal(size=(dimensions, dimensions)))[0][:2]
    X = np.column_stack([np.cos(t), np.sin(t)]) @ frame
    tangent = np.column_stack([-np.sin(t), np.cos(t)]) @ frame
    return X, tangent


def test_neighbours_find_the_tangent_of_a_circle():
    X, tangent = circle()
    bases, _ = neighbour_tangents(X, 1, n_neighbors=6)
    assert np.abs((bases[:, 0] * tangent).sum(1)).min() > 0.99


def test_training_makes_the_code_answer_along_and_not_across():
    X, tangent = circle()
    noisy = X + 0.02 * np.random.default_rng(5).normal(size=X.shape)
    model = ContractiveAutoencoder(
        latent_dim=2, hidden_layer_sizes=(32,), tied_weights=False, latent_activation="identity",
        contraction=0.003, likelihood="gaussian", scaling=None, max_epochs=60, learning_rate=0.01,
        random_state=0,
    ).fit(noisy)  # fmt: skip

    def ratio(one):
        along, across = sensitivity(one, X, tangents=tangent[:, None])
        return float(np.median(along / across))

    assert ratio(model) > 1.8
    assert ratio(model) > 1.3 * ratio(untrained(model, noisy))


def test_what_cannot_be_used_is_named():
    model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(TABLE)
    for call, message in (
        (lambda: jacobian(model, TABLE, of="code"), "of: expected"),
        (lambda: tangent_space(model, TABLE, of="reconstruction"), "of: expected"),
        (lambda: tangent_space(model, TABLE, n_components=3), "n_components: expected 1 to 2"),
        (lambda: sensitivity(model, TABLE, of="decoder"), "of: expected"),
        (lambda: sensitivity(model, TABLE, n_components=5), "n_components: expected 1 to 4"),
        (lambda: sensitivity(model, TABLE, tangents="pca"), "tangents: expected"),
        (lambda: sensitivity(model, TABLE, tangents=np.ones((60, 2, 4))), "tangents: expected"),
        (lambda: sensitivity(model, TABLE, tangents=np.ones((60, 2, 5))), "orthonormal"),
        (lambda: neighbour_tangents(TABLE, 6), "n_components: expected 1 to 5"),
        (lambda: neighbour_tangents(TABLE, 2, n_neighbors=60), "n_neighbors: expected 1 to 59"),
        (lambda: jacobian(nn.Linear(2, 2), TABLE), "estimator: expected"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
    classes = np.random.default_rng(0).integers(0, 4, size=(40, 5))
    coded = SparseAutoencoder(likelihood="categorical", max_epochs=1).fit(classes)
    with pytest.raises(InvalidInputError, match="classes, which have no derivative"):
        jacobian(coded, classes)


def test_derivatives_by_columns_are_those_by_rows(monkeypatch):
    """More outputs than inputs; without torch's forward mode, whose first use warns."""
    X = np.random.default_rng(0).normal(size=(7, 12))
    model = Autoencoder(latent_dim=3, activation="tanh", max_epochs=1, random_state=0).fit(X)
    codes = torch.from_numpy(model.transform(X))

    def refuse(*_, **__):
        raise AssertionError("forward mode")

    monkeypatch.setattr(torch.func, "jacfwd", refuse)
    found = np.concatenate(list(jacobian_chunks(model, X, None, "decoder")))
    decode = model.module_.decode
    for row, code in zip(found, codes, strict=True):
        by_rows = torch.autograd.functional.jacobian(lambda z: decode(z[None])[0], code).numpy()
        np.testing.assert_allclose(
            row, by_rows * model.scaler_.scale[:, None], rtol=1e-4, atol=1e-6
        )
