"""A trace is written by a thread of its own; a disk that is full or gone costs the trace and no music."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import pytest

from jamd.engine.output import Output
from jamd.engine.virtual import ManualClock
from jamd.errors import JamdError
from jamd.sessions.trace import Trace


class Synth:
    def __init__(self) -> None:
        self.heard: list[mido.Message] = []

    def send(self, message: mido.Message) -> None:
        self.heard.append(message)


def test_every_line_is_in_the_file_at_the_end(tmp_path: Path) -> None:
    with Trace(tmp_path / "trace.jsonl") as trace:
        for number in range(10_000):
            trace.write(f"{number}\n")
    assert (tmp_path / "trace.jsonl").read_text().split() == [str(number) for number in range(10_000)]


def test_on_a_full_disk_the_notes_go_on_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "trace.jsonl"
    path.symlink_to("/dev/full")
    synth = Synth()
    with Trace(path) as trace:
        output = Output(synth, ManualClock((), 9.0), trace)
        for pitch in range(60, 72):
            output.send(mido.Message("note_on", note=pitch), 0.0)
        output.close()
    assert [message.note for message in synth.heard if message.type == "note_on"] == [*range(60, 72)]
    assert [message.note for message in synth.heard if message.type == "note_off"] == [*range(60, 72)]
    assert caplog.messages == [
        f"the trace is not being written: cannot write {path}: No space left on device"
    ]


def test_a_trace_whose_folder_is_deleted_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "gigs").mkdir()
    with Trace(tmp_path / "gigs" / "trace.jsonl") as trace:
        trace.write("one\n")
        shutil.rmtree(tmp_path / "gigs")
        trace.write("two\n")
    assert caplog.messages == []


def test_a_trace_that_cannot_be_written_is_said_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "gigs").touch()
    with pytest.raises(JamdError, match=r"^cannot write .*trace\.jsonl: Not a directory$"):
        Trace(tmp_path / "gigs" / "trace.jsonl")
