"""Parts written outside the package: each at most 25 lines, and at home everywhere."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

from examples import extend
from examples.extend import latent, likelihood, network, penalty
from isthmus import AnomalyDetector, Autoencoder, VariationalAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.evaluation import diagnose
from isthmus.nn import Spec
from isthmus.testing import check_member

FILES = sorted(Path(extend.__path__[0]).glob("[!_]*.py"))
PARTS = {
    "penalty by name": {"penalties": {"gap": "gap"}},
    "penalty and coefficient": {"penalties": {"gap": (penalty.Gap(0.1), 2.0)}},
    "latent by name": {"latent": "laplace_grid"},
    "latent with options": {"latent": ("laplace_grid", {"side": 3})},
    "latent": {"latent": latent.LaplaceGrid(1, 2)},
    "likelihood by name": {"likelihood": "hyperbolic_secant"},
    "likelihood": {"likelihood": likelihood.HyperbolicSecant()},
    "network by name": {"network": "residual_dense"},
    "network with options": {"network": ("residual_dense", {"width": 8})},
    "network": {"network": network.ResidualDense(width=16, depth=1)},
}


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(200, 6))


def test_there_is_one_file_a_kind_of_at_most_25_lines():
    assert [path.stem for path in FILES] == ["latent", "likelihood", "network", "penalty"]
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert sum(bool(line.strip()) for line in lines) <= 25, path.name


@pytest.mark.parametrize("kind", PARTS)
def test_members_with_a_part_of_ones_own_pass_every_check(kind):
    check_member(Autoencoder, sklearn=False, **PARTS[kind])


@pytest.mark.parametrize("kind", ["penalty by name", "likelihood by name", "network by name"])
def test_so_do_others_than_the_plain_member(kind):
    check_member(VariationalAutoencoder, sklearn=False, **PARTS[kind])


class OwnGap(penalty.Gap):
    pass


class OwnGrid(latent.LaplaceGrid):
    pass


class OwnSecant(likelihood.HyperbolicSecant):
    pass


UNREGISTERED = {
    "penalty": ({"penalties": {"gap": OwnGap()}}, {"penalties": {"gap": OwnGap()}}),
    "latent": ({"latent": OwnGrid()}, {"latent": OwnGrid()}),
    "likelihood": ({"likelihood": OwnSecant()}, {"likelihood": OwnSecant()}),
}


@pytest.mark.parametrize("kind", UNREGISTERED)
def test_what_is_not_registered_is_handed_to_load(kind, X, tmp_path):
    parameters, parts = UNREGISTERED[kind]
    check_member(Autoencoder, sklearn=False, parts=parts, **parameters)
    model = Autoencoder(max_epochs=2, random_state=0, **parameters).fit(X)
    model.save(tmp_path / "m.safetensors")
    if kind != "penalty":  # which is for more training only
        with pytest.raises(InvalidInputError, match=f"load\\(path, parts={{'{kind}'"):
            load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_is_copied_and_not_trained_in_place(kind, X):
    model = Autoencoder(max_epochs=2, random_state=0, **PARTS[kind])
    (given,) = PARTS[kind].values()
    before = repr(copy.deepcopy(_state(given)))
    first = model.fit(X).transform(X)
    assert repr(_state(given)) == before
    np.testing.assert_array_equal(clone(model).fit(X).transform(X), first)
    np.testing.assert_array_equal(copy.deepcopy(model).fit(X).transform(X), first)


def _state(given):
    part = given.get("gap") if isinstance(given, dict) else given
    part = part[0] if isinstance(part, tuple) else part
    return (
        part.state_dict()
        if hasattr(part, "state_dict")
        else vars(part)
        if hasattr(part, "spec")
        else part
    )


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (
            {"latent": Spec("laplace_grid", {"side": 3})},
            {"latent": Spec("laplace_grid", {"side": 1})},
        ),
        ({"network": network.ResidualDense(8)}, {"network": network.ResidualDense(9)}),
        ({"penalties": {"gap": penalty.Gap(0.1)}}, {"penalties": {"gap": penalty.Gap(0.2)}}),
    ],
)
def test_a_checkpoint_knows_a_part_by_its_spec(same, other, X, tmp_path):
    settings = {"max_epochs": 2, "random_state": 0, "checkpoint": tmp_path / "fit.checkpoint"}
    first = Autoencoder(**settings, **same).fit(X).fingerprint_
    assert Autoencoder(**settings, **copy.deepcopy(same)).fit(X).fingerprint_ == first
    with pytest.raises(InvalidInputError, match="belongs to a fit with other settings"):
        Autoencoder(**settings, **other).fit(X)


@pytest.mark.parametrize("kind", PARTS)
def test_detectors_and_diagnosis_take_them(kind, X):
    model = Autoencoder(max_epochs=20, random_state=0, **PARTS[kind])
    detector = AnomalyDetector(estimator=model, random_state=0).fit(X)
    assert detector.score_samples(np.full((1, 6), 50.0)) < detector.score_samples(X).min()
    assert str(diagnose(model.fit(X), X))


def test_a_learned_scale_finds_the_deviation_and_copes_with_missing_values():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((600, 4)) < 0.2, np.nan, 3 + 0.5 * rng.standard_normal((600, 4)))
    model = Autoencoder(
        latent_dim=1,
        hidden_layer_sizes=(),
        likelihood="hyperbolic_secant",
        scaling=None,
        missing="ignore",
        learning_rate=0.02,
        max_epochs=60,
        random_state=0,
    ).fit(X)
    start = Autoencoder(**model.get_params() | {"max_epochs": 1}).fit(X)
    scale = model.module_.likelihood.log_scale.exp().item()
    assert abs(scale - 0.5) < 0.15 < abs(start.module_.likelihood.log_scale.exp().item() - 0.5)
    assert np.isfinite(model.reconstruct(X)).all()


def test_the_density_is_one_and_its_draws_have_its_moments():
    made = likelihood.HyperbolicSecant()
    with torch.no_grad():
        made.log_scale.fill_(0.3)
        x = torch.linspace(-40, 40, 80_001, dtype=torch.float64)
        density = made.log_prob(torch.tensor(1.0), x).exp()
        assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-4)
        variance = torch.trapezoid(density * (x - 1) ** 2, x).item()
        assert variance == pytest.approx(np.exp(0.6), rel=1e-3)
        drawn = made.sample(torch.ones(200_000), torch.Generator().manual_seed(0))
    assert drawn.mean().item() == pytest.approx(1, abs=0.02)
    assert drawn.var().item() == pytest.approx(variance, rel=0.03)


def test_the_divergence_is_the_mean_of_the_log_ratio():
    grid = latent.LaplaceGrid(1, 2)
    h = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(40_000, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    for row in h.split(1):
        _, ratio = grid.log_ratio(row, noise)
        error = ratio.std().item() / len(ratio) ** 0.5
        assert abs(ratio.mean().item() - grid.divergence(row).item()) < 4 * error


def test_a_code_on_a_grid_keeps_its_shape(X):
    model = Autoencoder(latent=("laplace_grid", {"side": 3}), max_epochs=2, random_state=0).fit(X)
    assert model.transform(X).shape == (200, 18)
    assert model.transform(X, flatten=False).shape == (200, 2, 3, 3)
    with pytest.raises(InvalidInputError, match="a code of shape .* has 8 numbers"):
        Autoencoder(latent="laplace_grid", latent_dim=5).fit(X)
