"""The pages of the documentation are whole, their code runs, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from isthmus.models import ESTIMATORS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "models").glob("*.md"))
GUIDES = [
    DOCS / f"{name}.md"
    for name in (
        "geometry",
        "diagnose",
        "anomaly",
        "tables",
        "audio",
        "series",
        "levels_and_music",
        "measures",
        "latent_space",
        "sampling",
        "disentanglement",
        "generative",
        "samples",
    )
    if (DOCS / f"{name}.md").exists()
]
SECTIONS = {
    "good for": r"good for",
    "limits": r"limit",
    "parameters": r"parameter",
    "references": r"reference",
}
DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
# A page of another name than the key of its estimator.
PAGE_OF: dict[str, str] = {
    "conditional_adversarial": "adversarial",
    "vae_gan": "gan",
    "beta_tc": "disentangling",
    "dip": "disentangling",
    "info": "wasserstein",
}


def headings(text: str) -> list[str]:
    """Return headings, and the bold words that begin a paragraph."""
    code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"^(?:#+ +(.*)|\*\*(.+?)\*\*)", code, flags=re.MULTILINE)
    return [(first or second).lower() for first, second in found]


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCS))


@pytest.mark.parametrize("key", ESTIMATORS)
def test_every_estimator_has_a_page_and_a_line_in_the_index(key):
    path = DOCS / "models" / f"{PAGE_OF.get(key, key)}.md"
    assert path.exists()
    assert ESTIMATORS[key].__name__ in path.read_text("utf-8")
    index = (DOCS / "models.md").read_text("utf-8")
    assert f"`{ESTIMATORS[key].__name__}` | `{key}`" in index


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_of_a_model_is_whole(path):
    text = path.read_text("utf-8")
    for section, pattern in SECTIONS.items():
        assert any(re.search(pattern, heading) for heading in headings(text)), section
    opening = re.sub(r"```.*?```", "", text, flags=re.DOTALL).partition("## Good for")[0]
    assert re.search(r"^    .*(=|minimise)", opening, flags=re.MULTILINE), "equations"
    assert re.search(r"!\[[^\]]+\]\(\.\./images/[\w-]+\.png\)", text), "a picture with a text"
    assert "```python" in text
    assert f"(models/{path.name})" in (DOCS / "models.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_links_and_pictures_exist(path):
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "#", "mailto:")):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", [*PAGES, *GUIDES], ids=name_of)
def test_python_blocks_run_in_order(path, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), flags=re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(path), "exec"), namespace)


@pytest.mark.parametrize("path", [*PAGES, *GUIDES], ids=name_of)
def test_references_name_a_doi_an_arxiv_number_or_say_that_there_is_none(path):
    text = path.read_text("utf-8")
    for claimed in re.findall(r"(?i)\bdoi:\s*(\S+)|doi\.org/(\S+)", text):
        assert DOI.match(max(claimed)), claimed
    for claimed in re.findall(r"(?i)arxiv:(\S+)", text):
        assert re.match(r"\d{4}\.\d{4,5}\b", claimed), claimed
    _, _, references = text.partition("## References")
    items = re.split(r"^[-*] |^\d+\. ", references, flags=re.MULTILINE)[1:]
    assert items
    for item in items:
        words = " ".join(item.split())
        assert re.search(r"(?i)doi:|doi\.org|arxiv:|no doi", words), words


def test_every_picture_has_a_script_and_every_script_draws():
    scripts = {path.stem for path in (DOCS / "pictures").glob("*.py")}
    images = {path.stem for path in (DOCS / "images").glob("*.png")}
    assert images - scripts == {"demo"}
    assert scripts <= images
    for name in scripts:
        source = (DOCS / "pictures" / f"{name}.py").read_text("utf-8")
        assert "\ndef draw(" in source
        assert f'"{name}.png"' in source
        assert (DOCS / "images" / f"{name}.png").stat().st_size <= 150_000, name


def test_make_pictures_knows_its_names(capsys):
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit) as leave:
        module.main(["no_such_picture"])
    assert "there are demo, adversarial" in str(leave.value)
