"""The ledger, the page that is generated from it, and the benchmarks belong together."""

from __future__ import annotations

import importlib
import json

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.ledger import PAGE, RESULTS, page, with_tables

ENTRIES = {path.stem: json.loads(path.read_text("utf-8")) for path in RESULTS.glob("*.json")}


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_can_be_imported_and_has_a_result(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").run)
    entry = ENTRIES[name]
    assert entry["name"] == name
    assert entry["command"] == f"python -m benchmarks {name}"
    assert entry["rows"]
    assert all(list(row) == list(entry["rows"][0]) for row in entry["rows"])


def test_there_are_no_results_without_a_benchmark():
    assert set(ENTRIES) == set(NAMES)


def test_the_page_is_the_one_that_the_ledger_gives():
    assert PAGE.read_text("utf-8") == page()


def test_the_tables_of_the_guides_are_those_of_the_ledger():
    filled = 0
    for path in sorted(PAGE.parent.glob("*.md")):
        text = path.read_text("utf-8")
        assert with_tables(text) == text, f"{path.name}: run make docs"
        filled += text.count("<!-- table ")
    assert filled
