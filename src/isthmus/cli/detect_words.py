"""What a detector is and what it found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isthmus.applications.anomaly.threshold import percent
from isthmus.cli.output import readable_bytes

__all__ = ["rows_for_people"]


def rows_for_people(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write a summary as rows of two cells."""
    rows = []
    members = ", ".join(found["members"])
    count = found["training_rows"]
    if count is None:
        rows.append(("detector", f"{found['train']} ({members})"))
    else:
        rows.append(("detector", f"{members}, fitted on {count:,} rows of {found['train']}"))
    line = found["threshold"]
    rows.append(("threshold", "none was drawn" if line is None else line["said"]))
    if "rows" in found:
        rows += _rows_of_result(found)
    else:
        calibration = found["calibration"]
        rows.append(("calibration", "none" if calibration is None else calibration["said"]))
    names = {"fit": "fitted", "score": "scored", "explain": "explained"}
    times = [f"{names[n]} in {s:.1f} s" for n, s in found["seconds"].items()]
    if times:
        rows.append(("time", ", ".join(times)))
    for name, place in found["files"].items():
        name = "saved" if name == "detector" else name
        rows.append((name, f"{place}, {readable_bytes(Path(place).stat().st_size)}"))
    return rows


def _rows_of_result(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    said = f"{found['rows']:,} of {found['scored_file']}"
    if found["n_unscored"]:
        said += f"; {found['n_unscored']:,} could not be scored"
    rows = [("rows", said)]
    if found["threshold"] is not None:
        alarms = found["alarms"]
        said = f"{alarms:,} ({percent(alarms / max(found['scored'], 1))})"
        if (usual := found["expected_of_normal_rows"]) is not None:
            said += (
                f"; normal rows alone would raise about {usual['mean']:,.0f} ({usual['low']:,.0f} "
                f"to {usual['high']:,.0f}, 19 times of 20)"
            )
        if alarms and not found["explained"]:
            said += "; without a decoder there are no reasons"
        elif found["explained"] < alarms:
            said += f"; reasons are given for the {found['explained']:,} most unusual"
        rows.append(("alarms", said))
        if sizes := found["groups"]:
            more = ", ..." if len(sizes) > 6 else ""
            kinds = "1 group" if len(sizes) == 1 else f"{len(sizes)} groups"
            listed = ", ".join(f"{size:,}" for size in sizes[:6])
            rows.append(("alike", f"{kinds} of similar alarms: {listed}{more}"))
    rows.append(("drift", found["drift"]["said"]))
    if (m := found["metrics"]) is not None:
        rows.append(
            (
                "by labels",
                f"{m['anomalies']:,} anomalies in {m['rows']:,} rows; AUROC {_n(m['auroc'])}, "
                f"average precision {_n(m['average_precision'])}; of the alarms: precision "
                f"{_n(m['precision'])}, recall {_n(m['recall'])}, F1 {_n(m['f1'])}, false-alarm "
                f"rate {_n(m['false_alarm_rate'])}",
            )
        )
    for record in found["oddest"]:
        p = record["p_value"]
        said = f"score {record['score']:.4g}" + (f", p = {p:.2g}" if p == p else "")
        if record["label"] != "anomaly":
            said += f", {record['label'] or 'no label'}"
        reasons = f": {record['reasons']}" if record["reasons"] else ""
        rows.append((f"row {record['row']}", f"{said}{reasons}"))
    return rows


def _n(value: float) -> str:
    return "undefined" if value != value else f"{value:.3f}"
