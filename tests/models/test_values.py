"""What values mean on real data: wild ones, held-out ones, large offsets, and their precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector, Autoencoder, DeepSVDD, SeriesDetector, diagnose, load
from isthmus.models import ESTIMATORS, untrained

ASIDE = r"set aside, .* \(such as -9999\)"


@pytest.fixture(scope="module")
def plane():
    """Rows near a plane in five columns; new ones, of which the last 200 are off in column 2."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(2, 5))

    def rows(n):
        return rng.normal(size=(n, 2)) @ basis + 0.05 * rng.normal(size=(n, 5))

    train, new = rows(2000), rows(1200)
    new[1000:, 2] += 30 * 0.05 * rng.choice([-1, 1], 200)
    return train, new, np.arange(1200) >= 1000


DETECTORS = {
    "default": lambda: AnomalyDetector(random_state=0),
    "own": lambda: AnomalyDetector(
        estimator=Autoencoder(latent_dim=2, max_epochs=40, random_state=0), random_state=0
    ),
    "score": lambda: Autoencoder(latent_dim=2, max_epochs=40, random_state=0),
}


@pytest.mark.parametrize("count", [2, 40])
@pytest.mark.parametrize("kind", DETECTORS)
def test_sentinels_in_the_training_rows_hide_no_anomaly(kind, count, plane):
    train, new, odd = plane
    spoilt = train.copy()
    spoilt[np.random.default_rng(1).choice(2000, count, replace=False), 2] = -9999
    with pytest.warns(UserWarning, match=ASIDE):
        detector = DETECTORS[kind]().fit(spoilt)
    assert roc_auc_score(odd, -detector.score_samples(new)) > 0.99
    # Set aside from learning alone: as a value it is as unusual as can be.
    assert (
        detector.score_samples(spoilt[spoilt[:, 2] < -9000])[0] < detector.score_samples(new).min()
    )


def test_diagnose_names_the_column_that_is_lost(plane):
    train, new, _ = plane
    spoilt = train.copy()
    spoilt[7, 2] = -9999
    model = Autoencoder(latent_dim=2, max_epochs=40, scaling="standard", random_state=0).fit(spoilt)
    (problem,) = (f for f in diagnose(model, spoilt).problems if f.name == "worst column")
    assert problem.numbers["worst_column"] == "2"
    assert diagnose(model, spoilt).evidence.r2_per_column[2] < -0.5
    good = Autoencoder(latent_dim=2, max_epochs=40, random_state=0).fit(train)
    found = diagnose(good, new[:1000])
    assert found.problems == ()
    assert found.evidence.r2_per_column.min() > 0.9


def test_diagnose_sees_other_data_and_other_units(plane):
    train, new, _ = plane
    model = Autoencoder(latent_dim=2, max_epochs=20, random_state=0).fit(train)
    for other in (new * 1000, new + 50):
        assert "other data" in {f.name for f in diagnose(model, other).problems}
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    of_bytes = Autoencoder(max_epochs=2, random_state=0).fit(images)
    with pytest.warns(UserWarning, match="divided by 255 already"):
        found = diagnose(of_bytes, images / 255)
    assert "other data" in {f.name for f in found.problems}
    assert "other data" not in {f.name for f in diagnose(of_bytes, images).problems}


def test_one_glitch_in_a_series_hides_no_fault():
    rng = np.random.default_rng(0)
    clock = np.arange(4000)
    series = np.sin(clock / 8)[:, None] * [1, -1] + 0.05 * rng.normal(size=(4000, 2))
    new = np.sin(np.arange(4000, 5000) / 8)[:, None] * [1, -1] + 0.05 * rng.normal(size=(1000, 2))
    new[500:560, 1] = 0.3  # frozen
    spoilt = series.copy()
    spoilt[2000, 1] = -9999
    settings = {"window": 32, "random_state": 0}
    with pytest.warns(UserWarning, match=ASIDE):
        detector = SeriesDetector(**settings).fit(spoilt)
    scores = detector.score_samples(new)
    usual = np.r_[scores[50:450], scores[650:]]
    assert np.median(scores[510:550]) < np.nanquantile(usual, 0.01)


@pytest.mark.parametrize("name", [*ESTIMATORS, "svdd"])
def test_what_is_held_out_decides_nothing(name):
    """Scaling, likelihood, centre: none of it knows the values of a row that is held out."""
    n, held_out = 40, 20
    X = np.random.default_rng(0).normal(size=(n, 4))
    settings = {"validation_fraction": 0.5, "random_state": 0, "max_epochs": 1, "batch_size": 8}
    cls = DeepSVDD if name == "svdd" else ESTIMATORS[name]
    if name == "stacked":
        settings["layer"] = Autoencoder(max_epochs=1, batch_size=8)
    if name == "svdd":
        settings["pretraining_epochs"] = 0
    if not cls(**settings).early_stopping:
        settings["early_stopping"] = True

    def weights(rows):
        model = cls(**settings).fit(rows)
        state = {**model.module_.state_dict()}
        scaler = (model.autoencoder_ if name == "svdd" else model).scaler_
        return [scaler.shift.tobytes(), *(v.numpy().tobytes() for v in state.values())]

    expected, unmoved = weights(X), 0
    for row in range(n):
        other = X.copy()
        other[row] = 2.5 - other[row]
        unmoved += weights(other) == expected
    assert unmoved == held_out


def test_a_held_out_row_may_be_of_another_kind():
    X = np.random.default_rng(0).integers(0, 4, (200, 5)).astype(float)
    model = Autoencoder(max_epochs=2, random_state=0, likelihood="categorical").fit(X)
    held = [i for i in range(200) if _held_out(model, X, i)]
    other = X.copy()
    other[held[0]] = 1.5  # no class, and nobody has looked
    assert np.isfinite(
        Autoencoder(max_epochs=2, random_state=0).fit(other).history_["val_loss"]
    ).all()


def _held_out(model, X, row):
    from isthmus.models.base.fitting import held_out_rows

    return held_out_rows(model, len(X), 0)[row]


@pytest.mark.parametrize("offset", [0.0, 5.4e6, 1.7e9])
def test_a_large_offset_costs_no_digits(offset, tmp_path):
    rng = np.random.default_rng(0)
    X = (
        offset
        + rng.normal(size=(600, 2)) @ rng.normal(size=(2, 5))
        + 0.02 * rng.normal(size=(600, 5))
    )
    model = Autoencoder(latent_dim=2, max_epochs=80, learning_rate=3e-3, random_state=0).fit(X)
    model.save(tmp_path / "m.safetensors")
    for each in (model, load(tmp_path / "m.safetensors")):
        back = each.reconstruct(X)
        assert back.dtype == np.float64
        assert 1 - ((back - X) ** 2).sum() / ((X - X.mean(0)) ** 2).sum() > 0.97
        assert each.inverse_transform(each.transform(X)).dtype == np.float64
        assert each.score_samples(X).dtype == np.float64
    control = untrained(model, X)
    assert ((control.reconstruct(X) - X) ** 2).sum() > ((back - X) ** 2).sum() * 5
    narrow = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit((X - offset).astype("f4"))
    assert narrow.reconstruct((X - offset).astype("f4")).dtype == np.float32
    assert narrow.transform(torch.from_numpy(X - offset)).dtype == torch.float32


@pytest.mark.parametrize(("offset", "scale"), [(1e15, 289.0), (1.7e18, 3.6e12)])
def test_scores_know_a_column_with_a_large_offset(offset, scale):
    Z = np.random.default_rng(0).normal(size=(400, 3))
    X = Z.copy()
    X[:, 1] = offset + scale * Z[:, 1]
    settings = {"latent_dim": 2, "max_epochs": 5, "random_state": 0, "batch_size": 64}
    found, expected = (Autoencoder(**settings).fit(rows) for rows in (X, Z))
    shift = expected.score_samples(Z) - found.score_samples(X)
    np.testing.assert_allclose(shift, np.log(scale), atol=0.05)
