"""The README's blocks run as they are written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.forks import Forks

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def test_python_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    found = blocks("python")
    assert len(found) >= 5
    for block in found:
        exec(compile(block, str(README), "exec"), namespace)
    assert namespace["filled"].shape == (500, 6)  # type: ignore[attr-defined]
    assert (tmp_path / "digits.safetensors").exists()


def test_isthmus_commands_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: Forks
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()
    ]
    commands = [line for line in lines if line.startswith("isthmus ")]
    assert len(commands) >= 6
    for command in commands:
        result = forks.isthmus(*shlex.split(command)[1:], COLUMNS="120")
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    assert (tmp_path / "codes.csv").read_text().count("\n") > 300


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (README.parent / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", README.read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
