"""A session as sound: whole or not at all, and a synth that fails is not one that is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.view import sound


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sound, "program", lambda: "/usr/bin/fluidsynth")
    monkeypatch.setattr(sound, "sound_font", lambda: tmp_path / "any.sf2")


def synth(
    monkeypatch: pytest.MonkeyPatch, content: bytes, error: Exception | None = None, said: bytes = b""
) -> None:
    """FluidSynth, which writes this and then ends as it should, or does not."""

    def run(arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        Path(arguments[arguments.index("-F") + 1]).write_bytes(content)
        if error is not None:
            raise error
        return subprocess.CompletedProcess(arguments, 0, b"", said)

    monkeypatch.setattr(sound.subprocess, "run", run)


def test_the_sound_takes_its_place_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synth(monkeypatch, b"music")
    assert sound.to_wav(tmp_path / "gig.mid", tmp_path / "gig.wav") == tmp_path / "gig.wav"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"music"]


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(1, "fluidsynth"), subprocess.TimeoutExpired("fluidsynth", 1)]
)
def test_half_a_sound_does_not_take_the_place_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (tmp_path / "gig.wav").write_bytes(b"yesterday's")
    synth(monkeypatch, b"mus", error)
    with pytest.raises(JamdError, match=r"^cannot write .*gig\.wav: fluidsynth did not end as it should$"):
        sound.to_wav(tmp_path / "gig.mid", tmp_path / "gig.wav")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"yesterday's"]


def test_a_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"fluidsynth: error: Audio file write error: System error : No space left on device.\n"
    synth(monkeypatch, b"mus", said=said)
    with pytest.raises(JamdError, match=r"^cannot write .*gig\.wav: .*No space left on device\.$"):
        sound.to_wav(tmp_path / "gig.mid", tmp_path / "gig.wav")
    assert list(tmp_path.iterdir()) == []


def test_without_a_synth_there_is_no_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "program", lambda: None)
    assert sound.to_wav(tmp_path / "gig.mid", tmp_path / "gig.wav") is None
