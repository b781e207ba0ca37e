"""The server's process: pages on one side, the engine's process on the other, words checked in between.

`python -P -m jamd.web.server`. The first line of its input is its settings (`words.Settings`), those after it
are the engine's words; it says what pages said on its output. It ends when its input does, so it never
outlives the engine's process. Nothing that a page does, or leaves undone, holds it up.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from jamd.clock import seconds_now
from jamd.controls.knobs import Turned
from jamd.errors import JamdError, UsageError
from jamd.web import calls, files, words
from jamd.web.checks import Refused
from jamd.web.door import Door, is_loopback
from jamd.web.files import Served, said
from jamd.web.held import Held
from jamd.web.history import History
from jamd.web.pages import Page, tell
from jamd.web.pipes import CHUNK_BYTES, Lines, Reader, Writer
from jamd.web.words import Chosen, Ping, Played, Settings, line
from jamd.web.working import Busy, Job, Working

MOST_PAGES = 8
PING_SECONDS, PONG_SECONDS = 0.75, 2.0
"""How often a page is asked, and when it has not answered."""
SILENT_SECONDS = 2.0
"""A page that holds keys says something each second, if it is awake."""
REQUEST_SECONDS, CROWDED_SECONDS, MANY_CONNECTIONS = 5.0, 0.1, 64
"""Until a caller has said what is wanted; and with so many callers."""
FILE_SECONDS = 120.0
END_SECONDS = 1.0
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
SOCKET = "/socket"
LOCALHOST = "127.0.0.1"
LASTING = ("state", "plan", "ended")
"""What a page that comes later is told, too, as it was last."""

log = logging.getLogger(__name__)


class Server:
    """The pages, and what they are told. For the loop's thread."""

    def __init__(self, settings: Settings, writer: Writer, page: dict[str, Served]) -> None:
        self.door = Door(settings.host, settings.port, settings.token)
        self._settings, self._writer, self._files = settings, writer, page
        self._session = settings.session
        self._working = Working()
        self._call: Served | None = None
        self._pages: dict[int, Page] = {}
        self._numbers = 0
        self._held = Held()
        self._history = History()
        self._hello: dict[str, Any] | None = None
        self._names: tuple[Collection[str], Collection[str]] = ((), ())  # of presets and models
        self._now: dict[str, str] = {}  # the last state and the last plan, as lines
        self._odd = 0  # words of the engine that were none

    # The engine

    def heard(self, content: bytes) -> None:
        """A line of the engine."""
        try:
            kind, word = words.from_engine(content)
        except Refused as error:
            self._odd += 1
            if self._odd == 1:
                log.warning("a word of the engine is not passed on: %s", error)
            return
        match kind:
            case "hello":
                self._hello, self._names = word, (word["presets"], word["models"])
                for page in self._pages.values():
                    self._greet(page)
                return
            case "session":
                self._session = None if word["path"] is None else Path(word["path"])
                return
            case "history":
                self._history.begin_with(word["heard"], word["spans"])
                return
            case "state":
                self._history.metre, self._history.tempo = tuple(word["metre"]), word["tempo"]
            case "heard":
                self._history.heard(word["part"], word["beats"], word["bytes"])
            case "span":
                self._history.span(word["start"], word["end"], word["turn"])
        text = content.decode()
        if kind in LASTING:
            self._now[kind] = text
        self._tell_all(text)

    def end(self) -> None:
        """The engine's process is gone."""
        if "ended" not in self._now:
            self._tell_all(line({"type": "ended"}))

    def _tell_all(self, text: str) -> None:
        tell(self._pages.values(), text)

    # Pages

    async def meet(self, connection: ServerConnection) -> None:
        """A page, from its coming to its going."""
        if len(self._pages) >= MOST_PAGES:
            await connection.close(TRY_AGAIN_LATER, f"{MOST_PAGES} pages are open; close one of them")
            return
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query, keep_blank_values=True)
        self._numbers += 1
        page = Page(self._numbers, connection, "watch" in query, seconds_now())
        self._pages[page.number] = page
        watching = asyncio.create_task(self._watch_over(page))
        try:
            self._greet(page)
            self._count()
            async for message in connection:
                if not self._said(page, message):
                    break
        except ConnectionClosed:
            pass
        finally:
            watching.cancel()
            self._leave(page)
        with suppress(ConnectionClosed):
            await connection.close(POLICY_VIOLATION, "too many words")

    def _greet(self, page: Page) -> None:
        """All that a page must know to begin with, once the engine has said it."""
        if self._hello is None:
            return
        tell([page], line({"type": "hello", **self._hello, "watch": page.watches}))
        tell([page], line(self._history.word()))
        for kind in LASTING:
            if kind in self._now:
                tell([page], self._now[kind])

    def _count(self) -> None:
        text = line({"type": "pages", "count": len(self._pages)})
        self._writer.put(text)
        self._tell_all(text)

    def _leave(self, page: Page) -> None:
        """A page is gone: nothing of it is held."""
        if self._pages.pop(page.number, None) is not None:
            self._let_go(page)
            self._count()

    def _let_go(self, page: Page) -> None:
        self._play(seconds_now(), self._held.release(page.number))

    async def _watch_over(self, page: Page) -> None:
        """Ask a page again and again whether it is there, and do without it if it is not."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_SECONDS)
                if self._held.holds(page.number) and seconds_now() - page.heard_seconds > SILENT_SECONDS:
                    self._let_go(page)
                try:
                    async with asyncio.timeout(PONG_SECONDS):
                        await (await page.connection.ping())
                except TimeoutError:
                    self._leave(page)
                    page.drop()
                    return

    def _said(self, page: Page, message: str | bytes) -> bool:
        """A page said something; False if it has said far too much."""
        seconds = page.heard_seconds = seconds_now()
        if not page.words.takes(seconds):
            self._let_go(page)  # what it lets go of may be among what is not taken
            self._refuse(page, "too many words a second; what you held was let go", seconds)
            return page.excess.takes(seconds)
        try:
            if not isinstance(message, str):
                raise Refused("words are text")
            presets, models = self._names
            self._do(page, words.from_page(message, presets, models), seconds)
        except Refused as error:
            self._refuse(page, str(error), seconds)
        return True

    def _do(self, page: Page, word: words.FromPage, seconds: float) -> None:
        """Raises Refused."""
        if isinstance(word, Ping):
            tell([page], line({"type": "pong", "page": word.page, "engine": seconds}))
            return
        if page.watches:
            raise Refused("this page only watches")
        if self._hello is None:
            raise Refused("jamd has not begun yet")
        match word:
            case Played(at_seconds, message):
                done = self._play(at_seconds, self._held.play(page.number, message))
            case Turned("panic", None):
                self._play(seconds, self._held.release_all())
                done = self._writer.put(words.spelt(word), ends=True)
            case Turned() | Chosen():
                done = self._writer.put(words.spelt(word))
        if not done:
            raise Refused("jamd does not answer")

    def _play(self, seconds: float, messages: list[words.Message]) -> bool:
        """Whether all of it is on its way to the engine."""
        room = True
        for message in messages:
            text = words.spelt(Played(seconds, message))
            room &= self._writer.put(text, ends=not words.strikes(message))
        return room

    def _refuse(self, page: Page, why: str, seconds: float) -> None:
        if page.refusals.takes(seconds):
            tell([page], line({"type": "refused", "why": why}))

    # Files

    async def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None opens the socket."""
        served = await self._served(request)
        if served is None:
            return None
        status = HTTPStatus(served.status)
        headers = {"Date": formatdate(usegmt=True), **served.headers()}
        return Response(status, status.phrase, Headers(headers), served.body)

    async def _served(self, request: Request) -> Served | None:
        if request.method != "GET":
            return said(405, "only GET is answered", Allow="GET")
        try:
            asked = urlsplit(request.path)
        except ValueError:
            return said(400, "the address is none")
        if refusal := self.door.refusal(request.headers, asked.query, first=asked.path == "/"):
            return said(403, refusal)
        if asked.path == SOCKET:
            refusal = self.door.socket_refusal(request.headers)
            return said(403, refusal) if refusal else None
        if asked.path in self._files:
            return self._with_cookie(self._files[asked.path], asked.query)
        try:
            return await self._made(asked.path, parse_qs(asked.query, max_num_fields=20))
        except Busy as error:
            return said(503, str(error), **{"Retry-After": "2"})
        except UsageError as error:
            return said(400, str(error))
        except JamdError as error:
            return said(500, str(error))
        except ValueError:
            return said(400, "the address is none")

    def _with_cookie(self, served: Served, query: str) -> Served:
        """The page's own requests need no token in their addresses."""
        if not self.door.shows_token(query):
            return served
        cookie = f"{self.door.cookie}={self.door.token}; Path=/; HttpOnly; SameSite=Strict"
        return Served(served.body, served.kind, served.status, {"Set-Cookie": cookie})

    async def _made(self, path: str, query: dict[str, list[str]]) -> Served:
        """What is made when it is asked for. Raises JamdError."""
        match path:
            case "/call.json":
                self._call = self._call or await self._job({"job": "call"}, ".json")
                return self._call
            case "/answer.json":
                call, seed = (query.get(name, [""])[0] for name in ("call", "seed"))
                job = {"job": "answer", "call": calls.call_in(call), "seed": calls.seed_in(seed)}
                return await self._job({**job, "model": self._settings.model}, ".json")
            case "/sessions.json":
                return await self._job({"job": "sessions"}, ".json")
            case "/take.mid":
                if (found := self._history.take()) is None:
                    return said(404, "nothing has been played yet")
                about = {"tempo": self._history.tempo, "metre": self._history.metre}
                job = {"job": "take", "start": found[0], "heard": found[1], **about}
                return await self._job(job, ".mid", f"{self._stem()} take.mid")
            case "/session.mid" | "/picture.png":
                if self._session is None:
                    return said(404, "this session is not kept")
                if path == "/picture.png":
                    return await self._job({"job": "picture", "path": str(self._session)}, ".png")
                return await self._job(
                    {"job": "file", "path": str(self._session)}, ".mid", self._session.name
                )
        if path.startswith("/sessions/") and path.endswith(".mid"):
            name = unquote(path.removeprefix("/sessions/"), errors="surrogateescape")
            return await self._job({"job": "session", "name": name}, ".mid", name)
        return said(404, "there is no such page")

    def _stem(self) -> str:
        return self._session.stem if self._session is not None else "jamd"

    async def _job(self, job: Job, suffix: str, name: str = "") -> Served:
        status, body = await self._working.do(job)
        if status != HTTPStatus.OK:
            return said(status, body.decode(errors="replace"))
        return Served(body, files.KINDS[suffix], more=files.attached(name) if name else {})


# The process


async def listen(server: Server, settings: Settings) -> Listener:
    """Listen on the first port that is free. Raises JamdError."""
    last = min(settings.port + settings.tries - 1, 65535) if settings.port else 0
    host = LOCALHOST if settings.host.lower() == "localhost" else settings.host  # which may be two addresses
    for port in range(settings.port, last + 1):
        try:
            return await serve(
                server.meet,
                host,
                port,
                process_request=server.request,
                server_header=None,
                compression=None,
                max_size=words.MOST_PAGE_BYTES,
                open_timeout=FILE_SECONDS,
                close_timeout=END_SECONDS,
                ping_interval=None,
                write_limit=1 << 18,
                create_connection=cast(Any, _caller),
            )
        except socket.gaierror:
            raise UsageError(f"there is no host {settings.host!r}") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                why = os.strerror(error.errno) if error.errno else str(error)
                raise UsageError(f"cannot serve on {settings.host}, port {port}: {why}") from None
    taken = f"port {last} is" if last == settings.port else f"ports {settings.port} to {last} are"
    raise UsageError(f"{taken} taken on {settings.host}; choose another with --port")


def _caller(*args: Any, **named: Any) -> ServerConnection:
    """A connection, which must soon say what it is for."""
    connection = ServerConnection(*args, **named)
    crowded = len(connection.server.handler_tasks) >= MANY_CONNECTIONS
    seconds = CROWDED_SECONDS if crowded else REQUEST_SECONDS
    asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    return connection


def _hang_up(connection: ServerConnection) -> None:
    if connection.request is None:
        connection.transport.abort()


async def run(settings: Settings, source: FileIO, sink: FileIO, begun: bytes) -> None:
    """Serve pages until the engine's process is gone. `begun`: what was read behind the settings."""
    if settings.token is None and not is_loopback(settings.host):
        raise UsageError(f"{settings.host} is seen from elsewhere: pages there need a token")
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    writer = Writer(sink, loop, over.set)
    server = Server(settings, writer, files.page_files(settings.page or files.FOLDER))
    listener = await listen(server, settings)
    port = next(iter(listener.sockets)).getsockname()[1]
    server.door = Door(settings.host, port, settings.token)
    lines = Lines(words.MOST_LINE_BYTES)

    def take(content: bytes) -> None:
        for each in lines.feed(content):
            server.heard(each)

    writer.put(line({"type": "serving", "port": port}))
    writer.start()
    take(begun)
    Reader(source, loop, take, over.set).start()
    await over.wait()
    server.end()
    listener.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(listener.wait_closed(), END_SECONDS)


def first_line(source: FileIO) -> tuple[bytes, bytes]:
    """The first line, and what was read behind it."""
    content = b""
    while b"\n" not in content and len(content) <= words.MOST_LINE_BYTES:
        more = source.read(CHUNK_BYTES)
        if not more:
            break
        content += more
    head, _, rest = content.partition(b"\n")
    return head, rest


def main() -> int:
    """Serve; the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine's process, which ends this one
    logging.basicConfig(format="jamd web: %(message)s", level=logging.WARNING)
    logging.getLogger("websockets").setLevel(logging.ERROR)
    source, sink = FileIO(0, "r", closefd=False), FileIO(1, "w", closefd=False)
    try:
        content, begun = first_line(source)
        asyncio.run(run(words.settings_in(content), source, sink, begun))
    except JamdError as error:
        with suppress(OSError):
            sink.write(f"{line({'type': 'fault', 'why': str(error)})}\n".encode())
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
