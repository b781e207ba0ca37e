"""What the server has made when it is asked for: the call, answers, sessions, takes, the picture."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import mido
import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.sessions import sessions
from jamd.smf import midifile
from jamd.smf.midifile import Track, encode, messages_of
from jamd.web import calls, jobs
from jamd.web.checks import Refused
from tests.web.child import HELLO, SOON, STATE, Child

CALL: dict[str, Any] = {
    "tempo": 96,
    "metre": [3, 4],
    "notes": [[0, 1, 60, 80], [1, 0.5, 64, 90], [1.5, 0.25, 67, 70], [3.02, 2.9, 72, 100]],
}


def link(call: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(call).encode()).decode().rstrip("=")


def session_file(path: Path, notes: int = 4) -> Path:
    """What `jamd listen` keeps: a call of a bar, and as many notes for an answer."""
    player = [Note(60 + n, 64, float(n), n + 0.5) for n in range(notes)]
    own = [Note(72 + n, 64, 4.0 + n, 4.5 + n) for n in range(notes)]
    tracks = [Track("player", messages_of(player)), Track("jamd", messages_of(own))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))]))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's: two sessions, one of them a favourite, and a file that is none."""
    folder = tmp_path_factory.mktemp("made")
    kept = folder / "data" / "jamd" / "sessions"
    session_file(kept / "2026-11-20 20.00.00.mid", 2)
    session_file(kept / "2026-11-21 20.15.03.mid")
    session_file(kept / ".hidden.mid")
    session_file(folder / "data" / "jamd" / "secret.mid")
    session_file(folder / "now" / "2026-12-01 21.00.00.mid")
    (kept / "2026-11-22 20.00.00.mid").write_bytes(b"no music")
    (kept / "favourites.txt").write_text("2026-11-20 20.00.00.mid\n")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Child]:
    session = folder / "now" / "2026-12-01 21.00.00.mid"
    with Child(folder, session=str(session)) as begun:
        begun.serving().say(HELLO, STATE)
        yield begun


def test_the_bundled_call(server: Child) -> None:
    call = server.json("/call.json")
    assert call.keys() == {"tempo", "metre", "notes"}
    piece = midifile.read(Path(jobs.__file__).parents[1] / "call.mid")
    assert len(call["notes"]) == len(piece.notes)
    assert calls.call_in(link(call)) == call  # so it can be sent on as it is
    assert server.json("/call.json") == call


def test_the_answer_is_that_of_jamd_render(server: Child, tmp_path: Path) -> None:
    found = server.json(f"/answer.json?call={link(CALL)}&seed=7")
    call, jam = tmp_path / "call.mid", tmp_path / "jam.mid"
    call.write_bytes(jobs.call_file(CALL))
    options = ["-o", str(jam), "--seed", "7", "--device", "cpu"]
    assert CliRunner().invoke(main, ["render", str(call), *options]).exit_code == 0
    answer = midifile.read(jam).of("jamd")
    assert answer
    assert found["notes"] == jobs.spelt_notes(answer)
    assert min(beat for beat, *_ in found["notes"]) > 5.8  # from the third bar on
    assert found["bars"] == 2
    assert (found["tempo"], found["metre"]) == (96, [3, 4])
    assert server.json(f"/answer.json?call={link(CALL)}&seed=7") == found
    assert server.json(f"/answer.json?call={link(CALL)}&seed=8") != found


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "the call: no JSON"),
        ("call=%21&seed=1", "the call is no base64url"),
        (f"call={link([1])}&seed=1", "the call: a list is no JSON object"),
        (f"call={link(CALL | {'notes': []})}&seed=1", "the call has no notes"),
        (f"call={link(CALL | {'more': 1})}&seed=1", "the call: 'more' is not known here"),
        (f"call={link(CALL | {'tempo': 0})}&seed=1", "the call: tempo: 0 is no number from 20 to 400"),
        (f"call={link(CALL | {'metre': [4, 3]})}&seed=1", "the call: metre: 3 is none of: 1, 2, 4, 8, 16"),
        (f"call={link(CALL | {'metre': [64, 1]})}&seed=1", "the call: 64/1 is no metre that jamd can count"),
        (f"call={link(CALL | {'notes': [[0, 1, 128, 1]]})}&seed=1", "the call: notes: 128 is no whole"),
        (f"call={link(CALL | {'notes': [[250, 1, 60, 1], [0, 1, 60, 1]]})}&seed=1", "the call has 84 bars;"),
        (f"call={link(CALL)}", "the seed is no whole number"),
        (f"call={link(CALL)}&seed=-1", "the seed is no whole number"),
        (f"call={link(CALL)}&seed=4294967296", "the seed is no whole number"),
        (f"call={link(CALL)}&seed=%D9%A1", "the seed is no whole number"),
        ("&".join("a=1" for _ in range(100)), "the address is none"),
    ],
)
def test_a_call_that_is_none_is_refused_in_a_line(server: Child, query: str, why: str) -> None:
    status, headers, body = server.get(f"/answer.json?{query}")
    assert status == 400
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert body.decode().startswith(why)
    assert body.count(b"\n") == 1


def test_a_call_of_too_many_notes_is_refused() -> None:
    notes = [[n / 8, 0.1, 60, 80] for n in range(calls.MOST_CALL_NOTES + 1)]
    with pytest.raises(Refused, match="no list of at most 400"):
        calls.call_in(link(CALL | {"notes": notes}))


def test_the_latest_sessions_come_first(server: Child) -> None:
    latest, before = server.json("/sessions.json")
    assert latest == {
        "name": "2026-11-21 20.15.03",
        "begun": "2026-11-21T20:15:03",
        "bars": 2,
        "seconds": 3.75,
        "notes": 8,
        "favourite": False,
    }
    assert (before["name"], before["notes"], before["favourite"]) == ("2026-11-20 20.00.00", 4, True)


def test_a_session_is_downloaded_by_its_name(server: Child, folder: Path) -> None:
    status, headers, body = server.get("/sessions/2026-11-21%2020.15.03.mid")
    assert (status, headers["content-type"]) == (200, "audio/midi")
    assert headers["content-disposition"].startswith('attachment; filename="2026-11-21 20.15.03.mid"; ')
    assert body == (folder / "data" / "jamd" / "sessions" / "2026-11-21 20.15.03.mid").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mid",
        "%2e%2e%2fsecret.mid",
        "favourites.txt",
        "%0d%0aa:b.mid",
        "%ff.mid",
    ],
)
def test_nothing_but_what_is_listed_is_downloaded(server: Child, name: str) -> None:
    status, headers, body = server.get(f"/sessions/{name}")
    assert status == 404
    assert "a" not in headers
    assert not body.startswith(b"MThd")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".mid",
        "none.mid",
        "last",
        "last.mid",
        "../secret.mid",
        "..\\secret.mid",
        "./2026-11-21 20.15.03.mid",
        "2026-11-21 20.15.03",
        "2026-11-21 20.15.03.MID",
        ".hidden.mid",
        "/etc/passwd.mid",
        "\0.mid",
        "\udcff.mid",
    ],
)
def test_no_other_name_is_a_sessions(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "user_data_path", lambda name, appauthor: folder / "data" / name)
    assert jobs.done({"job": "session", "name": "2026-11-21 20.15.03.mid"})[0] == 200
    status, said = jobs.done({"job": "session", "name": name})
    assert status == 404
    assert said.decode().isprintable()


def test_the_session_so_far_and_its_picture(server: Child, folder: Path) -> None:
    status, headers, body = server.get("/session.mid")
    assert (status, body) == (200, (folder / "now" / "2026-12-01 21.00.00.mid").read_bytes())
    assert 'filename="2026-12-01 21.00.00.mid"' in headers["content-disposition"]
    status, headers, body = server.get("/picture.png")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert body.startswith(b"\x89PNG")


def test_a_session_that_is_elsewhere_or_not_kept(folder: Path) -> None:
    with Child(folder) as child:
        child.serving()
        for path in ("/session.mid", "/picture.png"):
            assert child.get(path)[::2] == (404, b"this session is not kept\n")
        assert child.get("/take.mid")[::2] == (404, b"nothing has been played yet\n")
        child.say({"type": "session", "path": str(folder / "not yet.mid")}, HELLO)
        with child.page() as anna:
            anna.next("hello")
        assert child.get("/session.mid")[::2] == (404, b"nothing has been played yet\n")
        assert child.get("/picture.png")[::2] == (404, b"nothing has been played yet\n")
        (folder / "not yet.mid").write_bytes(b"no music")
        assert child.get("/picture.png")[0] == 500


def test_a_pipe_in_the_place_of_the_session_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.mid")
    with Child(folder, session=str(folder / "pipe.mid")) as child:
        status, _, body = child.serving().get("/session.mid")
        assert status == 500
        assert body.endswith(b"pipe.mid is not a file\n")


def test_the_take_is_the_last_call_and_its_answer(server: Child, tmp_path: Path) -> None:
    def heard(part: str, beats: float, *message: int) -> dict[str, Any]:
        return {"type": "heard", "part": part, "beats": beats, "bytes": message}

    server.say(
        heard("player", 0.0, 0x90, 50, 80),
        heard("player", 1.0, 0x80, 50, 0),
        {"type": "span", "start": 0, "end": 4, "turn": "call"},
        {"type": "span", "start": 4, "end": 8, "turn": "answer"},
        {"type": "span", "start": 8, "end": 12, "turn": "call"},
        heard("player", 7.99, 0x90, 60, 80),
        heard("player", 9.0, 0x80, 60, 0),
        {"type": "span", "start": 12, "end": 16, "turn": "answer"},
        heard("jamd", 12.0, 0x90, 72, 70),
        heard("jamd", 13.5, 0x80, 72, 0),
        heard("jamd", 15.0, 0x90, 74, 70),
        {"type": "span", "start": 16, "end": None, "turn": "call"},
        heard("player", 16.5, 0x90, 40, 80),
        heard("jamd", 17.0, 0x80, 74, 0),
        STATE | {"tempo": 90.0},
    )
    with server.page() as anna:
        anna.next("pages")
    status, headers, body = server.get("/take.mid")
    assert (status, headers["content-type"]) == (200, "audio/midi")
    assert 'filename="2026-12-01 21.00.00 take.mid"' in headers["content-disposition"]
    (tmp_path / "take.mid").write_bytes(body)
    assert [track.name for track in mido.MidiFile(tmp_path / "take.mid").tracks] == [
        "tempo",
        "player",
        "jamd",
    ]
    piece = midifile.read(tmp_path / "take.mid")
    assert piece.of("player") == [Note(60, 80, 0.0, 1.0)]
    assert piece.of("jamd") == [Note(72, 70, 4.0, 5.5), Note(74, 70, 7.0, pytest.approx(7.0, abs=0.01))]
    assert piece.tempos[0][1] == pytest.approx(90, abs=1e-3)


def test_one_thing_is_made_at_a_time_and_few_wait(server: Child) -> None:
    with ThreadPoolExecutor(20) as many:
        statuses = list(many.map(lambda _: server.get("/session.mid")[0], range(20)))
    assert {*statuses} == {200, 503}
    assert statuses.count(200) >= 6
    assert server.get("/session.mid")[0] == 200


@pytest.mark.parametrize("gently", [True, False])
def test_what_is_being_made_ends_with_the_server(folder: Path, gently: bool) -> None:
    with Child(folder) as child, ThreadPoolExecutor(1) as asking:
        own = Path(f"/proc/{child.serving().popen.pid}/task/{child.popen.pid}/children")
        asked = asking.submit(child.get, f"/answer.json?call={link(CALL)}&seed=1")
        until = time.monotonic() + SOON
        while not (making := own.read_text().split()) and time.monotonic() < until:
            time.sleep(0.01)
        assert making
        if gently:
            child.popen.stdin.close()  # type: ignore[union-attr]
        else:
            child.popen.kill()
        child.popen.wait(SOON)
        while is_running(making[0]) and time.monotonic() < until:
            time.sleep(0.01)
        assert not is_running(making[0])
        with pytest.raises((OSError, HTTPException)):
            asked.result(SOON)


def is_running(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
