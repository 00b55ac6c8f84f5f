"""Paths on decoders that are surfaces with known shortest paths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.geometry import interpolate
from isthmus.geometry.interpolation import _spherical
from isthmus.models import ESTIMATORS, untrained


class ToAngles(nn.Module):
    def __init__(self):
        super().__init__()
        self.unit = nn.Parameter(torch.ones(1))

    def forward(self, x):
        longitude = torch.atan2(x[:, 1], x[:, 0])
        return self.unit * torch.stack([longitude, torch.asin(x[:, 2].clamp(-1, 1))], 1)


class ToSphere(nn.Module):
    def forward(self, z):
        u, v = z.T
        return torch.stack([u.cos() * v.cos(), u.sin() * v.cos(), v.sin()], 1)


class ToCylinder(nn.Module):
    """Rolled up after a bend, which the shortest path has to undo."""

    def forward(self, z):
        u, v = z[:, 0], z[:, 1] + 0.8 * (2 * z[:, 0]).sin()
        return torch.stack([u.cos(), u.sin(), v], 1)


class FromCylinder(nn.Module):
    def __init__(self):
        super().__init__()
        self.unit = nn.Parameter(torch.ones(1))

    def forward(self, x):
        u = torch.atan2(x[:, 1], x[:, 0])
        return self.unit * torch.stack([u, x[:, 2] - 0.8 * (2 * u).sin()], 1)


def surface(encoder, decoder, X):
    model = Autoencoder(
        network=(encoder, decoder), latent_dim=2, likelihood="gaussian", scaling=None
    )
    return untrained(model, X)


@pytest.fixture(scope="module")
def globe():
    x = np.random.default_rng(0).normal(size=(50, 3))
    return surface(ToAngles(), ToSphere(), x / np.linalg.norm(x, axis=1, keepdims=True))


def place(u, v):
    return np.array([np.cos(u) * np.cos(v), np.sin(u) * np.cos(v), np.sin(v)])


def test_the_shortest_path_on_a_sphere_is_the_great_circle(globe):
    a, b = place(-1.1, 0.7), place(1.2, 0.9)
    exact = np.arccos(a @ b)
    straight = interpolate(globe, a, b)
    short = interpolate(globe, a, b, 9, path="geodesic")
    assert straight.length > 1.1 * exact  # the line of latitude, so to say
    assert exact * 0.9999 < short.length < 1.002 * exact
    # All its points lie in the plane of the ends, at even distances, and on the sphere.
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    assert np.abs(short.samples @ normal).max() < 0.02
    steps = np.linalg.norm(np.diff(short.samples, axis=0), axis=1)
    np.testing.assert_allclose(steps, 2 * np.sin(exact / 16), rtol=0.01)
    np.testing.assert_allclose(short.samples[[0, -1]], [a, b], atol=1e-5)


def test_the_straight_line_is_measured_exactly(globe):
    v = 0.8
    found = interpolate(globe, place(-1, v), place(1, v), 3)
    assert found.length == pytest.approx(2 * np.cos(v), rel=1e-4)
    np.testing.assert_allclose(found.codes, [[-1, v], [0, v], [1, v]], atol=1e-5)
    np.testing.assert_allclose(found.samples[1], place(0, v), atol=1e-5)


def test_the_shortest_path_on_a_cylinder_is_straight_when_unrolled():
    u = np.random.default_rng(0).uniform(-3, 3, 50)
    model = surface(FromCylinder(), ToCylinder(), np.column_stack([np.cos(u), np.sin(u), u]))
    a, b = (np.array([np.cos(u), np.sin(u), h]) for u, h in ((-1.5, 0.0), (1.5, 2.0)))
    exact = np.hypot(3.0, 2.0)
    short = interpolate(model, a, b, path="geodesic")
    assert interpolate(model, a, b).length > 1.1 * exact
    assert exact * 0.9999 < short.length < 1.002 * exact


def test_spherical_turns_at_even_speed(globe):
    a, b = place(0.4, 0.1), place(0.2, 1.3)
    found = interpolate(globe, a, b, 7, path="spherical").codes.astype(float)
    first, last = found[0], found[-1]
    w = np.arccos(first @ last / np.linalg.norm(first) / np.linalg.norm(last))
    for t, code in zip(np.linspace(0, 1, 7), found, strict=True):
        expected = (np.sin((1 - t) * w) * first + np.sin(t * w) * last) / np.sin(w)
        np.testing.assert_allclose(code, expected, atol=1e-6)
    same = interpolate(globe, a, a, 4, path="spherical")
    np.testing.assert_allclose(same.codes, same.codes[[0] * 4], atol=1e-6)
    assert same.length == pytest.approx(0, abs=1e-5)


numbers = arrays(np.float64, 5, elements=st.floats(-10, 10, allow_subnormal=False))


@given(numbers, numbers)
def test_a_turn_has_its_ends_is_the_same_backwards_and_keeps_the_length(a, b):
    assume(min(np.linalg.norm(a), np.linalg.norm(b)) > 1e-3)
    u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assume(np.linalg.norm(u + v) > 1e-3)  # not opposite
    there, back = _spherical(a, b, 7), _spherical(b, a, 7)
    np.testing.assert_allclose(there[[0, -1]], [a, b], atol=1e-9)
    np.testing.assert_allclose(there, back[::-1], atol=1e-9)
    turn = _spherical(u, v, 7)
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 1, atol=1e-9)
    cosines = (turn[1:] * turn[:-1]).sum(1)  # equal angles, that add up to the whole
    angle = np.arccos(np.clip(u @ v, -1, 1))
    np.testing.assert_allclose(cosines, np.cos(angle / 6), atol=1e-9)


def test_opposite_codes_have_no_turn(globe):
    with pytest.raises(InvalidInputError, match="opposite"):
        interpolate(globe, place(0.5, 0.5), place(-0.5, -0.5), path="spherical")
    with pytest.raises(InvalidInputError, match="no direction"):
        interpolate(globe, place(0.0, 0.0), place(-0.5, -0.5), path="spherical")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_has_paths_no_longer_than_the_straight_one(name):
    X = np.random.default_rng(0).normal(5, [1, 9, 1, 1], size=(60, 4))
    model = ESTIMATORS[name](latent_dim=2, max_epochs=1, random_state=0).fit(X)
    straight = interpolate(model, X[0], X[1], 5)
    short = interpolate(model, X[:1], X[1:2], 5, path="geodesic", max_iter=20)
    assert short.length <= straight.length
    for one in (straight, short):
        np.testing.assert_allclose(one.codes[[0, -1]], model.transform(X[:2]), atol=1e-6)
        np.testing.assert_allclose(one.samples, model.inverse_transform(one.codes), atol=1e-4)
        assert (one.samples.dtype, one.codes.dtype) == (np.float64, np.float32)


def test_images_frames_and_conditions():
    images = np.random.default_rng(0).random((20, 8, 8))
    model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(images)
    assert interpolate(model, images[0], images[1], 4).samples.shape == (4, 8, 8)
    assert interpolate(model, images[0], images[1], 4, path="geodesic").samples.shape == (4, 8, 8)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
    y = np.arange(40) % 2
    conditional = VariationalAutoencoder(
        latent_dim=2, conditional=True, max_epochs=1, random_state=0
    ).fit(frame, y)
    zero = interpolate(conditional, frame.iloc[0], frame.iloc[1], y=0, path="geodesic")
    one = interpolate(conditional, frame.iloc[:1], frame.iloc[1:2], y=1, path="geodesic")
    assert zero.samples.shape == (10, 3)
    amounts = np.random.default_rng(1).normal(size=(40, 2))
    conditional.fit(frame, amounts)
    walk = interpolate(conditional, frame.iloc[0], frame.iloc[1], 4, y=amounts[3:4])
    expected = conditional.inverse_transform(walk.codes, amounts[[3] * 4])
    np.testing.assert_allclose(walk.samples, expected, atol=1e-5)
    assert np.abs(zero.samples - one.samples).max() > 0


def test_what_cannot_be_used_is_named(globe):
    a, b = place(0.1, 0.2), place(0.5, 0.2)
    for call, message in (
        (lambda: interpolate(globe, a[:2], b), "a: expected one sample of shape"),
        (lambda: interpolate(globe, a, b, 1), "n_steps: expected"),
        (lambda: interpolate(globe, a, b, path="short"), "path: expected"),
        (lambda: interpolate(globe, a, b, max_iter=0), "max_iter: expected"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
