"""Measures: arrays in, numbers out, with the controls they should stand beside."""

from isthmus.evaluation.codes import active_units, linear_probe, mean_active_codes, pca_codes
from isthmus.evaluation.reconstruction import (
    explained_variance,
    mean_squared_error,
    pca_reconstruction,
    psnr,
    reconstruction_error,
    squared_error,
)

__all__ = [
    "active_units",
    "explained_variance",
    "linear_probe",
    "mean_active_codes",
    "mean_squared_error",
    "pca_codes",
    "pca_reconstruction",
    "psnr",
    "reconstruction_error",
    "squared_error",
]
