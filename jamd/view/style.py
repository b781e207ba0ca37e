"""One style for all pictures, whatever the user's own matplotlibrc says, with any text on them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib.style
from matplotlib import font_manager, rc_context
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from jamd.printable import printable

SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"


@contextmanager
def house_style() -> Iterator[None]:
    """What is drawn in here is the same everywhere, and the same figures give the same bytes. Names are no
    formulas, though they may hold dollars."""
    own: Any = {"text.parse_math": False, "svg.hashsalt": "jamd", "svg.fonttype": "path"}
    with matplotlib.style.context("default"), rc_context(own), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def drawable(text: str) -> str:
    """The text as the font can draw it, on one line."""
    return "".join(sign if ord(sign) in _letters() else SUBSTITUTE for sign in printable(text))


@cache
def _letters() -> frozenset[int]:
    """What the font of the style has."""
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def picture(figure: Figure, kind: str) -> bytes:
    """The figure as a file of this kind, png or svg, whatever its texts hold."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and (said := text.get_text()) != (shown := drawable(said)):
            text.set_text(shown)
    made = io.BytesIO()
    figure.savefig(made, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": "jamd"})
    return made.getvalue()
