"""k-sparse codes: the support schedule, alpha, and the Laplace prior that L1 stands for."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from isthmus import SparseAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.evaluation import code_statistics
from isthmus.nn import L1, AutoencoderModule, Dense, Deterministic, TopK
from isthmus.training import SupportSchedule, TrainingConfig, backpropagation, evaluate, train

X = np.random.default_rng(0).random((120, 12)).astype(np.float32)


def make(**settings):
    settings = {
        "sparsity": "topk",
        "latent_dim": 20,
        "k": 2,
        "max_epochs": 8,
        "early_stopping": False,
        "random_state": 0,
        **settings,
    }
    return SparseAutoencoder(**settings)


def weights(model):
    return b"".join(value.numpy().tobytes() for value in model.module_.state_dict().values())


# The schedule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "k", "epochs"), [(100, 15, 50), (7, 2, 3), (5, 5, 4), (9, 1, 0)])
def test_the_schedule_is_a_straight_line_and_then_stays(start, k, epochs):
    schedule = SupportSchedule(start, k, epochs)
    values = [schedule.at(epoch) for epoch in range(epochs + 5)]
    assert values[epochs:] == [k] * 5
    if epochs:
        assert values[0] == start
        line = np.linspace(start, k, epochs + 1)[:-1]
        assert np.abs(values[:epochs] - line).max() <= 0.5
    assert values == sorted(values, reverse=True)


def test_the_schedule_sets_what_training_uses_and_nothing_else():
    module = AutoencoderModule(Dense((6,), (10,)), Dense((10,), (6,)), TopK(2, alpha=1.5))
    SupportSchedule(8, 2, 4)(module, 1)
    h = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    assert (module.train().latent(h) != 0).sum(1).tolist() == [6, 6, 6]
    assert (module.latent.mean(h) != 0).sum(1).tolist() == [3, 3, 3]
    assert (module.eval().latent(h) != 0).sum(1).tolist() == [2, 2, 2]
    with pytest.raises(InvalidInputError, match="^annealing: a support schedule is for a TopK"):
        SupportSchedule(8, 2, 4)(AutoencoderModule(Dense((6,), (1,)), Dense((1,), (6,))), 0)


def test_a_fit_follows_it_and_judges_every_epoch_with_k():
    module = AutoencoderModule(Dense((12,), (20,)), Dense((20,), (12,)), TopK(2))
    x, seen, held_out = torch.from_numpy(X), [], []

    def step(state, batch):
        seen.append((state.epoch, module.latent.training_k))
        assert module.training
        return backpropagation(state, batch)

    def after(state, record):
        h = module.posterior(x[:30])
        z = Deterministic()(h)
        fewest = z.topk(2, dim=1)
        codes = torch.zeros_like(z).scatter(1, fewest.indices, fewest.values)
        loss = module.likelihood.loss(module.decode_parameters(codes), x[:30])
        held_out.append((record["val_reconstruction"], loss.item()))

    config = TrainingConfig(max_epochs=8, annealing=SupportSchedule(18, 2, 4), batch_size=60)
    train(module, x, config=config, validation=(x[:30], None), step=step, after_epoch=[after])
    assert dict(seen) == {0: 18, 1: 14, 2: 10, 3: 6, 4: 2, 5: 2, 6: 2, 7: 2}
    for recorded, by_hand in held_out:
        assert recorded == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, SupportSchedule(8, 2, 4)),
        ({"k": "auto"}, SupportSchedule(8, 2, 4)),
        ({"k": 3}, SupportSchedule(10, 3, 4)),
        ({"k": 14}, SupportSchedule(14, 14, 4)),
        ({"k_start": 15, "k_annealing": 6}, SupportSchedule(15, 2, 6)),
        ({"k_start": 2}, SupportSchedule(2, 2, 4)),
        ({"k_start": None}, None),
        ({"sparsity": "l1"}, None),
        ({"sparsity": "kl"}, None),
    ],
    ids=str,
)
def test_what_the_parameters_come_to(settings, expected):
    model = make(**settings, max_epochs=1)
    choices = model.describe_data(model.check_data(X, reset=True), None)[2]
    assert choices.annealing(8) == expected


def test_early_stopping_waits_for_it():
    settings = {"early_stopping": True, "patience": 1, "max_epochs": 40, "learning_rate": 0.1}
    waiting = make(**settings).fit(X)
    assert waiting.n_iter_ > 20
    hasty = make(**settings, k_start=None).fit(X)
    assert hasty.n_iter_ < 20


class Bomb:
    """Ends a fit in the middle, as a signal would."""

    def __init__(self, epoch):
        self.left = epoch

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [2, 3, 6])
def test_a_killed_fit_goes_on_to_the_same_weights(epoch, tmp_path):
    whole = make().fit(X)
    path = tmp_path / "fit.checkpoint"
    broken = make(checkpoint=path, checkpoint_interval=0.0)
    broken.set_callbacks(Bomb(epoch))
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X)
    assert path.exists()
    again = make(checkpoint=path, checkpoint_interval=0.0).fit(X)
    assert weights(again) == weights(whole)
    assert weights(again) != weights(make(k_start=None).fit(X))


def test_each_call_of_partial_fit_is_an_epoch(tmp_path):
    model = make(k_start=18, k_annealing=4)
    active = []
    for _ in range(6):
        model.partial_fit(X)
        active.append(model.module_.latent.training_k)
        assert (model.transform(X) != 0).sum(1).max() == 2
    assert active == [18, 14, 10, 6, 2, 2]
    model = make(k_start=18, k_annealing=4).partial_fit(X)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors").partial_fit(X)
    assert again.module_.latent.training_k == 14  # a file knows its epoch


@cache
def digits():
    data = load_digits().data[np.random.default_rng(0).permutation(1797)] / 16
    return data[:1400], data[1400:]


def test_the_schedule_keeps_units_alive():
    held_in, held_out = digits()
    found = {}
    for k_start in (None, "auto"):
        model = make(k_start=k_start, k=5, latent_dim=128, max_epochs=25, learning_rate=5e-3)
        model.fit(held_in)
        error = ((model.reconstruct(held_out) - held_out) ** 2).sum(1).mean()
        found[k_start] = code_statistics(model, held_in).n_dead, error
    assert found["auto"][0] < 0.75 * found[None][0]
    assert found["auto"][1] < found[None][1]


def test_centred_data_keep_more_of_them_alive():
    held_in, held_out = digits()
    found = {}
    for scaling in (None, "center"):
        model = make(
            scaling=scaling,
            likelihood="gaussian",
            k=5,
            k_start=20,
            latent_dim=128,
            max_epochs=25,
            learning_rate=5e-3,
        ).fit(held_in)
        error = ((model.reconstruct(held_out) - held_out) ** 2).sum(1).mean()
        found[scaling] = code_statistics(model, held_in).n_dead, error
    assert found["center"][0] < 0.5 * found[None][0]
    assert found["center"][1] < found[None][1]


@pytest.mark.parametrize(
    ("data", "settings", "likelihood", "scaling"),
    [
        (X, {}, "gaussian", "center"),
        (X.round(), {}, "gaussian", "center"),
        ((255 * X).astype(np.uint8), {}, "gaussian", "robust"),
        (X - 0.5, {}, "gaussian", "robust"),
        (X, {"sparsity": "l1"}, "bernoulli", "none"),
        (X, {"likelihood": "bernoulli"}, "bernoulli", "none"),
        (X, {"scaling": None}, "gaussian", "none"),
    ],
    ids=str,
)
def test_they_compete_on_centred_data(data, settings, likelihood, scaling):
    model = make(**settings, max_epochs=1).fit(data)
    assert (model.likelihood_, model.scaler_.method) == (likelihood, scaling)
    assert model.reconstruct(data).shape == data.shape


# alpha --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "units"), [(1.0, 2), (1.2, 2), (1.5, 3), (4.0, 8), (99.0, 20)])
def test_alpha_is_for_the_trained_model_only(alpha, units, tmp_path):
    settings = {"early_stopping": True, "max_epochs": 3}
    plain, model = make(**settings).fit(X), make(**settings, alpha=alpha).fit(X)
    assert weights(model) == weights(plain)
    assert model.history_["val_loss"] == plain.history_["val_loss"]
    codes = model.transform(X)
    assert ((codes != 0).sum(1) == units).all()
    full = model.module_.posterior(torch.from_numpy(model.scaler_.forward(X, model.schema_)))
    full = full.detach().numpy()
    kept = codes != 0
    np.testing.assert_allclose(codes[kept], full[kept], rtol=1e-5)
    assert (np.where(kept, full, np.inf).min(1) >= np.where(kept, -np.inf, full).max(1)).all()
    np.testing.assert_allclose(model.reconstruct(X), model.inverse_transform(codes), rtol=1e-5)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.module_.latent.alpha == alpha
    np.testing.assert_array_equal(again.transform(X), codes)


def test_a_grid_search_over_k_prefers_the_number_of_causes():
    rng = np.random.default_rng(0)
    causes = np.where(rng.random((600, 8)) < 3 / 8, rng.random((600, 8)) + 0.5, 0)
    data = causes @ rng.normal(size=(8, 16))
    search = GridSearchCV(
        make(latent_dim=16, max_epochs=60, learning_rate=0.02, batch_size=64), {"k": [1, 8]}, cv=2
    ).fit(data)
    assert search.best_params_ == {"k": 8}
    assert search.cv_results_["mean_test_score"][1] > search.cv_results_["mean_test_score"][0] + 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k_start": 1}, "^k_start: expected at least k, 2; got 1"),
        ({"k_start": 0}, "k_start"),
        ({"k_start": "all"}, "k_start"),
        ({"k_annealing": -1}, "k_annealing"),
        ({"alpha": 0.9}, "alpha"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**settings).fit(X)


def test_impossible_parts():
    with pytest.raises(InvalidInputError, match="^alpha: expected a number of at least 1"):
        TopK(2, alpha=0.5)
    for arguments in ((1, 2, 3), (3, 0, 3)):
        with pytest.raises(InvalidInputError, match="^start: expected at least k"):
            SupportSchedule(*arguments)
    with pytest.raises(InvalidInputError, match="^epochs: expected at least 0"):
        SupportSchedule(3, 2, -1)


# The Laplace prior --------------------------------------------------------------------------------


def test_l1_is_the_laplace_prior_up_to_a_constant():
    """As the docstring says: −log p(x|z) − log p(z) is the loss of "l1" plus n log(2/λ)."""
    weight, n = 0.7, 5
    module = AutoencoderModule(
        Dense((12,), (n,)), Dense((n,), (12,)), penalties={"sparsity": L1()}
    ).double()
    x = torch.from_numpy(X).double()
    z = module.encode(x)
    losses = module.losses(x)
    prior = torch.distributions.Laplace(torch.zeros((), dtype=torch.float64), 1 / weight)
    joint = losses["reconstruction"] - prior.log_prob(z).sum(1).mean()
    ours = losses.weighted({"sparsity": weight}) + n * math.log(2 / weight)
    torch.testing.assert_close(ours, joint)
    parameters = list(module.parameters())
    for one, other in zip(
        torch.autograd.grad(ours, parameters, retain_graph=True),
        torch.autograd.grad(joint, parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert evaluate(module, x)["sparsity"] == pytest.approx(z.abs().sum(1).mean().item())
