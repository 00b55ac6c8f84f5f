"""Pictures: each function returns a `matplotlib.figure.Figure` and touches no global state.

``figure.savefig("picture.png", dpi=200)`` or ``.svg`` or ``.pdf`` writes it; in a notebook the
figure shows itself. `Report` binds texts, tables and figures into one HTML file.
"""

from isthmus.plotting.anomalies import heat_map, score_histogram, show_heat_map, worst_cases
from isthmus.plotting.chains import chain_grid
from isthmus.plotting.diagnosis import plot_diagnosis
from isthmus.plotting.embeddings import embeddings
from isthmus.plotting.images import image_rows, sample_grid, walk
from isthmus.plotting.latent import latent_map
from isthmus.plotting.learning_curves import learning_curves
from isthmus.plotting.levels import level_rows
from isthmus.plotting.report import Report
from isthmus.plotting.rolls import roll_grid
from isthmus.plotting.series import plot_series
from isthmus.plotting.traversals import plot_effect, traversal_grid
from isthmus.plotting.vector_field import vector_field

__all__ = [
    "Report",
    "chain_grid",
    "embeddings",
    "heat_map",
    "image_rows",
    "latent_map",
    "learning_curves",
    "level_rows",
    "plot_diagnosis",
    "plot_effect",
    "plot_series",
    "roll_grid",
    "sample_grid",
    "score_histogram",
    "show_heat_map",
    "traversal_grid",
    "vector_field",
    "walk",
    "worst_cases",
]
