"""Measures: arrays in, numbers out, with the controls they should stand beside."""

from isthmus.evaluation.classifier_features import ClassifierFeatures
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
from isthmus.evaluation.distribution_distance import (
    KernelDistance,
    frechet_distance,
    kernel_distance,
)
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.factors import (
    DCI,
    Disentanglement,
    beta_vae_score,
    dci,
    disentanglement,
    explicitness,
    factor_vae_score,
    modularity,
    mutual_information_gap,
    sap_score,
)
from isthmus.evaluation.jacobian import jacobian_norm, squared_jacobian_norms
from isthmus.evaluation.judgement import Finding
from isthmus.evaluation.likelihood import LogLikelihood, bits_per_dimension, log_likelihood
from isthmus.evaluation.mixing import autocorrelation_time
from isthmus.evaluation.nab import NabScore, nab_score
from isthmus.evaluation.overlap import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from isthmus.evaluation.posterior import (
    aggregate_posterior_divergence,
    aggregate_posterior_mmd,
    mutual_information,
)
from isthmus.evaluation.reconstruction import (
    explained_variance,
    mean_squared_error,
    pca_reconstruction,
    psnr,
    reconstruction_error,
    squared_error,
)
from isthmus.evaluation.samples import SampleQuality, sample_quality

__all__ = [
    "ClassifierFeatures",
    "CodeStatistics",
    "DCI",
    "DensityCoverage",
    "DetectionMetrics",
    "Diagnosis",
    "Disentanglement",
    "Evidence",
    "Finding",
    "KernelDistance",
    "LogLikelihood",
    "NabScore",
    "PrecisionRecall",
    "SampleQuality",
    "active_units",
    "aggregate_posterior_divergence",
    "aggregate_posterior_mmd",
    "anomaly_labels",
    "autocorrelation_time",
    "beta_vae_score",
    "bits_per_dimension",
    "code_statistics",
    "dci",
    "density_coverage",
    "detection_metrics",
    "diagnose",
    "disentanglement",
    "explained_variance",
    "explicitness",
    "factor_vae_score",
    "frechet_distance",
    "jacobian_norm",
    "kernel_distance",
    "linear_probe",
    "log_likelihood",
    "mean_active_codes",
    "mean_squared_error",
    "modularity",
    "mutual_information",
    "mutual_information_gap",
    "nab_score",
    "pca_codes",
    "pca_reconstruction",
    "precision_recall",
    "psnr",
    "reconstruction_error",
    "sample_quality",
    "sap_score",
    "squared_error",
    "squared_jacobian_norms",
]
