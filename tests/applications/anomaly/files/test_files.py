"""Files to alarms from Python: what `isthmus detect` does, without the command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isthmus import AnomalyDetector, Autoencoder
from isthmus.applications.anomaly.files import Reading, detect_files, score_file
from isthmus.errors import InvalidInputError
from isthmus.plotting.detections import detection_report

QUICK = Autoencoder(latent_dim=2, hidden_layer_sizes=(16,), max_epochs=25, learning_rate=0.01)
ODD = [3, 50]


def numbers(n, rng):
    load = rng.normal(size=n)
    heat, speed = 40 + 6 * load + rng.normal(size=n), 1000 + 50 * rng.normal(size=n)
    return pd.DataFrame({"heat": heat, "pressure": 3 + load / 2, "speed": speed})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    numbers(400, rng).to_csv(place / "train.csv", index=False)
    new = numbers(100, rng)
    new.loc[ODD, "heat"] += 60
    new["label"] = np.where(new.index.isin(ODD), "anomaly", "normal")
    new.to_csv(place / "new.csv", index=False)
    return place


@pytest.fixture(scope="module")
def detection(folder):
    detector = AnomalyDetector(estimator=QUICK, false_alarm_rate=0.05, random_state=0)
    found = detect_files(
        folder / "train.csv",
        folder / "new.csv",
        detector=detector,
        reading=Reading(labels="label"),
        save=folder / "d.safetensors",
    )
    assert not hasattr(detector, "ensemble_")  # what was handed in stays as it was
    return found


def test_the_result_is_what_the_detector_says_of_the_rows(detection, folder):
    rows = pd.read_csv(folder / "new.csv").drop(columns="label")
    found, detector = detection.found, detection.detector
    np.testing.assert_allclose(found.scored.scores, detector.score_samples(rows), rtol=1e-5)
    np.testing.assert_allclose(found.p_values, detector.p_values(rows))
    np.testing.assert_array_equal(found.alarms, detector.predict(rows) == -1)
    assert found.alarms[ODD].all()
    assert found.metrics.auroc == 1.0
    assert detection.training_rows == 400
    whole = detection.summary()
    assert {whole["oddest"][0]["row"], whole["oddest"][1]["row"]} == {"3", "50"}
    assert whole["seconds"].keys() == {"fit", "score", "explain"}


def test_it_writes_the_table_and_the_page(detection, tmp_path):
    detection.found.write(tmp_path / "a.csv", alarms_only=True)
    table = pd.read_csv(tmp_path / "a.csv")
    assert set(ODD) <= set(table["row"])
    assert table.set_index("row")["reasons"][3].startswith("heat was ")
    detection_report(detection).write(tmp_path / "r.html")
    assert "heat was " in (tmp_path / "r.html").read_text("utf-8")


def test_a_saved_detector_says_the_same_and_its_threshold_can_be_chosen_anew(detection, folder):
    again = detect_files(folder / "d.safetensors", folder / "new.csv", false_alarm_rate=0.2)
    np.testing.assert_allclose(again.found.scored.scores, detection.found.scored.scores, rtol=1e-5)
    assert again.training_rows is None
    assert again.found.alarms.sum() > detection.found.alarms.sum()
    fit_rows = score_file(detection.detector, folder / "train.csv", of_the_fit=True)
    assert fit_rows.no_drift.startswith("not judged")


@pytest.mark.parametrize(
    ("train", "more", "message"),
    [
        ("d.safetensors", {"detector": AnomalyDetector()}, "detector: .* leave one of them out"),
        ("train.csv", {"false_alarm_rate": 0.1}, r"AnomalyDetector\(false_alarm_rate=...\)"),
        ("train.csv", {"reading": Reading(drop=["heet"])}, "drop names no column 'heet'"),
    ],
)
def test_mistakes_are_named_as_parameters_of_python(detection, folder, train, more, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        detect_files(folder / train, **more)
    assert "--" not in str(caught.value)
