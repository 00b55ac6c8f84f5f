"""A name with an underscore belongs to its object: no other one reaches for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "isthmus"
# Of libraries, which offer nothing else; and of another object of the same class.
ALLOWED = {
    "models/base/fitting.py": {"_init_callback_context"},  # scikit-learn's own protocol
    "nn/initialisation.py": {"_calculate_fan_in_and_fan_out", "_BatchNorm"},
    "data/summary.py": {"_array", "_digested", "_most_levels", "_part"},
    "data/table.py": {"_check_parameters", "_adopt"},
}
OWN = {"self", "cls", "np", "torch", "nn"}


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_no_private_name_of_another_object(path):
    allowed = ALLOWED.get(str(path.relative_to(SOURCE)), set())
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Attribute) or node.attr in allowed:
            continue
        value = node.value
        of_itself = (isinstance(value, ast.Name) and value.id in OWN) or (
            isinstance(value, ast.Call) and ast.unparse(value.func) == "super"
        )
        private = node.attr.startswith("_") and not node.attr.startswith("__")
        if private and not of_itself:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_no_attribute_is_written_through_dict():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                assert not ast.unparse(node.value).endswith(".__dict__"), (path, node.lineno)
            if isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                assert ".__dict__." not in call or call.endswith((".copy", ".items", ".get")), path
