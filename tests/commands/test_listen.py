"""What `jamd listen` refuses before it plays, and the account at its end. The playing is in test_live."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.live import say_summary
from tests.kit.fakes import Pad, jam, note


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--tempo", "0"], 2, "0.0 is not in the range 20<=x<=400, nor is it tap or auto"),
        (["--tempo", "500"], 2, "500.0 is not in the range"),
        (["--tempo", "nan"], 2, "nan is not a number, nor is it tap or auto"),
        (["--tempo", "fast"], 2, "'fast' is not a valid float range, nor is it tap or auto"),
        (["--metre", "4"], 2, "metre '4' is not one jamd can count; write it like 4/4"),
        (["--metre", "4/3"], 2, "metre '4/3'"),
        (["--metre", "0/4"], 2, "metre '0/4'"),
        (["--bars", "0"], 2, "0 is not in the range 1<=x<=64, nor is it open"),
        (["--tempo", "tap", "--sync", "midi"], 2, "--tempo tap is for --sync internal"),
        (["--count-in", "1", "--sync", "midi"], 2, "--count-in is for --sync internal"),
        (["--click", "high"], 2, "click 'high' is no note and channel; write it like 37 or 37:10"),
        (["--split", "J3"], 2, "'J3' is no key; write it like C4, F#3 or 60"),
        (["--key", "Am"], 2, "'Am' is no key; name its tonic like C, F#, Bb, Es or H, or say auto; --scale"),
        (["--bars", "open"], 2, "--bars open ends by nothing; give --silence BEATS, or `jamd learn turn`"),
        (["--call-below"], 2, "--call-below is for --split; give both"),
        (["--thru-channel", "2"], 2, "are for --thru rest or --thru all"),
        (["--lookahead", "1", "--commit", "2"], 2, "--lookahead 1 is not beyond --commit 2"),
        (["--backend", "pipes"], 2, "'pipes' is not one of 'auto', 'alsa', 'jack'"),
        (["--feel", "2"], 2, "2.0 is not in the range"),
        (["--record", "x.mid", "--no-record"], 2, "contradict"),
        (["--model", "nobody"], 1, "there is no model 'nobody'; there are: default"),
        (
            ["--model", "broken.safetensors"],
            1,
            "broken.safetensors is a safetensors file, but not one made by",
        ),
        (["--record", "nowhere/x.mid"], 1, "cannot write nowhere/x.mid: there is no folder nowhere"),
        (["--trace", "."], 1, "cannot write .: it is a folder"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    result = CliRunner().invoke(main, ["listen", *args])
    assert result.exit_code == status
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_summary_counts_turns_notes_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    played = jam([note(1.0, 60, 1.4), note(1.5, 64, 1.9)], end_seconds=6, improviser=Pad())
    say_summary(played.engine, played.output)
    said = capsys.readouterr().out
    assert said.startswith("1 turn, 2 notes heard, 1 played; 0 dropped, 0 late from the model, 0 given up")
    assert "jitter over 2 events: median 0.00 ms, p99 0.00 ms, max 0.00 ms" in said
