"""README and docs do as they say: every command in them is run as it is written, in the order of the page.

A block of commands (```sh) may be told by a comment above it what a reader has there:

    <!-- ports: Keyboard, Synth; home: recordings -->    what is plugged in, what lies in the reader's home
    <!-- by hand: the reason -->                         not run here, but its options are checked
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from jamd.music.transport import Metre
from jamd.options.commands import load
from jamd.smf.write import Track, encode, messages_of
from tests.kit.corpus import scale_chords, write_corpus, write_song
from tests.kit.processes import ROOT, Process
from tests.kit.realparts import Player

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONGEST_README = 150
FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
A_COMMAND = re.compile(r"^(\$ )?(jamd|make|pip|python|sudo|git|cd|torchrun|jackd|fluidsynth)\b", re.MULTILINE)
PLAYS_ON = {"listen", "web"}
"""Commands that go on until Ctrl-C."""
SHORTER = {
    "JAMD_TRAIN_EPOCHS": "1",
    "JAMD_TRAIN_STEPS": "64",
    "JAMD_TRAIN_THREADS": "1",
    "JAMD_EVALUATE_CASES": "4",
}
"""What takes a reader's minutes takes less here; every option can be set so."""
LONGEST_SECONDS = 280


@dataclass(frozen=True)
class Block:
    """Commands that stand together on a page."""

    page: Path
    line: int
    commands: tuple[str, ...]
    by_hand: str = ""
    ports: tuple[str, ...] = ()
    home: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        if found["kind"] == "sh":
            told = dict(part.split(": ", 1) for part in (found["note"] or "").split("; ") if ": " in part)
            commands = found["text"].replace("\\\n", " ").splitlines()
            yield Block(
                page,
                line,
                tuple(command for command in commands if command.strip()),
                told.get("by hand", ""),
                tuple(told.get("ports", "").split(", ")) if "ports" in told else (),
                tuple(told.get("home", "").split(", ")) if "home" in told else (),
            )
        else:
            assert not A_COMMAND.search(found["text"]), f"{page.name}:{line}: commands belong in ```sh"


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def words_of(command: str) -> list[str]:
    return shlex.split(command, comments=True)


def options_of(words: list[str]) -> set[str]:
    """The options of the command that these words call."""
    command: click.Command | None = load(words[0])
    assert command is not None, f"no command {words[0]}"
    for word in words[1:]:
        if not isinstance(command, click.Group):
            break
        command = command.commands[word]
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def test_every_page_is_reached_from_the_readme_and_links_lead_somewhere() -> None:
    reached = set()
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not re.match(r"\w+:", link):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
                reached.add((page.parent / link).resolve())
    assert {page for page in PAGES[1:] if page.resolve() not in reached} == set()


def test_every_page_says_first_what_one_can_do_after_reading_it() -> None:
    for page in PAGES[1:]:
        assert page.read_text().splitlines()[2].startswith("After reading this"), page.name


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_options_exist(block: Block) -> None:
    for command in block.commands:
        words = words_of(command)
        if words[:1] == ["jamd"] and len(words) > 1:
            own, _, handed_on = " ".join(words[1:]).partition(" -- ")
            for part in filter(None, (own, handed_on and f"listen {handed_on}")):
                asked = {word.split("=")[0] for word in part.split() if word.startswith("--")}
                assert asked <= options_of(part.split()), command


def furnish(home: Path, things: tuple[str, ...]) -> None:
    """What a page's reader has in their home."""
    if "recordings" in things:
        for piece in range(6):
            write_song(home / "recordings" / f"song{piece}.mid", scale_chords(55 + piece))
    if "folder" in things:
        write_corpus(home / "folder")
    if "session" in things:
        kept = home / ".local" / "share" / "jamd" / "sessions" / "2026-11-21 20.15.03.mid"
        kept.parent.mkdir(parents=True, exist_ok=True)
        parts = [Track("player", messages_of(scale_chords(60, 8))), Track("jamd", [])]
        kept.write_bytes(encode(parts, [(0.0, 120.0)], [(0.0, Metre(4, 4))]))


def environment(home: Path) -> dict[str, str]:
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: os.environ[name] for name in ("JACK_DEFAULT_SERVER",) if name in os.environ}
    return kept | SHORTER | {"PATH": folders, "HOME": str(home), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def run(command: str, folder: Path) -> None:
    """A line, typed into a shell. What plays on is ended by Ctrl-C when it listens."""
    words = words_of(command)
    arguments = ["env", "-i", *(f"{name}={value}" for name, value in environment(folder).items())]
    with Process([*arguments, "bash", "-c", f"exec {command}"], folder=folder) as running:
        if words[0] == "jamd" and words[1] in PLAYS_ON:
            running.wait_for_line("listening", 30)
            running.signal(signal.SIGINT)
        ended = running.wait(LONGEST_SECONDS)
        assert ended.status == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"


@pytest.mark.jack
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run_as_written(page: Path, jack: str, tmp_path: Path) -> None:
    (tmp_path / "jamd").symlink_to(ROOT / "jamd")  # where a checkout has call.mid
    for block in blocks_of(page):
        if block.by_hand:
            continue
        with ExitStack() as plugged:
            if {"Keyboard", "Synth"} & {*block.ports}:
                plugged.enter_context(Player("Keyboard", "Synth"))
            if "Drums" in block.ports:
                plugged.enter_context(Player("Drums", "Drums"))
            furnish(tmp_path, block.home)
            for command in block.commands:
                run(command, tmp_path)
    shutil.rmtree(tmp_path / "recordings", ignore_errors=True)
