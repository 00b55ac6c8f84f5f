"""The page stands alone, is well formed, and escapes what it is given."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from isthmus.errors import InvalidInputError
from isthmus.plotting import Report, image_rows, latent_map

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Checker(HTMLParser):
    """Collects attributes and texts, and insists that every tag is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def check(page):
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert not checker.open
    return checker


@pytest.fixture
def report():
    rng = np.random.default_rng(0)
    report = Report("A & B <c>", lead="Run `a < b`.", footer="seed 0")
    report.heading("One")
    report.paragraph("<script>alert(1)</script>")
    report.bullets(["first", "`second`"])
    report.table(
        ["model", "error", "note"],
        [["PCA", "3.1", "x < y"], ["best", "−2", "–"], ["none", "", "word"]],
        caption="Smaller",
        bold={(1, 1)},
    )
    report.heading("Two")
    report.code("isthmus info <file>")
    figure = image_rows({"a": rng.random((3, 4, 4))})
    report.figure(figure, alt='say "hi"', caption="rows")
    report.figure(figure, alt="again")
    report.figure(latent_map(rng.normal(size=(20, 2)), np.arange(20) % 3), alt="map")
    return report


def test_page_is_well_formed_and_has_everything(report):
    checker = check(report.html())
    text = " ".join("".join(checker.texts).split())
    for piece in ("A & B <c>", "a < b", "<script>alert(1)</script>", "isthmus info <file>",
                  "x < y", "rows", "seed 0", "first", "Smaller"):  # fmt: skip
        assert piece in text
    tags = [tag for tag, _ in checker.seen]
    assert tags.count("svg") == 3
    assert "script" not in tags


def test_page_refers_to_nothing_outside(report):
    page = report.html()
    for tag, attributes in check(page).seen:
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
                assert value.startswith(("#", "data:")), (tag, name, value)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "default-src 'none'" in page


def test_ids_are_unique_and_all_references_lead_somewhere(report):
    page = report.html()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    references = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    assert references
    assert set(references) <= set(ids)


def test_figures_take_their_colours_from_the_page(report):
    page = report.html()
    assert "var(--ink, #1d2127)" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert 'aria-label="say &quot;hi&quot;"' in page


def test_a_figure_of_another_make_keeps_its_background():
    figure = Figure(facecolor="#123456")
    figure.text(0.5, 0.5, "hello")
    report = Report("t")
    report.figure(figure, alt="a")
    assert "#123456" in report.html()


def test_columns_of_numbers_are_flush_right(report):
    page = report.html()
    assert '<th scope="col" class="number">error</th>' in page
    assert '<th scope="col">note</th>' in page
    assert '<td class="number"><strong>−2</strong></td>' in page


def test_groups_stand_over_their_columns():
    report = Report("t")
    report.table(["a", "b", "c"], [["x", "1", "2"]], groups=[("", 1), ("both", 2)])
    assert '<th scope="colgroup" colspan="2">both</th>' in report.html()
    with pytest.raises(InvalidInputError, match=r"groups: expected 3 columns in all.*got 2"):
        report.table(["a", "b", "c"], [], groups=[("both", 2)])


def test_code_and_bold_are_set_after_escaping():
    report = Report("t")
    report.paragraph("**<b>** and `a < b`, 2 * 3 * 4")
    text = "<p><strong>&lt;b&gt;</strong> and <code>a &lt; b</code>, 2 * 3 * 4</p>"
    assert text in report.html()


def test_same_content_same_bytes():
    def page():
        report = Report("t")
        report.figure(image_rows({"a": np.eye(4)[None]}), alt="a")
        return report.html()

    assert page() == page()


def test_write_replaces_and_leaves_nothing_else(tmp_path, report):
    target = tmp_path / "report.html"
    target.write_text("old")
    assert report.write(target) == target
    assert target.read_text(encoding="utf-8") == report.html()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_failed_write_leaves_the_old_page(tmp_path, report, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")
    monkeypatch.setattr(Report, "html", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_missing_folder_is_named(tmp_path, report):
    with pytest.raises(InvalidInputError, match=r"folder .* does not exist"):
        report.write(tmp_path / "no" / "report.html")


def test_a_ragged_table_is_refused():
    with pytest.raises(InvalidInputError, match=r"rows: expected 2 cells .* got 1 in row 1"):
        Report("t").table(["a", "b"], [["1", "2"], ["3"]])
