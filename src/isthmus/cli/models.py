"""The short names of the models, and what a fitted one can do, as the verbs ask for it."""

from __future__ import annotations

from typing import Any

__all__ = ["MODELS", "can_sample"]

# The keys of `isthmus.models.ESTIMATORS`, which a test compares them with. The help shows them, and
# must not wait for torch, which isthmus.models imports.
MODELS = (
    "autoencoder",
    "sparse",
    "denoising",
    "contractive",
    "variational",
    "beta_tc",
    "dip",
    "info",
    "wasserstein",
    "regularized",
    "hyperspherical",
    "ladder",
    "importance",
    "factor_vae",
    "adversarial",
    "conditional_adversarial",
    "discrete",
    "vector_quantized",
    "vae_gan",
    "gan",
    "stacked",
    "predictive_sparse",
    "recirculation",
    "gsn",
)


def can_sample(estimator: Any) -> bool:
    """Return whether a fitted model has something to draw from: a density, a chain or a prior."""
    return bool(getattr(estimator, "can_sample", False))
