"""`jamd bench`: what is measured, on a tiny model, and what is said of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import mido
import pytest
import torch
from click.testing import CliRunner

from jamd.bench import lateness, machine, model_times, startup, timing, verdict
from jamd.bench.lateness import Sent
from jamd.bench.machine import Machine
from jamd.bench.rehearsal import Piece, Rehearsed, chord
from jamd.bench.timing import Way, in_turn
from jamd.cli import main
from jamd.engine.output import Output
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.errors import BackendError, JamdError
from jamd.live import Nowhere
from jamd.models import bundle
from jamd.models.memory.votes import POWERS, SIZES
from jamd.models.networks.seq2seq import Seq2Seq, Settings
from jamd.music.transport import Metre

SETTINGS = Settings(hidden=16, encoder_layers=2, head_hidden=8, attention_steps=8, attention_heads=2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An untrained model with a memory that has a say."""
    torch.manual_seed(0)
    net = Seq2Seq(SETTINGS)
    path = tmp_path / "tiny.safetensors"
    memory = {"table": [-1.0] * sum(SIZES), "powers": [0.1] * POWERS}
    header = {"arch": "seq2seq", "settings": SETTINGS.as_dict(), "key": "C", "memory": memory}
    bundle.write(path, {name: tensor.numpy() for name, tensor in net.state_dict().items()}, header)
    return path


def test_every_part_of_a_step_and_the_answers_are_timed(model: Path) -> None:
    result = CliRunner().invoke(
        main, ["bench", "model", str(model), "--device", "cpu", "--answers", "1", "--json"]
    )
    assert result.exit_code == 0, result.stderr
    account = json.loads(result.stdout)
    assert (account["model"], account["arch"], account["device"]) == ("tiny", "seq2seq", "cpu")
    assert account["machine"]["cores"] >= 1
    assert set(account["steps"]) == {"1", "8", "16"}
    for parts in account["steps"].values():
        assert {parts[part]["n"] for part in model_times.PARTS} == {32}
        whole = parts["step"]["median_ms"]
        assert all(0 < parts[part]["median_ms"] < whole for part in ("state", "spelling", "hear"))
        assert parts["memory"]["median_ms"] > 0
        assert parts["step"]["p5_ms"] <= whole <= parts["step"]["p99_ms"]
    assert {count: times["n"] for count, times in account["answers"].items()} == {"1": 1, "16": 1}
    stored = sum(array.nbytes for array in bundle.read(model).weights.values())
    assert account["weights"]["megabytes"] == round(stored / 1e6, 1)
    assert account["weights"]["median_ms"] > 0


def test_without_a_memory_no_time_is_said_to_be_its(model: Path) -> None:
    read = bundle.read(model)
    header = {name: value for name, value in read.header.items() if name not in ("memory", "key")}
    account = model_times.measure(bundle.Bundle(model, header, read.weights), "cpu", 1)
    assert all(parts["memory"] is None for parts in account["steps"].values())


def test_it_is_told_as_a_table(model: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "model", str(model), "--answers", "1", "--device", "cpu"])
    assert result.exit_code == 0, result.stderr
    assert "tiny (seq2seq) on " in result.stdout
    for said in ("a step of 16 candidates", "  memory", "16 candidates", "of weights once"):
        assert said in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["model", "nobody"], 1, "there is no model 'nobody'"),
        (["model", "--answers", "0"], 2, "0 is not in the range"),
        (["speed"], 2, "speed"),
        (["--json", "timing"], 2, "options go behind the word timing"),
        (["timing", "--in", "Keys"], 2, "--in and --out go together"),
        (["timing", "--model", "nobody"], 1, "there is no model 'nobody'"),
        (["timing", "--turns", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(arguments: list[str], status: int, said: str) -> None:
    result = CliRunner().invoke(main, ["bench", *arguments])
    assert result.exit_code == status
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


# Timing


def sent(*lateness_ms: float, is_on: bool = True) -> list[Sent]:
    """Notes a tenth of a second apart, each so late."""
    return [Sent(n / 10, n / 10 + ms / 1000, is_on, 60) for n, ms in enumerate(lateness_ms)]


def test_lateness_is_told_from_what_the_output_traced() -> None:
    trace, clock = StringIO(), ManualClock((), 9.0)
    output = Output(Nowhere(), clock, trace)
    output.send(mido.Message("note_on", note=60), -0.002)
    output.send(mido.Message("control_change", control=7, value=1), 0.0)
    output.send(mido.Message("note_off", note=60), -0.001)
    found = lateness.sent_in(trace)
    assert [(each.late_seconds, each.is_on, each.pitch) for each in found] == [
        (0.002, True, 60),
        (0.001, False, 60),
    ]


def test_figures_are_percentiles_in_milliseconds() -> None:
    assert lateness.figures([each.late_seconds for each in sent(*range(101))]) == {
        "n": 101,
        "median_ms": 50.0,
        "p99_ms": 99.0,
        "p999_ms": 99.9,
        "max_ms": 100.0,
    }
    assert lateness.figures([]) == {"n": 0}


def test_an_answer_is_as_late_as_its_first_note_after_the_bar_line() -> None:
    notes = sent(0.0, 2.0, 0.0, 0.0, 5.0)
    strikes = lateness.strikes(notes)
    assert lateness.answers(strikes, [0.1, 0.4, 0.8], 0.1) == pytest.approx([0.002, 0.005])


def test_drift_is_how_much_later_the_last_tenth_is() -> None:
    slow = [0.0001 * n / 100 for n in range(100)]
    assert lateness.drift_ms(slow) == pytest.approx(0.09, abs=0.001)
    assert lateness.drift_ms([0.0] * 99) is None


def test_the_rehearsal_is_calls_with_a_rest_before_each_answer_and_answers_full_of_notes() -> None:
    piece = Piece(2, 240, Metre(2, 4))
    strikes = [seconds for seconds, message in piece.calls() if message.type == "note_on"]
    assert strikes == pytest.approx([0.0625 * step for step in (*range(6), *range(16, 22))])
    placed = Voice(0, 1.0).play(0, chord(0), 0.0)
    assert [position for position, _ in placed] == [0.0, 0.125, 0.25, 0.375]
    assert chord(0).sounding.isdisjoint(chord(1).sounding)


def test_several_ways_are_measured_in_turn_over_the_whole_piece() -> None:
    played: list[tuple[str, int]] = []

    def way(name: str, late_ms: float) -> Way:
        def play(piece: Piece) -> Rehearsed:
            played.append((name, piece.turns))
            return Rehearsed(tuple(sent(late_ms)), (late_ms / 1000,), turns=piece.turns)

        return Way(name, False, play)

    rows = in_turn([way("jamd", 1.0), way("a poll", 12.0)], Piece(25, 240, Metre(2, 4)))
    assert played == [(name, turns) for turns in (10, 10, 5) for name in ("jamd", "a poll")]
    assert [(row["name"], row["turns"], row["n"]) for row in rows] == [("jamd", 25, 3), ("a poll", 25, 3)]
    assert [row["late_notes"] for row in rows] == [0, 3]
    assert [row["answers"]["max_ms"] for row in rows] == [1.0, 12.0]


def test_a_model_that_is_never_in_time_is_not_fit() -> None:
    missed = Rehearsed(turns=1, faults=1)
    (row,) = in_turn([Way("jamd", False, lambda piece: missed)], Piece(1, 240, Metre(2, 4)))
    assert (row["n"], row["answers"]) == (0, {"n": 0})
    found = judge(account() | {"rows": [row]})
    assert found.words == "not fit for the stage: late or missing 1 (a stage bears 0)"


def bench(*options: str) -> Any:
    """`jamd bench timing` as JSON."""
    result = CliRunner().invoke(main, ["bench", "timing", *options, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise BackendError("no MIDI backend opens; start JACK")

    monkeypatch.setattr(timing, "open_backend", fail)


@pytest.mark.usefixtures("nothing_opens")
def test_the_real_engine_is_measured_even_where_no_midi_system_opens(model: Path) -> None:
    account = bench(
        "--model", str(model), "--device", "cpu", "--turns", "2", "--compare", "--quick", "--load", "idle"
    )
    assert account["listener"]["why_not"] == "no MIDI backend opens; start JACK"
    assert not any("heard" in row for row in account["rows"])
    assert account["ports"] == {"backend": None, "out": None, "why_not": "no MIDI backend opens; start JACK"}
    names = [row["name"] for row in account["rows"]]
    ordinary = names.index("jamd, ordinary user")  # behind the one in real time, where that is to be had
    assert names[ordinary:] == [
        "jamd, ordinary user",
        "a wait on a condition",
        "a poll every 5 ms",
        "a bare thread, no model",
    ]
    notes = 2 * 8 * 4 * 2  # two bars of 2/4, four notes a step, each begun and ended
    assert [row["n"] for row in account["rows"][ordinary + 1 :]] == [notes] * 3
    for row in account["rows"]:
        assert 0 < row["n"] <= notes or row["faults"]  # the machine may be too busy for an answer
        assert not row["n"] or 0 <= row["median_ms"] <= row["p99_ms"] <= row["p999_ms"] <= row["max_ms"]
    assert all(row["answers"]["n"] <= row["turns"] for row in account["rows"][: ordinary + 1])
    assert account["rows"][-2]["median_ms"] > 0.5  # a poll every 5 ms is 2.5 ms late, half the time
    assert account["verdict"]["words"].startswith(("fit for the stage", "not fit for the stage"))
    assert "cpu" not in account


@pytest.mark.usefixtures("nothing_opens")
def test_an_ordinary_users_figure_is_to_be_had_alone_and_is_told_in_words(model: Path) -> None:
    options = ["--model", str(model), "--user", "--turns", "1", "--quick", "--load", "idle"]
    result = CliRunner().invoke(main, ["bench", "timing", *options])
    assert result.exit_code == 0, result.stderr
    assert "a port that leads nowhere: no MIDI backend opens" in result.stdout
    assert "no listener: no MIDI backend opens" in result.stdout
    assert "jamd, ordinary user" in result.stdout
    assert "real-time priority │" not in result.stdout
    assert "late or missing" in result.stdout
    assert "fit for the stage" in result.stdout


@pytest.mark.jack
def test_on_jack_ports_start_and_memory_are_measured_too(jack: str, model: Path) -> None:
    options = ["bench", "timing", "--backend", "jack", "--model", str(model), "--turns", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "jamd", *options], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "about 1 min; jamd plays to itself\n")
    account = json.loads(done.stdout)
    assert account["ports"] == {"backend": "jack", "out": "jamd out", "why_not": None}
    listener = account["listener"]
    assert (listener["why_not"], listener["clock_added_ms"]) == (None, 0.0)
    assert "jamd out" in listener["in"]
    idle, busy = account["rows"]
    assert (idle["name"], idle["busy"], busy["busy"]) == (busy["name"], False, True)
    for row in (idle, busy):
        assert row["heard"]["n"] + row["heard"]["missing"] == row["n"] / 2  # as many begin as end
        assert row["heard"]["answers"]["n"] <= 2
    assert account["round_trip"]["came_back"] > 0
    assert account["start_up"]["n"] == 3
    assert 0 < account["start_up"]["median_s"] <= account["start_up"]["max_s"]
    assert 0 < account["cpu"]["share"] < 2
    assert account["memory"]["torch"] is False
    assert 10 < account["memory"]["resident_mb"] < 1000


def test_a_listen_that_does_not_start_says_why_wherever_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jamd").mkdir()
    (tmp_path / "jamd/__init__.py").write_text("raise SystemExit('not the jamd that is installed')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JamdError, match="there is no model 'nobody'"):
        startup.seconds_until_listening(["--model", "nobody"])


# The verdict

MACHINE = Machine("Linux", "a processor", 2, 0.1, ("performance",), False, True, True, 1e-9)


def account(**changes: Any) -> dict[str, Any]:
    """An account of a fine machine, but for these changes of its first row."""
    row = {
        "n": 3200,
        "real_time": True,
        "p99_ms": 0.2,
        "max_ms": 1.0,
        "late_notes": 0,
        "late_frames": 0,
        "faults": 0,
        "drift_ms": 0.0,
        "busy": False,
        "name": "jamd",
    }
    return {
        "piece": {"seconds": 50.0},
        "rows": [row | {"answers": {"n": 50, "max_ms": 0.9}} | changes],
        "round_trip": {"median_ms": 3.0},
        "start_up": {"median_s": 0.8},
        "cpu": {"share": 0.05},
        "memory": {"resident_mb": 120.0, "torch": False},
        "model_step": {"share": 0.1},
    }


def judge(found: dict[str, Any], machine: Machine = MACHINE, backend: str = "jack") -> verdict.Verdict:
    return verdict.verdict(verdict.judged(found), machine, backend)


def test_a_machine_that_keeps_every_promise_is_fit_and_gets_no_advice() -> None:
    assert judge(account()) == verdict.Verdict(True, "fit for the stage: all is as promised", ())


def test_what_is_not_as_promised_may_still_be_fit() -> None:
    found = judge(account(p99_ms=0.4), replace(MACHINE, governors=("powersave",)))
    assert found.fit
    assert (
        found.words == "fit for the stage, if not as good as promised: notes late, 99 % 0.4 ms (promised 0.3)"
    )
    assert found.advice == (
        "idle cores are clocked down (powersave): `sudo cpupower frequency-set -g performance`",
    )
    assert judge(account(p99_ms=0.4, real_time=False)).words == "fit for the stage: all is as promised"


def test_one_late_note_is_one_too_many() -> None:
    found = judge(account(max_ms=12.0, late_notes=1), replace(MACHINE, load=3.1, real_time=False))
    assert not found.fit
    assert found.words == (
        "not fit for the stage: late or missing 1 (a stage bears 0); "
        "notes late, at most 12 ms (a stage bears 10)"
    )
    assert [each.split(":")[0] for each in found.advice] == [
        "other programs are busy (load 3.1)",
        "no real-time priority",
    ]
    assert "limits.d" in found.advice[1]


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (replace(MACHINE, system="Windows", real_time=False), "jamd knows no way to it on Windows"),
        (replace(MACHINE, system="Darwin", affinity=False), "Darwin keeps no thread to a core"),
        (replace(MACHINE, cores=1), "one core is all there is"),
        (replace(MACHINE, virtual=True), "play on a real one"),
    ],
)
def test_advice_is_for_this_machine(machine: Machine, said: str) -> None:
    (only,) = judge(account(p99_ms=3.0), machine).advice
    assert said in only


@pytest.mark.parametrize(
    ("change", "backend", "said"),
    [
        ({"round_trip": {"median_ms": 25.0}}, "jack", "jackd ... -p 128"),
        ({"round_trip": {"median_ms": 25.0}}, "winmm", "straight into the computer"),
        ({"model_step": {"share": 0.8}}, "alsa", "--candidates 4"),
        ({"cpu": {"share": 0.3}}, "alsa", "--candidates 4"),
        ({"start_up": {"median_s": 2.5}}, "alsa", "start jamd before"),
        ({"memory": {"resident_mb": 400.0, "torch": False}}, "alsa", "--device cpu"),
    ],
)
def test_what_else_is_amiss_has_its_own_advice(change: dict[str, Any], backend: str, said: str) -> None:
    found = judge(account() | change, backend=backend)
    assert found.words != "fit for the stage: all is as promised"
    (only,) = found.advice
    assert said in only


def test_what_was_not_measured_is_not_judged() -> None:
    found = account() | {"round_trip": {"why_not": "nothing came back"}, "start_up": None, "cpu": None}
    assert [figure.about for figure in verdict.judged(found)].count(verdict.TIMING) == 4
    assert {figure.about for figure in verdict.judged(found)} == {
        verdict.TIMING,
        verdict.MODEL,
        verdict.MEMORY,
    }
    with_torch = account() | {"memory": {"resident_mb": 900.0, "torch": True}}
    assert judge(with_torch).words == "fit for the stage: all is as promised"
    long = account(drift_ms=-0.2) | {"piece": {"seconds": 1800.0}}
    assert "drift from first to last 0.2 ms (promised 0.1)" in judge(long).words


def test_alone_it_measures_timing_and_model_and_ends_with_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = {"n": 9, "p5_ms": 5.0, "median_ms": 7.5, "p99_ms": 9.0}
    measured = account(median_ms=0.1, p999_ms=0.3, name="jamd, real-time priority")
    measured["rows"][0]["answers"] |= {"median_ms": 0.1, "p99_ms": 0.5, "p999_ms": 0.8}
    measured["piece"] |= {"turns": 50, "tempo": 240.0, "metre": "2/4"}
    measured["ports"] = {"backend": "jack", "out": "jamd out", "why_not": None}
    measured["stolen_share"] = 0.0152
    monkeypatch.setattr(timing, "measure", lambda *_: measured)
    monkeypatch.setattr(model_times, "measure", lambda *_: {"steps": {"16": {"step": times}}})
    monkeypatch.setattr(machine, "look", lambda: MACHINE)
    result = CliRunner().invoke(main, ["bench"])
    assert result.exit_code == 0, result.stderr
    assert "50 turns of 2/4 in sixteenths at 240 BPM" in result.stdout
    assert "this machine's host gave 1.5 % of the cores' time to others" in result.stdout
    assert "the model: 7.5 ms a step of 16 candidates" in result.stdout
    assert "12 %" in result.stdout  # of 62.5 ms
    assert result.stdout.splitlines()[-1] == "fit for the stage: all is as promised"
    said = json.loads(CliRunner().invoke(main, ["bench", "--json"]).stdout)
    assert said["model_step"] == {"candidates": 16, "median_ms": 7.5, "share": 0.12}
    assert said["verdict"] == {"fit": True, "words": "fit for the stage: all is as promised", "advice": []}


# The machine


def test_the_machine_is_read_from_the_systems_own_files(tmp_path: Path) -> None:
    for core, governor in enumerate(("powersave", "performance", "powersave")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{governor}\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text("model name\t: Drum 3000\nflags\t: fpu hypervisor sse\n")
    (tmp_path / "proc/self/status").write_text("VmPeak:\t 900 kB\nVmHWM:\t  2000 kB\n")
    found = machine.look(tmp_path)
    assert (found.processor, found.governors, found.virtual) == (
        "Drum 3000",
        ("performance", "powersave"),
        True,
    )
    assert found.cores >= 1
    assert found.grain_seconds < 0.001
    assert machine.peak_megabytes(tmp_path) == 2.0


def test_what_the_host_took_away_is_told_from_the_ticks_of_the_cores(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()

    def ticks(line: str) -> machine.CoreTicks:
        (tmp_path / "proc/stat").write_text(f"{line}\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
        found = machine.core_ticks(tmp_path)
        assert found is not None
        return found

    before = ticks("cpu  100 0 50 800 10 0 0 40 30 0")
    after = ticks("cpu  110 0 55 978 10 0 0 47 35 0")  # what runs as a guest (35) is in the first (110)
    assert after == machine.CoreTicks(1200, 47)
    assert after.stolen_since(before) == pytest.approx(7 / 200)
    assert after.stolen_since(after) == 0
    assert machine.core_ticks(tmp_path / "elsewhere") is None


def test_a_system_without_such_files_tells_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "getloadavg")
    found = machine.look(tmp_path, "Windows")
    assert (found.system, found.governors, found.load, found.virtual) == ("Windows", (), None, False)
    peak = machine.peak_megabytes(tmp_path)  # by another way
    assert peak is None or 10 < peak < 100_000
