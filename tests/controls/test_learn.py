"""Binding a knob by moving a control: what is seen, and what becomes of the config file."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import click
import mido
import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.commands import learn
from jamd.commands.learn import first_moved
from jamd.controls.knobs import KNOBS
from jamd.options.config import Config
from jamd.options.config_options import config_option
from tests.kit.realparts import KEYS, Player

GIG = """\
# Friday
[bind]  # the grey box
turn = "pedal"  # left foot
density = ["cc 22", "cc 23"]

# the instrument
[listen]
in = "Pads"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any file, and a `listen` with the two options that learn asks about."""

    @click.command()
    @config_option
    @click.option("--in", "in_name")
    @click.option("--backend", default="auto")
    def listen(config: Config, **options: object) -> None: ...

    monkeypatch.setitem(sys.modules, "jamd.commands.listen", SimpleNamespace(command=listen))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Hand:
    """A MIDI system with one input, on which these messages come."""

    name = "fake"

    def __init__(self) -> None:
        self.messages: Sequence[mido.Message] = []
        self.opened: list[tuple[str, str | None]] = []

    @contextmanager
    def open_backend(self, name: str) -> Iterator[SimpleNamespace]:
        def open_input(port: str | None, receive: Callable[[mido.Message], None]) -> SimpleNamespace:
            self.opened.append((name, port))
            for message in self.messages:
                receive(message)
            return SimpleNamespace(name=f"{port or 'jamd in'} 20:0")

        yield SimpleNamespace(open_input=open_input, inputs=list, name=self.name, client_name="jamd")


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(learn, "open_backend", hand.open_backend)
    return hand


def jamd(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["learn", *arguments], env=environment, prog_name="jamd")


def cc(number: int, *values: int, channel: int = 1) -> list[mido.Message]:
    return [
        mido.Message("control_change", control=number, value=value, channel=channel - 1) for value in values
    ]


def press(pitch: int, channel: int = 1) -> list[mido.Message]:
    on = mido.Message("note_on", note=pitch, velocity=80, channel=channel - 1)
    return [on, mido.Message("note_off", note=pitch, channel=channel - 1)]


def bends(*pitches: int) -> list[mido.Message]:
    return [mido.Message("pitchwheel", pitch=pitch) for pitch in pitches]


def program(number: int) -> list[mido.Message]:
    return [mido.Message("program_change", program=number - 1)]


@pytest.mark.parametrize(
    ("knob", "messages", "control"),
    [
        ("temperature", cc(21, 3, 9), "cc 21 channel 1"),
        ("temperature", cc(21, 9, 3, channel=16), "cc 21 channel 16"),
        ("temperature", cc(1, 64, 65, 64) + cc(7, 100) + cc(21, 3, 9), "cc 21 channel 1"),
        ("temperature", press(60) + program(3) + cc(21, 3, 9), "cc 21 channel 1"),
        ("temperature", bends(0, 40, 0, 4000), "bend channel 1"),
        ("temperature", [*cc(21, 3), *cc(53, 0), *cc(21, 3), *cc(53, 90)], "cc 21 channel 1"),
        ("temperature", cc(53, 0, 90), "cc 53 channel 1"),
        ("temperature", cc(64, 127, 0), "pedal channel 1"),
        ("turn", cc(64, 127), "pedal channel 1"),
        ("turn", cc(20, 127, 0), "cc 20 channel 1"),
        ("turn", press(36, channel=10), "note 36 channel 10"),
        ("turn", press(36)[1:] + bends(0, 8000) + press(38), "note 38 channel 1"),
        ("next-model", program(5), "program 5 channel 1"),
        ("mode", program(5), "program channel 1"),
        ("mode", press(40), "note 40 channel 1"),
        ("mode", cc(9, 0, 127), "cc 9 channel 1"),
        ("temperature", [], None),
        ("temperature", cc(21, 5, 5, 5) + cc(22, 9) + press(60), None),
        ("turn", [mido.Message("clock"), mido.Message("aftertouch", value=90), *bends(0, 8000)], None),
    ],
)
def test_the_first_control_that_moves_is_meant(
    knob: str, messages: list[mido.Message], control: str | None
) -> None:
    found = first_moved(KNOBS[knob], messages)
    assert (None if found is None else str(found)) == control


def test_a_control_is_learned_into_your_own_file(home: Path, hand: Hand) -> None:
    hand.messages = cc(21, 3, 9)
    result = jamd("temperature", "--in", "Pads")
    own = home / "config" / "jamd" / "config.toml"
    assert result.stdout == (
        "move what temperature is to follow, on Pads 20:0; 10 s\n"
        f"temperature follows cc 21 channel 1, says {own}\n"
    )
    assert own.read_text() == '[bind]\ntemperature = "cc 21 channel 1"\n'
    assert hand.opened == [("auto", "Pads")]
    hand.messages = press(36)
    assert jamd("tap").exit_code == 0
    assert own.read_text() == '[bind]\ntemperature = "cc 21 channel 1"\ntap = "note 36 channel 1"\n'


def test_the_rest_of_the_file_stays_as_it_is(home: Path, hand: Hand) -> None:
    (home / "gig.toml").write_bytes(GIG.replace("\n", "\r\n").encode())
    hand.messages = cc(30, 3, 9)
    assert jamd("feel", "--config", "gig.toml").exit_code == 0
    lines = (home / "gig.toml").read_bytes().decode().splitlines()
    assert [line for line in lines if not line.startswith("feel")] == GIG.splitlines()
    assert lines[4] == 'feel = "cc 30 channel 1"'
    assert b'Pads"\r\n' in (home / "gig.toml").read_bytes()


def test_what_listen_hears_is_what_learn_hears(home: Path, hand: Hand) -> None:
    (home / "gig.toml").write_text(GIG + 'backend = "jack"\n')
    hand.messages = cc(30, 3, 9)
    jamd("feel", "--config", "gig.toml")
    jamd("feel", JAMD_LISTEN_CONFIG="gig.toml", JAMD_LISTEN_IN="Wheel")
    jamd("feel", "--config", "gig.toml", "--in", "Keys", "--backend", "alsa")
    jamd("feel")
    assert hand.opened == [("jack", "Pads"), ("jack", "Wheel"), ("alsa", "Keys"), ("auto", None)]


def test_a_knob_that_was_bound_is_bound_anew_and_that_is_said(home: Path, hand: Hand) -> None:
    (home / "gig.toml").write_text(GIG)
    hand.messages = cc(30, 3, 9)
    result = jamd("density", "--config", "gig.toml")
    assert result.stdout.endswith(
        f"density follows cc 30 channel 1, says {home / 'gig.toml'}; density had cc 22, cc 23\n"
    )
    assert tomllib.loads((home / "gig.toml").read_text())["bind"] == {
        "turn": "pedal",
        "density": "cc 30 channel 1",
    }


def test_a_control_follows_one_knob_only(home: Path, hand: Hand) -> None:
    (home / "gig.toml").write_text(GIG)
    hand.messages = cc(22, 3, 9)
    result = jamd("feel", "--config", "gig.toml", "--json")
    assert json.loads(result.stdout) == {
        "knob": "feel",
        "control": "cc 22 channel 1",
        "config": str(home / "gig.toml"),
        "instead_of": {"density": ["cc 22"]},
    }
    hand.messages = cc(64, 127)
    assert "; turn had pedal" in jamd("loop", "--config", "gig.toml").stdout
    text = (home / "gig.toml").read_text()
    assert tomllib.loads(text)["bind"] == {
        "density": "cc 23",
        "feel": "cc 22 channel 1",
        "loop": "pedal channel 1",
    }
    assert text.endswith(GIG[GIG.index("\n# the instrument") :])


@pytest.mark.parametrize(
    "text",
    [
        'bind = { turn = "pedal" }\n',
        'bind.turn = "pedal"\n',
        '[bind]\nturn = "pedal"',
        "[listen]\n",
        "# mine",
    ],
)
def test_it_is_learned_however_the_file_is_written(home: Path, hand: Hand, text: str) -> None:
    (home / "gig.toml").write_text(text)
    hand.messages = cc(30, 3, 9)
    assert jamd("feel", "--config", "gig.toml").exit_code == 0
    learned = tomllib.loads((home / "gig.toml").read_text())
    before = tomllib.loads(text)
    assert learned == before | {"bind": before.get("bind", {}) | {"feel": "cc 30 channel 1"}}


def test_a_link_still_leads_to_the_file(home: Path, hand: Hand) -> None:
    (home / "real.toml").write_text(GIG)
    (home / "gig.toml").symlink_to("real.toml")
    hand.messages = cc(30, 3, 9)
    jamd("feel", "--config", "gig.toml")
    assert (home / "gig.toml").is_symlink()
    assert "feel" in (home / "real.toml").read_text()


def test_when_nothing_moves_nothing_is_written(home: Path, hand: Hand) -> None:
    (home / "gig.toml").write_text(GIG)
    hand.messages = cc(21, 5, 5)
    result = jamd("feel", "--in", "Pads", "--config", "gig.toml", "--seconds", "0.2")
    assert result.exit_code == 1
    assert result.stderr == "jamd: nothing on Pads 20:0 was moved in 0.2 s; nothing was written\n"
    assert (home / "gig.toml").read_text() == GIG
    assert os.listdir(home) == ["gig.toml"]


def test_what_cannot_be_learned_is_said_before_anyone_waits(home: Path, hand: Hand) -> None:
    (home / "wrong.toml").write_text("[listen]\nn = 3\n")
    for arguments, status, said in (
        (["temprature"], 2, "no knob 'temprature'; did you mean 'temperature'?"),
        (
            ["feel", "--config", "wrong.toml"],
            2,
            "wrong.toml line 2: no option 'n' of listen; did you mean 'in'?",
        ),
        (
            ["feel", "--config", "no/gig.toml"],
            1,
            f"cannot write {home}/no/gig.toml: there is no folder {home}/no",
        ),
        (["feel", "--seconds", "nan"], 2, "Invalid value for '--seconds': nan is not a number"),
    ):
        result = jamd(*arguments)
        assert (result.exit_code, result.stdout) == (status, "")
        assert result.stderr.removesuffix(" (see jamd learn --help)\n").strip() == f"jamd: {said}"
    assert hand.opened == []


def test_learn_alone_lists_the_knobs_and_what_they_follow(home: Path) -> None:
    assert "Nothing is bound yet" in jamd().stdout
    (home / "gig.toml").write_text(GIG)
    shown = jamd("--config", "gig.toml").stdout
    for name in KNOBS:
        assert name in shown
    assert "cc 22, cc 23" in shown
    listing = {row.pop("knob"): row for row in json.loads(jamd("--config", "gig.toml", "--json").stdout)}
    assert list(listing) == list(KNOBS)
    assert listing["turn"] == {
        "what": "give jamd the turn",
        "kind": "action",
        "range": "a press",
        "controls": ["pedal"],
    }


@pytest.mark.jack
def test_a_real_controller_is_heard(home: Path, player: Player) -> None:
    player.play([(number * 0.05, [0xB2, 21, number % 128]) for number in range(200)])
    player.wait_for(lambda: player.sent, 10, "the first movement")
    result = jamd("feel", "--in", KEYS, "--backend", "jack", "--config", "gig.toml")
    assert result.exit_code == 0, result.stderr
    assert (home / "gig.toml").read_text() == '[bind]\nfeel = "cc 21 channel 3"\n'
