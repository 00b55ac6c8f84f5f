"""Each thing that goes wrong is planted and found, and models that are well are left in peace."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder, SparseAutoencoder, VariationalAutoencoder, diagnose
from isthmus.errors import InvalidInputError
from isthmus.models import untrained


@cache
def digits():
    X = load_digits().data / 16
    X = X[np.random.default_rng(0).permutation(len(X))]
    return X[:400], X[400:800]


def problems(diagnosis):
    return {finding.name for finding in diagnosis.problems}


def found(diagnosis, name):
    return next(finding for finding in diagnosis if finding.name == name)


@cache
def linear(codes, columns=10):
    """Give a linear autoencoder of made data, whose weights the tests set by hand."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, columns)) * np.linspace(3, 0.3, columns)
    model = Autoencoder(
        latent_dim=codes,
        hidden_layer_sizes=(),
        likelihood="gaussian",
        scaling=None,
        max_epochs=1,
        random_state=0,
    )
    return model.fit(X), X


def set_linear(model, encoder, decoder, mean):
    with torch.no_grad():
        for network, weight, bias in (
            (model.module_.encoder, encoder, -encoder @ mean),
            (model.module_.decoder, decoder, mean),
        ):
            network.linears[0].weight.copy_(torch.as_tensor(weight))
            network.linears[0].bias.copy_(torch.as_tensor(bias))


# The numbers ---------------------------------------------------------------------------------


def test_with_the_weights_of_pca_the_error_is_that_of_pca():
    model, X = linear(3)
    pca = PCA(3, svd_solver="full").fit(X[:200])
    set_linear(model, pca.components_, pca.components_.T, pca.mean_)
    e = diagnose(model, X[200:], X_train=X[:200]).evidence
    residual = np.square(X[200:] - pca.inverse_transform(pca.transform(X[200:]))).sum()
    total = np.square(X[200:] - X[:200].mean(0)).sum()
    assert e.error == pytest.approx(residual / total, rel=1e-4)
    assert e.pca_error == pytest.approx(e.error, rel=1e-4)
    assert e.train_error == pytest.approx(1 - pca.explained_variance_ratio_.sum(), rel=1e-4)
    # The codes are uncorrelated with the eigenvalues as their variances.
    e = diagnose(model, X[:200]).evidence
    values = pca.explained_variance_
    assert e.effective_codes == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-4)
    # Shuffled columns are independent: the share of a projection is Σ σᵢ² ‖row i of P‖² / Σ σᵢ².
    variances = X[:200].var(0)
    kept = (variances * np.square(pca.components_).sum(0)).sum() / variances.sum()
    assert e.shuffled_error == pytest.approx(1 - kept, abs=0.03)
    assert e.jacobian_trace == pytest.approx(kept, abs=0.03)


def test_the_identity_copies_anything_exactly():
    model, X = linear(10)
    set_linear(model, np.eye(10), np.eye(10), np.zeros(10))
    diagnosis = diagnose(model, X)
    e = diagnosis.evidence
    assert max(e.error, e.shuffled_error, e.between_error) < 1e-10
    assert e.jacobian_trace == pytest.approx(1, abs=1e-5)
    assert problems(diagnosis) == {"copies its input"}
    # Half of it is not a copy.
    set_linear(model, np.eye(10) / 2, np.eye(10), X.mean(0))
    assert diagnose(model, X).evidence.jacobian_trace == pytest.approx(0.5, abs=1e-5)
    assert problems(diagnose(model, X)) == set()


def test_neighbours_are_those_of_a_search_row_by_row():
    model, X = linear(2)
    X = X[:50]
    z = model.transform(X)
    e = diagnose(model, X).evidence
    nearest, in_code, everything = [], [], []
    for i in range(50):
        others = [j for j in range(50) if j != i]
        apart = {j: np.linalg.norm(X[i] - X[j]) for j in others}
        nearest.append(min(apart.values()))
        in_code.append(apart[min(others, key=lambda j: np.linalg.norm(z[i] - z[j]))])
        everything += apart.values()
    assert e.nearest == pytest.approx(np.mean(nearest), rel=1e-4)
    assert e.in_code == pytest.approx(np.mean(in_code), rel=1e-4)
    assert e.random == pytest.approx(np.mean(everything), rel=1e-4)
    room = e.random - e.nearest
    assert e.disorder == pytest.approx((e.in_code - e.nearest) / room)


def test_the_divergence_of_each_code_adds_up_to_that_of_the_sample():
    train, test = digits()
    model = VariationalAutoencoder(latent_dim=3, max_epochs=2, random_state=0).fit(train)
    x, _ = model.to_tensors(test, None)
    whole = model.module_.latent.divergence(model.module_.posterior(x)).mean()
    e = diagnose(model, test).evidence
    assert e.divergence_per_code.shape == (3,)
    assert e.divergence_per_code.sum() == pytest.approx(float(whole.detach()), rel=1e-4)


def test_dead_and_saturated_units_are_counted():
    train, test = digits()
    model = Autoencoder(latent_dim=4, hidden_layer_sizes=(20,), max_epochs=2, random_state=0)
    model.fit(train)
    before = diagnose(model, test).evidence
    assert before.relu_units == 40
    with torch.no_grad():
        model.module_.encoder.linears[0].bias[:] = 100.0
        model.module_.encoder.linears[0].bias[:15] = -100.0
        model.module_.decoder.linears[0].bias[:] = 100.0
        model.module_.decoder.linears[0].bias[:7] = -100.0
    diagnosis = diagnose(model, test)
    assert diagnosis.evidence.dead_units == 22
    assert found(diagnosis, "dead units").severity == "problem"
    model = Autoencoder(
        latent_dim=4, hidden_layer_sizes=(20,), activation="tanh", max_epochs=2, random_state=0
    ).fit(train)
    with torch.no_grad():
        model.module_.encoder.linears[0].bias[:11] = -100.0
    e = diagnose(model, test).evidence
    assert (e.bounded_units, e.saturated_units, e.relu_units) == (40, 11, 0)


def test_codes_that_never_change_are_counted():
    model, X = linear(4)
    encoder = np.zeros((4, 10))
    encoder[0, 0] = 1.0
    set_linear(model, encoder, encoder.T, np.zeros(10))
    diagnosis = diagnose(model, X)
    assert diagnosis.evidence.dead_codes == 3
    assert diagnosis.evidence.effective_codes == pytest.approx(1)
    assert "unused codes" in problems(diagnosis)


def test_units_that_never_win_are_told_how_to():
    train, _ = digits()
    settings = {"k": 4, "latent_dim": 64, "k_start": 16, "max_epochs": 20, "random_state": 0}
    found_dead = {}
    for scaling in (None, "center"):
        model = SparseAutoencoder(
            sparsity="topk", likelihood="gaussian", scaling=scaling, learning_rate=4e-3, **settings
        )
        diagnosis = diagnose(model.fit(train), train)
        found_dead[scaling] = diagnosis.evidence.dead_codes
        if scaling is None:
            finding = found(diagnosis, "unused codes")
            assert finding.severity == "problem"
            assert "never among the 4 largest" in finding.text
            assert "scaling='center'" in finding.text
    assert found_dead["center"] < 0.5 * found_dead[None]  # and the advice helps


# What goes wrong, by training ------------------------------------------------------------------


def test_an_overcomplete_autoencoder_without_a_penalty_copies():
    train, test = digits()
    model = Autoencoder(
        latent_dim=80,
        hidden_layer_sizes=(),
        likelihood="gaussian",
        learning_rate=0.01,
        max_epochs=30,
        early_stopping=False,
        random_state=0,
    ).fit(train)
    for diagnosis in (diagnose(model, test, X_train=train), diagnose(model, test)):
        assert problems(diagnosis) == {"copies its input"}
        assert diagnosis.evidence.jacobian_trace > 0.6
    # The same network with a small code does not.
    small = model.set_params(latent_dim=8).fit(train)
    diagnosis = diagnose(small, test, X_train=train)
    assert problems(diagnosis) == set()
    assert diagnosis.evidence.jacobian_trace < 0.4


@cache
def memoriser():
    """One number for 30 digits, and a decoder that has all the time to learn them by heart."""
    rows = digits()[0][:30]
    return Autoencoder(
        latent_dim=1,
        hidden_layer_sizes=(128, 64),
        activation="leaky_relu",
        likelihood="gaussian",
        scaling=None,
        learning_rate=5e-3,
        max_epochs=1000,
        early_stopping=False,
        random_state=0,
    ).fit(rows)


def test_a_look_up_table_is_found_with_and_without_held_out_rows():
    train, test = digits()[0][:30], digits()[1]
    alone = diagnose(memoriser(), train)
    assert problems(alone) == {"memorises"}
    assert "look-up table" in found(alone, "memorises").text
    assert alone.evidence.row_error < 0.3
    assert alone.evidence.between_error > alone.evidence.between_distance / 2
    beside = diagnose(memoriser(), test, X_train=train)
    assert "memorises" in problems(beside)
    assert beside.evidence.error > 5 * beside.evidence.train_error


def test_a_curve_that_one_number_can_hold_is_not_taken_for_a_look_up_table():
    t = np.linspace(0, 1, 30)[:, None]
    rng = np.random.default_rng(0)
    for noise in (0.0, 0.05):
        X = np.hstack([np.cos(4 * t), np.sin(4 * t), t]) + noise * rng.normal(size=(30, 3))
        model = Autoencoder(
            latent_dim=1, max_epochs=500, learning_rate=3e-3, early_stopping=False, random_state=0
        ).fit(X)
        diagnosis = diagnose(model, X)
        assert "memorises" not in problems(diagnosis)
        assert diagnosis.evidence.error < 0.05 < diagnosis.evidence.pca_error


def test_rows_learned_by_heart_with_many_codes_are_found_beside_held_out_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 2)) @ rng.normal(size=(2, 12)) + 0.7 * rng.normal(size=(240, 12))
    model = Autoencoder(
        latent_dim=6, max_epochs=400, learning_rate=3e-3, early_stopping=False, random_state=0
    ).fit(X[:40])
    diagnosis = diagnose(model, X[40:], X_train=X[:40])
    assert "memorises" in problems(diagnosis)
    linear_one = Autoencoder(
        latent_dim=6, hidden_layer_sizes=(), learning_rate=0.01, random_state=0
    )
    diagnosis = diagnose(linear_one.fit(X[:200]), X[200:], X_train=X[:200])
    assert "memorises" not in problems(diagnosis)


def test_steps_that_are_too_large_kill_units():
    train, test = digits()
    model = Autoencoder(
        latent_dim=8, hidden_layer_sizes=(64,), learning_rate=0.3, max_epochs=5, random_state=0
    ).fit(train)
    assert {"dead units", "underfits"} <= problems(diagnose(model, test))


def test_a_huge_beta_collapses_the_posterior_and_an_ordinary_one_does_not():
    train, test = digits()
    common = {"latent_dim": 4, "learning_rate": 3e-3, "random_state": 0}
    model = VariationalAutoencoder(beta=100, max_epochs=15, **common).fit(train)
    diagnosis = diagnose(model, test)
    assert "posterior collapse" in problems(diagnosis)
    assert found(diagnosis, "posterior collapse").numbers["codes_in_use"] == 0
    model = VariationalAutoencoder(max_epochs=60, **common).fit(train)
    diagnosis = diagnose(model, test)
    assert problems(diagnosis) == set()
    assert found(diagnosis, "posterior collapse").numbers["codes_in_use"] > 1


def test_one_epoch_underfits_and_none_is_said_to_be_none():
    train, test = digits()
    model = Autoencoder(latent_dim=8, max_epochs=1, random_state=0).fit(train)
    diagnosis = diagnose(model, test)
    assert problems(diagnosis) == {"underfits"}
    assert diagnosis.evidence.error_beside_pca > 2 * diagnosis.evidence.pca_error
    diagnosis = diagnose(untrained(Autoencoder(latent_dim=8, random_state=0), train), test)
    assert problems(diagnosis) == {"training", "underfits"}


def test_the_history_tells_of_training_that_was_cut_short_or_failed():
    train, test = digits()
    model = Autoencoder(
        latent_dim=8,
        max_epochs=8,
        learning_rate=1e-4,
        learning_rate_schedule="constant",
        random_state=0,
    ).fit(train)
    assert found(diagnose(model, test), "training").severity == "note"
    assert "max_epochs" in found(diagnose(model, test), "training").text
    model.outcome_ = "diverged"
    assert "training" in problems(diagnose(model, test))


# Every kind of data -----------------------------------------------------------


def mixed(rows):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(rows, 2))
    real = z @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(rows, 4))
    return np.column_stack([real, z[:, 0] > 0, np.digitize(z[:, 1], [-0.5, 0.5])]).astype(float)


def short(**parameters):
    return Autoencoder(latent_dim=2, max_epochs=3, random_state=0, **parameters)


CASES = {
    "images": lambda: (short(channels=(4,)), np.random.default_rng(0).random((20, 8, 8))),
    "colour": lambda: (short(channels=(4,)), np.random.default_rng(0).random((20, 8, 8, 3))),
    "signals": lambda: (short(channels=(4,)), np.random.default_rng(0).normal(size=(20, 32, 2))),
    "mixed": lambda: (short(), mixed(60)),
    "classes": lambda: (short(), np.random.default_rng(0).integers(0, 4, (60, 6))),
    "binary": lambda: (short(), np.random.default_rng(0).integers(0, 2, (60, 6))),
    "four rows": lambda: (short(), mixed(60)),
    "constant": lambda: (short(), np.ones((30, 5))),
}


@pytest.mark.parametrize("case", CASES)
def test_data_of_every_kind(case):
    model, X = CASES[case]()
    model.fit(X)
    X = X[:4] if case == "four rows" else X
    diagnosis = diagnose(model, X, X_train=X)
    record = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert record["estimator"] == "Autoencoder"
    if case == "constant":
        assert found(diagnosis, "underfits").text.startswith("All rows are equal")
    else:
        assert diagnosis.evidence.error == pytest.approx(diagnosis.evidence.train_error)
        assert 0 < diagnosis.evidence.shuffled_error < 5
    assert len(str(diagnosis).splitlines()) > 10


def test_classes_count_as_one_hot_probabilities():
    X = np.random.default_rng(0).integers(0, 3, (200, 4))
    model = Autoencoder(latent_dim=2, max_epochs=5, random_state=0).fit(X)
    x, _ = model.to_tensors(X, None)
    with torch.no_grad():
        logits = model.module_.decode_parameters(model.module_.encode(x))
    # Class by class, each over all columns.
    p = torch.softmax(logits.reshape(200, 3, 4), dim=1).double().numpy()
    one_hot = np.stack([k == X for k in range(3)], axis=1).astype(float)
    expected = np.square(one_hot - p).sum() / np.square(one_hot - one_hot.mean(0)).sum()
    assert diagnose(model, X).evidence.error == pytest.approx(expected, rel=1e-4)
    assert np.isnan(diagnose(model, X).evidence.jacobian_trace)


def test_missing_values_do_not_count():
    X = mixed(80)
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    model = short(missing="ignore").fit(X)
    e = diagnose(model, X).evidence
    assert all(np.isfinite([e.error, e.shuffled_error, e.pca_error, e.between_error, e.disorder]))
    only_real = short(missing="ignore").fit(X[:, :4])
    back, seen = only_real.reconstruct(X[:, :4]), ~np.isnan(X[:, :4])
    scaled = (X[:, :4] - np.nanmean(X[:, :4], 0)) / np.nanstd(X[:, :4], 0)
    scaled_back = (back - np.nanmean(X[:, :4], 0)) / np.nanstd(X[:, :4], 0)
    expected = np.square(scaled - scaled_back)[seen].sum() / np.square(scaled[seen]).sum()
    assert diagnose(only_real, X[:, :4]).evidence.error == pytest.approx(expected, rel=1e-4)


def test_conditional_models_take_y_for_both_sets():
    X = mixed(80)[:, :4]
    y = np.where(X[:, 0] > 0, "up", "down")
    model = VariationalAutoencoder(conditional=True, max_epochs=3, random_state=0).fit(X, y)
    diagnosis = diagnose(model, X[40:], y[40:], X_train=X[:40], y_train=y[:40])
    assert diagnosis.evidence.train_rows == 40
    with pytest.raises(InvalidInputError, match="^y: "):
        diagnose(model, X)
    with pytest.raises(InvalidInputError, match="^y_train: "):
        diagnose(model, X, y, X_train=X)


def test_networks_of_the_users_own_can_be_diagnosed():
    X = mixed(60)[:, :4]
    encoder = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.ReLU())
    encoder.append(torch.nn.Linear(8, 2))
    model = Autoencoder(network=(encoder, torch.nn.Linear(2, 4)), max_epochs=3, random_state=0)
    diagnosis = diagnose(model.fit(X), X)
    assert diagnosis.evidence.relu_units == 8
    assert diagnose(model, X).to_dict() == diagnosis.to_dict()


def test_a_million_rows_are_drawn_from():
    X = np.random.default_rng(0).normal(size=(1_000_000, 5)).astype(np.float32)
    model = short().fit(X[:500])
    diagnosis = diagnose(model, X, X_train=X)
    assert (diagnosis.evidence.rows, diagnosis.evidence.train_rows) == (2000, 2000)
    assert "2,000 rows drawn from 1,000,000" in diagnosis.title
    assert diagnosis.evidence.rows_given == 1_000_000
    other = diagnose(model, X, random_state=1).evidence
    assert other.error != diagnosis.evidence.error
    assert other.error == pytest.approx(diagnosis.evidence.error, rel=0.1)


def test_the_same_from_a_file_from_frames_and_a_second_time(tmp_path):
    X = mixed(300)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = short().fit(frame)
    states = np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002
    first = diagnose(model, frame).to_dict()
    assert states == (np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes())  # noqa: NPY002
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert diagnose(loaded, frame).to_dict() == first
    assert diagnose(model, pl.from_pandas(frame)).to_dict() == first
    plain = short().fit(X)
    assert diagnose(plain, torch.as_tensor(X)).to_dict() == diagnose(plain, X).to_dict() == first
    assert not any(part._forward_hooks for part in model.module_.modules())


# How it is said -----------------------------------------------------------------------------------


def test_the_report_can_be_read_and_begins_with_what_is_worst():
    train, test = digits()
    diagnosis = diagnose(Autoencoder(max_epochs=1, random_state=0).fit(train), test)
    lines = str(diagnosis).splitlines()
    assert lines[0] == "Autoencoder, 64 values to 8, on 400 rows: 1 problem"
    assert lines[2].startswith("[problem] underfits: ")
    assert max(map(len, lines)) <= 92
    assert "underfits" in repr(diagnosis)
    assert len(diagnosis) == len(list(diagnosis)) == len(diagnosis.findings)
    assert {f.severity for f in diagnosis} <= {"ok", "note", "problem"}
    html = diagnosis._repr_html_()
    assert html.count("<tr>") == len(diagnosis)
    assert "<th>underfits</th>" in html
    for finding in diagnosis:
        assert finding.text.endswith(".")
        assert "nan" not in finding.text


def test_wrong_calls_are_refused_in_one_line():
    X = mixed(20)
    model = short().fit(X)
    with pytest.raises(InvalidInputError, match="X: expected at least 4 rows; got 3"):
        diagnose(model, X[:3])
    with pytest.raises(InvalidInputError, match="X_train: expected at least 4 rows"):
        diagnose(model, X, X_train=X[:1])
    with pytest.raises(InvalidInputError, match="expected a fitted autoencoder .* got PCA"):
        diagnose(PCA(), X)
    with pytest.raises(InvalidInputError, match="as in the fit|features"):
        diagnose(model, X[:, :3])
    with pytest.raises(ValueError, match="not fitted"):
        diagnose(Autoencoder(), X)


@pytest.mark.parametrize("kind", ["tied", "pretrained"])
def test_what_a_network_of_another_make_is_not_blamed_for(kind):
    """One activation at several widths, and layers that were never fine-tuned, are no problem."""
    X = np.random.default_rng(0).normal(size=(120, 6))
    if kind == "tied":
        model = isthmus.Autoencoder(
            tied_weights=True,
            hidden_layer_sizes=(16, 8),
            latent_dim=3,
            max_epochs=3,
            random_state=0,
        ).fit(X)
        found = isthmus.diagnose(model, X)
        assert found.evidence.epochs == 3
    else:
        model = isthmus.StackedAutoencoder(
            fine_tuning=False, hidden_layer_sizes=(8,), latent_dim=3, max_epochs=3, random_state=0
        ).fit(X)
        (training,) = [f for f in isthmus.diagnose(model, X) if f.name == "training"]
        assert training.severity == "ok"
