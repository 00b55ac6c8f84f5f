"""The raw anomaly scores: how unusual a row is by what a network makes of it (its evidence).

A score is fitted on the training rows of its member and then kept as a few arrays, whose size does
not depend on how many rows there were. `TailScale` then brings it to the unit of all: nats of the
tail of the training rows.
"""

from __future__ import annotations

from isthmus.applications.anomaly.scores.base import Evidence, Network, Score, TailScale, evidence
from isthmus.applications.anomaly.scores.codes import (
    Distance,
    Local,
    Mahalanobis,
    Mixture,
    Neighbours,
)
from isthmus.applications.anomaly.scores.likelihood import (
    Bound,
    Divergence,
    Importance,
    Reconstruction,
)

__all__ = [
    "DECODED",
    "SCORES",
    "Evidence",
    "Network",
    "Reconstruction",
    "Score",
    "TailScale",
    "evidence",
]

_ALL: tuple[type[Score], ...] = (
    Reconstruction,
    Bound,
    Importance,
    Divergence,
    Distance,
    Mahalanobis,
    Mixture,
    Neighbours,
    Local,
)
SCORES: dict[str, type[Score]] = {score.name: score for score in _ALL}
DECODED = ("reconstruction", "bound", "importance", "divergence")  # nothing that Deep SVDD has
