"""The picture of docs/models/vector_quantized.md: reconstructions, samples and their controls."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import VectorQuantizedAutoencoder
from isthmus.models import untrained
from isthmus.plotting import image_rows


def k_means_per_slot(X: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return reconstructions from as many bits: PCA, cut into 8 slots of 4, k-means in each."""
    pca = PCA(32, random_state=0).fit(X)
    codes, wanted = pca.transform(X), pca.transform(held_out)
    for slot in range(8):
        columns = slice(slot, 32, 8)  # spread: each slot has a large component and small ones
        means = KMeans(64, n_init=1, random_state=0).fit(codes[:, columns])
        wanted[:, columns] = means.cluster_centers_[means.predict(wanted[:, columns])]
    return pca.inverse_transform(wanted)


def draw(folder: Path) -> None:
    """Train on digits; draw ``vector_quantized.png``."""
    X = load_digits().data / 16
    X = X[np.random.default_rng(0).permutation(len(X))]
    X, held_out = X[:1400], X[1400:]
    common = {"max_epochs": 60, "batch_size": 128, "learning_rate": 4e-3, "random_state": 0}
    model = VectorQuantizedAutoencoder(**common).fit(X)
    levels = VectorQuantizedAutoencoder(quantizer="fsq", levels=(4, 4, 4), **common).fit(X)
    control = untrained(model, X)
    indices = model.encode_indices(X)
    rng = np.random.default_rng(0)
    alone = np.stack([rng.choice(column, 12) for column in indices.T], axis=1)
    rebuilt = {
        "8 of 64 codewords": model.reconstruct(held_out),
        "8 of 4 × 4 × 4 levels": levels.reconstruct(held_out),
        "PCA, k-means in each slot": k_means_per_slot(X, held_out),
        "untrained": control.reconstruct(held_out),
    }
    error = {name: np.square(x - held_out).sum(1).mean() for name, x in rebuilt.items()}
    figure = Figure(figsize=(9.6, 3.9), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    image_rows(
        {
            "held-out digits": held_out[:12],
            **{f"{name}: {error[name]:.2f}": x[:12] for name, x in rebuilt.items()},
            "drawn from the prior": model.sample(12, random_state=0),
            "each slot drawn on its own": model.decode_indices(alone),
        },
        image_shape=(8, 8),
        value_range=(0, 1),
        ax=left,
    )
    left.set_title("48 bits an image, with the squared error", fontsize=10)
    for name, one, colour in (("codewords", model, "#3f90da"), ("levels", levels, "#ffa90e")):
        epochs = one.history_["epoch"]
        right.plot(epochs, one.history_["perplexity"], color=colour, label=f"{name} in use")
        right.plot(
            epochs,
            np.exp(np.array(one.history_["val_divergence"]) / 8),
            color=colour,
            linestyle=":",
            label="… as the prior sees a slot",
        )
    right.set(xlabel="epoch", ylabel="perplexity, of 64", ylim=(0, 105), yticks=range(0, 65, 16))
    right.legend(frameon=False, fontsize=8, loc="upper right")
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "vector_quantized.png", dpi=100)
