"""Where FluidSynth and a sound font lie, and what to install where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.system import fluidsynth
from jamd.system.fluidsynth import how_to_get, smallest, sound_font


def font(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def test_the_smallest_sound_font_of_the_usual_folders_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demonstration = font(tmp_path / "brew" / "VintageDreams.sf2", 1)
    folders = [str(tmp_path / name) for name in ("nowhere", "sf2", "sf3")]
    monkeypatch.setattr(fluidsynth, "FOLDERS", folders)
    monkeypatch.setattr(fluidsynth, "WITH_THE_PROGRAM", [str(demonstration.parent)])
    assert sound_font({}) == demonstration
    font(tmp_path / "sf2" / "large.sf2", 30)
    small = font(tmp_path / "sf3" / "small.SF3", 20)
    font(tmp_path / "sf3" / "notes.txt", 1)
    (tmp_path / "sf3" / "folder.sf2").mkdir()
    assert sound_font({}) == small


def test_the_users_own_goes_first_and_must_be_there(tmp_path: Path) -> None:
    own = font(tmp_path / "own.sf2", 1)
    assert sound_font({"SOUND_FONT": str(own)}) == own
    with pytest.raises(JamdError, match=r"^SOUND_FONT: there is no file .*gone\.sf2$"):
        sound_font({"SOUND_FONT": str(tmp_path / "gone.sf2")})


def test_a_folder_in_the_home_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = font(tmp_path / ".local/share/soundfonts" / "mine.sf2", 1)
    assert smallest(["~/.local/share/soundfonts"]) == own


@pytest.mark.parametrize(
    ("programs", "platform", "said"),
    [
        ({"apt-get"}, "linux",
         "fluidsynth is missing: `sudo apt-get install fluidsynth fluid-soundfont-gm`"),
        ({"fluidsynth", "apt-get"}, "linux",
         "a sound font is missing: `sudo apt-get install fluidsynth fluid-soundfont-gm`"),
        ({"pacman"}, "linux", "fluidsynth is missing: `sudo pacman -S fluidsynth soundfont-fluid`"),
        ({"dnf"}, "linux", "fluidsynth is missing: `sudo dnf install fluidsynth fluid-soundfont-gm`"),
        ({"brew"}, "darwin", "fluidsynth is missing: `brew install fluid-synth`"),
        ({"brew", "fluidsynth"}, "darwin",
         "a sound font is missing: see fluidsynth.org, and set SOUND_FONT to a sound font (.sf2)"),
        (set(), "win32",
         "fluidsynth is missing: see fluidsynth.org, and set SOUND_FONT to a sound font (.sf2)"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_with_the_command_that_installs_it(
    programs: set[str], platform: str, said: str
) -> None:
    assert how_to_get(lambda name: name if name in programs else None, platform) == said
