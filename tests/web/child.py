"""The server's process with a page's client, for tests. The test is the engine."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from jamd.web import words
from tests.kit.processes import Process

Word = dict[str, Any]
COMMAND = [sys.executable, "-P", "-m", "jamd.web.server"]
ON, OFF = [0x90, 60, 80], [0x80, 60, 64]
HELLO: Word = {
    "type": "hello",
    "version": "0.1.0",
    "knobs": [],
    "actions": [],
    "presets": ["ballad"],
    "models": ["default"],
    "early": 0.03,
    "can_play": True,
}
STATE: Word = {
    "type": "state",
    "turn": "wait",
    "turns": 0,
    "tempo": 120.0,
    "metre": [4, 4],
    "anchor": None,
    "downbeat_step": 0,
    "step": None,
    "end_step": None,
    "running": True,
    "source": "internal",
    "knobs": {},
    "held": [],
    "looping": False,
    "preset": None,
}
SOON = 10.0
"""Seconds until something must have come, on a busy machine."""


def page_folder(folder: Path) -> Path:
    """A page's files."""
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>jamd</title>")
    (folder / "app.js").write_text("export const answer = 42;\n")
    (folder / "style.css").write_text("body { margin: 0 }\n")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "notes.txt").write_text("not for the world\n")
    (folder.parent / "secret.js").write_text("not for the world\n")
    return folder


class Child(Process):
    """The server's process, which serves the page in a folder."""

    ends_with_stdin = True

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(COMMAND, {"XDG_DATA_HOME": str(folder / "data"), **(environment or {})})
        page = folder / "page"
        given = {"host": "127.0.0.1", "port": 0, "page": str(page if page.exists() else page_folder(page))}
        self.say({"type": "settings", **given, **settings})
        self.port = 0

    def say(self, *said: Word) -> None:
        """As the engine does."""
        assert self.popen.stdin
        for word in said:
            self.popen.stdin.write(words.line(word) + "\n")
        self.popen.stdin.flush()

    def serving(self) -> Child:
        self.port = json.loads(self.wait_for_line('{"type":"serving"', SOON))["port"]
        return self

    def said(self, *kinds: str) -> list[Word]:
        """What the engine was told so far."""
        found = [json.loads(line) for line in self.stdout]
        return [
            word for word in found if word["type"] in (kinds or ("midi", "turn", "press", "preset", "model"))
        ]

    def played(self) -> list[list[int]]:
        return [word["bytes"] for word in self.said("midi")]

    def wait_for_played(self, *messages: list[int], within_seconds: float = SOON) -> None:
        """This is what was played so far, and no more."""
        self.wait_for(lambda: len(self.played()) >= len(messages), within_seconds, f"{messages}")
        assert self.played() == list(messages)

    def wait_for_pages(self, count: int, within_seconds: float = SOON) -> None:
        def look() -> bool:
            return bool(said := self.said("pages")) and said[-1]["count"] == count

        self.wait_for(look, within_seconds, f"{count} pages")

    # HTTP

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body. A header without a value is left out."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            asked.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": f"127.0.0.1:{self.port}", **headers}.items():
                if value:
                    asked.putheader(name.replace("_", "-"), value)
            asked.endheaders()
            got = asked.getresponse()
            return got.status, {name.lower(): value for name, value in got.getheaders()}, got.read()
        finally:
            asked.close()

    def json(self, path: str) -> Any:
        status, headers, body = self.get(path)
        assert status == 200, body
        assert headers["content-type"] == "application/json"
        return json.loads(body)

    # The socket

    @contextmanager
    def page(self, query: str = "", origin: str = "", **more: Any) -> Iterator[Client]:
        address = f"127.0.0.1:{self.port}"
        with connect(
            f"ws://{address}/socket{query}",
            origin=origin or f"http://{address}",  # type: ignore[arg-type]
            compression=None,
            max_queue=None,
            proxy=None,
            open_timeout=SOON,
            close_timeout=SOON,
            **more,
        ) as connection:
            yield Client(connection)

    def odd_page(self) -> OddPage:
        return OddPage(self.port)


class Client:
    """A page's end of the socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, word: Word | str) -> None:
        self.connection.send(word if isinstance(word, str) else json.dumps(word))

    def play(self, *message: int, seconds: float = 1.0) -> None:
        self.say({"type": "midi", "seconds": seconds, "bytes": message})

    def next(self, *kinds: str, within_seconds: float = SOON) -> Word:
        """The next word, or the next of these kinds."""
        while True:
            word: Word = json.loads(self.connection.recv(within_seconds))
            if not kinds or word["type"] in kinds:
                return word


class OddPage:
    """A page that is in the middle of it and does not read, nor answer a ping; or ends without a word."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SOON)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /socket HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Origin: http://127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        assert b" 101 " in head, head

    def say(self, word: Word) -> None:
        content = json.dumps(word).encode()
        length = (
            bytes([0x80 | len(content)]) if len(content) < 126 else struct.pack(">BH", 0xFE, len(content))
        )
        self.socket.sendall(b"\x81" + length + bytes(4) + content)

    def play(self, *message: int) -> None:
        self.say({"type": "midi", "seconds": 1.0, "bytes": message})

    def crash(self) -> None:
        """As a process does: reset, no goodbyes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> OddPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
