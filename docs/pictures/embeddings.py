"""The code of digits beside PCA, classical MDS, t-SNE and UMAP."""

from __future__ import annotations

from pathlib import Path

from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.geometry import compare_embeddings
from isthmus.plotting import embeddings


def draw(folder: Path) -> None:
    """Write embeddings.png."""
    digits = load_digits()
    model = Autoencoder(latent_dim=8, max_epochs=40, random_state=0).fit(digits.data / 16)
    compared = compare_embeddings(
        model,
        digits.data / 16,
        digits.target,
        methods=("pca", "mds", "tsne", "umap"),
        max_rows=800,
        random_state=0,
    )
    embeddings(compared).savefig(folder / "embeddings.png", dpi=70)
