"""A figure as SVG that can stand inside an HTML page and take on its colours."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

from isthmus.errors import require
from isthmus.plotting._style import INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["inline_svg"]


def inline_svg(figure: Figure, *, alt: str, prefix: str) -> str:
    """Draw the figure as an ``<svg>`` element without anything that reaches out of it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn with the colours of this package: `INK` and `PAPER` become the variables ``--ink`` and
        ``--paper`` of the page, so that one drawing serves its light and its dark scheme.
    alt : str
        What the picture shows, for those who cannot see it.
    prefix : str
        Unique in the page; begins every id. Two figures drawn alike would share ids otherwise.

    Returns
    -------
    str
        The element; the same figure gives the same text.
    """
    buffer = io.StringIO()
    # A figure of another make keeps its own background, on which its own colours can be read.
    own = require("matplotlib.colors", "plot").to_hex(figure.get_facecolor()) == PAPER
    figure.savefig(
        buffer, format="svg", facecolor="none" if own else "auto", metadata={"Date": None}
    )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    # Dropped: the metadata name foreign addresses, the style would apply to the whole page.
    for part in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<style[^>]*>.*?</style>"):
        svg = re.sub(part, "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = _rename_ids(svg, prefix)
    for colour, variable in ((INK, "--ink"), (PAPER, "--paper")):
        svg = svg.replace(colour, f"var({variable}, {colour})")
    view = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    width = float(view.group(1)) if view else 400.0
    opening = (
        f'<svg role="img" aria-label="{html.escape(alt)}" {view.group(0) if view else ""} '
        # A point on paper is 4/3 of a pixel on the page; smaller screens shrink the picture.
        f'style="width:{width * 4 / 3:.0f}px;stroke-linejoin:round;stroke-linecap:butt">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)


def _rename_ids(svg: str, prefix: str) -> str:
    """Number the ids that something refers to, drop the others; matplotlib's are random."""
    used = set(re.findall(r'url\(#([^)"]+)\)', svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    names: dict[str, str] = {}

    def new(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in used:
            return ""
        return f' id="{names.setdefault(name, f"{prefix}-{len(names)}")}"'

    svg = re.sub(r'\s+id="([^"]+)"', new, svg)
    svg = re.sub(r"url\(#([^)\"]+)\)", lambda m: f"url(#{names.get(m.group(1), m.group(1))})", svg)
    return re.sub(r'href="#([^"]+)"', lambda m: f'href="#{names.get(m.group(1), m.group(1))}"', svg)
