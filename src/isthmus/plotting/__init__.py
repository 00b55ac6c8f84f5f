"""Pictures: each function returns a `matplotlib.figure.Figure` and touches no global state.

``figure.savefig("picture.png", dpi=200)`` or ``.svg`` or ``.pdf`` writes it; in a notebook the
figure shows itself. `Report` binds texts, tables and figures into one HTML file.
"""

from isthmus.plotting.images import image_rows, sample_grid, walk
from isthmus.plotting.latent import latent_map
from isthmus.plotting.learning_curves import learning_curves
from isthmus.plotting.report import Report

__all__ = ["Report", "image_rows", "latent_map", "learning_curves", "sample_grid", "walk"]
