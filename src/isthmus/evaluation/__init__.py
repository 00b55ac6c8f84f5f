"""Measures: arrays in, numbers out, with the controls they should stand beside."""

from isthmus.evaluation.codes import (
    CodeStatistics,
    active_units,
    code_statistics,
    linear_probe,
    mean_active_codes,
    pca_codes,
)
from isthmus.evaluation.detection import (
    DetectionMetrics,
    anomaly_labels,
    detection_metrics,
)
from isthmus.evaluation.diagnosis import Diagnosis, diagnose
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.jacobian import jacobian_norm, squared_jacobian_norms
from isthmus.evaluation.judgement import Finding
from isthmus.evaluation.mixing import autocorrelation_time
from isthmus.evaluation.nab import NabScore, nab_score
from isthmus.evaluation.reconstruction import (
    explained_variance,
    mean_squared_error,
    pca_reconstruction,
    psnr,
    reconstruction_error,
    squared_error,
)

__all__ = [
    "CodeStatistics",
    "DetectionMetrics",
    "Diagnosis",
    "Evidence",
    "Finding",
    "NabScore",
    "active_units",
    "anomaly_labels",
    "autocorrelation_time",
    "code_statistics",
    "detection_metrics",
    "diagnose",
    "explained_variance",
    "jacobian_norm",
    "linear_probe",
    "mean_active_codes",
    "mean_squared_error",
    "nab_score",
    "pca_codes",
    "pca_reconstruction",
    "psnr",
    "reconstruction_error",
    "squared_error",
    "squared_jacobian_norms",
]
