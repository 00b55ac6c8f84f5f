"""The rooms of the house: what each may import, at the top of a file and inside functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import isthmus

SOURCE = Path(isthmus.__file__).parent

# From the ground up; those in one row do not know each other. docs/design.md lists them alike.
ROOMS = (
    ("errors", "_version"),
    ("registry",),
    ("storage",),
    ("nn", "datasets"),
    ("data",),
    ("training",),
    ("models",),
    ("evaluation",),
    ("geometry",),
    ("applications",),
    ("persistence",),
    ("plotting",),
    ("testing",),
    ("cli",),
)
LEVELS = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
# The two files that belong to no room: the names that users import, and `python -m isthmus`.
OUTSIDE = ("isthmus", "isthmus.__main__")


def module_of(path: Path, source: Path = SOURCE) -> str:
    parts = ("isthmus", *path.relative_to(source).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imported(text: str, modules: object = MODULES) -> set[str]:
    """Return the modules of Isthmus that a file imports, but for type checkers alone."""
    return set(_walk(ast.parse(text), modules))


def _walk(node: ast.AST, modules) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for other in node.orelse:
            yield from _walk(other, modules)
        return
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.partition(".")[0] == "isthmus")
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        if (node.module or "").partition(".")[0] == "isthmus":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules else node.module for name in names)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, modules)


def room_of(module: str) -> str:
    return module.split(".")[1]


def upward(module: str, imports: set[str]) -> list[str]:
    """Return what a module imports although its room is not below the module's own."""
    level = LEVELS[room_of(module)]
    return sorted(
        other
        for other in imports
        if other in OUTSIDE
        or (room_of(other) != room_of(module) and LEVELS[room_of(other)] >= level)
    )


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    left = {module: {o for o in others if o != module} for module, others in graph.items()}
    while True:
        ends = {module for module, others in left.items() if not others & left.keys()}
        if not ends:
            break
        left = {module: others for module, others in left.items() if module not in ends}
    path = [min(left)] if left else []
    while path and path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    return path[path.index(path[-1]) :] if path else []


GRAPH = {module: imported(path.read_text("utf-8")) for module, path in MODULES.items()}
INSIDE = sorted(GRAPH.keys() - set(OUTSIDE))


def test_every_file_is_in_a_room():
    assert {room_of(module) for module in INSIDE} <= LEVELS.keys()
    assert len(INSIDE) > 200


@pytest.mark.parametrize("module", INSIDE)
def test_a_file_imports_only_from_rooms_below(module):
    assert upward(module, GRAPH[module]) == []


def test_no_file_imports_itself_over_others():
    assert circle(GRAPH) == []


def test_the_design_lists_the_rooms_in_this_order():
    text = (Path(__file__).resolve().parent.parent / "docs" / "design.md").read_text("utf-8")
    house = text.partition("\n## The rooms\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", house, flags=re.MULTILINE)
    there = [room for room in LEVELS if any(room_of(module) == room for module in INSIDE)]
    assert listed == [room for room in there if room != "_version"]


def test_the_names_of_the_package_are_not_loaded_with_it():
    assert GRAPH["isthmus"] == {"isthmus._version"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from isthmus.models import Autoencoder", {"isthmus.models"}),
        ("from isthmus.models import sparse", {"isthmus.models.sparse"}),
        ("from isthmus import storage, cli", {"isthmus.storage", "isthmus.cli"}),
        ("from isthmus import load", {"isthmus"}),
        ("import isthmus.nn.noise as noise, torch", {"isthmus.nn.noise"}),
        ("def f():\n    if f:\n        from isthmus.cli import run", {"isthmus.cli"}),
        ("class A:\n    def f(self):\n        import isthmus.cli", {"isthmus.cli"}),
        ("if TYPE_CHECKING:\n    from isthmus.cli import run", set()),
        (
            "if typing.TYPE_CHECKING:\n    import isthmus.cli\nelse:\n    import isthmus.nn",
            {"isthmus.nn"},
        ),
        ("import isthmusian, torch", set()),
    ],
)
def test_imports_are_found_wherever_they_stand(text, found):
    assert imported(text) == found


@pytest.mark.parametrize(
    ("module", "other", "refused"),
    [
        ("isthmus.storage.model_file", "isthmus.models.saving", True),
        ("isthmus.storage.model_file", "isthmus.registry", False),
        ("isthmus.models.base.trained", "isthmus.persistence", True),
        ("isthmus.models.base.trained", "isthmus", True),
        ("isthmus.data.schema", "isthmus.nn", False),
        ("isthmus.nn.noise", "isthmus.datasets", True),  # in one row
        ("isthmus.nn.noise", "isthmus.nn.record", False),
    ],
)
def test_an_arrow_upwards_is_seen(module, other, refused):
    assert (upward(module, {other}) == [other]) is refused


def test_a_circle_is_seen_and_named():
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set(), "e": {"e", "d"}}
    assert circle(graph) == ["a", "b", "c", "a"]
    assert circle({**graph, "c": {"d"}}) == []
