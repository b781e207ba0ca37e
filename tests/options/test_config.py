"""The config file: what it may say, whose word goes first, and where it is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from jamd.cli import main
from jamd.options.config import Config
from jamd.options.config_options import config_option
from jamd.options.group import Number
from jamd.options.lines import key_lines

GIG = """\
# Friday
[listen]
in = "Keys"
tempo = 96  # not faster
"no-interrupt" = true

[bind]
temperature = "cc 21"
turn = [
    "pedal",
    "note 36 channel 10",
]
"""


class Bars(click.ParamType):  # type: ignore[type-arg]
    """A type of jamd's own: a number, or a word."""

    name = "bars"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if value != "call" and not str(value).isdigit():
            self.fail(f"{value!r} should be a number of bars, or 'call'", param, ctx)
        return value


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `listen` that only says what it was given."""

    @click.command()
    @config_option
    @click.option("--in", "in_name")
    @click.option("--tempo", default=120.0, type=Number(20, 400))
    @click.option("--bars", default=2, type=click.IntRange(1, 64))
    @click.option("--answer-bars", default="2", type=Bars())
    @click.option("--sync", default="internal", type=click.Choice(["internal", "midi"]))
    @click.option("--record", type=click.Path(path_type=Path))
    @click.option("--zone", "zones", multiple=True, type=int)
    @click.option("--no-interrupt", is_flag=True)
    @click.option("--click", is_flag=False, flag_value="37:10")
    @click.option("--quiet/--loud")
    def listen(config: Config, **options: object) -> None:
        click.echo(json.dumps(options, default=str))

    monkeypatch.setitem(sys.modules, "jamd.commands.listen", SimpleNamespace(command=listen))


@pytest.fixture
def jamd(stand_in: None) -> Callable[..., Result]:
    return run


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment, prog_name="jamd")


def heard(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.stderr
    options: dict[str, object] = json.loads(result.stdout)
    return options


def test_a_gig_s_options_stand_in_its_file(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "gig.toml").write_text(GIG)
    options = heard(jamd("listen", "--config", "gig.toml"))
    assert (options["in_name"], options["tempo"], options["no_interrupt"]) == ("Keys", 96, True)
    assert (options["bars"], options["quiet"]) == (2, False)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    home: Path, jamd: Callable[..., Result]
) -> None:
    (home / "gig.toml").write_text(GIG)
    listen = ("listen", "--config", "gig.toml")
    assert heard(jamd(*listen, JAMD_LISTEN_TEMPO="100"))["tempo"] == 100
    assert heard(jamd(*listen, "--tempo", "200", JAMD_LISTEN_TEMPO="100"))["tempo"] == 200
    assert heard(jamd(*listen, "--in", "Pads"))["in_name"] == "Pads"
    assert heard(jamd(*listen, JAMD_LISTEN_NO_INTERRUPT="0"))["no_interrupt"] is False


def test_the_file_may_be_named_in_the_environment(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "gig.toml").write_text(GIG)
    (home / "other.toml").write_text("[listen]\ntempo = 50\n")
    assert heard(jamd("listen", JAMD_LISTEN_CONFIG="gig.toml"))["tempo"] == 96
    assert heard(jamd("listen", "--config", "other.toml", JAMD_LISTEN_CONFIG="gig.toml"))["tempo"] == 50


def test_your_own_file_is_read_without_asking_and_another_in_its_place(
    home: Path, jamd: Callable[..., Result]
) -> None:
    assert heard(jamd("listen"))["tempo"] == 120
    (home / "config" / "jamd").mkdir(parents=True)
    (home / "config" / "jamd" / "config.toml").write_text(GIG)
    assert heard(jamd("listen"))["tempo"] == 96
    (home / "empty.toml").touch()
    assert heard(jamd("listen", "--config", "empty.toml"))["tempo"] == 120


@pytest.mark.parametrize(
    ("line", "parameter", "value"),
    [
        ("tempo = 96", "tempo", 96),
        ("tempo = 96.5", "tempo", 96.5),
        ("bars = 4", "bars", 4),
        ("answer-bars = 4", "answer_bars", "4"),
        ('answer-bars = "call"', "answer_bars", "call"),
        ('sync = "midi"', "sync", "midi"),
        ('record = "a jam.mid"', "record", "a jam.mid"),
        ("zone = [1, 2]", "zones", [1, 2]),
        ("quiet = true", "quiet", True),
        ("click = true", "click", "37:10"),
        ("click = false", "click", None),
        ('click = "40:1"', "click", "40:1"),
        ("no-interrupt = false", "no_interrupt", False),
    ],
)
def test_each_kind_of_option_has_its_kind_of_value(
    home: Path, jamd: Callable[..., Result], line: str, parameter: str, value: object
) -> None:
    (home / "gig.toml").write_bytes(f"\ufeff[listen]\r\n{line}\r\n".encode())
    assert heard(jamd("listen", "--config", "gig.toml"))[parameter] == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[listen]\n\nanswer-bar = 4",
            "line 3: no option 'answer-bar' of listen; did you mean 'answer-bars'?",
        ),
        (
            "[listen]\nanswer_bars = 4",
            "line 2: no option 'answer_bars' of listen; did you mean 'answer-bars'?",
        ),
        ("listen.xyzzy = 4", "line 1: no option 'xyzzy' of listen; see `jamd listen --help`"),
        ('[listen]\nconfig = "a"', "line 2: no option 'config' of listen; see `jamd listen --help`"),
        ("# mine\n\n[lisen]", "line 3: no table 'lisen'; did you mean 'listen'?"),
        ("[organ]\nx = 1", "line 1: no table 'organ'; the tables are: listen, web, preset.NAME, bind"),
        ("[ports]\njson = true", "line 1: no table 'ports'; the tables are: listen, web, preset.NAME, bind"),
        ("tempo = 96", "line 1: 'tempo' stands in no table; put it under [listen]"),
        ("\nlisten = 3", "line 2: listen should be a table; begin it with [listen]"),
        ("[[bind]]", "line 1: bind should be a table; begin it with [bind]"),
        ("[listen]\ntempo = 500", "line 2: tempo: 500.0 is not in the range 20<=x<=400."),
        ("[listen]\ntempo = nan", "line 2: tempo: nan is not a number"),
        (
            '[listen]\ntempo = "fast"',
            'line 2: tempo: "fast" is not a number; write a number, without quotes',
        ),
        ("[listen]\ntempo = true", "line 2: tempo: true is not a number"),
        ("[listen]\nbars = 2.5", "line 2: bars: 2.5 is not a whole number"),
        ("[listen]\nbars = 0", "line 2: bars: 0 is not in the range 1<=x<=64."),
        (
            '[listen]\nanswer-bars = "two"',
            "line 2: answer-bars: 'two' should be a number of bars, or 'call'",
        ),
        ("[listen]\nanswer-bars = true", "line 2: answer-bars: 'true' should be a number of bars, or 'call'"),
        ("[listen]\nclick = 3", 'line 2: click: 3 is not text; write "3"'),
        ('[listen]\nquiet = "yes"', 'line 2: quiet: "yes" is neither true nor false'),
        ("[listen]\nin = 5", 'line 2: in: 5 is not text; write "5"'),
        ("[listen]\nrecord = 2026-11-21", 'line 2: record: "2026-11-21" is not text; write "2026-11-21"'),
        ("[listen]\nzone = 3", "line 2: zone: 3 is no list; write [3]"),
        ('[listen]\nzone = [3, "x"]', 'line 2: zone: "x" is not a number; write a number, without quotes'),
        (
            '[listen]\nsync = "link"',
            "line 2: sync: 'link' is not one of 'internal', 'midi'.",
        ),
        ('[listen]\nin = """\na"""\n[bind]\ntrun = "pedal"', "line 5: no knob 'trun'; did you mean 'turn'?"),
        ('[bind]\nfeel = "cc 200"', "line 2: feel: 'cc 200' is no control; cc goes from 0 to 119"),
        (
            '[bind]\nfeel = "cc 1"\n\necho = ["bend", "cc 1"]',
            "line 4: echo: 'cc 1' moves feel already",
        ),
        ("[listen\n", "line 1 is not TOML: Expected ']' at the end of a table declaration"),
        ('[listen]\nin = """\n\n', "line 3 is not TOML: Unterminated string"),
        ("[listen]\nbars = 1\nbars = 2", "line 3 is not TOML: Cannot overwrite a value"),
        ("[listen]\nin = " + "9" * 5000, "line 2 is too long: over 2000 characters"),
        ("in = " + "[\n" * 2000 + "]\n" * 2000, "is nested too deeply: options are no more than lists"),
        ("#\n" * 40_000, "is too large for a config file: over 64 KiB"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(
    home: Path, jamd: Callable[..., Result], text: str, said: str
) -> None:
    (home / "gig.toml").write_text(text)
    for command in ("listen", "config", "learn"):
        result = jamd(command, "--config", "gig.toml")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"jamd: gig.toml {said}\n"


def test_a_file_that_cannot_be_read_is_said(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "latin.toml").write_bytes(b'[listen]\nin = "Fl\xfcgel"\n')
    for name, said in (
        ("none.toml", "cannot read none.toml: No such file or directory"),
        (".", "cannot read .: Is a directory"),
        ("latin.toml", "latin.toml is not UTF-8 text"),
    ):
        result = jamd("listen", "--config", name)
        assert (result.exit_code, result.stderr) == (2, f"jamd: {said}\n")


def test_help_is_there_whatever_the_file_says(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "gig.toml").write_text("nonsense")
    result = jamd("listen", "--help", JAMD_LISTEN_CONFIG="gig.toml")
    assert result.exit_code == 0
    assert "--config FILE" in result.stdout


def test_config_shows_what_is_in_force_and_from_where(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "gig.toml").write_text(GIG)
    shown = jamd("config", "--config", "gig.toml", "--json", JAMD_LISTEN_BARS="8")
    document = json.loads(shown.stdout)
    listen = {setting["key"]: (setting["value"], setting["source"]) for setting in document["listen"]}
    assert document["config"] == "gig.toml"
    assert listen == {
        "in": ("Keys", "gig.toml line 3"),
        "tempo": (96, "gig.toml line 4"),
        "bars": (8, "JAMD_LISTEN_BARS"),
        "answer-bars": ("2", "default"),
        "sync": ("internal", "default"),
        "record": (None, "default"),
        "zone": ([], "default"),
        "no-interrupt": (True, "gig.toml line 5"),
        "click": (None, "default"),
        "quiet": (False, "default"),
    }
    assert document["bind"] == [
        {"knob": "temperature", "controls": ["cc 21"], "source": "gig.toml line 8"},
        {"knob": "turn", "controls": ["pedal", "note 36 channel 10"], "source": "gig.toml line 9"},
    ]


def test_config_is_a_table_for_people(home: Path, jamd: Callable[..., Result]) -> None:
    (home / "gig.toml").write_text(GIG.replace("Keys", "[bold]Keys"))
    shown = jamd("config", JAMD_LISTEN_CONFIG="gig.toml").stdout
    for words in ("[bold]Keys", "gig.toml line 3", "96.0", "yes", "pedal, note 36 channel 10"):
        assert words in shown


def test_config_says_where_your_own_file_would_be(home: Path, jamd: Callable[..., Result]) -> None:
    shown = jamd("config")
    assert shown.stdout.startswith(f"There is no config file; yours would be {home / 'config' / 'jamd'}")
    assert json.loads(jamd("config", "--json").stdout)["config"] is None


def test_a_wrong_variable_is_said_by_config_as_by_listen(jamd: Callable[..., Result]) -> None:
    result = jamd("config", JAMD_LISTEN_BARS="two")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "'two'" in result.stderr


def test_every_option_of_the_instrument_can_stand_in_the_file(home: Path) -> None:
    document = json.loads(run("config", "--json").stdout)
    defaults = {setting["key"]: setting["value"] for setting in document["listen"]}
    assert {"in", "out", "tempo", "answer-bars", "no-interrupt", "model", "feel"} <= set(defaults)
    given = {"in": "Keys", "tempo": 96, "no-interrupt": True, "model": "wavenet", "feel": 0}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in given.items()]
    (home / "gig.toml").write_text("[listen]\n" + "".join(lines))
    document = json.loads(run("config", "--config", "gig.toml", "--json").stdout)
    assert {setting["key"]: setting["value"] for setting in document["listen"]} == defaults | given


def test_the_instrument_does_not_begin_with_a_wrong_file(home: Path) -> None:
    (home / "gig.toml").write_text("[listen]\nanswer-bar = 4\n")
    result = run("listen", "--config", "gig.toml")
    said = "jamd: gig.toml line 2: no option 'answer-bar' of listen; did you mean 'answer-bars'?\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", said)


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("[a]\nx = 1", ["a"], 1),
        ("[a]\nx = 1", ["a", "x"], 2),
        ('# x = 1\n[a] # [b]\n"x" = 1', ["a", "x"], 3),
        ("a.x = 1\n\na.y = 2", ["a", "y"], 3),
        ("[a]\nx = '''\ny = 1\n'''\ny = 2", ["a", "y"], 5),
        ("[a]\nx = [ # y = 1\n 1,\n]\ny = [\n]\n", ["a", "y"], 5),
        ('[a]\nx = [\n\'[\', "\\"[", ]\ny = 1', ["a", "y"], 4),
        ('[a]\nx = """\n["" \\"""\n"""""\ny = 1', ["a", "y"], 5),
        ("a = { x = 1, y = 2 }\r\n[b]\r\n", ["b"], 2),
        ('[a]\nx = "a\u2028b"\ny = 1', ["a", "y"], 3),
        ("[b]\ny = 1\n[a]\ny = 1", ["a", "y"], 4),
    ],
)
def test_a_key_is_found_on_its_line(text: str, keys: list[str], line: int) -> None:
    assert key_lines(text)[*keys] == line


VALUES = st.sampled_from(["1", '"#"', "[1,\n 2]", '"""\n[t0]\nk0 = 1\n"""', "'''\n'''", "{ k0 = 1 }"])


@given(st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=3))
def test_every_key_is_found_wherever_it_stands(tables: list[list[str]]) -> None:
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for number, values in enumerate(tables):
        lines += ["# k0 = 1", f"[t{number}]"]
        expected[(f"t{number}",)] = len(lines)
        for key, value in enumerate(values):
            expected[f"t{number}", f"k{key}"] = len(lines) + 1
            if value.startswith("{"):
                expected[f"t{number}", f"k{key}", "k0"] = len(lines) + 1
            lines += f"k{key} = {value}".split("\n")
    assert key_lines("\n".join(lines)) == expected
