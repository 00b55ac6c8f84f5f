"""Every example is in the list, and every one in the list is there and is tested."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = {"digits_report": "tests/cli/test_demo.py"}  # by the verb that runs it


def test_the_list_is_whole_and_every_script_is_tested():
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py")}
    text = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\((\w+)\.py\)", text)) == scripts
    for name in scripts:
        test = ROOT / TESTS.get(name, f"tests/examples/test_{name}.py")
        assert re.search(rf"from examples import {name}$", test.read_text("utf-8"), re.MULTILINE)
