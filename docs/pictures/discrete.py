"""The picture of docs/models/discrete.md: what the classes of a code of two variables stand for."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

from isthmus import DiscreteVariationalAutoencoder
from isthmus.models import untrained
from isthmus.plotting import sample_grid


def draw(folder: Path) -> None:
    """Train a code of two variables of ten classes; draw all pairs of them: ``discrete.png``."""
    data = load_digits()
    X = data.data / 16
    model = DiscreteVariationalAutoencoder(
        latent_dim=20, n_classes=10, max_epochs=60, batch_size=64, learning_rate=3e-3,
        beta_warmup=0, random_state=0,
    ).fit(X)  # fmt: skip
    pairs = np.stack(np.meshgrid(np.arange(10), np.arange(10), indexing="ij"), -1).reshape(-1, 2)
    figure = Figure(figsize=(9.6, 4.6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    sample_grid(
        model.decode_indices(pairs),
        n_columns=10,
        image_shape=(8, 8),
        value_range=(0, 1),
        ax=left,
    )
    left.set_title("each pair of classes, decoded", fontsize=10)
    counts = np.zeros((10, 10))
    found = model.encode_indices(X)
    other = untrained(model, X).encode_indices(X)
    shared = [
        [normalized_mutual_info_score(data.target, one[:, i]) for i in range(2)]
        for one in (found, other)
    ]
    variable = int(np.argmax(shared[0]))
    np.add.at(counts, (data.target, found[:, variable]), 1)
    order = np.argsort(counts.argmax(0))
    right.imshow(counts[:, order], cmap="Blues")
    right.set(xticks=range(10), yticks=range(10), ylabel="digit")
    right.set_xticklabels(order)
    right.set_xlabel(f"class of variable {variable + 1}")
    right.set_title(
        f"digits by class: information {max(shared[0]):.2f}, untrained {max(shared[1]):.2f}",
        fontsize=10,
    )
    figure.savefig(folder / "discrete.png", dpi=100)
