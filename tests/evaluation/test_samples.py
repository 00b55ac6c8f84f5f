"""Sample quality in the features of a classifier: what is good, poor, blurred and incomplete."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus.errors import InvalidInputError
from isthmus.evaluation import ClassifierFeatures, SampleQuality, sample_quality


@cache
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order].reshape(-1, 8, 8) / 16, y[order]


@cache
def features():
    X, y = digits()
    return ClassifierFeatures(n_features=32, random_state=0).fit(X[:900], y[:900])


def quality(samples):
    return sample_quality(samples, digits()[0][1350:], features=features())


def test_features_are_those_of_a_classifier_that_works():
    X, y = digits()
    found = features().transform(X[:900])
    assert found.dtype == np.float32
    assert found.shape == (900, 32)
    assert found.min() >= 0
    assert features().accuracy_ > 0.85
    assert found.var(0).mean() == pytest.approx(1, rel=0.05)  # but for the tenth held out
    # And they are seeded.
    again = ClassifierFeatures(n_features=32, random_state=0).fit(X[:900], y[:900])
    np.testing.assert_array_equal(again.transform(X[:9]), found[:9])


def test_real_rows_are_better_than_every_kind_of_bad_sample():
    X, _ = digits()
    real = X[900:1350]
    rng = np.random.default_rng(0)
    good = quality(real)
    assert min(good.precision, good.recall, good.coverage) > 0.85
    bad = {
        "blurred": (real + real[::-1]) / 2,
        "noisy": np.clip(real + rng.normal(size=real.shape) * 0.4, 0, 1),
        "independent pixels": rng.permuted(real, axis=0),
    }
    for name, samples in bad.items():
        found = quality(samples)
        assert found.classifier_frechet_distance > 3 * good.classifier_frechet_distance, name
        assert found.classifier_kernel_distance > 3 * good.classifier_kernel_distance, name
        assert found.precision < good.precision - 0.05, name
        assert found.density < good.density - 0.15, name


def test_one_image_again_and_again_reaches_nothing():
    X, _ = digits()
    found = quality(np.repeat(X[:900].mean(0, keepdims=True), 450, axis=0))
    # It is among the real ones or not: precision and density are all or nothing, and say nothing.
    assert found.recall == 0
    assert found.coverage < 0.05
    assert found.classifier_frechet_distance > 10


def test_missing_classes_are_seen_by_recall_and_coverage_alone():
    X, y = digits()
    good = quality(X[900:1350])
    few = quality(X[:1350][y[:1350] < 3])
    assert few.precision > good.precision - 0.05
    assert few.recall < good.recall - 0.3
    assert few.coverage < good.coverage - 0.4
    assert few.classifier_frechet_distance > 3 * good.classifier_frechet_distance


def test_with_labels_it_trains_on_one_half_and_compares_with_the_other():
    X, y = digits()
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    found = sample_quality(X[:500], X[500:1300], labels=y[500:1300], random_state=3)
    assert found.n_rows == 400
    assert found.classifier_accuracy > 0.7
    assert found.precision > 0.8
    assert sample_quality(X[:500], X[500:1300], labels=y[500:1300], random_state=3) == found
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_any_function_gives_features_and_as_many_rows_of_each_count():
    X, _ = digits()
    found = sample_quality(
        X[:300], X[300:1000], features=lambda rows: rows.reshape(len(rows), -1), max_rows=200
    )
    assert found.n_rows == 200
    assert found.classifier_accuracy is None
    assert found.kernel_blocks == 5
    assert found.kernel_spread > 0


def test_nobody_takes_it_for_the_inception_distance():
    names = " ".join(field.name for field in fields(SampleQuality))
    assert "classifier_frechet_distance" in names
    assert "fid" not in names
    assert "inception" not in names


def test_what_cannot_be_used_is_refused():
    X, y = digits()
    spoilt = X[:50].copy()
    spoilt[3, 0, 0] = np.nan
    for name, call in {
        "samples: expected finite": lambda: quality(spoilt),
        "samples: expected rows of shape": lambda: quality(X[:50, :4]),
        "features: expected either .* neither": lambda: sample_quality(X, X),
        "features: expected either .* both": lambda: sample_quality(
            X, X, labels=y, features=features()
        ),
        "labels: expected one class a row": lambda: sample_quality(X, X, labels=y[:5]),
        r"features: expected \(n, n_features\)": lambda: sample_quality(
            X, X, features=lambda rows: rows.sum()
        ),
        "max_rows: expected a whole number": lambda: sample_quality(X, X, labels=y, max_rows=0),
        "features: not fitted": lambda: ClassifierFeatures().transform(X),
        "y: expected one class a row": lambda: ClassifierFeatures().fit(X, y[:5]),
        "at least 20 labelled rows": lambda: ClassifierFeatures().fit(X[:5], y[:5]),
        "n_features: expected a whole number": lambda: ClassifierFeatures(n_features=0),
    }.items():
        with pytest.raises(InvalidInputError, match=name):
            call()
