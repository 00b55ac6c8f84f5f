"""Eight samples of each kind from ``python -m benchmarks sample_quality``, on Fashion-MNIST."""

from pathlib import Path

import numpy as np

from isthmus.plotting import image_rows

SAMPLES = Path(__file__).resolve().parents[2] / "benchmarks/results/sample_quality.npz"
LEFT_OUT = ("real, training", "mean image", "VAE, untrained")
DATA = "fashion_mnist/"


def draw(folder: Path) -> None:
    """Write ``samples_fashion_mnist.png``."""
    with np.load(SAMPLES) as file:
        found = {name.removeprefix(DATA): file[name] for name in file if name.startswith(DATA)}
    rows = {name: images / 255 for name, images in found.items() if name not in LEFT_OUT}
    title = "Fashion-MNIST: eight samples of each, not chosen"
    figure = image_rows(rows, n_images=8, value_range=(0, 1), title=title)
    figure.savefig(folder / "samples_fashion_mnist.png", dpi=75)
