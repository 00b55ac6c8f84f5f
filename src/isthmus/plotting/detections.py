"""The page of a detection: scores, threshold, worst cases with their reasons, drift."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus._version import __version__
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.applications.anomaly.files import Detection, FileResult
from isthmus.applications.anomaly.files.result import is_image
from isthmus.applications.anomaly.threshold import percent, threshold_in_words
from isthmus.errors import InvalidInputError
from isthmus.plotting.anomalies import score_histogram, show_heat_map
from isthmus.plotting.detection import p_value_stream, precision_recall
from isthmus.plotting.report import Report

__all__ = ["detection_report"]

_CASES = 25
_PICTURES = 8
_GROUPS = 12


def detection_report(detection: Detection, command: str = "") -> Report:
    """Put the page together.

    Parameters
    ----------
    detection : Detection
        A detector, and what it found in the rows of a file.
    command : str, default=""
        The words after ``isthmus``, for the last line of the page.

    Returns
    -------
    Report
        Not yet written.

    Raises
    ------
    InvalidInputError
        If no rows were scored.
    MissingDependencyError
        If matplotlib is not installed.
    """
    detector, result = detection.detector, detection.found
    if result is None:
        raise InvalidInputError("detection: no rows were scored; give detect_files a second file")
    page = Report(
        f"What is unusual in {result.path.name}",
        lead=_lead(detection, result),
        footer=f"isthmus {__version__}" + (f", isthmus {command}" if command else ""),
    )
    _add_scores(page, detector, result)
    _add_cases(page, detector, result)
    _add_groups(page, result)
    _add_order(page, result)
    _add_measures(page, result)
    _add_unscored(page, result)
    return page


def _lead(detection: Detection, result: FileResult) -> str:
    names = ", ".join(type(member).__name__ for member in detection.detector.members_)
    n = len(result.scored.scores)
    found = f"{int(result.alarms.sum()):,} of {n:,} rows raise an alarm"
    if result.threshold is None:
        found = f"{n:,} rows have a score, and no threshold was set"
    return f"{found}. The detector ({names}) was taken from {detection.train.name}."


def _add_scores(page: Report, detector: AnomalyDetector, result: FileResult) -> None:
    page.heading("Scores and the threshold")
    calibration, threshold = detector.calibration_, result.threshold
    told = None
    if calibration is not None:
        told = {"rows": len(calibration), "held_out": calibration.held_out}
    said = threshold_in_words(None if threshold is None else threshold.to_json(), told)
    page.paragraph(
        "A score is the negative surprise of a row, in nats of the tail of the training rows. "
        "Where it is a single one, -3 says that about 5 % of them were as unusual, -7 that about "
        "0.1 % would be; a mean of several is that low more rarely, and the p-values say how "
        "rarely. "
        f"**The threshold:** {said}."
    )
    if (usual := result.usual) is not None:
        page.paragraph(
            f"If all rows were normal, about {usual['mean']:,.0f} alarms would be expected at this "
            f"threshold, {usual['low']:,.0f} to {usual['high']:,.0f} 19 times of 20; there are "
            f"{int(result.alarms.sum()):,}."
        )
    known = np.isfinite(result.scored.scores)
    groups: dict[str, Any] = {}
    if calibration is not None:
        groups[
            "held-out rows" if calibration.held_out else "rows of the fit"
        ] = -calibration.oddness[np.isfinite(calibration.oddness)]
    if result.truth is None:
        groups["new rows"] = result.scored.scores[known]
    else:
        for value, name in ((0, "new rows, normal"), (1, "new rows, anomalies")):
            if (chosen := known & (result.truth == value)).any():
                groups[name] = result.scored.scores[chosen]
    groups = {name: scores for name, scores in groups.items() if len(scores)}
    if not groups:
        return
    at = None if threshold is None or not np.isfinite(threshold.value) else -threshold.value
    page.figure(
        score_histogram(groups, threshold=at),
        alt="Distribution of the scores of held-out and of new rows, with the threshold",
        caption="Each group has an area of 1. Lower is more unusual.",
    )


def _add_cases(page: Report, detector: AnomalyDetector, result: FileResult) -> None:
    page.heading("The most unusual rows, and why")
    order = result.order()
    if not result.alarms.any() and result.threshold is not None:
        page.paragraph("No row raised an alarm. These come nearest to one.")
    if is_image(detector) and result.explanation is not None:
        shown = order[:_PICTURES]
        page.figure(
            show_heat_map(
                result.scored.rows[shown],
                result.explanation.contributions[shown],
                expected=result.explanation.expected[shown],
                n_images=len(shown),
            ),
            alt="The most unusual images, what was expected of them, and where they are unusual",
            caption="From left to right, the most unusual first: the image, the image repaired, "
            "and a heat map of what each pixel adds to the surprise.",
        )
    rows = []
    for place in order[:_CASES]:
        row = int(result.scored.oddest[place])
        p_value = result.p_values[row]
        rows.append(
            [
                result.name(row),
                f"{result.scored.scores[row]:.4g}",
                "–" if np.isnan(p_value) else f"{p_value:.2g}",
                "yes" if result.alarms[row] else "no",
                str(result.groups[place] or "–"),
                result.reasons[place],
            ]
        )
    page.table(["row", "score", "p-value", "alarm", "group", "reasons"], rows)
    if len(order) > _CASES:
        page.paragraph(
            f"{_CASES} of the {int(result.alarms.sum()):,} alarms are shown; `isthmus detect -o "
            "FILE` writes all rows."
        )


def _add_groups(page: Report, result: FileResult) -> None:
    sizes = result.group_sizes()
    if not sizes:
        return
    page.heading("Groups of similar alarms")
    page.paragraph(
        "Alarms are put together where they are unusual for similar reasons (the cosine between "
        "the surprises of their values)."
    )
    rows = []
    for number, size in enumerate(sizes[:_GROUPS], start=1):
        oddest = next(place for place in result.order() if result.groups[place] == number)
        row = result.name(int(result.scored.oddest[oddest]))
        rows.append([str(number), f"{size:,}", row, result.reasons[oddest]])
    page.table(["group", "alarms", "most unusual row", "its reasons"], rows)
    if len(sizes) > _GROUPS:
        page.paragraph(f"{len(sizes) - _GROUPS} more groups are smaller.")


def _add_order(page: Report, result: FileResult) -> None:
    if np.isnan(result.p_values).all():
        return
    page.heading("In the order of the rows")
    rate = None if result.threshold is None else result.threshold.details.get("false_alarm_rate")
    drift = result.drift
    said = result.no_drift if drift is None else str(drift)
    page.paragraph(f"**Drift:** {said}.")
    page.figure(
        p_value_stream(
            result.p_values,
            blocks=() if drift is None else drift.blocks,
            level=0.01 if drift is None else drift.level,
            rate=rate,
        ),
        alt="P-values of the rows in their order, and their mean block by block",
        caption="Above, the p-value of each row: the share of held-out normal rows that is at "
        "least as unusual. Below, the mean of each stretch of rows, near one half while nothing "
        "changes; red where the stretch differs from the held-out rows."
        if drift is not None
        else "The share of held-out normal rows that is at least as unusual as each row.",
    )


def _add_measures(page: Report, result: FileResult) -> None:
    found = result.metrics
    if found is None:
        return
    page.heading("Measured by the labels")
    if found.auroc == found.auroc:
        page.figure(
            precision_recall(
                result.truth,
                result.scored.scores,
                offset=None if result.threshold is None else -result.threshold.value,
            ),
            alt="Precision over recall",
            caption="Each point is a threshold; the dotted line is a detector that guesses.",
        )
    named = {
        "rows with a label": f"{found.rows:,}",
        "anomalies": f"{found.anomalies:,}",
        "alarms": f"{found.alarms:,}",
        "AUROC": _share(found.auroc),
        "average precision": _share(found.average_precision),
        "precision": _share(found.precision),
        "recall": _share(found.recall),
        "F1": _share(found.f1),
        "false-alarm rate": "–"
        if found.false_alarm_rate != found.false_alarm_rate
        else percent(found.false_alarm_rate),
    }
    page.table(["measure", "value"], [[name, value] for name, value in named.items()])


def _add_unscored(page: Report, result: FileResult) -> None:
    if not (unscored := result.scored.unscored):
        return
    page.heading("Rows that could not be scored")
    rows = [[result.name(row), unscored[row]] for row in sorted(unscored)[:_CASES]]
    page.table(["row", "reason"], rows)
    if len(unscored) > _CASES:
        page.paragraph(f"{len(unscored) - _CASES:,} more are in the table that `-o` writes.")


def _share(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"
