"""A report as a page that needs nothing but itself: no network, no script, pictures inside it."""

from __future__ import annotations

import base64
from html import escape

from jamd.training.report import words
from jamd.training.report.curve import curve_of
from jamd.training.report.pictures import curves
from jamd.training.report.report import Report
from jamd.training.report.section import Cell, Link, Section, plain
from jamd.view import plot
from jamd.view.view import OWN_COLOUR

MOST_ROWS = 200
FOLDED_ROWS = 12
"""Of longer tables one sees that they are there, and opens them."""

STYLE = f"""
:root {{ color-scheme: light dark; --paper: {plot.PAPER}; --ink: {plot.INK}; --faint: #6b6b74;
  --line: #dcd8cc; --own: {OWN_COLOUR}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #17171b; --ink: #ecebe6; --faint: #a2a2ab; --line: #3a3a42; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; }}
h1 {{ margin: 0; font-size: 1.05rem; color: var(--faint); font-weight: 600; }}
h2 {{ margin: 2.2rem 0 .4rem; font-size: 1.15rem; }}
p {{ margin: .3rem 0 .7rem; }}
.verdict {{ margin: .2rem 0 0; padding-left: .8rem; border-left: .3rem solid var(--own);
  font-size: 1.45rem; line-height: 1.3; font-weight: 650; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .94rem; }}
th, td {{ padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: normal; }}
th {{ color: var(--faint); font-weight: 600; }}
td:first-child {{ min-width: 7rem; max-width: 30rem; overflow-wrap: anywhere; }}
.verdict::first-letter {{ text-transform: uppercase; }}
.number {{ text-align: right; white-space: pre; font-variant-numeric: tabular-nums; }}
a {{ color: inherit; text-decoration-color: var(--own); }}
img {{ display: block; max-width: none; height: auto; border-radius: .4rem; }}
.curves img {{ width: 100%; max-width: 48rem; }}
.answers img {{ width: 100%; min-width: 52rem; margin-bottom: .8rem; }}
summary {{ cursor: pointer; color: var(--faint); }}
footer {{ margin-top: 2.5rem; color: var(--faint); font-size: .88rem; }}
"""
CLOSING = "This page names recordings of yours and stays in the run's folder; nothing of it is in the model."


def page(report: Report, rolls: bytes | None) -> str:
    """The page of a report; `rolls` is the PNG of its calls, None where there is none. Its links lead to the
    MIDI files beside it."""
    curve = curve_of(report.losses, report.start_nats_per_step)
    lines = curves(curve) if curve else None
    parts = [
        _section(words.before_and_after(report)),
        _section(play) if (play := words.play(report)) else "",
        _section(words.curves(report), _image(lines, "svg+xml", "curves", "the losses over the updates")),
        _section(
            words.answers(report),
            _image(
                rolls, "png", "answers wide", "piano rolls: calls, what really came, answers before and after"
            ),
        ),
        _section(words.what_was_read(report, MOST_ROWS)),
        _section(words.what_was_skipped(report, MOST_ROWS)),
        _section(words.how(report)),
    ]
    model = escape(plain(report.model))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>jamd: {model}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>jamd: training of {model}</h1>\n<p class="verdict">{escape(plain(report.verdict))}</p>\n'
        + "".join(parts)
        + f"<footer>{escape(CLOSING)}</footer>\n</main>\n</body>\n</html>\n"
    )


def _section(section: Section, picture: str = "") -> str:
    lines = f"<p>{escape(' '.join(section.lines))}</p>\n" if section.lines else ""
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{lines}{picture}{_table(section)}</section>\n"


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = _row("th", section.headings, section.numbers_from) if section.headings else ""
    body = "".join(_row("td", row, section.numbers_from) for row in section.rows)
    table = f'<div class="wide"><table>\n{head}{body}</table></div>\n'
    if len(section.rows) <= FOLDED_ROWS:
        return table
    return f"<details><summary>all {len(section.rows)}</summary>\n{table}</details>\n"


def _row(tag: str, cells: tuple[Cell, ...], numbers_from: int) -> str:
    def cell(place: int, content: Cell) -> str:
        kind = ' class="number"' if place >= numbers_from else ""
        inside = (
            f'<a href="{escape(content.file)}">{escape(content.text)}</a>'
            if isinstance(content, Link)
            else escape(content)
        )
        return f"<{tag}{kind}>{inside}</{tag}>"

    return f"<tr>{''.join(cell(place, content) for place, content in enumerate(cells))}</tr>\n"


def _image(picture: bytes | None, kind: str, place: str, alternative: str) -> str:
    """A picture as part of the page; nothing for none."""
    if picture is None:
        return ""
    content = base64.b64encode(picture).decode()
    return f'<div class="{place}"><img alt="{alternative}" src="data:image/{kind};base64,{content}"></div>\n'
