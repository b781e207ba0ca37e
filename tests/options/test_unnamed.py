"""What jamd says where no port is named: what it took, or what there is and what to type."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.errors import UsageError
from jamd.midi import ports as open_ports
from jamd.options import unnamed
from jamd.options.commands import TOLD
from jamd.options.ports import Cabling
from tests.midi.test_ports import FakeMidi

KEYS, FLUID, MINI = (
    "Keystation 49:Keystation 49 MIDI 1 20:0",
    "FLUID Synth (77):Synth input 128:0",
    "mini 24:0",
)
THROUGH = "Midi Through:Midi Through Port-0 14:0"


@dataclass
class Midi:
    """A backend with these ports."""

    keyboards: Sequence[str] = ()
    synths: Sequence[str] = ()
    name: str = "alsa"
    client_name: str = "jamd"
    said: list[str] = field(default_factory=list)
    as_opened = None

    def inputs(self) -> list[str]:
        return [THROUGH, *self.keyboards]

    def outputs(self) -> list[str]:
        return [THROUGH, *self.synths]


@pytest.mark.parametrize(
    ("midi", "taken", "words"),
    [
        (Midi([KEYS], [KEYS, FLUID]), (KEYS, FLUID),
         f"taken: {KEYS}, and to sound {FLUID}; there are no others"),
        (Midi([KEYS], [KEYS]), (KEYS, KEYS),
         f"taken: {KEYS}, to play and to sound, as there is nothing else; if it is silent: --synth"),
        (Midi([KEYS]), (KEYS, None),
         f'taken: {KEYS}; no synth is plugged in: connect "jamd out" to one, {unnamed.SYNTH}'),
        (Midi([], [FLUID]), (None, FLUID),
         f'taken: {FLUID}; no keyboard is plugged in: connect one to "jamd in"'),
        (Midi(client_name="ann"), (None, None),
         f'nothing is plugged in: connect a keyboard to "ann in", and "ann out" to a synth, {unnamed.SYNTH}'),
        (Midi([KEYS], name="winmm"), (KEYS, None),
         f"taken: {KEYS}; no synth is plugged in: plug one in, or hear FluidSynth with --synth"),
    ],
)  # fmt: skip
def test_what_is_taken_and_what_is_missing_is_one_line(
    midi: Midi, taken: tuple[str | None, str | None], words: str
) -> None:
    assert unnamed.both(midi, midi.said.append) == taken
    assert midi.said == [words]


def test_where_nothing_can_be_made_who_opens_a_port_says_so() -> None:
    midi = Midi(name="winmm")
    assert unnamed.both(midi, midi.said.append) == (None, None)
    assert midi.said == []


def told(*words: str) -> click.Context:
    context = click.Context(click.Command("jamd"))
    context.meta[TOLD] = words
    return context


def test_of_several_all_are_listed_and_then_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    midi = Midi([KEYS, MINI], [KEYS, FLUID, MINI])
    with pytest.raises(UsageError) as why, told("listen", "--key", "A minor", "--tempo", "96"):
        unnamed.both(midi, midi.said.append)
    command = 'jamd listen --key "A minor" --tempo 96 --in "Keystation 49" --out "Keystation 49"'
    assert str(why.value) == f"there are several to choose from; say which, like: {command}"
    listed = capsys.readouterr().err.splitlines()
    assert listed == [
        '  --in  "Keystation 49"',
        '  --in  "mini"',
        '  --out "Keystation 49"',
        '  --out "FLUID Synth (77)"',
        '  --out "mini"',
    ]
    assert midi.said == []


def test_of_one_kind_only_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    midi = Midi([KEYS, MINI], [KEYS, FLUID, MINI])
    assert unnamed.an_output(midi, midi.said.append) == FLUID
    assert midi.said == [f"taken: {FLUID}; there is no other"]
    with (
        pytest.raises(UsageError, match=r'like: jamd learn echo --in "Keystation 49"$'),
        told("learn", "echo"),
    ):
        unnamed.an_input(midi, midi.said.append)
    assert capsys.readouterr().err.splitlines() == ['  --in  "Keystation 49"', '  --in  "mini"']
    nothing = Midi()
    assert (
        unnamed.an_input(nothing, nothing.said.append)
        is unnamed.an_output(nothing, nothing.said.append)
        is None
    )
    assert nothing.said == [
        'no keyboard is plugged in: connect one to "jamd in"',
        'no synth is plugged in: connect "jamd out" to one, or hear FluidSynth with --synth',
    ]


@pytest.mark.parametrize("name", ['Kurz "K"', "a$b", "`id`", "it's", "mini", "tab\\n", "Wow!"])
def test_what_is_to_be_typed_is_one_word_of_the_shell(name: str) -> None:
    assert shlex.split(unnamed.quoted(name)) == [name]


def wanting(**given: object) -> Cabling:
    options: dict[str, object] = dict.fromkeys(("in_name", "out_name", "synth", "lights"))
    options |= {"virtual": False, "name": "jamd", "backend": "auto", "wait": False, "silence_first": False}
    return Cabling(**(options | given))  # type: ignore[arg-type]


HINT = '"jamd out" waits for a cable; to take what is plugged in: --out "FLUID Synth (77)"\n'


@pytest.mark.parametrize(
    ("cabling", "names", "said"),
    [
        (wanting(), (KEYS, FLUID), f"taken: {KEYS}, and to sound {FLUID}; there are no others\n"),
        (wanting(virtual=True), (None, None), ""),
        (wanting(wait=True), (None, None), ""),
        (wanting(in_name="key"), ("key", None), HINT),
        (wanting(in_name="key", virtual=True), ("key", None), ""),
        (wanting(in_name="key", wait=True), ("key", None), ""),
        (wanting(in_name="key", synth="any"), ("key", None), ""),
        (wanting(out_name="fluid"), (None, "fluid"),
         '"jamd in" waits for a cable; to take what is plugged in: --in "Keystation 49"\n'),
        (wanting(in_name="key", out_name="fluid"), ("key", "fluid"), ""),
        (wanting(synth="any"), (KEYS, None), f"taken: {KEYS}; there is no other\n"),
    ],
)  # fmt: skip
def test_whoever_names_a_port_or_waits_for_one_gets_no_other(
    cabling: Cabling, names: tuple[str | None, str | None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cabling._taken(Midi([KEYS], [KEYS, FLUID])) == names  # type: ignore[arg-type]
    assert capsys.readouterr().out == said


def test_what_a_killed_session_left_is_silenced_on_the_synth_that_is_taken(midi: FakeMidi) -> None:
    with wanting(silence_first=True).plugged(None, None) as cables:
        assert (cables.in_name, cables.out.name) == (KEYS, FLUID)
        assert len(midi.sent) > 16 * 128  # every note of every channel
    midi.sent.clear()
    with wanting(silence_first=True, virtual=True).plugged(None, None) as cables:
        assert (cables.in_name, cables.out.name) == (None, "jamd out")
        assert midi.sent == []


# The commands


@pytest.fixture
def midi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMidi:
    midi = FakeMidi([THROUGH, KEYS], [THROUGH, KEYS, FLUID])
    monkeypatch.setitem(sys.modules, "rtmidi", midi)  # type: ignore[arg-type]
    monkeypatch.setattr(open_ports, "SECONDS_PER_MESSAGE", 0)
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    return midi


def jamd(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        (["listen", "--no-record"], ["--in", "--out"]),
        (["learn", "echo"], ["--in"]),
        (["listen", "--synth", "{font}"], ["--in"]),
    ],
)
def test_of_several_the_exact_command_is_told(
    midi: FakeMidi, command: list[str], refused: list[str], tmp_path: Path
) -> None:
    font = tmp_path / "a.sf2"
    font.touch()
    command = [word.format(font=font) for word in command]
    midi.ports["in"].append(MINI)
    midi.ports["out"].append(MINI)
    result = jamd(*command)
    assert result.exit_code == 2
    *listed, line = result.stderr.splitlines()
    assert sorted({row.split()[0] for row in listed}) == refused
    typed = shlex.split(line.partition("like: ")[2])
    assert typed[: len(command) + 1] == ["jamd", *command]
    assert typed[len(command) + 1 :: 2] == refused
    assert midi.clients == []


def test_learn_takes_the_only_controller(midi: FakeMidi, tmp_path: Path) -> None:
    result = jamd("learn", "echo", "--seconds", "0.1", "--json")
    assert result.stderr.startswith(f"taken: {KEYS}; there is no other\n")
    assert f"nothing on {KEYS} was moved in 0.1 s" in result.stderr


def test_panic_without_a_name_silences_every_output_but_the_systems_own(midi: FakeMidi) -> None:
    result = jamd("panic")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"silenced {KEYS}", f"silenced {FLUID}"]
    everything = midi.sent.copy()
    midi.sent.clear()
    jamd("panic", "--out", "FLUID")
    assert sorted(everything) == sorted(2 * midi.sent)
    midi.ports["out"][:] = [THROUGH]
    nothing = jamd("panic")
    assert (nothing.exit_code, nothing.stderr) == (
        2,
        "jamd: there is no output to silence (see `jamd ports`)\n",
    )


def test_a_loop_without_names_is_of_two_ports_of_its_own(midi: FakeMidi) -> None:
    result = jamd("bench", "loopback", "--n", "1")
    assert "to jamd:jamd in nothing came back on jamd in" in result.stderr


@pytest.mark.parametrize("name", ["", "  ", "a:b", "x" * 33, "a\nb"])
def test_a_name_that_no_port_can_have_is_refused(name: str) -> None:
    result = jamd("listen", "--name", name)
    assert result.exit_code == 2
    assert "is no name for ports; up to 32 characters, and no colon" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["listen", "--synth", "--out", "x"], ["sessions", "play", "last", "--synth", "--out", "x"]],
)
def test_two_ways_to_sound_are_one_too_many(arguments: list[str]) -> None:
    result = jamd(*arguments)
    assert (result.exit_code, result.stderr) == (
        2,
        "jamd: --synth and --out contradict each other; give one\n",
    )


def test_jam_sounds_one_way() -> None:
    result = jamd("jam", "--no-sound", "--synth")
    assert (result.exit_code, result.stderr) == (
        2,
        "jamd: --out, --synth and --no-sound contradict each other; give one\n",
    )
