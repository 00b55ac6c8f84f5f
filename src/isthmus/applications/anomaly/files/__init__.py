"""Anomalies in files: read, fitted, scored, explained and written, in memory that does not grow."""

from isthmus.applications.anomaly.files.columns import Reading
from isthmus.applications.anomaly.files.detect import Detection, detect_files
from isthmus.applications.anomaly.files.result import FileResult, score_file

__all__ = ["Detection", "FileResult", "Reading", "detect_files", "score_file"]
