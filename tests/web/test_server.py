"""The server's process with pages of every kind: what they say reaches the engine, and nothing hangs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from jamd.clock import seconds_now
from jamd.web.words import line
from tests.web.child import COMMAND, HELLO, OFF, ON, SOON, STATE, Child, Client, OddPage, page_folder

PEDAL_DOWN, PEDAL_UP = [0xB0, 64, 127], [0xB0, 64, 0]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child(tmp_path) as begun:
        begun.serving().say(HELLO, STATE)
        yield begun


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One for all that only asks."""
    with Child(tmp_path_factory.mktemp("server")) as begun:
        yield begun.serving()


# Begin and end


def test_it_says_where_it_serves_and_ends_with_its_input(tmp_path: Path) -> None:
    with Child(tmp_path) as child:
        assert child.serving().port > 0
        child.popen.stdin.close()  # type: ignore[union-attr]
        ended = child.wait()
        assert ended.status == 0
        assert ended.stderr == ""


def test_localhost_is_one_address(tmp_path: Path) -> None:
    with Child(tmp_path, host="LocalHost") as child:
        assert child.serving().get("/", Host=f"localhost:{child.port}")[0] == 200


def test_a_port_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Child(tmp_path, port=port, tries=20) as child:
            assert port < child.serving().port <= port + 19


def test_a_port_that_was_asked_for_is_not_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Child(tmp_path, port=port, tries=1) as child:
            ended = child.wait()
            why = f"port {port} is taken on 127.0.0.1; choose another with --port"
            assert json.loads(ended.stdout) == {"type": "fault", "why": why}
            assert (ended.status, ended.stderr) == (2, "")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"host": "0.0.0.0"}, "0.0.0.0 is seen from elsewhere: pages there need a token"),
        ({"host": "nowhere.invalid", "token": "0123456789abcdef"}, "there is no host 'nowhere.invalid'"),
        ({"host": "192.0.2.1", "token": "0123456789abcdef"}, "cannot serve on 192.0.2.1, port 0: "),
        ({"page": "/nowhere"}, "the page's files cannot be read: /nowhere: "),
        ({"port": -1}, "settings: port: -1 is no whole number from 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_a_fault_in_one_line(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    with Child(tmp_path, **settings) as child:
        ended = child.wait()
        assert json.loads(ended.stdout)["why"].startswith(why)
        assert ended.status in (1, 2)
        assert ended.stderr == ""


def test_pages_are_told_that_jamd_is_gone(child: Child) -> None:
    with child.page() as anna:
        anna.next("pages")
        child.popen.stdin.close()  # type: ignore[union-attr]
        assert anna.next("ended") == {"type": "ended"}
        with pytest.raises(ConnectionClosed):
            anna.next()
        assert child.wait().status == 0


def test_a_page_that_does_not_answer_does_not_keep_it_from_ending(child: Child) -> None:
    with child.odd_page():
        child.wait_for_pages(1)
        child.popen.stdin.close()  # type: ignore[union-attr]
        assert child.wait().status == 0


def test_it_ends_when_nobody_hears_it(tmp_path: Path) -> None:
    """The engine's process is gone, and another holds the pipe that it wrote to."""
    settings = {
        "type": "settings",
        "host": "127.0.0.1",
        "port": 0,
        "page": str(page_folder(tmp_path / "page")),
    }
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(f"{line(settings)}\n".encode())
        server.stdin.flush()
        port = json.loads(server.stdout.readline())["port"]
        server.stdout.close()
        with OddPage(port):
            assert server.wait(SOON) == 0


LIGHT = """
import sys
import jamd.web.server
print(*sorted({"numpy", "mido", "torch", "click", "matplotlib"} & set(sys.modules)))
"""


def test_the_servers_process_loads_neither_numbers_nor_models() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], text=True, capture_output=True, check=True)
    assert done.stdout.strip() == ""


# What a page hears


def test_a_page_hears_first_what_there_is(child: Child) -> None:
    heard = {"type": "heard", "part": "player", "beats": 3.5, "bytes": ON}
    plan = {"type": "plan", "notes": [[16, 2, 64, 80]]}
    span = {"type": "span", "start": 0, "end": None, "turn": "call"}
    with child.page() as anna:
        child.say(heard, span, plan)
        assert anna.next("plan") == plan
    with child.page() as ben:
        assert ben.next() == HELLO | {"watch": False}
        assert ben.next() == {
            "type": "history",
            "heard": [["player", 3.5, *ON]],
            "spans": [[0, None, "call"]],
        }
        assert ben.next() == STATE
        assert ben.next() == plan
        assert ben.next()["type"] == "pages"


def test_a_page_that_is_sooner_than_the_engine_waits_for_it(tmp_path: Path) -> None:
    with Child(tmp_path) as child, child.serving().page() as anna:
        assert anna.next() == {"type": "pages", "count": 1}
        anna.play(*ON)
        assert anna.next() == {"type": "refused", "why": "jamd has not begun yet"}
        assert child.played() == []
        child.say(HELLO)
        assert [anna.next()["type"], anna.next()["type"]] == ["hello", "history"]


def test_a_child_that_is_started_again_is_told_what_was_before(child: Child) -> None:
    history = {"type": "history", "heard": [["jamd", 1.0, *ON]], "spans": [[0, 4.0, "call"]]}
    child.say(history)
    with child.page() as anna:
        assert anna.next("history") == history


def test_all_pages_hear_all(child: Child) -> None:
    note = {"type": "note", "part": "jamd", "seconds": 3.25, "bytes": ON}
    with child.page() as anna, child.page("?watch") as ben:
        assert anna.next("hello")["watch"] is False
        assert ben.next("hello")["watch"] is True
        child.say(note, {"type": "said", "text": "été"})
        for page in (anna, ben):
            assert page.next("note") == note
            assert page.next("said")["text"] == "été"


def test_what_is_no_word_of_the_engine_is_not_passed_on(child: Child) -> None:
    with child.page() as anna:
        anna.next("pages")
        child.write('{"type":"note","part":"jamd","seconds":NaN,"bytes":[144,60,80]}')
        child.write("x" * 2_000_000)
        child.write("\x00")
        child.say({"type": "said", "text": "here"})
        assert anna.next()["text"] == "here"
    assert len([line for line in child.stderr if "a word of the engine is not passed on" in line]) == 1


def test_the_time_is_the_engines(child: Child) -> None:
    with child.page() as anna:
        before = seconds_now()
        anna.say({"type": "ping", "page": 12.5})
        pong = anna.next("pong")
        assert pong["page"] == 12.5
        assert before <= pong["engine"] <= seconds_now()


# What a page says


def test_keys_knobs_and_buttons_reach_the_engine(child: Child) -> None:
    said = [
        {"type": "midi", "seconds": 1.5, "bytes": ON},
        {"type": "turn", "knob": "tempo", "value": 96.0},
        {"type": "turn", "knob": "mode", "value": "duet"},
        {"type": "press", "action": "turn"},
        {"type": "preset", "name": "ballad"},
        {"type": "model", "name": "default"},
        {"type": "midi", "seconds": 2.5, "bytes": OFF},
    ]
    with child.page() as anna:
        for word in said:
            anna.say(word)
        child.wait_for(lambda: len(child.said()) == len(said), SOON, "all that was said")
        assert child.said() == said


def test_nonsense_is_refused_and_the_page_plays_on(child: Child) -> None:
    with child.page() as anna:
        anna.next("pages")
        for odd in (
            '{"type":"midi","seconds":NaN,"bytes":[144,60,100]}',
            '{"type":"turn","knob":"mode","value":"nonsense"}',
            '{"type":"midi","seconds":1,"bytes":[144,300,100]}',
        ):
            anna.say(odd)
            assert anna.next()["type"] == "refused"
        anna.connection.send(b"\x90\x3c\x50")
        assert anna.next() == {"type": "refused", "why": "words are text"}
        anna.play(*ON)
        child.wait_for_played(ON)


def test_a_page_that_watches_plays_nothing(child: Child) -> None:
    with child.page("?watch") as anna:
        anna.next("pages")
        anna.play(*ON)
        assert anna.next() == {"type": "refused", "why": "this page only watches"}
        anna.say({"type": "press", "action": "panic"})
        anna.say({"type": "ping", "page": 1})
        assert anna.next("pong")
    assert child.said() == []


def test_two_pages_on_one_key(child: Child) -> None:
    with child.page() as anna, child.page() as ben:
        anna.play(*ON)
        child.wait_for_played(ON)
        ben.play(*ON)
        child.wait_for_played(ON, OFF, ON)
        anna.play(*OFF)
        anna.say({"type": "ping", "page": 1})
        anna.next("pong")
        child.wait_for_played(ON, OFF, ON)
        ben.play(*OFF)
        child.wait_for_played(ON, OFF, ON, OFF)


def test_panic_lets_go_of_every_key(child: Child) -> None:
    with child.page() as anna, child.page() as ben:
        anna.play(*ON)
        child.wait_for_played(ON)
        ben.say({"type": "press", "action": "panic"})
        child.wait_for(lambda: child.said("press"), SOON, "panic")
        assert [word.get("bytes", "panic") for word in child.said()] == [ON, OFF, "panic"]


# Pages that go


def test_a_page_that_closes_lets_go(child: Child) -> None:
    with child.page() as anna:
        anna.play(*ON)
        anna.play(*PEDAL_DOWN)
        child.wait_for_played(ON, PEDAL_DOWN)
    child.wait_for_played(ON, PEDAL_DOWN, OFF, PEDAL_UP)
    child.wait_for_pages(0)
    assert child.said("midi")[-1]["seconds"] <= seconds_now()


def test_a_page_that_crashes_lets_go(child: Child) -> None:
    with child.odd_page() as anna:
        anna.play(*ON)
        child.wait_for_played(ON)
        anna.crash()
        child.wait_for_played(ON, OFF)
        child.wait_for_pages(0)


def test_a_page_that_freezes_is_let_go_of(child: Child) -> None:
    """It answers no ping."""
    with child.odd_page() as anna, child.page() as ben:
        anna.play(*ON)
        begun = time.monotonic()
        child.wait_for_played(ON)
        child.wait_for_played(ON, OFF)
        assert time.monotonic() - begun > 1.0
        child.wait_for_pages(1)
        ben.play(*ON)
        child.wait_for_played(ON, OFF, ON)


def test_a_page_whose_own_loop_hangs_holds_no_key(child: Child) -> None:
    """Its browser goes on answering pings, but it says nothing."""
    with child.page() as anna:
        anna.play(*ON)
        child.wait_for_played(ON, OFF)
        anna.play(*OFF)  # late
        anna.play(*ON)
        child.wait_for_played(ON, OFF, ON)
        assert child.said("pages")[-1]["count"] == 1


def test_a_page_that_holds_a_key_and_says_so_goes_on_holding_it(child: Child) -> None:
    with child.page() as anna:
        anna.play(*ON)
        until = time.monotonic() + 4.0
        while time.monotonic() < until:
            anna.say({"type": "ping", "page": 1})
            anna.next("pong")
            time.sleep(0.2)
        assert child.played() == [ON]


def test_a_page_that_takes_nothing_holds_up_no_other(child: Child) -> None:
    """Twenty megabytes that it does not take."""
    with child.odd_page(), child.page() as ben:
        ben.next("pages")
        child.wait_for_pages(2)
        for number in range(100):
            child.say(*[{"type": "said", "text": f"{number:02} {'x' * 1990}"}] * 100)
            for _ in range(100):
                assert ben.next("said")["text"].startswith(f"{number:02}")
        child.wait_for_pages(1)


# Too much


def test_a_word_that_is_too_long_closes_the_socket(child: Child) -> None:
    with child.page() as anna:
        anna.play(*ON)
        child.wait_for_played(ON)
        anna.say("x" * 513)
        with pytest.raises(ConnectionClosed) as closed:
            anna.next("none of them")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    child.wait_for_played(ON, OFF)


def test_words_beyond_the_rate_are_refused_and_no_key_is_left(child: Child) -> None:
    with child.page() as anna:
        for number in range(1200):
            anna.play(0x90, number % 128, 80)
        assert "too many words" in anna.next("refused")["why"]
        down = set[int]()
        anna.say({"type": "ping", "page": 1})
        child.wait_for(
            lambda: len([status for status, *_ in child.played() if status == 0x80]) >= 128, SOON, "offs"
        )
        for status, pitch, _ in child.played():
            (down.add if status == 0x90 else down.discard)(pitch)
        time.sleep(1.0)  # and then it is heard again
        anna.play(*ON)
        child.wait_for(lambda: child.played()[-1] == ON, SOON, "the next note")
    child.wait_for(lambda: child.played()[-1] == OFF, SOON, "its end")


def flood(page: Client) -> None:
    for _ in range(100_000):
        page.play(*ON)


def test_a_page_that_goes_on_and_on_is_closed(child: Child) -> None:
    with child.page() as anna:
        with pytest.raises(ConnectionClosed) as closed:
            flood(anna)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
    child.wait_for_pages(0)


def test_the_ninth_page_is_told_to_come_later(child: Child) -> None:
    with ExitStack() as stack:
        pages = [stack.enter_context(child.page()) for _ in range(8)]
        child.wait_for_pages(8)
        with child.page() as ninth, pytest.raises(ConnectionClosed) as closed:
            ninth.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert closed.value.rcvd.reason == "8 pages are open; close one of them"
        pages[0].connection.close()
        child.wait_for_pages(7)
        with child.page() as again:
            assert again.next()["type"] == "hello"


def test_who_never_says_what_is_wanted_is_hung_up_on(child: Child) -> None:
    with socket.create_connection(("127.0.0.1", child.port), timeout=15) as caller:
        caller.sendall(b"GET / HTT")
        assert caller.recv(100) == b""


# Who may come in


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
def test_another_sites_page_gets_no_socket(server: Child, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, server.page(origin=origin.format(port=server.port)):
        pass
    assert refused.value.response.status_code == 403


def test_a_socket_without_an_origin_is_not_opened(server: Child) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert server.get("/socket", **upgrade)[0] == 403
    assert server.get("/socket", Origin=f"http://127.0.0.1:{server.port}", **upgrade)[0] == 101
    assert server.get("/socket", Origin=f"http://127.0.0.1:{server.port}")[0] == 426


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LocalHost:{port}", 200),
        ("[::1]:{port}", 200),
        ("", 403),
        ("127.0.0.1", 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1:", 403),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("localhost.evil.example:{port}", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("127.0.0.1:{port}@evil.example", 403),
        ("user@127.0.0.1:{port}", 403),
        ("::1:{port}", 403),
        ("[::2]:{port}", 403),
        ("0.0.0.0:{port}", 403),
    ],
)
def test_the_host_that_is_asked_must_be_ours(server: Child, host: str, status: int) -> None:
    given = host.format(port=server.port)
    assert server.get("/", Host=given)[0] == status
    assert server.get("/page/app.js", Host=given)[0] == status
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": f"http://{given}"}
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert server.get("/socket", Host=given, **upgrade, **key)[0] == (101 if status == 200 else 403)


def test_another_site_may_link_here_and_no_more(server: Child) -> None:
    assert server.get("/", Sec_Fetch_Site="cross-site")[0] == 200
    for path in ("/page/app.js", "/sessions.json", "/answer.json?seed=1", "/session.mid"):
        for site in ("cross-site", "same-site"):
            assert server.get(path, Sec_Fetch_Site=site)[0] == 403
    assert server.get("/page/app.js", Sec_Fetch_Site="same-origin")[0] == 200


TOKEN = "a-token-of-letters_and_digits"


def test_elsewhere_only_who_has_the_token_comes_in(tmp_path: Path) -> None:
    with Child(tmp_path, host="0.0.0.0", token=TOKEN) as child:
        child.serving().say(HELLO)
        for query in ("", "?token=", "?token=a-token", f"?token={TOKEN}x", f"?Token={TOKEN}"):
            for path in ("/", "/page/app.js", "/sessions.json", "/socket"):
                assert child.get(path + query)[0] == 403
        status, headers, _ = child.get(f"/?token={TOKEN}", Host="jamd.local:8765")
        assert status == 200
        cookie, _, rest = headers["set-cookie"].partition("; ")
        assert rest == "Path=/; HttpOnly; SameSite=Strict"
        assert child.get("/page/app.js", Cookie=f"a=b; {cookie}", Host="jamd.local:8765")[0] == 200
        assert child.get("/page/app.js", Cookie=f"{cookie}x")[0] == 403
        assert "set-cookie" not in child.get("/page/app.js", Cookie=cookie)[1]
        with child.page(f"?token={TOKEN}") as anna:
            assert anna.next()["type"] == "hello"
        with pytest.raises(InvalidStatus), child.page(f"?token={TOKEN}", origin="http://evil.example"):
            pass
        with pytest.raises(InvalidStatus), child.page("?token=wrong"):
            pass
        child.popen.stdin.close()  # type: ignore[union-attr]
        ended = child.wait()
        assert TOKEN not in ended.stdout + ended.stderr


def test_it_listens_on_loopback_alone(server: Child) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = [line.split()[1] for line in listening.splitlines() if line.split()[3] == "0A"]
    assert [each for each in addresses if each.endswith(f":{server.port:04X}")] == [
        f"0100007F:{server.port:04X}"
    ]


# Files


def test_the_pages_files_are_served_with_what_keeps_them_safe(server: Child) -> None:
    for path, kind, part in (
        ("/", "text/html; charset=utf-8", b"<!doctype"),
        ("/page/app.js", "text/javascript; charset=utf-8", b"export"),
        ("/page/style.css", "text/css; charset=utf-8", b"body"),
        ("/page/icon.svg", "image/svg+xml", b"<svg"),
    ):
        status, headers, body = server.get(path)
        assert (status, headers["content-type"]) == (200, kind)
        assert part in body
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/page/index.html",
        "/page/notes.txt",
        "/page/../secret.js",
        "/page/%2e%2e/secret.js",
        "/page/..%2fsecret.js",
        "/secret.js",
        "//page/app.js",
        "/page/app.js/",
        "/page/",
        "/page",
        "/favicon.ico",
        "/sessions/",
        "/sessions/..%2f..%2fpage%2fapp.js",
        "/sessions/%00.mid",
        "*",
        "page/app.js",
    ],
)
def test_nothing_else_is_served(server: Child, path: str) -> None:
    status, headers, body = server.get(path)
    assert status == 404
    assert b"not for the world" not in body
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "FOO"])
def test_only_get_is_answered(server: Child, method: str) -> None:
    status, headers, _ = server.get("/", method)
    assert status == 405
    assert headers["allow"] == "GET"


def test_a_fault_of_http_is_no_fault_of_ours(server: Child) -> None:
    for odd in (b"\x16\x03\x01" * 50, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500, b"GET " + b"/" * 9000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as caller:
            caller.sendall(odd + b"\r\n\r\n")
            assert b" 200 " not in caller.recv(1000)
    assert server.get("/")[0] == 200
    assert server.stderr == []
