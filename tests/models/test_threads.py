"""Networks of the user's own draw from torch's global generator: fits take turns at it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.models.base import fitting
from isthmus.nn.global_random import global_random

X = np.random.default_rng(0).normal(size=(120, 6))
THREADS = 4


def model(seed, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.4), nn.Linear(16, 2))
        decoder = nn.Sequential(nn.Linear(2, 16), nn.Dropout(0.4), nn.Linear(16, 6))
    return Autoencoder(
        network=(encoder, decoder), max_epochs=12, random_state=seed, batch_size=16, **changes
    )


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module_.parameters()])


def test_fits_in_four_threads_are_those_of_one_and_the_generator_is_put_back():
    models = [model(seed) for seed in range(THREADS)]  # their making draws as well
    alone = [weights(model(seed).fit(X)) for seed in range(THREADS)]
    torch.manual_seed(123)
    before = torch.get_rng_state()
    together = threading.Barrier(THREADS)

    def fit(one):
        together.wait()
        return weights(one.fit(X))

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(fit, models))
    for one, other in zip(found, alone, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(found[0], found[1])  # the control: they could have been told apart


def test_partial_fits_in_threads_are_those_of_one():
    def fit(one):
        for _ in range(6):
            one.partial_fit(X)
        return weights(one)

    alone = [fit(model(seed)) for seed in range(THREADS)]
    models = [model(seed) for seed in range(THREADS)]  # their making draws as well
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(fit, models))
    assert all(map(torch.equal, found, alone))


def test_the_generator_is_put_back_when_a_fit_fails():
    torch.manual_seed(5)
    before = torch.get_rng_state()

    class Broken(Exception):
        pass

    def fail():
        with global_random():
            torch.manual_seed(1)
            raise Broken

    with pytest.raises(Broken):
        fail()
    assert torch.equal(torch.get_rng_state(), before)
    with ThreadPoolExecutor(1) as pool:  # and the turn is given up
        assert pool.submit(lambda: weights(model(0).fit(X)).isfinite().all()).result(60)


def test_hooks_may_fit_and_wait_for_other_threads():
    """Between the epochs nobody holds the generator: a callback that fits in a thread can wait."""

    done: list[bool] = []
    one = model(3)
    original = fitting.EpochProgress.update

    def update(self, record):
        if not done:
            done.append(True)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(model(7).fit, X).result(60)
        original(self, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.EpochProgress, "update", update)
        found = weights(one.fit(X))
    assert done
    assert torch.equal(found, weights(model(3).fit(X)))
