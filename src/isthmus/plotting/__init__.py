"""Pictures: each function returns a `matplotlib.figure.Figure` and touches no global state.

``figure.savefig("picture.png", dpi=200)`` or ``.svg`` or ``.pdf`` writes it; in a notebook the
figure shows itself. `Report` binds texts, tables and figures into one HTML file.
"""

from isthmus.plotting.chains import chain_grid
from isthmus.plotting.diagnosis import plot_diagnosis
from isthmus.plotting.embeddings import embeddings
from isthmus.plotting.images import image_rows, sample_grid, walk
from isthmus.plotting.latent import latent_map
from isthmus.plotting.learning_curves import learning_curves
from isthmus.plotting.report import Report
from isthmus.plotting.vector_field import vector_field

__all__ = [
    "Report",
    "chain_grid",
    "embeddings",
    "image_rows",
    "latent_map",
    "learning_curves",
    "plot_diagnosis",
    "sample_grid",
    "vector_field",
    "walk",
]
