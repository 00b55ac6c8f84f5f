"""A detector in a file: the same scores, everything checked, nothing unpickled."""

from __future__ import annotations

import json

import numpy as np
import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, VariationalAutoencoder, persistence
from isthmus.applications.anomaly.rows.saving import DetectorForm
from isthmus.errors import ModelFileError
from isthmus.storage.container import write_tensor_file


def data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(n, 5))


@pytest.fixture(scope="module")
def detector():
    estimator = VariationalAutoencoder(latent_dim=2, hidden_layer_sizes=(8,), max_epochs=3)
    scores = ["reconstruction", "bound", "mahalanobis", "mixture", "neighbours", "divergence"]
    return AnomalyDetector(
        estimator=estimator,
        n_members=2,
        scores=(*scores, "local"),
        false_alarm_rate=0.05,
        random_state=0,
    ).fit(data())


def test_what_is_loaded_does_the_same(detector, tmp_path):
    path = tmp_path / "detector.safetensors"
    detector.save(path)
    loaded = isthmus.load(path)
    new = data(50, seed=1)
    for use in ("score_samples", "predict", "p_values", "decision_function"):
        np.testing.assert_array_equal(getattr(loaded, use)(new), getattr(detector, use)(new))
    np.testing.assert_array_equal(
        loaded.explain(new).contributions, detector.explain(new).contributions
    )
    assert loaded.threshold_ == detector.threshold_
    assert repr(loaded) == repr(detector)
    loaded.calibrate(data(150, seed=2)).save(path)
    assert len(isthmus.load(path).calibration_) == 150
    loaded.fit(data())  # and it can be fitted again
    np.testing.assert_array_equal(loaded.score_samples(new), detector.score_samples(new))


def test_images_without_a_line(tmp_path):
    X = np.random.default_rng(0).uniform(size=(40, 8, 8))
    estimator = Autoencoder(latent_dim=2, max_epochs=1)
    model = AnomalyDetector(estimator=estimator, calibration_fraction=0, random_state=0).fit(X)
    model.save(tmp_path / "d.safetensors")
    loaded = isthmus.load(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
    assert loaded.calibration_ is None
    assert np.isnan(loaded.offset_)


def test_the_header_says_what_was_chosen(detector, tmp_path):
    path = tmp_path / "d.safetensors"
    detector.save(path)
    said = persistence.describe(path)
    assert said["class"] == "AnomalyDetector"
    assert said["threshold"]["rule"] == "false alarm rate"
    assert said["threshold"]["details"]["false_alarm_rate"] == 0.05
    assert said["calibration"] == {"rows": 40, "held_out": True}
    assert len(said["members"]) == 2


def test_the_size_does_not_grow_with_the_training_rows(tmp_path):
    sizes = []
    estimator = Autoencoder(latent_dim=2, hidden_layer_sizes=(), max_epochs=1, batch_size=4096)
    for n in (60_000, 120_000):
        detector = AnomalyDetector(estimator=estimator, calibration_fraction=0.2, random_state=0)
        detector.fit(data(n)).save(tmp_path / "d.st")
        sizes.append((tmp_path / "d.st").stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 1000


def test_a_file_that_does_not_fit_together_is_refused(detector, tmp_path):
    path = tmp_path / "d.safetensors"
    header, tensors = DetectorForm().contents(detector)

    def attempt(change):
        copy, parts = json.loads(json.dumps(header)), dict(tensors)
        change(copy, parts)
        write_tensor_file(path, persistence.KIND, copy, parts)
        with pytest.raises(ModelFileError):
            isthmus.load(path)

    attempt(lambda h, t: h["members"].clear())
    attempt(lambda h, t: h["members"][0]["scores"].append("mixture"))
    attempt(lambda h, t: h["members"][0].__setitem__("scores", ["likelihood"]))
    attempt(lambda h, t: t.pop("member1.usual"))
    attempt(lambda h, t: t.pop("calibration.oddness"))
    attempt(lambda h, t: h["calibration"].__setitem__("rows", 41))
    attempt(lambda h, t: h.__setitem__("threshold", {"rule": "x"}))
    attempt(lambda h, t: t.__setitem__("member0.usual", t["member0.usual"] * np.nan))
    attempt(lambda h, t: t.__setitem__("member0.reference.spread", -t["member0.reference.spread"]))
    flipped = tensors["calibration.oddness"].flip(0).contiguous()
    attempt(lambda h, t: t.__setitem__("calibration.oddness", flipped))
    attempt(lambda h, t: h["threshold"].__setitem__("value", float("nan")))
    attempt(lambda h, t: t.__setitem__("member0.tail0.scale", -t["member0.tail0.scale"]))
    attempt(lambda h, t: t.__setitem__("member0.score4.kept", t["member0.score4.kept"][:0].clone()))
    attempt(lambda h, t: t.pop("member0.score6.reach"))
    attempt(lambda h, t: t.__setitem__("member0.score6.reach", 0 * t["member0.score6.reach"]))
    short = tensors["member0.score6.reach"][1:].clone()
    attempt(lambda h, t: t.__setitem__("member0.score6.reach", short))
    attempt(lambda h, t: t.__setitem__("member1.score2.mean", t["member1.score2.mean"][:1].clone()))
    attempt(lambda h, t: t.pop("member0.score3.weights"))
    attempt(lambda h, t: h["members"][1]["scores"].clear())
    attempt(lambda h, t: h["schema"].__setitem__("sample_shape", [4]))
    attempt(lambda h, t: h["schema"].__setitem__("n_features_in", 7))
