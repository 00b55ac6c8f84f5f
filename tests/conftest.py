"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The workers of a parallel run, and the processes that tests start, share few cores: with more
# threads than cores, small products wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.forks import Forks


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets beside the project; the test is skipped where there is none."""
    root = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("ISTHMUS_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real data: set ISTHMUS_DATA to one that has mnist/")
    return folder


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What runs commands in processes of their own."""
    forks = Forks()
    yield forks
    forks.close()
