"""The geometry of what was learnt.

Tangents, dimension, paths, densities, maps and the score; and the code as a space to walk in:
traversals, concept directions, sums of codes, nearest codes and how sure a code is.
"""

from isthmus.geometry.arithmetic import CodeSum, code_arithmetic
from isthmus.geometry.concept import ConceptDirection
from isthmus.geometry.density import ManifoldParzen
from isthmus.geometry.dimension import intrinsic_dimension, local_dimension, participation_ratio
from isthmus.geometry.effect import ConceptEffect, EffectCurves
from isthmus.geometry.embedding import (
    Embedding,
    compare_embeddings,
    continuity,
    embed,
    trustworthiness,
)
from isthmus.geometry.interpolation import Interpolation, interpolate
from isthmus.geometry.nearest import CodeNeighbours, nearest_codes
from isthmus.geometry.neighbours import TangentSpace, neighbour_tangents
from isthmus.geometry.score import project, score_field
from isthmus.geometry.tangent import Sensitivity, jacobian, sensitivity, tangent_space
from isthmus.geometry.traversal import Traversal, traversals
from isthmus.geometry.uncertainty import code_distance, posterior_width

__all__ = [
    "CodeNeighbours",
    "CodeSum",
    "ConceptDirection",
    "ConceptEffect",
    "EffectCurves",
    "Embedding",
    "Interpolation",
    "ManifoldParzen",
    "Sensitivity",
    "TangentSpace",
    "Traversal",
    "code_arithmetic",
    "code_distance",
    "compare_embeddings",
    "continuity",
    "embed",
    "interpolate",
    "intrinsic_dimension",
    "jacobian",
    "local_dimension",
    "nearest_codes",
    "neighbour_tangents",
    "participation_ratio",
    "posterior_width",
    "project",
    "score_field",
    "sensitivity",
    "tangent_space",
    "traversals",
    "trustworthiness",
]
