"""The relatives of the variational autoencoder: each does what its term of the loss is for."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import (
    DIPVAE,
    Autoencoder,
    BetaTCVAE,
    HypersphericalVAE,
    InfoVAE,
    LadderVAE,
    RegularizedAutoencoder,
    VariationalAutoencoder,
    WassersteinAutoencoder,
    load,
)
from isthmus.errors import InvalidInputError
from isthmus.nn import DecoderGradient, TotalCorrelation, squared_mmd


@cache
def digits():
    X = load_digits().data / 16
    return X[np.random.default_rng(0).permutation(len(X))][:700]


@cache
def fitted(cls, **kwargs):
    given = {"latent_dim": 4, "hidden_layer_sizes": (64,), "learning_rate": 0.01, "max_epochs": 25}
    given |= {"batch_size": 64, "random_state": 0, **kwargs}
    return cls(**given).fit(digits())


def posterior(model):
    with torch.no_grad():
        return model.module_.posterior(torch.from_numpy(digits()).float())


def normals(d, n=700):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def off_diagonal(C):
    return float((C**2).sum() - (np.diagonal(C) ** 2).sum())


# Total correlation and covariances ---------------------------------------------------------


def total_correlation(model):
    h = posterior(model)
    with torch.no_grad():
        z = model.module_.latent(h, torch.Generator().manual_seed(0))
        return float(TotalCorrelation(len(h))(model.module_, None, z, None, h))


def test_beta_presses_the_total_correlation_down_and_leaves_the_rest():
    free = fitted(BetaTCVAE, beta=1.0)
    pressed = fitted(BetaTCVAE, beta=8.0)
    assert total_correlation(pressed) < 0.5 * total_correlation(free)
    # The same weight on all of the divergence takes more of it.
    assert (
        pressed.history_["divergence"][-1]
        > fitted(VariationalAutoencoder, beta=8.0).history_["divergence"][-1]
    )
    plain = fitted(VariationalAutoencoder)
    assert free.history_["divergence"][-1] == plain.history_["divergence"][-1]  # β = 1 is the VAE


def test_the_coefficient_is_beta_less_one_and_both_warm_up():
    history = fitted(BetaTCVAE, beta=8.0).history_
    assert history["coefficient_divergence"][:3] == [0.0, 0.1, 0.2]
    assert history["coefficient_divergence"][-1] == 1.0
    assert history["coefficient_total_correlation"][-1] == 7.0
    assert history["coefficient_total_correlation"][5] == 3.5


@pytest.mark.parametrize("covariance", ["means", "codes"])
def test_dip_holds_the_covariance_at_the_identity(covariance):
    given = {"covariance": covariance, "diagonal": 10.0, "beta_warmup": 5}
    model, control = (fitted(DIPVAE, off_diagonal=weight, **given) for weight in (10.0, 0.0))
    C, without = (np.cov(m.transform(digits()).T) for m in (model, control))
    assert off_diagonal(C) < 0.05 * off_diagonal(without)
    variance = np.diagonal(C).copy()
    if covariance == "codes":
        variance += posterior(model)[:, 4:].exp().mean(0).numpy()
    np.testing.assert_allclose(variance, 1, atol=0.25)


def coefficients(model):
    X = digits()[:20]
    return model.describe_data(model.check_data(X, reset=True), None)[2].coefficients


def test_automatic_weight_of_the_diagonal_is_the_papers():
    for covariance, factor in (("means", 10.0), ("codes", 1.0)):
        warmup = coefficients(DIPVAE(covariance=covariance, off_diagonal=2.0))["diagonal"]
        assert warmup(1000) == 2.0 * factor
    assert coefficients(DIPVAE(diagonal=0.5))["diagonal"](1000) == 0.5


@pytest.mark.parametrize("cls", [BetaTCVAE, DIPVAE, InfoVAE])
def test_other_terms_of_the_vae_stay_possible_where_they_make_sense(cls):
    model = cls(free_bits=0.1, max_epochs=2, latent_dim=2, random_state=0).fit(digits()[:100])
    assert {"free_bits", "divergence"} <= set(model.history_.names)


@pytest.mark.parametrize(
    ("cls", "kwargs", "name"),
    [
        (BetaTCVAE, {"posterior": "flow"}, "posterior"),
        (BetaTCVAE, {"capacity": 3.0}, "capacity"),
        (BetaTCVAE, {"sampling": "all"}, "sampling"),
        (DIPVAE, {"posterior": "flow"}, "posterior"),
        (InfoVAE, {"beta": 2.0}, "beta"),
        (InfoVAE, {"prior": "mixture"}, "prior"),
        (InfoVAE, {"alpha": 1.5}, "alpha"),
        (InfoVAE, {"alpha": -20, "mmd_weight": 10}, "mmd_weight: expected at least 1 - alpha = 21"),
        (WassersteinAutoencoder, {"kernel": "linear"}, "kernel"),
        (RegularizedAutoencoder, {"regularization": "spectral"}, "regularization"),
        (HypersphericalVAE, {"latent_dim": 1}, "latent_dim"),
        (HypersphericalVAE, {"latent_activation": "tanh"}, "latent_activation"),
        (LadderVAE, {"latent_dims": (4,)}, "latent_dims: expected two whole numbers"),
        (LadderVAE, {"latent_dims": (4, 2), "latent_dim": 5}, "latent_dim: expected 6, the sum"),
        (LadderVAE, {"latent_activation": "tanh"}, "latent_activation"),
    ],
)
def test_what_does_not_go_together_is_named(cls, kwargs, name):
    with pytest.raises(InvalidInputError, match=name):
        cls(max_epochs=1, **kwargs).fit(digits()[:50])


# Codes that are the prior as a whole -----------------------------------------------------


def mmd(codes):
    return float(squared_mmd(torch.as_tensor(codes), normals(codes.shape[1])))


def test_wasserstein_codes_are_like_the_prior_and_plain_ones_are_not():
    model, plain = fitted(WassersteinAutoencoder), fitted(Autoencoder)
    assert mmd(model.transform(digits())) < 0.1 * mmd(plain.transform(digits()))
    assert mmd(model.transform(digits())) < 0.02

    # So draws of the prior decode to data: nearer to them than draws through the plain decoder.
    def nearest(samples):
        return float(((samples[:, None] - digits()[None]) ** 2).sum(-1).min(1).mean())

    draws = normals(4, 200).numpy()
    ours = nearest(model.sample(200, random_state=0))
    assert ours < nearest(plain.inverse_transform(draws))
    assert ours < 0.5 * nearest(np.random.default_rng(0).permuted(digits()[:200], axis=1))


def test_info_keeps_what_the_divergence_takes():
    info, plain = fitted(InfoVAE, alpha=1.0, max_epochs=60), fitted(VariationalAutoencoder)
    error = [((m.reconstruct(digits()) - digits()) ** 2).sum(1).mean() for m in (info, plain)]
    assert error[0] < 0.8 * error[1]
    assert info.history_["divergence"][-1] > 2 * plain.history_["divergence"][-1]
    assert info.history_["coefficient_divergence"][-1] == 0.0
    assert info.history_["coefficient_mmd"][-1] == 10.0
    with torch.no_grad():
        z = info.module_.latent(posterior(info), torch.Generator().manual_seed(1))
    assert mmd(z) < 0.03


# A density afterwards -------------------------------------------------------------------


def test_regularised_codes_have_a_density_at_once_and_from_the_file(tmp_path, monkeypatch):
    model = fitted(RegularizedAutoencoder)
    samples = model.sample(200, random_state=0)
    nearest = ((samples[:, None] - digits()[None]) ** 2).sum(-1).min(1).mean()
    shuffled = np.random.default_rng(0).permuted(digits()[:200], axis=1)
    assert nearest < 0.5 * ((shuffled[:, None] - digits()[None]) ** 2).sum(-1).min(1).mean()
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.sample(5, random_state=1), model.sample(5, random_state=1))
    monkeypatch.setattr("isthmus.models.base.density._FLOW_STEPS", 5)
    flow = RegularizedAutoencoder(density="flow", max_epochs=1, latent_dim=2, random_state=0)
    assert type(flow.fit(digits()[:60]).density_).__name__ == "FlowPrior"


def test_partial_fit_lets_go_of_a_density_that_is_of_other_codes():
    model = RegularizedAutoencoder(max_epochs=1, latent_dim=2, random_state=0).fit(digits()[:60])
    model.partial_fit(digits()[:60])
    with pytest.raises(InvalidInputError, match="fit_density"):
        model.sample(1)
    assert model.fit_density(digits()[:60], random_state=0).sample(1).shape == (1, 64)


def test_regularisation_does_what_it_says():
    def slope(model):
        z = torch.from_numpy(model.transform(digits()))
        draw = torch.Generator().manual_seed(0)
        return float(DecoderGradient()(model.module_, None, z, draw).detach())

    def weights(model):
        return sum(float(p.detach().square().sum()) for p in model.module_.decoder.parameters())

    none = fitted(RegularizedAutoencoder, regularization=None, code_weight=0.0)
    assert slope(fitted(RegularizedAutoencoder, regularization="gradient")) < slope(none)
    strong = fitted(RegularizedAutoencoder, decoder_weight=0.05)
    assert weights(strong) < 0.5 * weights(none)
    small = fitted(RegularizedAutoencoder, code_weight=0.3)
    assert (
        np.square(small.transform(digits())).sum(1).mean()
        < 0.5 * np.square(none.transform(digits())).sum(1).mean()
    )


# The sphere -----------------------------------------------------------------------------


def test_an_angle_is_found_on_the_circle():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    X = np.column_stack([np.cos(angle + shift) for shift in np.arange(6)])
    X += 0.05 * rng.normal(size=X.shape)
    model = HypersphericalVAE(
        latent_dim=2, hidden_layer_sizes=(32,), learning_rate=0.01, max_epochs=40, random_state=0
    ).fit(X)
    z = model.transform(X)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    found = np.arctan2(z[:, 1], z[:, 0])
    # The same angle up to a turn and a mirror: the circular correlation is ±1.
    agreement = max(abs(np.exp(1j * (sign * found - angle)).mean()) for sign in (1, -1))
    assert agreement > 0.95
    # Codes all around, and samples as wide as the data: no centre pulls.
    assert np.histogram(found, bins=8, range=(-np.pi, np.pi))[0].min() > 20
    samples = model.sample(400, random_state=0)
    np.testing.assert_allclose(samples.std(0), X.std(0), rtol=0.15)


def test_a_density_on_the_sphere_gives_codes_on_the_sphere():
    model = HypersphericalVAE(latent_dim=3, max_epochs=1, random_state=0).fit(digits()[:100])
    model.fit_density(digits()[:100], random_state=0)
    codes = model.draw_codes(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(50))


# Levels ---------------------------------------------------------------------------------


def test_the_second_level_is_used():
    # How much, is for each seed to say: 0.25 to 0.9 nats in the second level, of four seeds.
    sizes = {"latent_dims": (4, 2), "latent_dim": "auto", "max_epochs": 40, "beta_warmup": 30}
    models = [fitted(LadderVAE, **sizes, random_state=seed) for seed in range(3)]
    model = models[0]
    assert model.latent_dim_ == 6
    divergences = model.level_divergences(digits())
    assert divergences.shape == (700, 2)
    assert divergences.dtype == np.float32
    means = [each.level_divergences(digits()).mean(0) for each in models]
    assert (np.mean(means, axis=0) > 0.3).all()
    # What the upper level says changes where the lower one is expected.
    latent = model.module_.latent
    with torch.no_grad():
        priors = latent.down[0](normals(2))[:, :4]
    assert float(priors.std(0).max()) > 0.3
    # The code holds both levels, and the decoder hears of the lowest one.
    codes = model.transform(digits()[:5])
    upper = codes.copy()
    upper[:, 4:] += 1
    np.testing.assert_array_equal(model.inverse_transform(codes), model.inverse_transform(upper))


def test_levels_by_default_share_the_code():
    model = LadderVAE(latent_dim=6, max_epochs=1, random_state=0).fit(digits()[:60])
    assert model.module_.latent.levels == (4, 2)
    assert model.level_divergences(torch.from_numpy(digits()[:60])).shape == (60, 2)
