"""The picture of docs/models/sparse.md: what the units are, and how many samples use them."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus import SparseAutoencoder
from isthmus.evaluation import code_statistics
from isthmus.plotting import sample_grid


def draw(folder: Path) -> None:
    """Train k-sparse models with and without what keeps units alive; draw ``sparse.png``."""
    X = load_digits().data / 16
    common = {"latent_dim": 128, "max_epochs": 28, "learning_rate": 4e-3, "random_state": 0}
    common |= {"likelihood": "gaussian", "scaling": "center", "weight_decay": 3e-4}
    models = {
        "k = 8, active units fall from 32": SparseAutoencoder(sparsity="topk", k=8, **common),
        "k = 8 from the first epoch": SparseAutoencoder(
            sparsity="topk", k=8, k_start=None, **common
        ),
        "k = 8, falling from 32, not centred": SparseAutoencoder(
            sparsity="topk", k=8, **{**common, "scaling": None}
        ),
        "L1, λ = 0.1": SparseAutoencoder(sparsity_weight=0.1, **common),
    }
    figure = Figure(figsize=(9.6, 3.8), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1])
    for (name, model), colour in zip(
        models.items(), ("#3f90da", "#94a4a2", "#bd1f01", "#ffa90e"), strict=True
    ):
        statistics = code_statistics(model.fit(X), X)
        share = np.sort(statistics.active_share)[::-1]
        label = f"{name}: {statistics.n_dead} of 128 dead"
        right.plot(np.arange(1, 129), share, color=colour, linewidth=2, label=label)
    right.set(xlabel="unit, the most used first", ylabel="share of digits that use it")
    right.set(xlim=(1, 128), ylim=(0, 1.3), yticks=np.linspace(0, 1, 6))
    right.legend(frameon=False, fontsize=9, loc="upper right")
    right.spines[["top", "right"]].set_visible(False)
    model = models["k = 8, active units fall from 32"]
    statistics = code_statistics(model, X)
    most = np.argsort(statistics.active_share)[::-1][:40]
    size = statistics.mean_activity / np.maximum(statistics.active_share, 1e-9)
    codes = np.diag(size)[most]  # each unit alone, at its mean activity where it is active
    atoms = model.inverse_transform(codes) - model.inverse_transform(0 * codes)
    sample_grid(
        0.5 + 0.5 * atoms / np.abs(atoms).max(axis=1, keepdims=True),
        n_columns=8,
        image_shape=(8, 8),
        value_range=(0, 1),
        ax=left,
    )
    figure.suptitle(
        "The 40 most used units of the first model (grey is nothing), and the use of all",
        fontsize=10,
    )
    figure.savefig(folder / "sparse.png", dpi=110)
