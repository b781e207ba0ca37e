"""The program's frame: help, versions, environment, and what it says when something is wrong."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import jamd
from jamd import cli
from jamd.errors import JamdError, MidiFileError, PortError
from jamd.music import scales
from jamd.options import commands, model

COMMANDS_FOLDER = Path(jamd.__file__).parent / "commands"
HEAVY = (
    "torch",
    "numpy",
    "matplotlib",
    "rich",
    "rtmidi",
    "mido",
    "jamd.commands.listen",
    "jamd.midi.backends",
)


def run_python(*arguments: str, **named: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, **named)


@pytest.fixture
def command_that(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command of the test's own in the place of `jamd ports`."""

    def run(command: click.Command, *arguments: str, **environment: str) -> Result:
        monkeypatch.setitem(sys.modules, "jamd.commands.ports", SimpleNamespace(command=command))
        return CliRunner().invoke(cli.main, ["ports", *arguments], env=environment, prog_name="jamd")

    return run


def test_the_scales_on_offer_are_those_there_are() -> None:
    assert tuple(scales.SCALES) == model.SCALES


def test_help_lists_every_command_and_imports_none() -> None:
    script = f"""
import sys
from jamd.cli import main
try:
    main(["--help"], prog_name="jamd")
finally:
    print("imported:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = run_python("-c", script)
    assert done.returncode == 0, done.stderr
    assert "imported: []" in done.stdout
    for name, sentence in commands.COMMANDS.items():
        assert name in done.stdout
        assert sentence in done.stdout


def test_the_table_names_every_command_there_is() -> None:
    there = {path.stem for path in COMMANDS_FOLDER.glob("*.py")} - {"__init__"}
    assert set(commands.COMMANDS) == there


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_command_is_listed_with_the_first_sentence_of_its_own_help(name: str) -> None:
    command = importlib.import_module(f"jamd.commands.{name}").command
    assert command.get_short_help_str(limit=200).rstrip(".") == commands.COMMANDS[name]


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_command_shows_its_help_without_torch(name: str) -> None:
    done = run_python(
        "-c",
        f"import sys\nfrom jamd.cli import main\n"
        f"try: main(['{name}', '--help'])\nfinally: assert 'torch' not in sys.modules",
    )
    assert done.returncode == 0, done.stderr
    assert f" {name} " in done.stdout


def test_version_is_the_package_s() -> None:
    done = run_python("-m", "jamd", "--version")
    assert done.stdout == f"jamd {jamd.__version__}\n"
    assert importlib.metadata.version("jamd") == jamd.__version__


def test_ctrl_c_while_a_library_makes_a_class_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 makes another error of it."""

    def load(name: str) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("Error calling __set_name__") from interrupt

    monkeypatch.setattr(cli, "load", load)
    result = CliRunner().invoke(cli.main, ["jam"])
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["nope"], "nope"),
        (["ports", "--jsn"], "--json"),
        (["ports", "--backend", "midi"], "winmm"),
        (["panic", "--out"], "--out"),
        (["sessions", "extra"], "extra"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: list[str], about: str) -> None:
    result = CliRunner().invoke(cli.main, arguments, prog_name="jamd")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("jamd: ")
    assert about in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status"), [(PortError("no output matches 'x'"), 2), (MidiFileError("a.mid is\nempty"), 1)]
)
def test_a_jamd_error_is_one_line_and_its_exit_status(
    command_that: Callable[..., Result], error: JamdError, status: int
) -> None:
    @click.command()
    def fails() -> None:
        raise error

    result = command_that(fails)
    assert result.exit_code == status
    assert result.stderr == f"jamd: {' '.join(str(error).split())}\n"


def test_a_fault_of_the_program_itself_is_not_hidden(command_that: Callable[..., Result]) -> None:
    @click.command()
    def fails() -> None:
        raise ZeroDivisionError

    assert isinstance(command_that(fails).exception, ZeroDivisionError)


def test_every_option_is_read_from_the_environment(command_that: Callable[..., Result]) -> None:
    @click.command()
    @click.option("--in", "in_name")
    @click.option("-n", "--answer-bars", type=int)
    @click.option("--json", "as_json", is_flag=True)
    def shows(**options: object) -> None:
        click.echo(repr(sorted(options.items())))

    variables = {"JAMD_PORTS_IN": "Key", "JAMD_PORTS_ANSWER_BARS": "4", "JAMD_PORTS_JSON": "1"}
    result = command_that(shows, **variables)
    assert result.stdout == "[('answer_bars', 4), ('as_json', True), ('in_name', 'Key')]\n"
    assert "'in_name', 'Keys'" in command_that(shows, "--in", "Keys", **variables).stdout


def test_a_wrong_value_in_the_environment_is_one_line(command_that: Callable[..., Result]) -> None:
    @click.command()
    @click.option("--bars", type=int)
    def shows(bars: int) -> None:
        click.echo(bars)

    result = command_that(shows, JAMD_PORTS_BARS="two")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "two" in result.stderr


def test_defaults_are_in_the_help_of_a_command() -> None:
    result = CliRunner().invoke(cli.main, ["ports", "--help"], prog_name="jamd")
    assert "[default: auto]" in result.stdout


@given(
    st.from_regex(r"--[a-z]+(-[a-z]+)*", fullmatch=True), st.from_regex(r"--[a-z]+(-[a-z]+)*", fullmatch=True)
)
def test_two_options_never_share_a_variable(one: str, other: str) -> None:
    same = commands.variable_of("listen", one) == commands.variable_of("listen", other)
    assert same == (one == other)


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    script = """
import signal, sys, types, click
from jamd import cli
from jamd.options import model as playing
from jamd.music import scales

@click.command()
def command():
    signal.raise_signal(signal.SIGINT)

sys.modules["jamd.commands.ports"] = types.SimpleNamespace(command=command)
cli.main(["ports"])
"""
    done = run_python("-c", script)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["buffered", "large"])
def test_a_reader_that_leaves_is_no_traceback(size: int) -> None:
    script = f"""
import sys, types, click
from jamd import cli
from jamd.options import model as playing
from jamd.music import scales

@click.command()
def command():
    print("x" * {size})

sys.modules["jamd.commands.ports"] = types.SimpleNamespace(command=command)
cli.main(["ports"])
"""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "")
