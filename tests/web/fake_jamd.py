"""A stand-in for jamd and its server: it speaks the words of the page, and answers a call with its echo.

For the tests of the page alone. What tests say (`say`) goes to every page; what pages said is in `received`.
`python -m tests.web.fake_jamd` serves it to look at.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from jamd.controls.knobs import KNOBS
from tests.kit.processes import ROOT

PAGE = ROOT / "jamd" / "web" / "page"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "worker-src 'self' blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
AHEAD_SECONDS = 1000.0
"""How far the engine's clock is from the machine's: no page may take the one for the other."""
EARLY_SECONDS = 0.03

Word = dict[str, Any]

CALL = [
    [0, 1.4, 74, 91], [0, 1.4, 43, 63], [1.5, 0.4, 71, 81], [2, 0.45, 69, 82], [2, 0.9, 55, 59],
    [2.5, 0.45, 67, 78], [3, 0.9, 64, 69], [4, 0.95, 67, 79], [4, 1.4, 48, 51], [5, 0.4, 69, 83],
    [5.5, 0.4, 71, 98], [5.5, 0.9, 55, 44], [6, 0.9, 69, 86], [6.5, 1.2, 50, 55],
]  # fmt: skip


def seconds_now() -> float:
    return time.monotonic() + AHEAD_SECONDS


class FakeJamd:
    """All its methods but `say` and `stop` run in the loop's thread."""

    def __init__(self, answers: bool = True) -> None:
        self.answers = answers
        self.port = 0
        self.received: list[Word] = []
        self.paths: list[str] = []
        self.knobs: dict[str, Any] = {
            "temperature": 0.9, "echo": 1.0, "density": 1.0, "register": 0.0, "feel": 0.5, "tempo": 120.0,
            "mode": "answer", "bars": 2,
        }  # fmt: skip
        self.turn, self.turns, self.end_step = "wait", 0, None
        self.anchor: list[float] | None = None
        self.heard: list[list[Any]] = []
        self.spans: list[list[Any]] = []
        self.held: set[int] = set()
        self._call: list[tuple[float, float | None, int, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._up = threading.Event()

    # ---- for tests

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self, port: int = 0) -> None:
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()
        assert self._up.wait(10)

    def stop(self) -> None:
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._thread.join(10)

    def say(self, *words: Word) -> None:
        """To every page, now."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self._say(*words), done.set()))
        assert done.wait(10)

    def forget(self) -> None:
        """As if nobody had played: pages are told so."""
        self.received.clear()
        self.paths.clear()
        self.turn, self.turns, self.end_step, self.anchor = "wait", 0, None, None
        self.heard, self.spans, self._call = [], [], []
        self.held.clear()
        plan = {"type": "plan", "notes": []}
        self.say({"type": "history", "heard": [], "spans": []}, self.state, plan)

    def of_type(self, kind: str) -> list[Word]:
        return [word for word in list(self.received) if word["type"] == kind]

    @property
    def midi(self) -> list[list[int]]:
        return [word["bytes"] for word in self.of_type("midi")]

    # ---- the server

    def _run(self, port: int) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open(port))
        self._loop.run_forever()
        self._loop.close()

    async def _open(self, port: int) -> None:
        self._server = await serve(self._page, "127.0.0.1", port, process_request=self._file)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._up.set()

    async def _close(self) -> None:
        assert self._server is not None
        for task in self._tasks:
            task.cancel()
        self._server.close()
        await self._server.wait_closed()
        self._loop.call_soon(self._loop.stop)

    def _say(self, *words: Word) -> None:
        assert self._server is not None
        for word in words:
            broadcast(self._server.connections, json.dumps(word, allow_nan=False))

    def _file(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.split("?")[0]
        self.paths.append(request.path)
        if path == "/socket":
            return None
        bodies = {
            "/call.json": {"tempo": 112.0, "metre": [4, 4], "notes": CALL},
            "/answer.json": {"notes": [[b + 8, d, p + 5, v] for b, d, p, v in CALL], "bars": 2},
            "/sessions.json": [
                {"name": "2026-12-01T10-00-00", "begun": "2026-12-01T10:00:00", "bars": 24, "seconds": 96.0,
                 "notes": 310, "favourite": True},
                {"name": "2026-11-30T21-30-00", "begun": "2026-11-30T21:30:00", "bars": 88, "seconds": 400.0,
                 "notes": 1200, "favourite": False},
            ],
        }  # fmt: skip
        file = PAGE / ("index.html" if path == "/" else path.removeprefix("/page/"))
        if path in bodies:
            return self._response("application/json", json.dumps(bodies[path]).encode())
        if path.endswith(".mid"):
            return self._response("audio/midi", (ROOT / "jamd" / "call.mid").read_bytes())
        if file.parent == PAGE and file.suffix in KINDS and file.exists():
            return self._response(KINDS[file.suffix], file.read_bytes())
        return Response(404, "Not Found", Headers(), b"")

    def _response(self, kind: str, body: bytes) -> Response:
        headers = Headers({
            "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text") else kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cache-Control": "no-store",
        })  # fmt: skip
        return Response(200, "OK", headers, body)

    async def _page(self, page: ServerConnection) -> None:
        watch = "watch" in page.request.path if page.request else False
        hello = {
            "type": "hello", "version": "0.1.0", "early": EARLY_SECONDS, "watch": watch, "can_play": True,
            "knobs": [
                {"name": k.name, "what": k.what, "kind": k.kind, "low": k.low, "high": k.high,
                 "logarithmic": k.logarithmic, "whole": k.whole, "choices": list(k.choices)}
                for k in KNOBS.values() if k.kind != "action"
            ],
            "actions": [{"name": k.name, "what": k.what} for k in KNOBS.values() if k.kind == "action"],
            "presets": ["calm", "wild"], "models": ["default", "wavenet"],
        }  # fmt: skip
        with suppress(ConnectionClosed):
            await page.send(json.dumps(hello))
            await page.send(json.dumps({"type": "history", "heard": self.heard, "spans": self.spans}))
            await page.send(json.dumps(self.state))
            async for text in page:
                word = json.loads(text)
                if word["type"] == "ping":
                    pong = {"type": "pong", "page": word["page"], "engine": seconds_now()}
                    await page.send(json.dumps(pong))
                    continue
                word["arrived"] = seconds_now()
                self.received.append(word)
                self._take(word)

    # ---- the jam

    @property
    def state(self) -> Word:
        now = self._step(seconds_now())
        return {
            "type": "state", "turn": self.turn, "turns": self.turns, "tempo": self.knobs["tempo"],
            "metre": [4, 4], "anchor": self.anchor, "downbeat_step": 0,
            "step": None if now is None else int(now), "end_step": self.end_step,
            "running": self.anchor is not None, "source": "own", "knobs": self.knobs,
            "held": sorted(self.held), "looping": False, "preset": None, "model": "default",
        }  # fmt: skip

    def _step(self, seconds: float) -> float | None:
        if self.anchor is None:
            return None
        return self.anchor[1] + (seconds - self.anchor[0]) * float(self.knobs["tempo"]) / 15

    def _seconds(self, step: float) -> float:
        assert self.anchor is not None
        return self.anchor[0] + (step - self.anchor[1]) * 15 / float(self.knobs["tempo"])

    def _take(self, word: Word) -> None:
        if word["type"] == "turn":
            self.knobs[word["knob"]] = word["value"]
            self._say(self.state)
        elif word["type"] == "midi":
            self._play(word["bytes"], word["seconds"])

    def _play(self, message: list[int], seconds: float) -> None:
        status, pitch, velocity = message[0] & 0xF0, message[1], message[2]
        strike = status == 0x90 and velocity > 0
        if status == 0xB0:
            return
        if self.anchor is None and strike:
            self.anchor = [seconds, 0]
        beats = (self._step(seconds) or 0.0) / 4
        self._hear("player", beats, message)
        if strike:
            self.held.add(pitch)
            self._call.append((beats, None, pitch, velocity))
        else:
            self.held.discard(pitch)
            self._call = [(b, beats if p == pitch and e is None else e, p, v) for b, e, p, v in self._call]
        if self.turn == "wait" and strike and self.answers:
            bar = int(beats // 4) * 16
            self.turn, self.end_step = "call", bar + 32
            self._span(bar / 4, None, "call")
            self._start(self._answer(bar, bar + 32))
        self._say(self.state)

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hear(self, part: str, beats: float, message: list[int]) -> None:
        self.heard.append([part, beats, *message])
        self._say({"type": "heard", "part": part, "beats": beats, "bytes": message})

    def _span(self, start: float, end: float | None, turn: str) -> None:
        self.spans = [span for span in self.spans if span[0] != start] + [[start, end, turn]]
        self._say({"type": "span", "start": start, "end": end, "turn": turn})

    async def _answer(self, bar: int, line: int) -> None:
        """The call again, a fourth higher, on the grid."""
        await asyncio.sleep(self._seconds(line) - EARLY_SECONDS - seconds_now())
        notes = [
            (line + round((b - bar / 4) * 4), max(1, round(((e or b + 0.5) - b) * 4)), p + 5, v)
            for b, e, p, v in self._call
            if bar / 4 <= b
        ]
        self._span(bar / 4, line / 4, "call")
        self._span(line / 4, line / 4 + 8, "answer")
        self.turn, self.turns, self.end_step = "answer", self.turns + 1, line + 32
        self._say(self.state, {"type": "plan", "notes": [list(note) for note in notes]})
        events = sorted(
            [(s, [0x90, p, v], (s, d, p, v)) for s, d, p, v in notes]
            + [(s + d, [0x80, p, 64], None) for s, d, p, v in notes],
            key=lambda event: (event[0], event[1][0]),
        )
        left = list(notes)
        for step, message, note in events:
            at = self._seconds(step)
            await asyncio.sleep(max(0, at - EARLY_SECONDS - seconds_now()))
            self._say({"type": "note", "part": "jamd", "seconds": at, "bytes": message})
            if note:
                left.remove(note)
                self._say({"type": "plan", "notes": [list(other) for other in left]})
            self._hear("jamd", step / 4, message)
        await asyncio.sleep(max(0, self._seconds(line + 32) - seconds_now()))
        self.turn, self.end_step, self._call = "wait", None, []
        self._say(self.state)


@contextmanager
def fake_jamd(answers: bool = True, port: int = 0) -> Iterator[FakeJamd]:
    jamd = FakeJamd(answers)
    jamd.start(port)
    try:
        yield jamd
    finally:
        jamd.stop()


if __name__ == "__main__":
    with fake_jamd(port=8765) as shown:
        print(shown.address)
        threading.Event().wait()
