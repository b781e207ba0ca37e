"""What takes a while is done in a process of its own: answers, pictures, lists, files. This is that process.

It reads a job, a line of JSON, from its input, and writes what came of it: a line of JSON, then the bytes. It
ends when its input does. So the server, which passes notes on, neither waits for a disk nor loads numpy.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jamd.errors import JamdError, UsageError

if TYPE_CHECKING:
    from jamd.options.model import Playing
    from jamd.smf.midifile import Piece

MOST_CALL_BARS = 16
MOST_SESSIONS = 200
MOST_FILE_BYTES = 1 << 25
NICENESS = 10
Job = dict[str, Any]


def bundled_call(_job: Job) -> bytes:
    """The call that jamd has of its own."""
    import jamd
    from jamd.smf import midifile

    return as_json(spelt_call(midifile.read(Path(jamd.__file__).with_name("call.mid"))))


def spelt_call(piece: Piece) -> Job:
    metre = piece.metres[0][1]
    return {
        "tempo": piece.tempos[0][1],
        "metre": [metre.beats, metre.unit],
        "notes": spelt_notes(piece.heard),
    }


def spelt_notes(notes: Any) -> list[list[float]]:
    return [[n.start_beats, n.end_beats - n.start_beats, n.pitch, n.velocity] for n in notes]


def call_file(call: Job) -> bytes:
    """A call as a MIDI file."""
    from jamd.music.note import Note
    from jamd.music.transport import Metre
    from jamd.smf.midifile import Track, encode, messages_of

    beats, unit = call["metre"]
    if not Metre.fits(beats, unit):
        raise UsageError(f"the call: {beats}/{unit} is no metre that jamd can count")
    notes = [Note(pitch, velocity, start, start + length) for start, length, pitch, velocity in call["notes"]]
    track = Track("call", messages_of(notes))
    return encode([track], [(0.0, call["tempo"])], [(0.0, Metre(beats, unit))])


def answer(job: Job) -> bytes:
    """What `jamd render` answers to a call, with this seed and this model."""
    from jamd.engine.snapshot import Turn
    from jamd.music.bars import answered
    from jamd.rendering import render
    from jamd.smf import midifile

    piece = midifile.parsed(call_file(job["call"]), "the call")
    first, last, bars = answered(piece.heard, piece.metres)
    if (count := bars.bar_of(last) + 1 - bars.bar_of(first)) > MOST_CALL_BARS:
        raise UsageError(f"the call has {count} bars; {MOST_CALL_BARS} are the most")
    playing = playing_with("--seed", str(job["seed"]), "--model", job["model"], "--device", "cpu")
    rendered = render(piece, None, playing.improvisers(), playing.voice())
    found = midifile.parsed(rendered.encode(), "the answer")
    metre = piece.metres[0][1]
    spans = [span for span in rendered.turns if span.turn is Turn.ANSWER]
    beats = sum(span.end_beats - span.start_beats for span in spans)
    return as_json(
        {
            "notes": spelt_notes(found.of("jamd")),
            "bars": round(beats * metre.unit / 4 / metre.beats),
            "tempo": job["call"]["tempo"],
            "metre": job["call"]["metre"],
        }
    )


def playing_with(*options: str) -> Playing:
    """How `jamd render` plays with these options and no others."""
    import click

    from jamd.options.model import playing_options

    @click.command()
    @playing_options
    def command(playing: Playing) -> Playing:
        return playing

    playing: Playing = command.main([*options], standalone_mode=False)
    return playing


def kept_sessions(_job: Job) -> bytes:
    """The latest of the sessions, the last first; those that cannot be read are left out."""
    from jamd.sessions import sessions

    picked, paths = sessions.favourites(), sessions.latest_last()[-MOST_SESSIONS:]
    return as_json(
        [
            {
                "name": session.path.stem,
                "begun": session.when.isoformat(timespec="seconds"),
                "bars": session.bars,
                "seconds": session.seconds,
                "notes": session.player_notes + session.jamd_notes,
                "favourite": session.favourite,
            }
            for session in (sessions.session_at(path, picked) for path in reversed(paths))
            if not session.fault
        ]
    )


def kept_session(job: Job) -> bytes:
    """A session's file, by its name in the list. Raises UsageError."""
    from jamd.sessions import sessions

    for path in sessions.latest_last():
        if path.name == job["name"]:
            return whole_file({"path": path})
    raise UsageError(f"there is no session {job['name']!r}")


def whole_file(job: Job) -> bytes:
    """The session's file so far."""
    from jamd.system.files import read_whole

    if not Path(job["path"]).exists():
        raise UsageError("nothing has been played yet")
    return read_whole(Path(job["path"]), MOST_FILE_BYTES)


def take(job: Job) -> bytes:
    """The last call and its answer, as a MIDI file that begins with them."""
    import mido

    from jamd.music.transport import Metre
    from jamd.smf.write import TrackWriter, file_of, metre_event, tempo_event

    writers = {name: TrackWriter.named(name) for name in ("tempo", "player", "jamd")}
    for event in (tempo_event(0.0, job["tempo"]), metre_event(0.0, Metre(*job["metre"]))):
        writers["tempo"].add(*event)
    for part, beats, message in job["heard"]:
        writers[part].add(max(0.0, beats - job["start"]), mido.Message.from_bytes(message))
    ticks = max(writer.ticks for writer in writers.values())
    for writer in writers.values():
        writer.release(ticks)
        writer.end(ticks)
    return file_of([[writer.content] for writer in writers.values()])


def picture(job: Job) -> bytes:
    """The session so far as `jamd sessions export` draws it."""
    from jamd.music.bars import Bars
    from jamd.printable import printable
    from jamd.sessions import sessions
    from jamd.smf import midifile
    from jamd.view.plot import draw

    path = Path(job["path"])
    piece = midifile.parsed(whole_file(job), "the session")
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "session.png"
        draw(
            drawn,
            sessions.notes_of(piece, "player"),
            sessions.notes_of(piece, "jamd"),
            Bars.of(piece.metres),
            sessions.turns_of(piece),
            printable(path.stem),
            piece.tempos,
        )
        return drawn.read_bytes()


JOBS: dict[str, Callable[[Job], bytes]] = {
    "call": bundled_call,
    "answer": answer,
    "sessions": kept_sessions,
    "session": kept_session,
    "file": whole_file,
    "take": take,
    "picture": picture,
}


def as_json(found: Any) -> bytes:
    return json.dumps(found, allow_nan=False, separators=(",", ":")).encode()


def done(job: Job) -> tuple[int, bytes]:
    """An HTTP status and what came of a job: the bytes, or a line that says why there are none."""
    try:
        return 200, JOBS[job["job"]](job)
    except UsageError as error:
        return 404 if job["job"] != "answer" else 400, str(error).encode()
    except JamdError as error:
        return 500, str(error).encode()


def main() -> int:
    with suppress(OSError, AttributeError):  # Windows has none
        os.nice(NICENESS)
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    status, content = done(job)
    sys.stdout.buffer.write(as_json({"status": status}) + b"\n" + content)
    sys.stdout.flush()
    return 0


def _end_with_input() -> None:
    """Who asked is gone."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
