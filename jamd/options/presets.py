"""The presets that ship with jamd: options of listen under one name. One's own stand in the config file."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jamd.errors import UsageError

Presets = Mapping[str, Mapping[str, Any]]
"""Tables of options and their values, by name."""

_NAME = re.compile(r"\w[\w .+-]{0,39}")


@cache
def shipped() -> Presets:
    """Those that ship, in the order in which programs pick them."""
    return tomllib.loads(Path(__file__).with_name("presets.toml").read_text("utf-8"))


def is_name(text: str) -> bool:
    """Whether a preset may be called this: what can be typed, shown and said."""
    return _NAME.fullmatch(text) is not None


def check(name: str, names: Iterable[str]) -> None:
    """Raises UsageError, with the nearest name, where there is no preset of this one."""
    names = list(names)
    if name in names:
        return
    asked = name.casefold().replace(" ", "-").replace("_", "-")
    close = difflib.get_close_matches(asked, names, 1)
    right = f"did you mean {close[0]!r}?" if close else f"the presets are: {', '.join(names)}"
    raise UsageError(f"no preset {name!r}; {right}")
