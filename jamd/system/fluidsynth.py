"""FluidSynth and a sound font: where they lie on this machine, and how they are to be had."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jamd.errors import JamdError

PROGRAM = "fluidsynth"
VARIABLE = "SOUND_FONT"
SUFFIXES = frozenset((".sf2", ".sf3"))
FOLDERS = (
    *("~/.local/share/soundfonts", "~/.local/share/sounds/sf2", "~/Library/Audio/Sounds/Banks"),
    *("/usr/share/sounds/sf2", "/usr/share/sounds/sf3"),  # Debian, openSUSE
    *("/usr/share/soundfonts", "/usr/local/share/soundfonts", "/usr/local/share/sounds/sf2"),  # Fedora, Arch
    *("/opt/homebrew/share/soundfonts", "/opt/local/share/sounds/sf2", "C:/soundfonts"),
)
WITH_THE_PROGRAM = ("/opt/homebrew/share/fluid-synth/sf2", "/usr/local/share/fluid-synth/sf2")
"""What Homebrew's FluidSynth brings along: a demonstration, better than nothing."""

INSTALL = {
    "apt-get": "sudo apt-get install fluidsynth fluid-soundfont-gm",
    "dnf": "sudo dnf install fluidsynth fluid-soundfont-gm",
    "pacman": "sudo pacman -S fluidsynth soundfont-fluid",
    "zypper": "sudo zypper install fluidsynth fluid-soundfont-gm",
    "brew": "brew install fluid-synth",
}
"""By program that installs: the command for both."""

Which = Callable[[str], str | None]


def program(which: Which = shutil.which) -> str | None:
    """FluidSynth itself, None without."""
    return which(PROGRAM)


def sound_font(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The sound font that the environment names, or any in the usual folders; the smallest, because it loads
    fastest. Raises JamdError when there is none where the environment says."""
    if named := environment.get(VARIABLE):
        return checked(Path(named), VARIABLE)
    return smallest(FOLDERS) or smallest(WITH_THE_PROGRAM)


def checked(font: Path, who: str) -> Path:
    """A sound font that the user named. Raises JamdError when it is none."""
    if not font.is_file():
        raise JamdError(f"{who}: there is no file {font}")
    return font


def smallest(folders: Sequence[str]) -> Path | None:
    """The smallest sound font in these folders."""
    found = (path for folder in folders for path in sorted(_files(Path(folder).expanduser())))
    return min(found, key=lambda path: path.stat().st_size, default=None)


def how_to_get(which: Which = shutil.which, platform: str = sys.platform) -> str:
    """What to do for want of FluidSynth or a sound font."""
    what = PROGRAM if which(PROGRAM) is None else "a sound font"
    managers = ("brew",) if platform == "darwin" else tuple(INSTALL)
    command = next((INSTALL[name] for name in managers if which(name) is not None), None)
    if platform == "darwin" and what != PROGRAM:
        command = None  # Homebrew has no sound fonts but the one that comes with it
    if command is not None:
        return f"{what} is missing: `{command}`"
    return f"{what} is missing: see fluidsynth.org, and set {VARIABLE} to a sound font (.sf2)"


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except OSError:
        return []
