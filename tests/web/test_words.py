"""Every word between page, server and engine: taken rightly, or refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jamd.controls.knobs import KNOBS, Turned
from jamd.web import words
from jamd.web.checks import Refused
from jamd.web.words import Chosen, Fault, Pages, Ping, Played, Serving, Settings

HELLO = {
    "type": "hello",
    "version": "0.1.0",
    "knobs": [
        {
            "name": knob.name,
            "what": knob.what,
            "kind": knob.kind,
            "low": knob.low,
            "high": knob.high,
            "logarithmic": knob.logarithmic,
            "whole": knob.whole,
            "choices": list(knob.choices),
        }
        for knob in KNOBS.values()
        if knob.kind != "action"
    ],
    "actions": [{"name": "panic", "what": "all notes off"}],
    "presets": ["ballad"],
    "models": ["default"],
    "early": 0.03,
    "can_play": True,
}
STATE = {
    "type": "state",
    "turn": "call",
    "turns": 0,
    "tempo": 120.0,
    "metre": [4, 4],
    "anchor": [12.5, 0.0],
    "downbeat_step": 0,
    "step": 3,
    "end_step": 32,
    "running": True,
    "source": "internal",
    "knobs": {"temperature": 1.0, "mode": "answer", "bars": 2},
    "held": [60, 64],
    "looping": False,
    "preset": None,
}


def spelt(word: dict[str, Any]) -> str:
    return json.dumps(word)


def refusal(content: str | bytes) -> str:
    with pytest.raises(Refused) as refused:
        words.from_page(content, ["ballad"], ["default"])
    line = str(refused.value)
    assert line
    assert "\n" not in line
    assert len(line) < 400
    return line


# What a page says


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"type": "ping", "page": 12.25}, Ping(12.25)),
        ({"type": "ping", "page": 12}, Ping(12.0)),
        ({"type": "midi", "seconds": 3.5, "bytes": [0x90, 60, 100]}, Played(3.5, (0x90, 60, 100))),
        ({"type": "midi", "seconds": -1, "bytes": [0xBF, 64, 127]}, Played(-1.0, (0xBF, 64, 127))),
        ({"type": "turn", "knob": "temperature", "value": 1.5}, Turned("temperature", 1.5)),
        ({"type": "turn", "knob": "mode", "value": "duet"}, Turned("mode", "duet")),
        ({"type": "turn", "knob": "bars", "value": 4}, Turned("bars", 4)),
        ({"type": "press", "action": "panic"}, Turned("panic")),
        ({"type": "preset", "name": "ballad"}, Chosen("preset", "ballad")),
        ({"type": "model", "name": "default"}, Chosen("model", "default")),
    ],
)
def test_a_pages_word_is_taken_and_reaches_the_engines_process_as_it_is(
    said: dict[str, Any], meant: words.FromPage
) -> None:
    found = words.from_page(spelt(said), ["ballad"], ["default"])
    assert found == meant
    assert words.from_child(words.spelt(found), ["ballad"], ["default"]) == meant


@pytest.mark.parametrize(
    ("value", "held"),
    [(1e9, 2.0), (-5, 0.1), (10**300, 2.0), (-(10**300), 0.1), (2, 2.0), (0.1, 0.1)],
)
def test_a_number_beyond_a_knobs_range_is_held_to_it(value: float, held: float) -> None:
    said = spelt({"type": "turn", "knob": "temperature", "value": value})
    assert words.from_page(said) == Turned("temperature", held)


def test_a_whole_knob_turns_to_whole_numbers() -> None:
    said = spelt({"type": "turn", "knob": "register", "value": -11.6})
    assert words.from_page(said) == Turned("register", -12.0)


@pytest.mark.parametrize("knob", [knob for knob in KNOBS.values() if knob.choices], ids=str)
def test_each_choice_of_a_knob_is_taken_and_no_other(knob: Any) -> None:
    for choice in knob.choices:
        said = spelt({"type": "turn", "knob": knob.name, "value": choice})
        assert words.from_page(said) == Turned(knob.name, choice)
    for other in (None, True, "nonsense", 3, 1.5, [], {}):
        assert "is none of: " in refusal(spelt({"type": "turn", "knob": knob.name, "value": other}))


def test_what_ended_or_deafened_the_prototype_is_refused() -> None:
    assert refusal('{"type":"midi","seconds":NaN,"bytes":[144,60,100]}') == "NaN is no number"
    assert "bytes are out of range" in refusal('{"type":"midi","seconds":1,"bytes":[144,300,100]}')
    assert "'nonsense' is none of: answer, duet, solo" in refusal(
        '{"type":"turn","knob":"mode","value":"nonsense"}'
    )
    assert "NaN" in refusal('{"type":"turn","knob":"temperature","value":NaN}')


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "null",
        "[]",
        "1",
        '"ping"',
        "{",
        "{}",
        '{"type":"pong","page":1}',
        '{"type":["ping"],"page":1}',
        '{"type":"ping"}',
        '{"type":"ping","page":"1"}',
        '{"type":"ping","page":true}',
        '{"type":"ping","page":null}',
        '{"type":"ping","page":1e400}',
        '{"type":"ping","page":-Infinity}',
        '{"type":"ping","page":1' + "0" * 400 + "}",
        '{"type":"ping","page":1,"more":1}',
        '{"type":"ping","page":1,"page":2}',
        '{"type":"ping","type":"press","page":1}',
        '{"type":"midi","seconds":1,"bytes":[144,60]}',
        '{"type":"midi","seconds":1,"bytes":[144,60,100,0]}',
        '{"type":"midi","seconds":1,"bytes":"abc"}',
        '{"type":"midi","seconds":1,"bytes":[144,60,true]}',
        '{"type":"midi","seconds":1,"bytes":[144,60.0,100]}',
        '{"type":"midi","seconds":1,"bytes":[144.0,60,100]}',
        '{"type":"midi","seconds":1,"bytes":[144,-1,100]}',
        '{"type":"midi","seconds":1,"bytes":[144,60,128]}',
        '{"type":"midi","seconds":1,"bytes":[160,60,100]}',
        '{"type":"midi","seconds":1,"bytes":[192,60,100]}',
        '{"type":"midi","seconds":1,"bytes":[240,1,247]}',
        '{"type":"midi","seconds":1,"bytes":[127,60,100]}',
        '{"type":"midi","seconds":1,"bytes":[[144],60,100]}',
        '{"type":"turn","knob":"tempo","value":"fast"}',
        '{"type":"turn","knob":"tempo","value":true}',
        '{"type":"turn","knob":"tempo","value":1e999}',
        '{"type":"turn","knob":"panic","value":1}',
        '{"type":"turn","knob":"preset","value":"ballad"}',
        '{"type":"turn","knob":"volume","value":1}',
        '{"type":"turn","knob":["tempo"],"value":1}',
        '{"type":"press","action":"tempo"}',
        '{"type":"press","action":{}}',
        '{"type":"preset","name":"Ballad"}',
        '{"type":"preset","name":"\\ud800"}',
        '{"type":"model","name":"../secret"}',
        '{"type":"settings","host":"0.0.0.0","port":1}',
        '{"type":"serving","port":1}',
        "[" * 500,
        '{"a":' * 100,
        '{"type":"ping","page":1}' + " " * 500,
        '{"type":"said","text":"' + "\u2028\x1b" * 20 + '"}',
        b"\xff\xfe{\x00}\x00",
        b'{"type":"ping","page":1}\x80',
    ],
)
def test_all_else_is_refused_in_one_line(content: str | bytes) -> None:
    assert refusal(content)


def test_what_is_refused_is_quoted_so_that_it_does_no_harm() -> None:
    said = refusal(json.dumps({"type": "press", "action": "\x1b[2J\n" + "x" * 300}))
    assert said.startswith(r"press: action: '\x1b[2J\n")
    assert said.isprintable()


def test_a_page_chooses_among_the_presets_and_models_that_there_are() -> None:
    with pytest.raises(Refused, match="is none of: nothing"):
        words.from_page('{"type":"preset","name":"ballad"}')


# What the engine says


@pytest.mark.parametrize(
    "word",
    [
        HELLO,
        HELLO | {"watch": False},
        STATE,
        STATE | {"anchor": None, "step": None, "end_step": None, "model": "default"},
        {"type": "note", "part": "jamd", "seconds": 3.0, "bytes": [0x90, 60, 90]},
        {"type": "heard", "part": "player", "beats": 1.5, "bytes": [0x80, 60, 0]},
        {"type": "plan", "notes": [[16, 2.5, 64, 80]]},
        {"type": "plan", "notes": []},
        {
            "type": "history",
            "heard": [["jamd", 1.0, 0x90, 60, 90]],
            "spans": [[0, 8.0, "call"], [8, None, "answer"]],
        },
        {"type": "span", "start": 8.0, "end": None, "turn": "answer"},
        {"type": "said", "text": "kept take 3"},
        {"type": "session", "path": None},
        {"type": "session", "path": "/home/anna/été.mid"},
        {"type": "ended"},
    ],
    ids=lambda word: str(word["type"]),
)
def test_the_engines_words_are_taken(word: dict[str, Any]) -> None:
    kind, found = words.from_engine(words.line(word))
    assert kind == word["type"]
    assert found.keys() == word.keys() - {"type"}
    for name in word.keys() - {"type", "watch", "preset", "model"}:
        with pytest.raises(Refused, match=kind):
            words.from_engine(spelt({key: value for key, value in word.items() if key != name} | {"odd": 1}))


@pytest.mark.parametrize(
    "word",
    [
        STATE | {"turn": "nobody"},
        STATE | {"tempo": 0},
        STATE | {"held": [128]},
        STATE | {"metre": [4]},
        STATE | {"knobs": {"tempo": None}},
        STATE | {"running": 1},
        HELLO | {"knobs": [{}]},
        {"type": "note", "part": "player", "seconds": 3.0, "bytes": [0x90, 60, 90]},
        {"type": "heard", "part": "player", "beats": 1.5, "bytes": [0xC0, 60, 0]},
        {"type": "plan", "notes": [[16, 2, 64, 0]]},
        {"type": "plan", "notes": [[16, -2, 64, 1]]},
        {"type": "history", "heard": [["jamd", 1.0, 0x90, 60]], "spans": []},
        {"type": "history", "heard": [[]], "spans": []},
        {"type": "history", "heard": [7], "spans": []},
        {"type": "pages", "count": 1},
        {"type": "midi", "seconds": 1.0, "bytes": [0x90, 60, 90]},
    ],
)
def test_no_other_words_of_the_engine_are_passed_on(word: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        words.from_engine(spelt(word))


def test_no_line_is_made_of_what_is_no_word() -> None:
    for odd in (float("nan"), float("inf"), {1, 2}, b"x"):
        with pytest.raises(Refused, match="state is no word"):
            words.line({"type": "state", "tempo": odd})
    assert "\n" not in words.line({"type": "said", "text": "two\nlines\u2028é"})


# What the server's process says


def test_the_servers_own_words() -> None:
    assert words.from_child('{"type":"serving","port":8765}') == Serving(8765)
    assert words.from_child('{"type":"fault","why":"taken"}') == Fault("taken")
    assert words.from_child('{"type":"pages","count":2}') == Pages(2)
    with pytest.raises(Refused):
        words.from_child('{"type":"serving","port":0}')


def test_settings() -> None:
    least = words.settings_in('{"type":"settings","host":"127.0.0.1","port":0}')
    assert least == Settings("127.0.0.1", 0)
    full = words.settings_in(
        spelt(
            {
                "type": "settings",
                "host": "::",
                "port": 8765,
                "tries": 1,
                "token": "0123456789abcdef",
                "page": "/page",
                "session": None,
                "model": "mine",
            }
        )
    )
    assert full == Settings("::", 8765, 1, "0123456789abcdef", words.Path("/page"), None, "mine")
    for odd in ({"token": ""}, {"token": "short"}, {"token": "0123456789abcde;"}, {"port": 65536}, {"a": 1}):
        with pytest.raises(Refused):
            words.settings_in(spelt({"type": "settings", "host": "127.0.0.1", "port": 0} | odd))
