"""`jamd doctor`: machines with something wrong, and what is said to do about it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jamd.bench import doctor, doctor_ports
from jamd.bench.doctor import Finding, State
from jamd.bench.machine import Machine
from jamd.cli import main
from jamd.errors import BackendError, BundleError, JamdError
from jamd.midi import backends
from jamd.midi.backends import open_backend
from tests.kit.realparts import KEYS, SYNTH, Player
from tests.midi.test_ports import FakeMidi

MACHINE = Machine("Linux", "a processor", 2, 0.1, ("performance",), False, True, True, 1e-9)
OK, WARNING, FAULT = State.OK, State.WARNING, State.FAULT


def look(
    midi: FakeMidi,
    *names: tuple[str, str],
    backend: str = "auto",
    sequencer: Path = Path("/nowhere"),
    period: tuple[int, int] | None = (128, 48000),
) -> dict[str, Finding]:
    """What is found of MIDI, by name; of several ports of a kind, the last."""
    found = doctor_ports.examine(names, backend, midi, sequencer, lambda: period)
    return {finding.name: finding for finding in found}


def test_where_midi_works_there_is_nothing_to_do() -> None:
    found = look(FakeMidi())
    assert {finding.state for finding in found.values()} == {OK}
    assert found["alsa"].said == "opens; 1 input, 1 output"
    assert found["MIDI system"].said == "jamd plays by alsa"
    assert found["input"].said == "Keyboard 20:0 opens"
    assert found["output"].said == "Synth 128:0 opens"


def test_nothing_is_sent_and_nothing_stays_open() -> None:
    midi = FakeMidi()
    look(midi)
    assert midi.sent == []
    assert midi.clients == []


def test_without_the_library_there_is_no_midi(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise BackendError(
            "python-rtmidi: libasound.so.2: no such file; on Debian, apt-get install libasound2"
        )

    monkeypatch.setattr(doctor_ports, "load_rtmidi", missing)
    (only,) = doctor_ports.examine()
    assert only.state is FAULT
    assert only.remedy == "on Debian, apt-get install libasound2"


def test_one_system_that_does_not_open_stops_nothing_and_two_stop_the_playing() -> None:
    found = look(FakeMidi(working=[3]))
    assert (found["alsa"].state, found["jack"].state) == (OK, OK)
    assert found["MIDI system"].said == "jamd plays by jack"
    found = look(FakeMidi(working=[]))
    assert (found["alsa"].state, found["jack"].state) == (FAULT, FAULT)
    assert "sudo modprobe snd-seq" in found["alsa"].remedy
    assert "jackd" in found["jack"].remedy
    assert "input" not in found


def test_one_that_is_insisted_on_stops_the_playing() -> None:
    assert look(FakeMidi(working=[3]), backend="alsa")["alsa"].state is FAULT


def test_a_sequencer_without_permission_is_no_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sequencer := tmp_path / "seq").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = look(FakeMidi(working=[]), sequencer=sequencer)["alsa"]
    assert found.said == f"no permission on {sequencer}"
    assert "usermod -aG audio" in found.remedy


def test_windows_has_no_virtual_ports() -> None:
    found = look(FakeMidi(compiled=[4], working=[4]))
    assert found["virtual ports"].state is WARNING
    assert "loopMIDI" in found["virtual ports"].remedy


def test_a_port_that_another_program_holds_is_named() -> None:
    midi = FakeMidi(compiled=[4], working=[4])
    midi.refuses = True
    found = look(midi)["output"]
    assert found.state is WARNING
    assert "Synth 128:0" in found.said
    assert "a port has one program at a time" in found.remedy


def test_a_port_that_is_meant_and_not_there_stops_the_playing() -> None:
    found = look(FakeMidi(), ("input", "keyb"), ("output", "Juno"))
    assert (found["input"].state, found["output"].state) == (OK, FAULT)
    assert "the outputs are: Synth 128:0" in found["output"].said


def test_without_ports_one_is_told_to_plug_something_in() -> None:
    assert "plug in" in look(FakeMidi(inputs=[], outputs=[]))["ports"].remedy


@pytest.mark.parametrize(
    ("period", "state", "said"),
    [
        ((64, 48000), OK, "64 frames at 48000 Hz, 1.3 ms"),
        ((1024, 44100), WARNING, "a long period: 1024 frames at 44100 Hz, 23.2 ms"),
        (None, OK, "its period is not told"),
    ],
)
def test_jacks_period_is_a_share_of_every_notes_way(
    period: tuple[int, int] | None, state: State, said: str
) -> None:
    found = look(FakeMidi(compiled=[3], working=[3]), period=period)["JACK"]
    assert (found.state, found.said) == (state, said)


# The system


@pytest.mark.parametrize(
    ("machine", "name", "said", "remedy"),
    [
        (replace(MACHINE, real_time=False), "real time", "no real-time priority", "limits.d/audio.conf"),
        (replace(MACHINE, real_time=False, root=True), "real time", "not even for root", "SYS_NICE"),
        (replace(MACHINE, cores=1), "cores", "one core is all there is", "two"),
        (replace(MACHINE, affinity=False, system="Darwin"), "cores", "keeps no thread", "in the notes' way"),
        (replace(MACHINE, governors=("powersave",)), "clock rate", "(powersave)", "cpupower"),
        (replace(MACHINE, load=2.5), "other programs", "load 2.5", "close them"),
        (replace(MACHINE, virtual=True), "machine", "a virtual machine", "a real one"),
        (replace(MACHINE, grain_seconds=0.0156), "clock", "steps of 15.6 ms", "newer Python"),
    ],
)
def test_what_makes_notes_late_is_a_warning(machine: Machine, name: str, said: str, remedy: str) -> None:
    (wanting,) = [finding for finding in doctor.of_machine(machine) if finding.state is not OK]
    assert (wanting.name, wanting.state) == (name, WARNING)
    assert said in wanting.said
    assert remedy in wanting.remedy


def test_a_fine_machine_says_what_it_has() -> None:
    found = {finding.name: finding for finding in doctor.of_machine(MACHINE)}
    assert {finding.state for finding in found.values()} == {OK}
    assert found["clock rate"].said == "performance"
    assert found["other programs"].said == "load 0.1"


def test_numpy_on_several_threads_takes_the_notes_core() -> None:
    assert doctor.of_numpy({"OPENBLAS_NUM_THREADS": "1"}).state is OK
    found = doctor.of_numpy({"OPENBLAS_NUM_THREADS": "8"})
    assert (found.state, found.remedy) == (WARNING, "unset OPENBLAS_NUM_THREADS")


def test_torch_is_looked_for_and_not_loaded() -> None:
    assert "no GPU" in doctor.of_torch(lambda name: True, lambda: False).said
    assert "a GPU driver" in doctor.of_torch(lambda name: True, lambda: True).said


def test_without_torch_all_is_well_but_where_there_is_a_gpu() -> None:
    alone = doctor.of_torch(lambda name: False, lambda: False)
    assert (alone.state, "jamd train would need it" in alone.said) == (OK, True)
    beside_a_gpu = doctor.of_torch(lambda name: False, lambda: True)
    assert (beside_a_gpu.state, "[gpu]" in beside_a_gpu.remedy) == (WARNING, True)


def test_a_model_is_timed_and_a_damaged_one_stops_the_playing() -> None:
    assert doctor.of_model(lambda: 0.00625).said == "a step takes 6.2 ms, 10% of a sixteenth at 240 BPM"
    slow = doctor.of_model(lambda: 0.05)
    assert (slow.state, "--candidates" in slow.remedy) == (WARNING, True)

    def damaged() -> float:
        raise BundleError("default.safetensors is truncated")

    assert doctor.of_model(damaged).state is FAULT


def test_what_listen_takes_without_names_is_told() -> None:
    taken = doctor_ports.of_unnamed(["Keys 20:0"], ["Keys 20:0", "Synth 128:0"], "alsa")
    assert (taken.state, taken.said) == (OK, "listen takes Keys 20:0, and to sound Synth 128:0")
    several = doctor_ports.of_unnamed(["Keys 20:0", "Pads 24:0"], ["Synth 128:0"], "alsa")
    assert several.said == "listen asks which: there are 2 inputs and 1 output"
    nothing = doctor_ports.of_unnamed([], [], "alsa")
    assert nothing.said == "listen takes a port of its own, and to sound a port of its own"


def test_fluidsynth_is_looked_for_and_how_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_ports, "found", lambda: ("fluidsynth", Path("GM.sf2")))
    assert doctor_ports.of_fluidsynth() == Finding("--synth", OK, "FluidSynth plays GM.sf2")

    def missing() -> None:
        raise JamdError("fluidsynth is missing: `brew install fluid-synth`")

    monkeypatch.setattr(doctor_ports, "found", missing)
    said = "cannot be used: fluidsynth is missing: `brew install fluid-synth`"
    assert doctor_ports.of_fluidsynth() == Finding("--synth", OK, said)


# The user's own


def test_a_wrong_config_file_stops_the_playing(tmp_path: Path) -> None:
    (path := tmp_path / "gig.toml").write_text("[listen]\ntempo = 96\n")
    assert doctor.of_config(path).said == str(path)
    path.write_text('[listen]\ntempo = "fast"\n')
    found = doctor.of_config(path)
    assert found.state is FAULT
    assert f"{path} line 2" in found.said


def test_a_folder_is_to_be_written_in_by_its_owner_alone(tmp_path: Path) -> None:
    missing = tmp_path / "share" / "jamd"
    assert doctor.of_folder("sessions", missing) == Finding("sessions", OK, str(missing))
    missing.mkdir(parents=True)
    missing.chmod(0o755)
    open_to_all = doctor.of_folder("sessions", missing)
    assert open_to_all.state is WARNING
    assert open_to_all.remedy == f"chmod go= '{missing}'"
    missing.chmod(0o700)
    assert doctor.of_folder("sessions", missing).state is OK


def test_a_folder_that_cannot_be_written_is_a_warning_with_what_else_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "jamd"
    found = doctor.of_folder("sessions", below, "; or listen --record FILE")
    remedy = f"make {tmp_path / 'file'} a folder that you may write in; or listen --record FILE"
    assert (found.state, found.remedy) == (WARNING, remedy)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor.of_folder("sessions", tmp_path / "jamd").state is WARNING


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 5 * 10**6})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert doctor.of_folder("sessions", tmp_path).said == f"5 MB are free for {tmp_path}"


# The command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing yet."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.delenv("JAMD_LISTEN_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., FakeMidi]:
    """Gives the command a machine with this MIDI."""

    def plug(**parts: Any) -> FakeMidi:
        midi = FakeMidi(**parts)
        monkeypatch.setattr(doctor_ports, "load_rtmidi", lambda: midi)
        monkeypatch.setattr(backends, "load_rtmidi", lambda: midi)
        return midi

    return plug


def test_a_machine_that_plays_is_told_line_by_line(plugged: Callable[..., FakeMidi]) -> None:
    plugged(working=[2])
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "-       MIDI system     jamd plays by alsa" in lines
    assert any(line.startswith("-       model           a step takes") or "model" in line for line in lines)
    assert lines[-1].endswith("nothing stops the playing")
    assert lines[-1].startswith("0 faults")


def test_what_stops_the_playing_is_a_fault_and_the_exit_status_1(
    plugged: Callable[..., FakeMidi], home: Path
) -> None:
    plugged(working=[])
    (home / "config" / "jamd").mkdir(parents=True)
    (home / "config" / "jamd" / "config.toml").write_text("[listen]\ntempi = 96\n")
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    faults = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("fault")]
    assert faults == ["alsa", "jack", "config"]
    assert result.stdout.splitlines()[-1].endswith("that stops the playing")


def test_programs_read_it_as_json(plugged: Callable[..., FakeMidi], home: Path) -> None:
    plugged()
    result = CliRunner().invoke(main, ["doctor", "--json", "--out", "Juno"])
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["plays"] is False
    (fault,) = [finding for finding in said["findings"] if finding["state"] == "fault"]
    assert fault["name"] == "output"
    assert {"name", "state", "said", "remedy"} == set(fault)


def test_it_leaves_nothing_behind(plugged: Callable[..., FakeMidi], home: Path) -> None:
    plugged()
    CliRunner().invoke(main, ["doctor"])
    left = [path for path in home.rglob("*") if not stat.S_ISDIR(path.stat().st_mode)]
    assert left == []


@pytest.mark.jack
def test_real_ports_on_jack_open_and_its_period_is_read(player: Player) -> None:
    found = {finding.name: finding for finding in doctor_ports.examine([("input", KEYS), ("output", SYNTH)])}
    assert found["JACK"].said == "64 frames at 48000 Hz, 1.3 ms"
    assert (found["input"].state, found["output"].state) == (OK, OK)
    with open_backend("jack") as midi:
        assert [name for name in midi.inputs() if "jamd doctor" in name] == []
