"""Real data for benchmarks, from a folder beside the project; nothing is downloaded.

The folder is ``ISTHMUS_DATA``, or ``../shared/data``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.files import read

ROOT = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """Return the data folder, or stop with what to do."""
    path = Path(os.environ.get("ISTHMUS_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        raise SystemExit(f"no data folder at {path}: set ISTHMUS_DATA to one that has mnist/")
    return path


def mnist(name: str = "mnist") -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return MNIST as float32 in [0, 1]: train images (n, 28, 28), labels, test images, labels."""
    base = folder() / name
    images = [read(base / f"{part}-images-idx3-ubyte.gz").X for part in ("train", "t10k")]
    labels = [np.asarray(read(base / f"{p}-labels-idx1-ubyte.gz").X) for p in ("train", "t10k")]
    x, x_test = (np.asarray(array, dtype=np.float32) / 255 for array in images)
    return x, labels[0].ravel(), x_test, labels[1].ravel()


def squared_error(x: NDArray[Any], x_hat: NDArray[Any]) -> float:
    """Return the squared error an image: summed over pixels, averaged over images."""
    difference = (x - x_hat).reshape(len(x), -1)
    return float(np.square(difference, dtype=np.float64).sum(1).mean())
