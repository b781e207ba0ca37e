"""FluidSynth as a synth of jamd's own: it starts, it sounds, and it ends with jamd, whatever ends that."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.midi import synth
from jamd.midi.synth import NAME, arguments, playing
from tests.kit.realparts import KEYS, Jamd, Player

FONT = Path("font.sf2")


class Midi:
    """A backend whose list has the synth's port once it was asked so often."""

    name = "jack"

    def __init__(self, after: int) -> None:
        self._left = after

    def outputs(self) -> list[str]:
        self._left -= 1
        return ["another jamd synth:midi_00", *([f"{NAME}-01:midi_00"] if self._left < 0 else [])]


def program(code: str) -> list[str]:
    """A FluidSynth that does this."""
    return [sys.executable, "-c", f"import sys\n{code}"]


UNTIL_CLOSED = "sys.stdin.read()"


@pytest.mark.parametrize(
    ("system", "drivers"),
    [("alsa", "-m alsa_seq"), ("jack", "-m jack -a jack -j"), ("coremidi", "-m coremidi")],
)
def test_it_listens_where_jamd_plays(system: str, drivers: str) -> None:
    call = " ".join(arguments("/usr/bin/fluidsynth", FONT, system))
    assert call.startswith(f"/usr/bin/fluidsynth -q -g 0.5 {drivers} ")
    assert call.endswith(" font.sf2")
    assert NAME in call


def test_where_it_can_have_no_port_that_is_said() -> None:
    with pytest.raises(JamdError, match=r"^winmm has no port for FluidSynth; name a synth with --out"):
        arguments("fluidsynth", FONT, "winmm")


def test_its_port_is_the_one_that_is_new() -> None:
    with playing(Midi(after=3), program(UNTIL_CLOSED)) as name:
        assert name == f"{NAME}-01:midi_00"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.stderr.write('fluidsynth: error: Failed to open the \"default\" audio device\\nand more\\n')",
         'Failed to open the "default" audio device'),
        ("sys.stderr.write('Failed to create the MIDI thread; no MIDI input\\n'); sys.stderr.flush()\n"
         + UNTIL_CLOSED, "Failed to create the MIDI thread; no MIDI input"),
        ("pass", "it opens no MIDI port"),
    ],
)  # fmt: skip
def test_one_that_does_not_start_is_said_with_its_reason(code: str, reason: str) -> None:
    with pytest.raises(JamdError) as why, playing(Midi(after=10**9), program(code)):
        pytest.fail("it plays")
    assert str(why.value) == f"FluidSynth does not start: {reason}"


def test_one_that_never_opens_a_port_is_given_up() -> None:
    seconds = iter(range(1000))
    midi, call = Midi(after=10**9), program(UNTIL_CLOSED)
    with (
        pytest.raises(JamdError, match="it opens no MIDI port"),
        playing(midi, call, lambda _: None, lambda: float(next(seconds))),
    ):
        pytest.fail("it plays")


def test_a_program_that_is_not_there_is_said() -> None:
    with (
        pytest.raises(JamdError, match=r"^FluidSynth does not start: /none/fluidsynth: No such file"),
        playing(Midi(after=1), ["/none/fluidsynth"]),
    ):
        pytest.fail("it plays")


def test_one_that_does_not_want_to_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(synth, "END_SECONDS", 0.1)
    alive = tmp_path / "alive"
    code = f"import os, time\nopen({str(alive)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    with playing(Midi(after=1), program(code)):
        while not (alive.exists() and alive.read_text()):
            time.sleep(0.01)
    assert not Path(f"/proc/{alive.read_text()}").exists()


# On real parts


def synths_of(jamd: Jamd) -> list[int]:
    """The FluidSynths that jamd has started."""
    found = []
    for task in Path(f"/proc/{jamd.popen.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if "fluidsynth" in Path(f"/proc/{child}/comm").read_text():
                found.append(int(child))
    return found


@contextmanager
def sounding(home: Path, *options: str) -> Iterator[tuple[Jamd, int]]:
    """`jamd listen --synth` for a keyboard that is there, and its FluidSynth."""
    with Jamd(home, "--backend", "jack", "--synth", "--tempo", "240", "--bars", "1", *options) as jamd:
        jamd.wait_until_listening()
        (process,) = synths_of(jamd)
        yield jamd, process


def has_ended(process: int) -> bool:
    patience = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and time.monotonic() < patience:
        time.sleep(0.02)  # nobody tells
    return not Path(f"/proc/{process}").exists()


def call(player: Player) -> float:
    return player.play([(0.0, (0x90, 60, 90)), (0.3, (0x80, 60, 0))])


@pytest.mark.jack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL])
def test_it_ends_with_jamd_whatever_ends_that(player: Player, tmp_path: Path, number: int) -> None:
    with sounding(tmp_path, "--in", KEYS) as (jamd, process):
        jamd.signal(number)
        jamd.wait()
        assert has_ended(process)


@pytest.mark.jack
def test_what_jamd_answers_is_played_by_its_own_synth(player: Player, tmp_path: Path) -> None:
    import jack

    with sounding(tmp_path, "--in", KEYS) as (jamd, _):
        assert any(f"-> {NAME}:midi_00 (jack" in line for line in jamd.stdout)
        client = jack.Client("jamd-test-ear", no_start_server=True)
        loudest = [0.0]
        ear = client.inports.register("in")

        @client.set_process_callback  # type: ignore[untyped-decorator]
        def listen(frames: int) -> None:
            loudest[0] = max(loudest[0], float(abs(ear.get_array()).max()))

        with client:
            client.connect(f"{NAME}:left", ear)
            started = call(player)
            player.listen_until(started + 2.5)
    assert loudest[0] > 0.001


@pytest.mark.jack
def test_one_that_dies_is_a_cable_pulled_out_and_said_once(player: Player, tmp_path: Path) -> None:
    with sounding(tmp_path, "--in", KEYS) as (jamd, process):
        started = call(player)
        player.listen_until(started + 1.2)
        os.kill(process, signal.SIGKILL)
        jamd.wait_for_line(f"jamd: output {NAME}:midi_00 is gone", 10)
        player.listen_until(player.now() + 1.0)
        assert jamd.popen.poll() is None
        jamd.signal(signal.SIGTERM)
        ended = jamd.wait()
    assert ended.status == 0
    # a JACK that waits for every client may stand still for a moment when one is killed, and says so
    assert sum("JACK" not in line for line in ended.stderr.splitlines()) == 1


@pytest.mark.jack
def test_without_jack_it_is_said_why_it_does_not_start(jack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"{jack}-not-this")
    with (
        pytest.raises(JamdError, match=r"^FluidSynth does not start: Failed to connect to Jack server"),
        playing(Midi(after=10**9), arguments(*synth.found(), "jack")),
    ):
        pytest.fail("it plays")
