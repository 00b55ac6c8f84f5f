"""Deep SVDD in a detector: its distance as the score, and clear words where it has no decoder."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, DeepSVDD, persistence
from isthmus.applications.anomaly import SeriesDetector, untrained_control
from isthmus.applications.anomaly.rows.saving import DetectorForm
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.storage.container import write_tensor_file


def data(n=300, seed=0):
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(9).normal(size=(2, 5))
    return rng.normal(size=(n, 2)) @ axes + 0.1 * rng.normal(size=(n, 5))


def network(**changes):
    parameters = {"latent_dim": 4, "hidden_layer_sizes": (16,), "max_epochs": 5, **changes}
    return DeepSVDD(**parameters)


@functools.cache
def fitted():
    return AnomalyDetector(estimator=network(), n_members=2, random_state=0).fit(data())


def test_its_score_is_the_distance_to_the_centre():
    detector, new = fitted(), data(80, seed=1)
    for member in detector.ensemble_:
        model = member.estimator
        np.testing.assert_allclose(member.raw(new)[:, 0], -model.score_samples(new), rtol=1e-4)
    # What is off the plane is farther off.
    off = new + np.random.default_rng(2).normal(0, 2, new.shape)
    assert (detector.score_samples(off) < np.median(detector.score_samples(new))).mean() > 0.9
    p = detector.p_values(data(400, seed=3))
    assert 0.3 < p.mean() < 0.7


def test_the_codes_have_the_other_scores_and_an_untrained_control():
    names = ("distance", "local", "neighbours", "mahalanobis", "mixture")
    detector = AnomalyDetector(estimator=network(max_epochs=2), scores=names, random_state=0)
    detector.fit(data())
    assert np.isfinite(detector.score_samples(data(50, seed=1))).all()
    control = untrained_control(detector, data())
    assert control.members_[0].outcome_ == "untrained"
    assert np.isfinite(control.score_samples(data(50, seed=1))).all()


def test_what_is_loaded_does_the_same_and_can_be_fitted_again(tmp_path):
    detector, new = fitted(), data(50, seed=1)
    detector.save(tmp_path / "d.safetensors")
    loaded = isthmus.load(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(loaded.score_samples(new), detector.score_samples(new))
    np.testing.assert_array_equal(loaded.p_values(new), detector.p_values(new))
    assert repr(loaded) == repr(detector)
    np.testing.assert_array_equal(
        loaded.fit(data()).score_samples(new), detector.score_samples(new)
    )


def test_a_file_whose_score_is_of_another_network_is_refused(tmp_path):
    header, tensors = DetectorForm().contents(fitted())
    for names in (["reconstruction"], ["mahalanobis"]):
        copy = json.loads(json.dumps(header))
        copy["members"][0]["scores"] = names
        write_tensor_file(tmp_path / "d.st", persistence.KIND, copy, tensors)
        with pytest.raises(ModelFileError):
            isthmus.load(tmp_path / "d.st")


def test_images_and_missing_values():
    images = np.random.default_rng(0).uniform(size=(60, 8, 8))
    detector = AnomalyDetector(estimator=DeepSVDD(latent_dim=4, max_epochs=1), random_state=0)
    assert np.isfinite(detector.fit(images).score_samples(images)).all()
    assert_orders_as_its_network(detector, images)
    gaps = data()
    gaps[::7, 1] = np.nan
    detector = AnomalyDetector(estimator=network(missing="ignore", max_epochs=1), random_state=0)
    assert np.isfinite(detector.fit(gaps).score_samples(gaps)).all()
    assert_orders_as_its_network(detector, gaps)
    # What is missing counts as usual: as the mean of its column in the rows of the fit.
    (model,) = detector.members_
    filled = gaps.copy()
    filled[::7, 1] = model.autoencoder_.scaler_.shift[1]
    np.testing.assert_allclose(
        detector.score_samples(gaps), detector.score_samples(filled), rtol=1e-3, atol=1e-4
    )


def assert_orders_as_its_network(detector, X):
    """The farther from the centre, the odder, and no two distances alike."""
    (model,) = detector.members_
    order = np.argsort(model.score_samples(X))
    scores = detector.score_samples(X)[order]
    assert (np.diff(scores) >= -1e-6).all()
    assert len(np.unique(scores)) > 0.9 * len(X)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: fitted().explain(data(2)), "no decoder"),
        (
            lambda: AnomalyDetector(estimator=network(), scores="bound").fit(data()),
            "'bound' needs a decoder",
        ),
        (
            lambda: AnomalyDetector(estimator=Autoencoder(), scores="distance").fit(data()),
            r"estimator=DeepSVDD\(\)",
        ),
        (lambda: AnomalyDetector(estimator=network(), trim=0.1).fit(data()), "trim: "),
        (
            lambda: SeriesDetector(AnomalyDetector(estimator=network())).fit(data()),
            "not the steps",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(attempt, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        attempt()
    assert "\n" not in str(caught.value)
