"""The lowest versions that are promised are those that `make test-lowest` installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def numbers(version):
    """Return a version as numbers, without zeros at its end."""
    parts = [int(part) for part in version.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def test_the_lowest_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    bounds = dict(entry.lower().split(">=") for entry in wanted if not entry.startswith("isthmus["))
    text = (ROOT / "constraints-lowest.txt").read_text().lower()
    tested = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)$", text, flags=re.MULTILINE))
    assert len(bounds) > 15
    for name, bound in bounds.items():
        assert numbers(tested[name]) == numbers(bound), name
