"""A detector is a scikit-learn outlier detector, over any member of the family."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import AnomalyDetector, Autoencoder, VariationalAutoencoder
from isthmus.models import ESTIMATORS


# The default detector passes as well; its several hundred fits would take a minute here.
@parametrize_with_checks(
    [
        AnomalyDetector(estimator=Autoencoder(max_epochs=3, hidden_layer_sizes=(8,))),
        AnomalyDetector(
            estimator=VariationalAutoencoder(max_epochs=2, hidden_layer_sizes=(8,)),
            scores=("divergence", "bound"),
        ),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_any_member_of_the_family(name):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(120, 6))
    estimator = ESTIMATORS[name](latent_dim=2, max_epochs=2)
    if name == "stacked":
        estimator.set_params(hidden_layer_sizes=(4,))
    detector = AnomalyDetector(estimator=estimator, n_members=2, random_state=0).fit(X)
    assert [type(member) for member in detector.members_] == [type(estimator)] * 2
    scores = detector.score_samples(X)
    assert np.isfinite(scores).all()
    assert np.ptp(scores) > 0
    assert not hasattr(estimator, "module_")  # what was handed in stays as it was
    first, second = (member.module_.state_dict() for member in detector.members_)
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_the_same_seed_gives_the_same_scores():
    X = np.random.default_rng(0).normal(size=(150, 5))
    estimator = Autoencoder(max_epochs=3)
    detector = AnomalyDetector(estimator=estimator, random_state=3)
    again = clone(detector).fit(X).score_samples(X)
    np.testing.assert_array_equal(detector.fit(X).score_samples(X), again)
    other = AnomalyDetector(estimator=estimator, random_state=4).fit(X).score_samples(X)
    assert not np.array_equal(again, other)


def test_images_and_signals():
    rng = np.random.default_rng(0)
    for shape in ((8, 8), (16, 2), (8, 8, 3)):
        X = rng.uniform(size=(60, *shape))
        estimator = Autoencoder(max_epochs=2, latent_dim=2)
        detector = AnomalyDetector(estimator=estimator, random_state=0).fit(X)
        assert detector.score_samples(X[:7]).shape == (7,)
        explanation = detector.explain(X[:3])
        assert explanation.contributions.shape == explanation.expected.shape == (3, *shape)
        assert explanation.spread.shape == shape
        with pytest.raises(ValueError, match="expected samples of shape"):
            detector.score_samples(X[:, :-1])
