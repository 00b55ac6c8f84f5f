"""The geometry of what was learnt: tangents, dimension, paths, densities, maps and the score."""

from isthmus.geometry.density import ManifoldParzen
from isthmus.geometry.dimension import intrinsic_dimension, local_dimension, participation_ratio
from isthmus.geometry.embedding import (
    Embedding,
    compare_embeddings,
    continuity,
    embed,
    trustworthiness,
)
from isthmus.geometry.interpolation import Interpolation, interpolate
from isthmus.geometry.neighbours import TangentSpace, neighbour_tangents
from isthmus.geometry.score import project, score_field
from isthmus.geometry.tangent import Sensitivity, jacobian, sensitivity, tangent_space

__all__ = [
    "Embedding",
    "Interpolation",
    "ManifoldParzen",
    "Sensitivity",
    "TangentSpace",
    "compare_embeddings",
    "continuity",
    "embed",
    "interpolate",
    "intrinsic_dimension",
    "jacobian",
    "local_dimension",
    "neighbour_tangents",
    "participation_ratio",
    "project",
    "score_field",
    "sensitivity",
    "tangent_space",
    "trustworthiness",
]
