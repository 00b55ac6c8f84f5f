"""One self-contained HTML file from texts, tables and figures.

No scripts, no network: the style is in the page, figures are SVG in the page, and the page's own
content security policy forbids the browser to load anything.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from isthmus.errors import InvalidInputError
from isthmus.plotting._svg import inline_svg
from isthmus.storage.atomic import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report"]


@dataclass
class Report:
    """A page that is built from top to bottom and then written.

    All texts are escaped. Text between backticks is set as code, between double stars as bold.

    Parameters
    ----------
    title : str
        Heading of the page and name of its tab.
    lead : str, default ""
        One paragraph under the title.
    footer : str, default ""
        One small line at the end: versions, seed, date, whatever makes the page traceable.

    Examples
    --------
    >>> report = Report("Digits", lead="What `fit` found.")
    >>> report.heading("Errors")
    >>> report.table(["model", "error"], [["PCA", "3.1"], ["autoencoder", "2.0"]])
    >>> "<h2 id=" in report.html()
    True
    """

    title: str
    lead: str = ""
    footer: str = ""
    _blocks: list[str] = field(default_factory=list, repr=False)
    _headings: list[str] = field(default_factory=list, repr=False)
    _figures: int = field(default=0, repr=False)

    def heading(self, text: str) -> None:
        """Begin a section; its heading also goes into the list of contents."""
        self._headings.append(text)
        self._blocks.append(f'<h2 id="section-{len(self._headings)}">{_inline(text)}</h2>')

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._blocks.append(f"<p>{_inline(text)}</p>")

    def bullets(self, items: Sequence[str]) -> None:
        """Add a list of short texts."""
        self._blocks.append(f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>")

    def code(self, text: str) -> None:
        """Add lines of code or commands, kept as they are."""
        self._blocks.append(f"<pre><code>{html.escape(text)}</code></pre>")

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str | float | int]],
        *,
        caption: str = "",
        groups: Sequence[tuple[str, int]] = (),
        bold: Collection[tuple[int, int]] = (),
    ) -> None:
        """Add a table; numbers, and texts that begin like numbers, are set flush right.

        Parameters
        ----------
        header : sequence of str
            Names of the columns.
        rows : sequence of sequences
            Cells of each row, as many as there are columns; the first one names the row.
        caption : str, optional
            Text above the table.
        groups : sequence of (str, int), optional
            A line above the header: names, and how many columns each stands over, from the left.
        bold : collection of (row, column)
            Cells to stress, counted from 0.

        Raises
        ------
        InvalidInputError
            If a row has another number of cells than the header, or the groups stand over more or
            fewer columns than there are.
        """
        if groups and sum(span for _, span in groups) != len(header):
            raise InvalidInputError(
                f"groups: expected {len(header)} columns in all, as in the header, "
                f"got {sum(span for _, span in groups)}; use ('', 1) over columns without a group"
            )
        for number, row in enumerate(rows):
            if len(row) != len(header):
                raise InvalidInputError(
                    f"rows: expected {len(header)} cells in every row, as in the header, "
                    f"got {len(row)} in row {number}; fill empty cells with ''"
                )
        columns = range(len(header))
        right = [bool(rows) and c > 0 and all(_is_number(row[c]) for row in rows) for c in columns]
        align = [' class="number"' if flag else "" for flag in right]
        head = "".join(
            f'<th scope="col"{align[c]}>{_inline(name)}</th>' for c, name in enumerate(header)
        )
        body = ""
        for r, row in enumerate(rows):
            cells = [f'<th scope="row">{_inline(str(row[0]))}</th>'] if row else []
            for c in columns[1:]:
                text = _inline(str(row[c]))
                text = f"<strong>{text}</strong>" if (r, c) in bold else text
                cells.append(f"<td{align[c]}>{text}</td>")
            body += f"<tr>{''.join(cells)}</tr>\n"
        above = "".join(
            f'<th scope="colgroup" colspan="{span}">{_inline(name)}</th>'
            if name
            else f'<td colspan="{span}"></td>'
            for name, span in groups
        )
        above = f'<tr class="groups">{above}</tr>' if groups else ""
        title = f"<caption>{_inline(caption)}</caption>" if caption else ""
        self._blocks.append(
            f'<div class="wide"><table>{title}<thead>{above}<tr>{head}</tr></thead>'
            f"<tbody>\n{body}</tbody></table></div>"
        )

    def figure(self, figure: Figure, *, alt: str, caption: str = "") -> None:
        """Add a figure.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            Becomes SVG in the page; the colours of this package follow the page's scheme.
        alt : str
            What it shows, for those who cannot see it.
        caption : str, optional
            Text under the figure.
        """
        self._figures += 1
        svg = inline_svg(figure, alt=alt, prefix=f"figure-{self._figures}")
        text = f"<figcaption>{_inline(caption)}</figcaption>" if caption else ""
        self._blocks.append(f'<figure><div class="wide">{svg}</div>{text}</figure>')

    def html(self) -> str:
        """Return the whole page."""
        contents = "".join(
            f'<li><a href="#section-{number}">{_inline(text)}</a></li>'
            for number, text in enumerate(self._headings, start=1)
        )
        return _PAGE.substitute(
            title=html.escape(self.title),
            heading=_inline(self.title),
            lead=f'<p class="lead">{_inline(self.lead)}</p>' if self.lead else "",
            contents=f'<nav aria-label="Contents"><ul>{contents}</ul></nav>'
            if len(self._headings) > 1
            else "",
            body="\n".join(self._blocks),
            footer=f"<footer><p>{_inline(self.footer)}</p></footer>" if self.footer else "",
            style=_STYLE,
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; a file that is already there is replaced in one step.

        Parameters
        ----------
        path : path-like
            File to write, in a folder that exists.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidInputError
            If the folder does not exist or cannot be written to; nothing is left behind then.
        """
        target = Path(path)
        with whole_file(target) as draft:
            draft.write_text(self.html(), encoding="utf-8", newline="\n")
        return target


def _inline(text: str) -> str:
    """Escape the text, then set `code` and **bold**."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)


def _is_number(cell: str | float | int) -> bool:
    """Tell numbers and texts like "3.1 nats" from words; an empty cell or a dash goes with both."""
    return not isinstance(cell, str) or re.match(r"\s*[-+−]?\.?\d|[–—\s]?$", cell) is not None


_STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfe; --ink: #1d2127; --soft: #5a6270;
  --line: #d9dde3; --panel: #f2f4f7; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171c; --ink: #e7eaee; --soft: #a3acb9; --line: #363c46; --panel: #1e2229;
    --link: #7db8f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
  "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }
p, ul { max-width: 44rem; }
.lead { font-size: 1.15rem; color: var(--soft); }
nav ul { padding: 0; margin: 1.25rem 0 0; list-style: none; display: flex; flex-wrap: wrap;
  gap: .25rem 1.25rem; max-width: none; }
a { color: var(--link); }
code { font: .9em ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--panel); padding: .1em .3em; border-radius: 4px; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .85rem 1rem; overflow-x: auto; line-height: 1.5; }
pre code { background: none; padding: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
caption { text-align: left; color: var(--soft); font-size: .92rem; padding-bottom: .5rem; }
th, td { padding: .45rem .9rem .45rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
thead th { color: var(--soft); font-size: .88rem; font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: nowrap; }
tr.groups th, tr.groups td { border-bottom: 0; }
tr.groups th { text-align: center; background: linear-gradient(var(--soft), var(--soft)) no-repeat
  .9rem 100% / calc(100% - 1.8rem) 1px; }
tr.groups th, tr.groups td { padding-right: 0; }
li { margin: .35rem 0; }
nav li { margin: 0; }
th.number, td.number { text-align: right; white-space: nowrap; }
thead th.number { white-space: normal; }
figure { margin: 1.25rem 0 1.75rem; }
figure svg { display: block; max-width: max(100%, 34rem); height: auto; }
figcaption { max-width: 44rem; color: var(--soft); font-size: .92rem; margin-top: .4rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .88rem; }
@media print {
  :root { color-scheme: light; --paper: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb;
    --panel: #f4f4f4; --link: #000000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav { display: none; }
  .wide { overflow: visible; }
  table { font-size: 9pt; }
  th, td { padding-right: .6rem; }
  figure svg { max-width: 100%; }
  pre { white-space: pre-wrap; }
  figure, table, pre { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<h1>$heading</h1>
$lead
$contents
</header>
<main>
$body
</main>
$footer
</body>
</html>
""")
