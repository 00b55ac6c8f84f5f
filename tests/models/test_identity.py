"""What a parameter means is told alike in every process, and apart from what means another fit."""

from __future__ import annotations

import functools
import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.models.base.identity import IndescribableError, described
from isthmus.nn import L1, Masking, Spec
from isthmus.training import Warmup


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((8,), [8]),
        ((8, 4), np.array([8, 4])),
        (0, np.int64(0)),
        (1, 1.0),
        (0.5, np.float64(0.5)),
        (True, np.bool_(True)),
        ("a/b", pathlib.PurePosixPath("a/b")),
        (float("nan"), np.nan),
        (Spec("a", {"k": 1, "l": (2,)}), Spec("a", {"l": [2], "k": 1.0})),
        (Masking(0.3), Masking(0.3)),
        (Autoencoder(max_epochs=3), Autoencoder(max_epochs=3, verbose=1, checkpoint="file")),
        ({"b", "a"}, {"a", "b"}),
    ],
)
def test_the_same(one, other):
    assert json.dumps(described(one)) == json.dumps(described(other))


def test_what_differs_is_told_apart():
    shared = nn.Linear(3, 3)
    with torch.no_grad():
        copy = nn.Linear(3, 3)
        copy.load_state_dict(shared.state_dict())
    frozen = nn.Linear(3, 3).requires_grad_(False)
    frozen.load_state_dict(shared.state_dict())
    values = [
        *(None, True, 1, 2, "1", (1,), 1.5, float("nan"), float("inf"), (), {}, "auto", b"1"),
        *({"a": 1, "b": 2}, {"b": 2, "a": 1}),  # losses are summed in their order
        *(Masking(0.3), Masking(0.2), "masking", Spec("masking"), L1(), Warmup(1.0, 2)),
        *(Warmup(1.0, 3), Autoencoder(), Autoencoder(max_epochs=3)),
        *(torch.zeros(2), torch.zeros(2, 1), torch.zeros(2, dtype=torch.float64)),
        *(np.random.RandomState(0), np.random.RandomState(1), torch.relu, torch.tanh),
        *(nn.functional.relu, nn.Tanh(), nn.Dropout(0.1), nn.Dropout(0.2), nn.Tanh),
        *(nn.Sequential(shared, shared), nn.Sequential(shared, copy), shared, frozen),
        *(nn.Sequential(shared, nn.Sequential(copy)), nn.Linear(3, 3)),
    ]
    texts = [json.dumps(described(value)) for value in values]
    for (i, one), (j, other) in itertools.combinations(enumerate(texts), 2):
        assert one != other, (values[i], values[j])


class Scaled(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return self.by(x)


def outer(x):
    def inner(y):
        return x + y

    return inner


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x,
        outer(1),
        functools.partial(torch.relu),
        object(),
        {"a": [object()]},
        Scaled(lambda x: x),
        nn.Sequential(Scaled(object())),
        torch.Generator(),
        np.array([object()]),
    ],
)
def test_what_no_other_process_could_tell_is_refused(value):
    with pytest.raises(IndescribableError):
        described(value)


SCRIPT = """
import json, sys
import torch
from torch import nn
from isthmus.models.base.identity import described

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.act, self.names, self._cache = torch.relu, {"a", "b", "c"}, object()
        self.layer = nn.Linear(2, 2)
    def forward(self, x):
        return self.act(self.layer(x)) if CONSTANT in {"x", "y", "z", 1} else x

def function(x, y=3):
    return [x for x in (1, 2) if x in {"p", "q", "r"}]

torch.manual_seed(0)
print(json.dumps(described([Net(), function, nn.LSTM(2, 2), {"n": nn.MultiheadAttention(4, 2)}])))
"""


@pytest.fixture(scope="module")
def told():
    """Return what a new process prints, with another order of sets and another script."""

    def run(seed, constant='"x"'):
        return subprocess.run(
            [sys.executable, "-c", SCRIPT.replace("CONSTANT", constant)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return run


def test_every_process_tells_it_alike(told):
    first = told(1)
    assert first == told(2)
    assert first != told(1, '"w"')  # the user's own code is another
