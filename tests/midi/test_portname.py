"""Which port a name means: yesterday's name finds today's port, and never one that may be another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import JamdError, PortError
from jamd.midi.hotplug import again
from jamd.midi.instance import only_one
from jamd.midi.portname import meant
from jamd.midi.ports import find
from jamd.midi.wait_for_ports import arrived
from tests.midi.test_hotplug import Stage

APC = "APC Key 25:APC Key 25 MIDI 1"
THROUGH = "Midi Through:Midi Through Port-0 14:0"


@dataclass
class Midi:
    """A backend with these ports, each of which takes in and gives out."""

    ports: list[str]
    name: str = "alsa"

    def inputs(self) -> list[str]:
        return self.ports

    outputs = inputs


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        (f"{APC} 20:0", [THROUGH, f"{APC} 24:0"], f"{APC} 24:0"),
        ("APC Key 25 MIDI 1 20:0", [THROUGH, f"{APC} 24:0"], f"{APC} 24:0"),
        ("apc  key 25:apc key 25 midi 1 20:0", [THROUGH, f"{APC} 24:0"], f"{APC} 24:0"),
        (f"{APC} 20:0 ", [THROUGH, f"{APC} 24:0"], f"{APC} 24:0"),
        ("Nano:Nano 20:1", ["Nano:Nano 24:0", "Nano:Nano 24:1"], "Nano:Nano 24:1"),
        ("Nano 1", ["Through 0", "Piano 1", "Nano 2"], "Nano 2"),
        ("a2j:APC [20] (capture): APC 1", ["a2j:APC [24] (capture): APC 1", "system:midi_capture_1"],
         "a2j:APC [24] (capture): APC 1"),
        ("FLUID Synth (4321):Synth input port (4321:0) 128:0",
         [THROUGH, "FLUID Synth (977):Synth input port (977:0) 129:0"],
         "FLUID Synth (977):Synth input port (977:0) 129:0"),
        ("FLUID Synth (4321)", ["FLUID Synth (977):Synth input port (977:0) 129:0", THROUGH],
         "FLUID Synth (977):Synth input port (977:0) 129:0"),
        ("Key  Station", ["keystation", "KEY STATION 20:0"], "KEY STATION 20:0"),
        ("Key Station", ["Key  Station 20:0"], "Key  Station 20:0"),
    ],
)  # fmt: skip
def test_a_name_under_other_numbers_means_the_same_port(name: str, names: list[str], found: str) -> None:
    assert find(name, names, "input") == found


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("APC 20:0", ["Keystation 20:0", "Piano 24:0"]),
        ("20:0", ["APC 24:0"]),
        ("Piano 2", ["Piano 1 20:0"]),
        ("Piano 2", ["Piano 1"]),
        ("system:midi_capture_2", ["system:midi_capture_1"]),
        ("Piano 2:0", ["Grand 24:0"]),
    ],
)
def test_another_device_is_not_taken_for_it(name: str, names: list[str]) -> None:
    with pytest.raises(PortError, match="no input matches"):
        find(name, names, "input")


def test_of_two_devices_of_one_make_the_very_name_is_taken() -> None:
    assert find("Nano:Nano 24:0", ["Nano:Nano 20:0", "Nano:Nano 24:0"], "input") == "Nano:Nano 24:0"


def test_two_that_it_may_be_are_named_and_none_is_taken() -> None:
    with pytest.raises(PortError, match=r"'Nano:Nano 16:0' could be any of: Nano:Nano 20:0, Nano:Nano 24:0;"):
        find("Nano:Nano 16:0", ["Nano:Nano 20:0", "Nano:Nano 24:0", THROUGH], "input")


def test_a_port_without_a_name_is_never_meant_and_does_no_harm() -> None:
    names = [None, "", f"{APC} 24:0"]
    assert find(f"{APC} 20:0", names, "input") == f"{APC} 24:0"
    with pytest.raises(PortError, match="no input matches 'organ'; the inputs are: APC"):
        find("organ", names, "input")
    with pytest.raises(PortError, match="there are no inputs"):
        find("organ", [None], "input")
    assert again(Stage().keys, [None, ""]) is None


@given(st.text(), st.lists(st.text() | st.none()))
def test_what_may_be_meant_is_there(name: str, names: list[str | None]) -> None:
    assert set(meant(name, names)) <= set(names)
    assert name not in names or not name or meant(name, names) == [name]


def test_a_jamd_that_waits_has_its_port_under_todays_number(caplog: pytest.LogCaptureFixture) -> None:
    midi = Midi([f"{APC} 24:0", "Synth 128:0"])
    assert arrived(lambda: midi, [f"{APC} 20:0"], ["Synth 131:0"], pytest.fail) is midi
    assert not caplog.records


def test_waiting_ends_where_the_name_may_be_either_of_two() -> None:
    midi = Midi(["Nano:Nano 24:0", "Nano:Nano 28:0"])
    with pytest.raises(PortError, match="could be any of"):
        arrived(lambda: midi, ["Nano:Nano 20:0"], [], pytest.fail)


def test_by_whatever_number_it_is_called_it_is_one_pair_of_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    midi = Midi([f"{APC} 24:0", "Synth 128:0"])
    with (
        only_one(midi, f"{APC} 20:0", "synth"),
        pytest.raises(JamdError, match="has a jamd already"),
        only_one(midi, f"{APC} 24:0", "Synth 131:0"),
    ):
        pass


def test_of_twins_that_come_back_under_other_numbers_neither_is_taken() -> None:
    stage = Stage()
    stage.pull("in", "Keyboard 20:0")
    stage.midi.ports["in"].append("Keyboard 24:0")
    stage.put("in", "Keyboard 28:0")
    assert not stage.keys.plugged
    stage.pull("in", "Keyboard 24:0")
    assert stage.keys.plugged
    assert stage.keys.name == "Keyboard 28:0"
