"""A home with a file of every kind in it, made by jamd's own commands, and ways to damage one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.models.features import Place
from jamd.models.memory.evening import evening_of
from jamd.music.note import REST, frames_of
from jamd.music.transport import Metre
from jamd.options.model import models_folder
from jamd.sessions import profiles, sessions
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of
from jamd.training.runs import runs
from tests.kit.corpus import scale_chords, write_song

KINDS = ("DATA", "CONFIG", "CACHE", "STATE")


def jamd(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = jamd(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def write_session(path: Path, root: int) -> None:
    notes = scale_chords(root, 16)
    turns = [[note for note in notes if note.start_beats // 8 % 2 == part] for part in (0, 1)]
    tracks = [Track(name, messages_of(turn)) for name, turn in zip(("player", "jamd"), turns, strict=True)]
    path.write_bytes(midifile.encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))]))


def make_home(home: Path) -> None:
    """Two of each: when one is damaged, the other is to be served."""
    for number in (1, 2):
        path = sessions.new_path(datetime(2026, 11, 20 + number, 20, 15, 3))
        write_session(path, 54 + number)
        sessions.pick(path)
        heard = [
            (frame, REST, Place(step % 16, 16)) for step, frame in enumerate(frames_of(scale_chords(60)))
        ]
        profiles.load("anna")
        profiles.keep(
            f"player{number}", profiles.Kept(str(number), datetime(2026, 11, 20 + number), evening_of(heard))
        )
    config = home / "config" / "jamd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[listen]\ntempo = 96\n[bind]\ntemperature = "cc 21"\n')
    for number in range(8):
        write_song(home / "songs" / f"song{number}.mid", scale_chords(52 + number))
    small = ("--from", "scratch", "--hidden=8", "--layers=1", "--epochs=1", "--batch=4", "--steps=64")
    done("train", home / "songs", "--name", "one", *small)
    (run,) = runs.default_folder().iterdir()
    shutil.copytree(run, run.with_name("two"))
    run.rename(run.with_name("one"))
    model = models_folder() / "one.safetensors"
    shutil.copy(model, model.with_stem("two"))
    done("service", "install", "--no-start", "--", "--in", "Keys", "--out", "Synth")


def _random(path: Path) -> None:
    path.write_bytes(bytes((7 * i * i + 13 * i + 200) % 256 for i in range(4096)))


def _not_utf8(path: Path) -> None:
    """Bytes that no text has, and so many that wherever they stand in a MIDI file they are no event."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + 6 * b"\xff\xfe" + content[len(content) // 2 :])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"")


def _huge(path: Path) -> None:
    os.truncate(path, 3 * 2**30)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def _loop(path: Path) -> None:
    """What nobody can read, whatever they may."""
    path.unlink()
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "random": _random,
    "not UTF-8": _not_utf8,
    "empty": _empty,
    "cut short": _cut,
    "a folder": _folder,
    "huge": _huge,
    "a link to nothing": _link,
    "a link to itself": _loop,
    "a pipe": _pipe,
}
