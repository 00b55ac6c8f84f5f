"""Why rows raised an alarm, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector, Explanation

__all__ = ["explained", "is_image", "reasons_of"]

_FEWEST_NATS = 1.0  # a value that adds less is not worth a word, unless it is the oddest


def explained(detector: AnomalyDetector, rows: Any) -> Explanation | None:
    """Return the explanation of rows; None of Deep SVDD, which has no decoder to expect with."""
    from isthmus.models import DeepSVDD

    if isinstance(detector.members_[0], DeepSVDD):
        return None
    return detector.explain(rows)


def reasons_of(detector: AnomalyDetector, explanation: Explanation, most: int) -> list[str]:
    """Return a text for each explained row, such as "temperature was 91, expected 40 ± 6".

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    explanation : Explanation
        Of the rows.
    most : int
        Reasons of a row at most.
    """
    if is_image(detector):
        return _places(explanation)
    return [
        "; ".join(str(reason) for reason in _worth(explanation.reasons(row, most)))
        for row in range(len(explanation))
    ]


def is_image(detector: AnomalyDetector) -> bool:
    """Whether the detector was fitted on images."""
    from isthmus.models import DeepSVDD

    member = detector.members_[0]
    return not isinstance(member, DeepSVDD) and member.schema_.layout == "image"


def _worth(reasons: Sequence[Any]) -> list[Any]:
    return [r for i, r in enumerate(reasons) if i == 0 or r.contribution >= _FEWEST_NATS]


def _places(explanation: Explanation) -> list[str]:
    """Say where an image is odd: single pixels say nothing to people."""
    from isthmus.plotting.anomalies import heat_map

    maps = heat_map(explanation.contributions)
    texts = []
    for one in maps:
        row, column = np.unravel_index(int(one.argmax()), one.shape)
        texts.append(f"oddest around row {row}, column {column}")
    return texts
