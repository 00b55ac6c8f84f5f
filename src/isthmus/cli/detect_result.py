"""What was found in new rows: alarms, groups, drift, measures; as a table, as JSON, in words."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.cli.detect_reasons import reasons_of
from isthmus.cli.detect_rows import Scored, score_rows
from isthmus.cli.options import Reading
from isthmus.cli.output import readable_bytes
from isthmus.cli.summary import calibration_in_words, percent, threshold_in_words
from isthmus.errors import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.applications.anomaly import AnomalyDetector, Drift, Explanation
    from isthmus.evaluation.detection import DetectionMetrics

__all__ = ["Result", "describe_fit", "result_of", "rows_for_people", "write"]

_CHUNK = 100_000
_SHOWN = 5
_FEWEST_FOR_DRIFT = 20
_MOST_COUNTED = 10_000
_TOGETHER = "no single value stands out; they do not go together"


@dataclass
class Result:
    """What a detector says of the rows of a file.

    Attributes
    ----------
    path : Path
        The file.
    scored : Scored
        Its scores and its oddest rows.
    p_values : ndarray of shape (n,)
        NaN where there is none.
    alarms : ndarray of bool, of shape (n,)
        Rows beyond the line.
    line : Threshold or None
        The line.
    drift : Drift or None
        Of the rows in the order of the file.
    no_drift : str
        Why there is none, where there is none.
    usual : dict of str to float, or None
        Alarms that so many rows would raise if all were normal: "mean", and where 19 of 20
        detectors would lie, "low" and "high"; None where no rate was promised.
    truth : ndarray of shape (n,) or None
        1 for anomalies, 0 for normal rows, NaN for neither.
    metrics : DetectionMetrics or None
        Where the truth is known.
    explanation : Explanation
        Of the oddest rows.
    reasons : list of str
        Of the oddest rows.
    groups : ndarray of int, of shape (n_oddest,)
        From 1, the largest; 0 for rows that raised no alarm.
    seconds : dict of str to float
        What took how long.
    """

    path: Path
    scored: Scored
    p_values: NDArray[Any]
    alarms: NDArray[Any]
    line: Any
    drift: Drift | None
    no_drift: str
    usual: dict[str, float] | None
    truth: NDArray[Any] | None
    metrics: DetectionMetrics | None
    explanation: Explanation
    reasons: list[str]
    groups: NDArray[Any]
    seconds: dict[str, float]

    def order(self) -> NDArray[Any]:
        """Return the places of the oddest rows among those kept, the oddest first."""
        return np.argsort(self.scored.scores[self.scored.oddest], kind="stable")

    def name(self, row: int) -> str:
        """Return the name of a row, or its number."""
        return str(row) if self.scored.names is None else self.scored.names[row]

    def group_sizes(self) -> list[int]:
        """Return how many alarms each group has, the largest first."""
        sizes: list[int] = np.bincount(self.groups[self.groups > 0])[1:].tolist()
        return sizes

    def summary(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        scored = self.scored
        drift = self.drift
        n_scored = len(scored.scores) - len(scored.unscored)
        shown = self.order()[:_SHOWN]
        return {
            "scored_file": str(self.path),
            "rows": len(scored.scores),
            "scored": n_scored,
            "unscored": [
                {"row": self.name(row), "reason": scored.unscored[row]}
                for row in sorted(scored.unscored)[:100]
            ],
            "n_unscored": len(scored.unscored),
            "alarms": int(self.alarms.sum()),
            "explained": int((self.groups > 0).sum()),
            "expected_of_normal_rows": self.usual,
            "groups": self.group_sizes(),
            "drift": {
                "drifted": None if drift is None else drift.drifted,
                "since": None if drift is None else drift.since,
                "said": self.no_drift if drift is None else str(drift),
            },
            "metrics": None if self.metrics is None else self.metrics.to_dict(),
            "oddest": [self._record(int(place)) for place in shown],
            "seconds": dict(self.seconds),
        }

    def _record(self, place: int) -> dict[str, Any]:
        row = int(self.scored.oddest[place])
        return {
            "row": self.name(row),
            "score": float(self.scored.scores[row]),
            "p_value": float(self.p_values[row]),
            "label": _label(self, row),
            "group": int(self.groups[place]) or None,
            "reasons": self.reasons[place],
        }


def result_of(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
    labels: str | None,
    *,
    most: int,
    same: bool,
    seconds: dict[str, float],
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Score a file and say why its alarms are alarms.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    path : Path
        The file or folder.
    reading : Reading
        How it is read.
    labels : str or None
        Its column of labels.
    most : int
        Reasons of a row.
    same : bool
        Whether these are the rows of the fit.
    seconds : dict
        Takes what took how long.
    progress : callable, optional
        Called with the number of rows done.
    """
    from isthmus.applications.anomaly import group
    from isthmus.evaluation.detection import anomaly_labels, detection_metrics

    start = time.perf_counter()
    scored = score_rows(detector, path, reading, labels, progress)
    scores, known = scored.scores, ~np.isnan(scored.scores)
    p_values = np.full(len(scores), np.nan)
    if detector.calibration_ is not None:
        p_values[known] = detector.calibration_.p_values(-scores[known])
    line = detector.threshold_
    alarms = np.zeros(len(scores), dtype=bool)
    if line is not None:
        alarms[known] = -scores[known] > line.value
    drift, no_drift = _drift(detector, scores[known], same)
    truth = metrics = None
    if scored.labels is not None:
        truth = anomaly_labels(scored.labels)
        metrics = detection_metrics(truth, scores, offset=None if line is None else -line.value)
    seconds["score"] = time.perf_counter() - start
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these rows all was told when they were scored
        explanation = detector.explain(scored.rows)
    reasons = reasons_of(detector, explanation, most)
    groups = np.zeros(len(scored.oddest), dtype=np.int64)
    loud = alarms[scored.oddest]
    reasons = [r or (_TOGETHER if odd else "") for r, odd in zip(reasons, loud, strict=True)]
    if loud.any():
        groups[loud] = 1 + group(_part(explanation, loud))
    seconds["explain"] = time.perf_counter() - start
    return Result(
        path,
        scored,
        p_values,
        alarms,
        line,
        drift,
        no_drift,
        _usual(detector, int(known.sum())),
        truth,
        metrics,
        explanation,
        reasons,
        groups,
        seconds,
    )


def write(path: Path, result: Result, *, alarms_only: bool) -> None:
    """Write a table of the rows, in their order, whole or not at all."""
    from isthmus.atomic import whole_file

    name = path.name.lower()
    with whole_file(path) as draft:
        frames = _frames(result, alarms_only)
        if name.endswith(".parquet"):
            pyarrow = require("pyarrow", "table")
            writer = None
            for frame in frames:
                table = pyarrow.Table.from_pandas(
                    frame, schema=_schema(pyarrow, result), preserve_index=False
                )
                if writer is None:
                    writer = require("pyarrow.parquet", "table").ParquetWriter(draft, table.schema)
                writer.write_table(table)
            assert writer is not None
            writer.close()
            return
        packed = "gzip" if name.endswith(".gz") else None
        separator = "\t" if name.removesuffix(".gz").endswith(".tsv") else ","
        for place, frame in enumerate(frames):
            frame.to_csv(
                draft,
                sep=separator,
                index=False,
                mode="a" if place else "w",
                header=not place,
                compression=packed,
                lineterminator="\n",
            )


def describe_fit(
    detector: AnomalyDetector,
    train: Path,
    n_rows: int | None,
    seconds: Mapping[str, float],
    files: Mapping[str, Path | None],
) -> dict[str, Any]:
    """Collect what the detector is; JSON can hold it."""
    line, calibration = detector.threshold_, detector.calibration_
    told = None if calibration is None else {"rows": len(calibration), "held_out": True}
    if told is not None and calibration is not None:
        told["held_out"] = calibration.held_out
    line_json = None if line is None else line.to_json()
    return {
        "train": str(train),
        "training_rows": n_rows,
        "members": [type(member).__name__ for member in detector.members_],
        "threshold": None
        if line_json is None
        else {**line_json, "said": threshold_in_words(line_json, told)},
        "calibration": None if told is None else {**told, "said": calibration_in_words(told)},
        "files": {name: str(path) for name, path in files.items() if path is not None},
        "seconds": dict(seconds),
    }


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
        if found["explained"] < alarms:
            said += f"; reasons are given for the {found['explained']:,} oddest"
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


def _drift(detector: AnomalyDetector, scores: Any, same: bool) -> tuple[Drift | None, str]:
    from isthmus.applications.anomaly import measure_drift

    calibration = detector.calibration_
    if same:
        return None, "not judged: these are the rows of the fit"
    if calibration is None or not calibration.held_out:
        return None, "not judged: no rows were held out to compare with"
    if len(scores) < _FEWEST_FOR_DRIFT:
        return None, f"not judged: {len(scores)} rows are too few, {_FEWEST_FOR_DRIFT} are needed"
    return measure_drift(calibration, -scores), ""


def _usual(detector: AnomalyDetector, n_rows: int) -> dict[str, float] | None:
    line, calibration = detector.threshold_, detector.calibration_
    if line is None or calibration is None or not calibration.held_out:
        return None
    if line.rule != "false alarm rate":
        return None
    rate = line.details["false_alarm_rate"]
    # Of more rows the share does not spread less: what spreads is the rate of the detector.
    low, high = calibration.interval(rate, min(n_rows, _MOST_COUNTED))
    return {"mean": rate * n_rows, "low": low * n_rows, "high": high * n_rows}


def _part(explanation: Explanation, rows: Any) -> Explanation:
    from dataclasses import replace

    return replace(
        explanation,
        values=explanation.values[rows],
        contributions=explanation.contributions[rows],
        expected=explanation.expected[rows],
    )


def _label(result: Result, row: int) -> str:
    if row in result.scored.unscored:
        return "unscored"
    if result.line is None:
        return ""
    return "anomaly" if result.alarms[row] else "normal"


def _frames(result: Result, alarms_only: bool) -> Iterator[Any]:
    """Yield the rows as DataFrames; at least one, if only for its header."""
    pandas = require("pandas", "table")
    scored = result.scored
    why = dict(scored.unscored)
    groups: dict[int, int] = {}
    for place, row in enumerate(scored.oddest.tolist()):
        if result.alarms[row]:
            why[row], groups[row] = result.reasons[place], int(result.groups[place])
    rows = np.flatnonzero(result.alarms) if alarms_only else np.arange(len(scored.scores))
    for start in range(0, max(len(rows), 1), _CHUNK):
        part = rows[start : start + _CHUNK]
        numbers = part.tolist()
        first = (
            {"row": part}
            if scored.names is None
            else {"name": [scored.names[row] for row in numbers]}
        )
        yield pandas.DataFrame(
            {
                **first,
                "score": scored.scores[part],
                "p_value": result.p_values[part],
                "label": np.array([_label(result, row) for row in numbers], dtype=object),
                "group": pandas.array([groups.get(row) for row in numbers], dtype="Int64"),
                "reasons": np.array([why.get(row, "") for row in numbers], dtype=object),
            }
        )


def _schema(pyarrow: Any, result: Result) -> Any:
    first = ("row", pyarrow.int64()) if result.scored.names is None else ("name", pyarrow.string())
    return pyarrow.schema(
        [
            first,
            ("score", pyarrow.float64()),
            ("p_value", pyarrow.float64()),
            ("label", pyarrow.string()),
            ("group", pyarrow.int64()),
            ("reasons", pyarrow.string()),
        ]
    )


def _n(value: float) -> str:
    return "undefined" if value != value else f"{value:.3f}"
