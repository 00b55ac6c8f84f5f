"""Texts that list things list the things there are: README, docs and help against the code."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import isthmus
from isthmus import Autoencoder, models, nn
from isthmus.cli.app import command
from isthmus.models import ESTIMATORS
from isthmus.models.base.density import DENSITIES
from isthmus.models.base.likelihoods import NAMES
from isthmus.training import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent
LIKELIHOODS = ("auto", *NAMES)
SOURCE = ROOT / "src" / "isthmus"
DOCS = ROOT / "docs"
# The estimators: the family and the two that are built on one of it.
ALL_ESTIMATORS = {kind.__name__ for kind in ESTIMATORS.values()} | {
    "AutoencoderClassifier",
    "DeepSVDD",
}


def text(name):
    return (ROOT / name).read_text("utf-8")


def rows(markdown, header):
    """Return the cells of each row of the tables that begin with this header."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        lines = [line.replace(r"\|", "¦").strip("|\n ").split("|") for line in table.splitlines()]
        cells = [[cell.strip() for cell in line] for line in lines]
        if cells[0][0] == header:
            found += cells[2:]
    assert found, header
    return found


def quoted(words):
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", words)


# Estimators --------------------------------------------------------------------------------------


def test_the_estimators_are_those_of_the_package():
    public = {
        name
        for name in models.__all__
        if inspect.isclass(kind := getattr(models, name)) and hasattr(kind, "fit")
    }
    assert public - {"BaseAutoencoder"} == ALL_ESTIMATORS


def test_the_readme_has_every_estimator_in_its_tables_and_no_other():
    listed = [name for row in rows(text("README.md"), "estimator") for name in quoted(row[0])]
    assert set(listed) == ALL_ESTIMATORS


def test_the_index_of_models_has_every_estimator_once_with_its_name_and_page():
    listed = rows(text("docs/models.md"), "estimator")
    assert {quoted(row[0])[0] for row in listed} == ALL_ESTIMATORS
    assert len(listed) == len(ALL_ESTIMATORS)
    short = {quoted(row[0])[0]: quoted(row[1])[0] for row in listed if row[1] != "–"}
    assert short == {kind.__name__: name for name, kind in ESTIMATORS.items()}
    pages = {target for row in listed for target in re.findall(r"\((models/[\w.]+)\)", row[3])}
    assert pages == {f"models/{path.name}" for path in (DOCS / "models").glob("*.md")}


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_every_page_is_linked_from_another(path):
    others = [ROOT / "README.md", *DOCS.rglob("*.md")]
    pages = [other.read_text("utf-8") for other in others if other != path]
    assert any(re.search(rf"\(([\w./]*/)?{path.name}[)#]", page) for page in pages)


def test_no_page_says_that_a_member_cannot_be_sampled():
    for path in (DOCS / "models").glob("*.md"):
        assert "there is no `sample`" not in path.read_text("utf-8"), path.name
    assert all(hasattr(kind, "sample") for kind in ESTIMATORS.values())


# Parameters --------------------------------------------------------------------------------------


def test_the_likelihoods_are_named_where_they_are_documented():
    of_columns = [name for name in LIKELIHOODS if name != "auto"]
    for words, names in (
        (inspect.getdoc(Autoencoder), LIKELIHOODS),
        (text("docs/tables.md"), of_columns),
    ):
        for name in names:
            assert f'"{name}"' in words or f'"{name}:K"' in words, name


def test_the_densities_are_named_in_the_help():
    (option,) = [
        each
        for each in command().commands["fit"].params
        if "--density" in getattr(each, "opts", ())
    ]
    assert tuple(re.findall(r"'(\w+)'", option.help)) == DENSITIES


def test_the_default_schedules_are_those_of_the_design():
    words = " ".join(text("docs/design.md").split())
    estimator, config = re.search(
        r'"(\w+)" is the schedule of every estimator.*? `TrainingConfig`,.*? is "(\w+)"', words
    ).groups()
    defaults = {kind().learning_rate_schedule for kind in ESTIMATORS.values()}
    assert defaults == {estimator}
    assert TrainingConfig().learning_rate_schedule == config
    documented = re.search(r'learning_rate_schedule : .*default="(\w+)"', TrainingConfig.__doc__)
    assert documented.group(1) == config


# The house ---------------------------------------------------------------------------------------

KINDS = {
    "C(x̃¦x)": (nn.GaussianNoise, nn.Masking, nn.SaltAndPepper),
    "q(z¦x), p(z), D": nn.Latent,
    "p(z)": nn.Prior,
    "p(x¦z)": nn.Likelihood,
}


@pytest.mark.parametrize("symbol", [*KINDS, "Ω"])
def test_the_design_says_where_the_parts_of_each_symbol_are(symbol):
    (row,) = [row for row in rows(text("docs/design.md"), "symbol") if row[0] == symbol]
    places = [SOURCE / place for place in quoted(row[2])]
    assert all(place.exists() for place in places)
    public = [getattr(nn, name) for name in nn.__all__]
    kinds = [kind for kind in public if inspect.isclass(kind)]
    if symbol == "Ω":  # a penalty is any callable; ours are the classes that are called with a code
        kinds = [kind for kind in kinds if _is_called_with_a_code(kind)]
        assert len(kinds) >= 8
    else:
        kinds = [kind for kind in kinds if issubclass(kind, KINDS[symbol])]
    for kind in kinds:
        file = Path(inspect.getsourcefile(kind))
        assert any(file == place or place in file.parents for place in places), kind


def _is_called_with_a_code(kind):
    call = vars(kind).get("__call__")
    return call is not None and {"module", "z"} <= set(inspect.signature(call).parameters)


def rooms():
    """Return the rooms of the house in their order: files and folders, without their endings."""
    return [
        place.rstrip("/").removesuffix(".py")
        for row in rows(text("docs/design.md"), "room")
        for place in quoted(row[0])
    ]


def test_every_room_is_in_the_list_and_no_other():
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if not path.name.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert sorted(rooms()) == sorted(there)


def test_a_room_imports_only_from_rooms_below_which_come_before_it_in_the_list():
    for page in ("CONTRIBUTING.md", "docs/design.md"):
        (said,) = re.findall(r"imports only\s+from\s+rooms (\w+) it", text(page))
        assert said == "below", page
    order = {name: i for i, name in enumerate(rooms())}
    ground = order["nn"]  # the files of the ground floor are one room
    for path in SOURCE.rglob("*.py"):
        here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if here not in order:
            continue
        for room in imported(path):
            if room in order:
                below = max(order[here], ground - 1)
                assert order[room] <= below, (path, room)


def imported(path):
    """Return the rooms from which a file imports when it is loaded."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isthmus."):
            yield node.module.split(".")[1]


# Commands ----------------------------------------------------------------------------------------


def test_the_readme_runs_every_verb():
    block = text("README.md").partition("## From the command line")[2].partition("```\n")[0]
    assert set(re.findall(r"^isthmus (\w+)", block, flags=re.MULTILINE)) == set(command().commands)


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")],
    ids=lambda p: p.name,
)
def test_verbs_and_targets_that_a_page_names_exist(path):
    page = path.read_text("utf-8")
    found = re.findall(r"```sh\n(.*?)```|`([^`]+)`", page, flags=re.DOTALL)
    code = "\n".join(block or inline for block, inline in found)
    for verb in re.findall(r"^isthmus\s+([a-z]+)\b", code, flags=re.MULTILINE):
        assert verb in command().commands, verb
    for target in re.findall(r"^make ([a-z-]+)", code, flags=re.MULTILINE):
        assert target in targets(), target


def targets():
    return re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE)


def test_the_targets_of_make_are_listed_by_its_help_and_are_no_files():
    makefile = text("Makefile")
    phony = re.search(r"^\.PHONY: (.*)", makefile, flags=re.MULTILINE).group(1).split()
    assert sorted(phony) == sorted(targets())
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)) == set(targets())


# Optional groups ---------------------------------------------------------------------------------


def groups():
    optional = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    return set(optional) - {"all"}


def test_the_readme_and_the_design_list_the_optional_groups():
    readme = re.search(r"The groups (.*?) can be chosen", text("README.md"), flags=re.DOTALL)
    assert set(quoted(readme.group(1))) == groups()
    listed = {
        name
        for row in rows(text("docs/design.md"), "library")
        if "(" in row[0]
        for name in quoted(row[0])
    }
    assert listed == groups()


def test_a_group_that_is_asked_for_exists():
    asked = set()
    for path in [*SOURCE.rglob("*.py"), ROOT / "README.md", *DOCS.rglob("*.md")]:
        source = path.read_text("utf-8")
        asked |= set(re.findall(r'require\("[\w.]+", "(\w+)"\)', source))
        asked |= set(re.findall(r"isthmus\[(\w+)\]", source))
    assert asked == groups()


def test_the_lazy_names_of_the_package_are_documented_somewhere():
    pages = "".join(path.read_text("utf-8") for path in [ROOT / "README.md", *DOCS.rglob("*.md")])
    for name in isthmus.__all__:
        assert name.startswith("__") or re.search(rf"\b{name}\b", pages), name
