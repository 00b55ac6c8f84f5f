"""The demonstration, in its quick mode: everything is there, and what it says can be done works."""

import html
import re
import shlex
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import isthmus
from docs.make_pictures import front_page
from examples import digits_report
from isthmus.cli import demo
from isthmus.cli import run as command_line
from isthmus.errors import InvalidInputError
from isthmus.evaluation import pca_reconstruction, squared_error

MODELS = ["undercomplete", "denoising", "sparse", "contractive", "variational"]
SECTIONS = [
    "What was trained, and how good it is",
    "How they learned",
    "Originals and reconstructions",
    "Noise, removed",
    "A map of the digits",
    "Digits that nobody wrote",
    "A walk between two digits",
    "What to try next",
]
VOID = {"meta", "link", "br", "hr", "img", "input"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "a folder"
    demo.run(folder, seed=1, quick=True)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Checker(HTMLParser):
    """Collects attributes and texts, and insists that every tag is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.headings = [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_page_is_well_formed_and_complete(page):
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert not checker.open
    assert checker.headings == SECTIONS
    # curves, reconstructions, noise, map, samples, and two walks
    assert page.count("<svg") == page.count("<figure") == 7
    for name, value in checker.attributes:
        if name in {"src", "href", "xlink:href", "srcset", "action"}:
            assert value.startswith(("#", "data:"))
    assert not re.search(r"https?://", page)
    assert "<script" not in page


def test_models_load_and_encode(folder):
    X = np.load(folder / "digits-test.npy", allow_pickle=False)
    assert X.shape == (360, 64)
    for name in [*MODELS, "variational-2d"]:
        model = isthmus.load(folder / f"{name}.safetensors")
        assert model.transform(X).shape == (360, model.latent_dim_)
        assert np.isfinite(model.reconstruct(X)).all()


def test_data_are_the_digits_split_by_class(folder):
    train, test, noisy = (
        np.load(folder / f"{name}.npy") for name in ("digits", "digits-test", "digits-noisy")
    )
    assert (train.min(), train.max(), train.shape) == (0.0, 1.0, (1437, 64))
    rows = {row.tobytes() for row in train}
    assert not any(row.tobytes() in rows for row in test)
    assert 0.03 < np.square(noisy - test).mean() < 0.09  # 0.3², less what is cut off
    digits = digits_report.load_digits(1)
    np.testing.assert_array_equal(digits.X_test, test)
    assert set(np.bincount(digits.y_test)) <= {34, 35, 36, 37}


def test_table_holds_what_the_models_and_controls_do(folder, page):
    train, test = (np.load(folder / f"{name}.npy") for name in ("digits", "digits-test"))
    row = re.search(r'<th scope="row">undercomplete, 8 codes</th>(.*?)</tr>', page).group(1)
    cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", row)]
    model = isthmus.load(folder / "undercomplete.safetensors")
    assert cells[0] == f"{squared_error(test, model.reconstruct(test)):.2f}"
    assert cells[1] == f"{squared_error(test, pca_reconstruction(train, test, 8)):.2f}"
    assert cells[6] == "2"  # epochs
    assert '<th scope="row">sparse, 8 of 64 codes</th>' in page


def test_the_next_commands_work(folder, page, capsys):
    lines = digits_report.next_commands(folder)
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "isthmus"
        assert command_line(words[1:]) == 0, line
        for file in (word for word in words if word.startswith(str(folder))):
            assert (folder / file).exists(), line
    assert all(html.escape(line) in page for line in lines)
    samples = np.loadtxt(folder / "samples.csv", delimiter=",", skiprows=1)
    assert samples.shape == (16, 64)


def test_progress_and_table_fit_a_terminal(tmp_path, capsys):
    demo.run(tmp_path, seed=0, quick=True)
    out = capsys.readouterr().out
    for name in MODELS:
        assert len(re.findall(rf"^{name} ", out, flags=re.MULTILINE)) == 2  # progress and table
    table = out[out.index("\nmodel") : out.index("On held-out")]
    assert "…" not in table
    assert max(len(line) for line in table.splitlines()) <= 80
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_same_seed_same_models_and_threads_are_left_alone():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    first, second = (digits_report.study(seed=3, quick=True) for _ in range(2))
    assert torch.get_num_threads() == threads
    for name in MODELS:
        assert first.models[name].error == second.models[name].error
        assert first.models[name].accuracy == second.models[name].accuracy
    front_page(first)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="folder: expected a folder"):
        demo.run(tmp_path / "file", quick=True)


ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
import isthmus.cli
assert isthmus.__file__.startswith(sys.argv[1])
sys.exit(isthmus.cli.run(sys.argv[2:]))
"""


def test_a_wheel_has_the_example_where_the_verb_looks_for_it(tmp_path, monkeypatch, forks):
    """What the wheel is built from, put together away from the checkout, runs the verb."""
    root, site = Path(__file__).resolve().parents[2], tmp_path / "site"
    built = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    for package in built["targets"]["wheel"]["packages"]:
        shutil.copytree(root / package, site / Path(package).name)
    for source, place in built["targets"]["wheel"]["force-include"].items():
        assert source.split("/")[0] in built["targets"]["sdist"]["include"]  # wheels are made of it
        shutil.copy(root / source, site / place)
    monkeypatch.chdir(tmp_path)
    done = forks.python(ELSEWHERE, site, "demo", "--quick", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").exists()
