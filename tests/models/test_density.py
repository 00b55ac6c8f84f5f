"""A distribution put on the codes of any member: it fits, it is kept, and it samples."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture

import isthmus
from isthmus import Autoencoder, DenoisingAutoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.models import ESTIMATORS
from isthmus.models.base import density as density_module
from isthmus.storage.container import read_tensor_file, write_tensor_file


@cache
def digits():
    return (load_digits().data / 16).astype(np.float32)


@cache
def fitted():
    return Autoencoder(latent_dim=4, max_epochs=15, random_state=0).fit(digits())


def bent(n, seed=0):
    """Codes on a bow, which no few Gaussians follow closely."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return np.stack([a, a**2 + 0.1 * rng.normal(size=n)], axis=1)


@pytest.mark.parametrize("kind", ["mixture", "flow"])
def test_it_describes_new_codes_better_than_one_gaussian(kind, monkeypatch):
    monkeypatch.setattr(density_module, "_FLOW_STEPS", 300)
    prior = density_module.fit_density(bent(2000), kind, "auto", 0)
    new = bent(2000, seed=1)
    ours = float(prior.log_prob(torch.from_numpy(new).float()).mean())
    one = GaussianMixture(1).fit(bent(2000)).score(new)
    assert ours > one + 0.3
    draws = prior.sample(2000, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_allclose(draws.mean(0), new.mean(0), atol=0.3)
    # The bow itself, and not just its moments: y follows x².
    assert np.mean((draws[:, 1] - draws[:, 0] ** 2) ** 2) < 0.2 * new[:, 1].var()


def test_the_mixture_is_scikit_learns_in_other_units():
    codes = bent(500) * [1e-3, 1e4] + [5, -3e4]
    prior = density_module.fit_density(codes, "mixture", 3, 0)
    unit = (codes - codes.mean(0)) / codes.std(0)
    reference = GaussianMixture(3, reg_covar=1e-4, random_state=0, max_iter=200).fit(unit)
    expected = reference.score_samples(unit) - np.log(codes.std(0)).sum()
    found = prior.double().log_prob(torch.from_numpy(codes)).numpy()
    np.testing.assert_allclose(found, expected, atol=0.02)  # float32 parameters


def test_samples_are_kept_by_a_file(tmp_path):
    model = clone(fitted()).fit(digits()).fit_density(digits(), random_state=0)
    expected = model.sample(5, random_state=1)
    assert expected.shape == (5, 64)
    assert np.array_equal(expected, model.sample(5, random_state=1))
    assert not np.array_equal(expected, model.sample(5, random_state=2))
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.sample(5, random_state=1), expected)
    header, tensors = read_tensor_file(tmp_path / "model.safetensors", "model")
    for change in ("missing", "shape", "layers", "kind"):
        damaged, values = {**header}, dict(tensors)
        if change == "missing":
            del values["density.mean"]
        elif change == "shape":
            values["density.mean"] = values["density.mean"][:, :2].clone()
        elif change == "layers":  # refused before they are built, which would take hours
            damaged["density"] = {"name": "flow", "options": {"n_layers": 10**9}}
        else:
            damaged["density"] = {**header["density"], "name": "vamp"}
        write_tensor_file(tmp_path / "damaged.safetensors", "model", damaged, values)
        with pytest.raises((ModelFileError, InvalidInputError)):
            isthmus.load(tmp_path / "damaged.safetensors")
    # It is of the codes of these weights, and of no others.
    assert not hasattr(loaded.partial_fit(digits()[:50]), "density_")
    assert not hasattr(model.fit(digits()), "density_")


@pytest.mark.parametrize("part", ["prior", "latent"])
def test_a_file_that_claims_a_billion_layers(part, tmp_path):
    model = VariationalAutoencoder(
        latent_dim=2, prior="flow", posterior="flow", max_epochs=1, random_state=0
    )
    model.fit(digits()[:50]).save(tmp_path / "model.safetensors")
    header, tensors = read_tensor_file(tmp_path / "model.safetensors", "model")
    latent = header["architecture"]["latent"]["options"]
    prior = latent["prior"]["part"]["options"]
    {"prior": prior, "latent": latent}[part]["n_layers"] = 10**9
    write_tensor_file(tmp_path / "damaged.safetensors", "model", header, tensors)
    with pytest.raises(ModelFileError, match="fewer weights than layers"):
        isthmus.load(tmp_path / "damaged.safetensors")


def test_draws_have_the_spread_of_the_data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 1)) @ rng.normal(size=(1, 6)) + rng.normal(size=(800, 6))
    model = Autoencoder(
        latent_dim=1, likelihood="gaussian_learned_scale", max_epochs=60, random_state=0
    ).fit(x)
    model.fit_density(x, random_state=0)
    means, draws = (
        model.sample(4000, output=output, random_state=0) for output in ("mean", "draw")
    )
    assert means.std(0).mean() < 0.85 * x.std(0).mean()
    assert draws.std(0).mean() == pytest.approx(x.std(0).mean(), rel=0.15)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_can_sample_after_it(name):
    model = ESTIMATORS[name](max_epochs=1, random_state=0).fit(digits()[:80])
    model.fit_density(digits()[:80], n_components=2, random_state=0)
    sample = model.sample(3, random_state=0)
    assert sample.shape == (3, 64)
    assert np.isfinite(sample).all()
    # From the density, also where there is a prior or a chain.
    codes = model.density_.sample(3, torch.Generator().manual_seed(0)).numpy()
    if name == "hyperspherical":  # a density knows nothing of the sphere
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    np.testing.assert_allclose(sample, model.inverse_transform(codes), rtol=1e-4, atol=1e-5)


def test_a_denoiser_has_its_chain_until_then():
    model = DenoisingAutoencoder(latent_dim=4, max_epochs=2, random_state=0).fit(digits())
    chain = model.sample(2, burn_in=3, random_state=0)
    assert not np.array_equal(
        model.fit_density(digits(), random_state=0).sample(2, random_state=0), chain
    )


def test_conditions_go_with_codes():
    data = load_digits()
    model = VariationalAutoencoder(
        latent_dim=3, conditional=True, max_epochs=3, random_state=0
    ).fit(digits(), data.target)
    model.fit_density(digits(), data.target, random_state=0)
    assert model.sample(2, y=3, random_state=0).shape == (2, 64)
    with pytest.raises(InvalidInputError, match="y"):
        model.sample(2)


def test_a_frame_in_the_units_of_the_data():
    frame = pd.DataFrame(np.random.default_rng(0).normal(50, 9, (200, 3)), columns=list("abc"))
    model = Autoencoder(latent_dim=2, max_epochs=30, random_state=0).fit(frame)
    sample = model.fit_density(frame, random_state=0).sample(500, random_state=0)
    np.testing.assert_allclose(sample.mean(0), frame.mean(), atol=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "normal"}, "kind"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": "all"}, "n_components"),
        ({"n_components": 10_000}, "n_components"),
    ],
)
def test_impossible_densities(options, message):
    with pytest.raises(InvalidInputError, match=message):
        fitted().fit_density(digits()[:100], **options)


def test_impossible_samples():
    with pytest.raises(InvalidInputError, match="fit_density"):
        fitted().sample(3)
    with pytest.raises(InvalidInputError, match="at least 2"):
        fitted().fit_density(digits()[:1])
    model = VariationalAutoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(digits())
    with pytest.raises(InvalidInputError, match="n_samples"):
        model.sample(0)
    with pytest.raises(InvalidInputError, match="output"):
        model.sample(1, output="both")
