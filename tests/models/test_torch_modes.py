"""Whatever torch's global switches are, a model is fitted, used and loaded as ever."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch

from isthmus import (
    AnomalyDetector,
    Autoencoder,
    AutoencoderClassifier,
    DeepSVDD,
    VariationalAutoencoder,
    load,
)
from isthmus.models import ESTIMATORS, untrained

X = np.random.default_rng(0).normal(size=(120, 5))


@contextlib.contextmanager
def set_to(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


SWITCHES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: set_to(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: set_to(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "meta": lambda: torch.device("meta"),
    "deterministic": lambda: set_to(torch.use_deterministic_algorithms, True, False),
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "two threads": lambda: set_to(torch.set_num_threads, 2, torch.get_num_threads()),
}


def everything(name, folder):
    """Fit, use, save, load and go on; return all that comes of it."""
    model = ESTIMATORS[name](max_epochs=2, random_state=0).fit(X)
    model.save(folder / "m.safetensors")
    other = load(folder / "m.safetensors")
    codes = other.transform(X)
    found = [codes, other.inverse_transform(codes), other.reconstruct(X), other.score_samples(X)]
    found.append(other.partial_fit(X).transform(X))
    found.append(untrained(model, X).transform(X))
    return found


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("name", ["autoencoder", "variational", "vector_quantized", "gan"])
def test_a_switch_changes_nothing(name, switch, tmp_path):
    expected = everything(name, tmp_path)
    before = torch.get_default_dtype(), torch.is_grad_enabled()
    with SWITCHES[switch]():
        inside = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
        found = everything(name, tmp_path)
        after = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
        assert after == inside
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == before
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("switch", ["no_grad", "inference_mode", "float64"])
def test_so_do_those_that_stand_on_others(switch):
    y = np.arange(len(X)) % 2
    with SWITCHES[switch]():
        AutoencoderClassifier(max_epochs=1, random_state=0).fit(X, y).predict(X)
        DeepSVDD(max_epochs=1, pretraining_epochs=1, random_state=0).fit(X).predict(X)
        detector = AnomalyDetector(estimator=Autoencoder(max_epochs=2), random_state=0).fit(X)
        assert np.isfinite(detector.score_samples(X)).all()
        model = VariationalAutoencoder(max_epochs=1, random_state=0).fit(X)
        assert model.sample(3, random_state=0).shape == (3, 5)
        assert model.fit_density(X, random_state=0).sample(3, random_state=0).shape == (3, 5)
