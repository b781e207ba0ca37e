"""Help that one can find one's way in: each option under one title, examples that run, lines that fit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.options.commands import COMMANDS, load
from jamd.options.sections import Sectioned, section, section_of


def commands_below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and those that it holds, each with what is typed for it."""
    yield name, command
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from commands_below(f"{name} {below.name}", below)


def every_command() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = load(name)
        assert command is not None
        found.update(commands_below(name, command))
    return found


EVERY = every_command()
SECTIONED = {name: command for name, command in EVERY.items() if isinstance(command, Sectioned)}


def shown(name: str, width: int = 80) -> str:
    result = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="jamd", terminal_width=width)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without any file, and a folder without any."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_the_commands_with_many_options_have_them_in_sections() -> None:
    assert {"listen", "jam", "render", "train", "evaluate", "bench timing"} <= SECTIONED.keys()
    longest = max(
        sum(isinstance(option, click.Option) for option in command.params)
        for name, command in EVERY.items()
        if name not in SECTIONED
    )
    assert longest <= 8


@pytest.mark.parametrize("name", EVERY)
def test_every_option_has_one_title_or_none_of_the_command_has_any(name: str) -> None:
    titled = {
        option.opts[0]: section_of(option)
        for option in EVERY[name].params
        if isinstance(option, click.Option)
    }
    if name in SECTIONED:
        assert [flag for flag, title in titled.items() if title is None] == []
    else:
        assert set(titled.values()) <= {None}


@pytest.mark.parametrize("name", EVERY)
def test_every_option_says_what_it_does(name: str) -> None:
    for option in EVERY[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.opts


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", SECTIONED)
def test_every_option_is_shown_once_and_no_line_is_too_long(name: str, width: int) -> None:
    lines = shown(name, width).splitlines()
    lines_below = lines[lines.index("Examples:") :]
    assert max(map(len, lines)) <= width
    terms = [found[1] for line in lines_below if (found := re.match(r"  (-[^ ]+)", line))]
    options = [option for option in SECTIONED[name].params if isinstance(option, click.Option)]
    assert len(terms) == len(options) + 1  # and --help
    assert len(set(terms)) == len(terms)


def test_the_sections_of_the_instrument() -> None:
    titles = re.findall(r"^(\S.*):$", shown("listen"), re.MULTILINE)
    order = ["Examples", "Ports", "Time", "Turns", "Keyboard", "The answers", "This evening", "Help"]
    assert [title for title in titles if title in order] == order
    assert "Options" not in titles


@pytest.mark.parametrize("name", SECTIONED)
def test_three_examples_stand_before_the_options_and_are_right(name: str) -> None:
    command = SECTIONED[name]
    assert len(command.examples) == 3
    examples = shown(name).partition("\nExamples:\n")[2].partition("\n\n")[0] + "\n"
    for line, what in command.examples:
        words = shlex.split(line)
        assert words[: 1 + len(name.split())] == ["jamd", *name.split()]
        with command.make_context(name, words[1 + len(name.split()) :], parent=click.Context(main)):
            pass
        assert f"  {line}\n      {what}\n" in examples


def test_an_example_that_is_not_right_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        SECTIONED["listen"].make_context("listen", ["--answer-bar", "4"], parent=click.Context(main))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (click.IntRange(0, 8), "[0 to 8]"),
        (click.IntRange(-48, 48), "[-48 to 48]"),
        (click.IntRange(1), "[1 or more]"),
        (click.IntRange(max=3), "[3 or less]"),
        (click.FloatRange(0, 1, min_open=True), "[above 0 to 1]"),
        (click.FloatRange(0, 1, max_open=True), "[0 to below 1]"),
        (click.FloatRange(0.05, 3), "[0.05 to 3]"),
    ],
)
def test_ranges_are_in_words(kind: click.ParamType, words: str) -> None:  # type: ignore[type-arg]
    @click.command(cls=Sectioned)
    @section("One", click.option("--box", type=kind, help="As max is."))
    def command(box: float) -> None: ...

    help_text = CliRunner().invoke(command, ["--help"]).stdout
    assert re.search(rf"^One:\n  --box \S.* As max is\.  {re.escape(words)}$", help_text, re.MULTILINE)
