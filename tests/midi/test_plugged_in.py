"""Which keyboard and which synth are taken where no port is named: port names as systems list them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.plugged_in import Several, Taken, instruments, only, synths, take
from jamd.midi.portname import meant, shortest

THROUGH = "Midi Through:Midi Through Port-0 14:0"
KEYSTATION = "Keystation 49 MK3:Keystation 49 MK3 MIDI 1 20:0"
KEYSTATION_REMOTE = "Keystation 49 MK3:Keystation 49 MK3 DAW 20:1"
MINILOGUE = "minilogue:minilogue MIDI 1 24:0"
FLUID = "FLUID Synth (4321):Synth input port (4321:0) 128:0"
PIPEWIRE = ["PipeWire-System:input 142:0", "PipeWire-RT-Event:input 143:0"]
JAMD = ["jamd:jamd in 129:0", "jamd:jamd out 130:0"]

BRIDGED = "a2j:Keystation 49 MK3 [20] (capture): Keystation 49 MK3 MIDI 1"
BRIDGED_THROUGH = "a2j:Midi Through [14] (capture): Midi Through Port-0"
PIPED = "Midi-Bridge:Keystation 49 MK3 at usb-0000:00:14.0-2, full speed:(capture_0) Keystation 49 MK3 MIDI 1"
PIPED_BACK = PIPED.replace("capture", "playback")
PIPED_THROUGH = "Midi-Bridge:Midi Through:(capture_0) Midi Through Port-0"


@dataclass(frozen=True)
class Case:
    """A machine, and what is taken there: two ports, or what is to be chosen from."""

    system: str
    inputs: list[str]
    outputs: list[str]
    taken: Taken | Several


CASES = {
    "a keyboard and FluidSynth on a PipeWire desktop": Case(
        "alsa", [THROUGH, KEYSTATION], [THROUGH, *PIPEWIRE, KEYSTATION, FLUID], Taken(KEYSTATION, FLUID)
    ),
    "nothing but the system's own": Case("alsa", [THROUGH], [THROUGH, *PIPEWIRE], Taken(None, None)),
    "no ports at all": Case("coremidi", [], [], Taken(None, None)),
    "a keyboard's port for a DAW": Case(
        "alsa", [THROUGH, KEYSTATION, KEYSTATION_REMOTE], [FLUID, KEYSTATION, KEYSTATION_REMOTE],
        Taken(KEYSTATION, FLUID),
    ),
    "a keyboard alone, that only gives": Case("alsa", [KEYSTATION], [THROUGH], Taken(KEYSTATION, None)),
    "a synth alone": Case("alsa", [THROUGH], [THROUGH, FLUID], Taken(None, FLUID)),
    "a stage piano is both": Case("alsa", [THROUGH, MINILOGUE], [THROUGH, MINILOGUE],
                                  Taken(MINILOGUE, MINILOGUE)),
    "a keyboard that only gives, and a synth with keys": Case(
        "alsa", [KEYSTATION, MINILOGUE], [MINILOGUE], Taken(KEYSTATION, MINILOGUE)
    ),
    "two that are both": Case(
        "alsa", [KEYSTATION, MINILOGUE], [KEYSTATION, MINILOGUE],
        Several((KEYSTATION, MINILOGUE), (KEYSTATION, MINILOGUE)),
    ),
    "a keyboard and two synths": Case(
        "alsa", [KEYSTATION], [KEYSTATION, MINILOGUE, FLUID],
        Several((KEYSTATION,), (KEYSTATION, MINILOGUE, FLUID)),
    ),
    "two keyboards and no synth": Case(
        "alsa", [KEYSTATION, "nanoKEY2:nanoKEY2 MIDI 1 28:0"], [THROUGH],
        Several((KEYSTATION, "nanoKEY2:nanoKEY2 MIDI 1 28:0"), ()),
    ),
    "two of one make": Case(
        "alsa", ["USB Keys:USB Keys MIDI 1 20:0", "USB Keys:USB Keys MIDI 1 24:0"], [FLUID],
        Several(("USB Keys:USB Keys MIDI 1 20:0", "USB Keys:USB Keys MIDI 1 24:0"), (FLUID,)),
    ),
    "an interface with two sockets": Case(
        "alsa", ["MIDI4x4:MIDI4x4 MIDI 1 20:0", "MIDI4x4:MIDI4x4 MIDI 2 20:1"], [FLUID],
        Several(("MIDI4x4:MIDI4x4 MIDI 1 20:0", "MIDI4x4:MIDI4x4 MIDI 2 20:1"), (FLUID,)),
    ),
    "another jamd plays with FluidSynth": Case("alsa", [KEYSTATION, JAMD[1]], [FLUID, JAMD[0]],
                                               Taken(KEYSTATION, FLUID)),
    "a jamd of another name": Case("alsa", ["ann:ann out 130:0"], ["ann:ann in 129:0"], Taken(None, None)),
    "Wine and virtual cards": Case(
        "alsa", ["Virtual Raw MIDI 2-0:VirMIDI 2-0 28:0", KEYSTATION],
        ["WINE midi driver:WINE ALSA Input 130:0", FLUID], Taken(KEYSTATION, FLUID),
    ),
    "JACK with the card's own numbers": Case(
        "jack", ["system:midi_capture_1", "system:midi_capture_2"], ["system:midi_playback_1"],
        Taken(None, None),
    ),
    "JACK, a keyboard through a2jmidid": Case(
        "jack", ["system:midi_capture_1", BRIDGED_THROUGH, BRIDGED],
        ["fluidsynth:midi_00", BRIDGED.replace("capture", "playback")], Taken(BRIDGED, "fluidsynth:midi_00"),
    ),
    "JACK, listed by the bridge once more": Case(
        "jack", ["vkeybd:out", BRIDGED], ["fluidsynth:midi_00"], Taken("vkeybd:out", "fluidsynth:midi_00")
    ),
    "JACK, two programs": Case(
        "jack", ["jamd-test-keys:jamd-test-keys"], ["jamd-test-synth:jamd-test-synth"],
        Taken("jamd-test-keys:jamd-test-keys", "jamd-test-synth:jamd-test-synth"),
    ),
    "JACK, a program with a client for each way": Case(
        "jack", ["Pads:out"], ["Pads-01:in", "fluidsynth:midi_00"], Taken("Pads:out", "fluidsynth:midi_00")
    ),
    "JACK, a jamd that is another's second client": Case(
        "jack", ["ann:ann out", "a2j:bob [130] (capture): bob out"], ["ann-01:ann in"], Taken(None, None)
    ),
    "PipeWire as JACK": Case(
        "jack", [PIPED_THROUGH, PIPED],
        [PIPED_THROUGH, PIPED_BACK, "Midi-Bridge:FLUID Synth (977):(playback_0) Synth input port (977:0)"],
        Taken(PIPED, "Midi-Bridge:FLUID Synth (977):(playback_0) Synth input port (977:0)"),
    ),
    "PipeWire as JACK, a stage piano": Case("jack", [PIPED], [PIPED_BACK], Taken(PIPED, PIPED_BACK)),
    "a Mac": Case(
        "coremidi", ["IAC Driver Bus 1", "Network Session 1", "Keystation 49 MK3"],
        ["IAC Driver Bus 1", "Network Session 1", "Keystation 49 MK3", "minilogue SOUND"],
        Taken("Keystation 49 MK3", "minilogue SOUND"),
    ),
    "a German Mac": Case("coremidi", ["IAC-Treiber Bus 1"], ["IAC-Treiber Bus 1"], Taken(None, None)),
    "a Mac, a controller with a way for keys and one for Live": Case(
        "coremidi", ["Launchkey MK3 25 MIDI Out", "Launchkey MK3 25 DAW Out"],
        ["Launchkey MK3 25 MIDI In", "Launchkey MK3 25 DAW In", "jamd in", "Prophet-6"],
        Taken("Launchkey MK3 25 MIDI Out", "Prophet-6"),
    ),
    "Windows": Case(
        "winmm", ["Keystation 49 MK3 0"], ["Microsoft GS Wavetable Synth 0", "Keystation 49 MK3 1"],
        Taken("Keystation 49 MK3 0", "Microsoft GS Wavetable Synth 0"),
    ),
    "Windows, with a real synth": Case(
        "winmm", ["Keystation 49 MK3 0", "loopMIDI Port 1"],
        ["Microsoft GS Wavetable Synth 0", "Keystation 49 MK3 1", "loopMIDI Port 2", "minilogue 3"],
        Taken("Keystation 49 MK3 0", "minilogue 3"),
    ),
    "Windows, a controller's second port": Case(
        "winmm", ["Launchkey MK3 0", "MIDIIN2 (Launchkey MK3) 1"],
        ["Microsoft GS Wavetable Synth 0", "Launchkey MK3 1", "MIDIOUT2 (Launchkey MK3) 2"],
        Taken("Launchkey MK3 0", "Microsoft GS Wavetable Synth 0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_keyboard_and_the_synth_are_seen_where_there_is_one_way_to(case: Case) -> None:
    assert take(case.inputs, case.outputs, case.system) == case.taken
    backwards = take(case.inputs[::-1], case.outputs[::-1], case.system)
    if isinstance(case.taken, Several):
        assert isinstance(backwards, Several)
        assert (set(backwards.inputs), set(backwards.outputs)) == (
            set(case.taken.inputs),
            set(case.taken.outputs),
        )
    else:
        assert backwards == case.taken


def test_a_port_for_a_daw_counts_where_the_device_has_no_other() -> None:
    assert instruments([KEYSTATION_REMOTE], "alsa") == [KEYSTATION_REMOTE]


def test_of_one_kind_the_bridge_comes_second() -> None:
    assert only(["vkeybd:out", BRIDGED, BRIDGED_THROUGH], "jack") == ["vkeybd:out"]
    assert only([BRIDGED, BRIDGED_THROUGH], "jack") == [BRIDGED]
    assert only([THROUGH], "alsa") == []


def test_a_synth_is_what_takes_notes_and_gives_none() -> None:
    assert synths([THROUGH, KEYSTATION], [THROUGH, KEYSTATION, FLUID], "alsa") == [FLUID]
    assert synths([MINILOGUE], [MINILOGUE], "alsa") == []
    assert synths([KEYSTATION], [THROUGH], "alsa") == []


@pytest.mark.parametrize(
    ("name", "names", "short"),
    [
        (KEYSTATION, [THROUGH, KEYSTATION], "Keystation 49 MK3"),
        (KEYSTATION, [KEYSTATION, KEYSTATION_REMOTE], "Keystation 49 MK3:Keystation 49 MK3 MIDI 1"),
        ("USB Keys:USB Keys MIDI 1 20:0", [f"USB Keys:USB Keys MIDI 1 {n}:0" for n in (20, 24)],
         "USB Keys:USB Keys MIDI 1 20:0"),
        ("Keystation 49 1", ["Microsoft GS Wavetable Synth 0", "Keystation 49 1"], "Keystation 49"),
        ("fluidsynth:midi_00", ["fluidsynth:midi_00"], "fluidsynth"),
        ("Prophet-6", ["Prophet-6", "Prophet-600"], "Prophet-6"),
        (":0", [":0"], ":0"),
    ],
)  # fmt: skip
def test_as_little_is_to_be_typed_as_will_do(name: str, names: list[str], short: str) -> None:
    assert shortest(name, names) == short
    assert meant(short, names) == [name]


names = st.lists(st.sampled_from([*{n for case in CASES.values() for n in case.inputs + case.outputs}, ""]))


@given(names, names, st.sampled_from(["alsa", "jack", "coremidi", "winmm"]))
def test_what_is_taken_is_there_and_no_port_of_the_systems_own(
    inputs: list[str], outputs: list[str], system: str
) -> None:
    taken = take(inputs, outputs, system)
    ways = (taken.inputs, taken.outputs) if isinstance(taken, Several) else ((taken.input,), (taken.output,))
    for found, there in zip(ways, (inputs, outputs), strict=True):
        assert {name for name in found if name is not None} <= set(instruments(there, system))
    if isinstance(taken, Several):
        assert len(taken.inputs) > 1 or len(taken.outputs) > 1
