"""The page in a real Chromium, against a stand-in that speaks jamd's words: what is seen, heard and sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright import sync_api as playwright

from tests.kit.realparts import program
from tests.web.fake_jamd import FakeJamd, fake_jamd, seconds_now

pytestmark = pytest.mark.browser

Page = Any
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

MIDI_KEYBOARD = """
    class Input { constructor() { this.id = "k1"; this.name = "Keys 61"; this.state = "connected"; } }
    class Output {
        constructor() { this.id = "s1"; this.name = "Synth"; this.state = "connected"; this.sent = []; }
        send(bytes, time) { this.sent.push([...bytes]); }
    }
    window.standIn = { asked: 0, input: new Input(), output: new Output(), access: null };
    navigator.requestMIDIAccess = async () => {
        standIn.asked += 1;
        standIn.access = {
            inputs: new Map([["k1", standIn.input]]), outputs: new Map([["s1", standIn.output]]),
        };
        return standIn.access;
    };
    standIn.play = (...bytes) => standIn.input.onmidimessage(
        { data: new Uint8Array(bytes), timeStamp: performance.now() });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Pages:
    """Opens pages and waits until they are connected. Afterwards their console must be clean."""

    def __init__(self, browser: Any, jamd: FakeJamd) -> None:
        self.browser, self.jamd = browser, jamd
        self.complaints: list[str] = []
        self._contexts: list[Any] = []

    def __call__(self, where: str = "", script: str = "", **options: Any) -> Page:
        context = self.browser.new_context(**({"viewport": DESKTOP} | options))
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.on("request", lambda asked: _ours(asked.url, self.jamd) or self.complaints.append(asked.url))
        if script:
            page.add_init_script(script)
        page.goto(self.jamd.address + where)
        until(lambda: page.evaluate("window.jamd?.connected && jamd.state && jamd.clock.knowsEngine"))
        until(lambda: page.evaluate("jamd.strings") >= 1)
        return page

    def check(self) -> None:
        assert [said for said in self.complaints if "ERR_CONNECTION_REFUSED" not in said] == []

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def fresh() -> Iterator[FakeJamd]:
    """A jamd that nobody spoke to before, and that answers nothing by itself."""
    with fake_jamd(answers=False) as served:
        yield served


@pytest.fixture
def opened(browser: Any, fresh: FakeJamd) -> Iterator[Pages]:
    """Opens new pages of it."""
    pages = Pages(browser, fresh)
    yield pages
    pages.close()
    pages.check()


@pytest.fixture(scope="module")
def long_open(browser: Any) -> Iterator[tuple[Page, Pages]]:
    with fake_jamd(answers=False) as served:
        pages = Pages(browser, served)
        page = pages()
        running(page)
        yield page, pages
        pages.close()


@pytest.fixture
def jamd(long_open: tuple[Page, Pages]) -> FakeJamd:
    """The jamd of the page that stays open, as if nobody had played."""
    jamd = long_open[1].jamd
    jamd.forget()
    return jamd


@pytest.fixture
def page(long_open: tuple[Page, Pages], jamd: FakeJamd) -> Iterator[Page]:
    """A page that stays open from test to test, with nothing held or shown: opening one takes long."""
    page, pages = long_open
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.evaluate("document.activeElement.blur(); delete document.hidden; jamd.scheduled.length = 0")
    until(lambda: page.evaluate("jamd.connected && jamd.voices === 0 && !jamd.state.running"))
    yield page
    pages.check()


def _ours(address: str, jamd: FakeJamd) -> bool:
    return address.startswith((jamd.address, jamd.address.replace("http", "ws"), "blob:", "data:"))


def until(true: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What this says once it is so. The page's policy forbids that Playwright waits inside."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def running(page: Page) -> None:
    """Unlock the sound and let the audio clock run for a while."""
    page.locator("h1").click()
    until(lambda: page.evaluate("jamd.audio.state") == "running")
    time.sleep(0.4)


def note(
    pitch: int, seconds: float, velocity: int = 90, part: str = "jamd", off: bool = False
) -> dict[str, Any]:
    data = [0x80, pitch, 64] if off else [0x90, pitch, velocity]
    return {"type": "note", "part": part, "seconds": seconds, "bytes": data}


def text(page: Page, name: str) -> str:
    return str(page.locator(f"#{name}").inner_text())


# ---- the first ten seconds


def test_it_loads_says_what_to_do_and_asks_nobody_else(opened: Pages, fresh: FakeJamd) -> None:
    page = opened()
    assert page.locator("#welcome h2").is_visible()
    assert page.get_by_role("button", name="Hear a call").count() == 1
    assert page.evaluate("jamd.audio.state") == "suspended"  # no sound before a gesture
    assert text(page, "turn") == "Ready when you are"
    assert {path.split("?")[0].split("/")[1] for path in fresh.paths} <= {"", "page", "socket"}


def test_the_first_key_is_heard_at_once(opened: Pages, fresh: FakeJamd) -> None:
    page = opened()
    page.keyboard.down("a")
    loudest = until(lambda: page.evaluate("jamd.rms('player')"), 2)
    assert loudest > 0
    assert until(lambda: fresh.midi) == [[0x90, 60, 88]]
    page.keyboard.up("a")
    until(lambda: len(fresh.midi) == 2)
    assert fresh.midi[1] == [0x80, 60, 64]
    assert not page.locator("#welcome").is_visible()


def test_hear_a_call_plays_it_as_by_hand(opened: Pages, fresh: FakeJamd) -> None:
    fresh.knobs["tempo"] = 240.0
    page = opened()
    page.get_by_role("button", name="Hear a call").click()
    until(lambda: page.evaluate("jamd.rms('player')") > 0.003)
    until(lambda: len(fresh.midi) == 28, 6)
    strikes = [word for word in fresh.of_type("midi") if word["bytes"][0] == 0x90]
    beats = [(word["seconds"] - strikes[0]["seconds"]) * 4 for word in strikes]
    assert beats == pytest.approx([0, 0, 1.5, 2, 2, 2.5, 3, 4, 4, 5, 5.5, 5.5, 6, 6.5], abs=2e-2)
    for word in fresh.of_type("midi"):  # each is told when it is, not before
        assert -0.02 < word["arrived"] - word["seconds"] < 0.25
    until(lambda: page.evaluate("jamd.state.held") == [])


# ---- hands


def test_the_computers_keys_reach_jamd_with_the_right_instants(page: Page, jamd: FakeJamd) -> None:
    latency = page.evaluate("jamd.clock.latency")
    assert 0 < latency < 0.2
    before = seconds_now()
    for key in ("a", "w", "'"):
        page.keyboard.press(key)
    page.keyboard.press("x")  # an octave up
    page.keyboard.press("v")  # harder
    page.keyboard.press("a")
    page.keyboard.press("c")
    page.keyboard.press("z")
    until(lambda: len(jamd.midi) == 8)
    strikes = [word for word in jamd.of_type("midi") if word["bytes"][0] == 0x90]
    assert [word["bytes"][1:] for word in strikes] == [[60, 88], [61, 88], [77, 88], [72, 100]]
    for word in strikes:  # the engine's clock, less what the ear is late by
        assert before - latency - 0.01 < word["seconds"] < word["arrived"] - latency + 0.01


def test_keys_with_modifiers_repeats_and_text_fields_play_nothing(page: Page, jamd: FakeJamd) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+d")
    page.keyboard.down("s")
    page.keyboard.down("s")  # a repeat
    page.keyboard.up("s")
    until(lambda: len(jamd.midi) == 2)
    assert jamd.midi == [[0x90, 62, 88], [0x80, 62, 64]]


def test_a_held_key_stays_what_it_was_while_the_octave_changes(page: Page, jamd: FakeJamd) -> None:
    page.keyboard.down("a")
    page.keyboard.press("x")
    page.keyboard.press("a")  # it is down: a repeat
    page.keyboard.press("s")
    page.keyboard.up("a")
    page.keyboard.press("z")
    until(lambda: len(jamd.midi) == 4)
    assert {(status, pitch) for status, pitch, _ in jamd.midi} == {
        (0x90, 60), (0x90, 74), (0x80, 74), (0x80, 60),
    }  # fmt: skip


def test_space_is_the_pedal_but_not_on_a_button(page: Page, jamd: FakeJamd) -> None:
    page.keyboard.press("Space")
    until(lambda: len(jamd.midi) == 2)
    assert jamd.midi == [[0xB0, 64, 127], [0xB0, 64, 0]]
    page.locator("#mute").focus()
    page.keyboard.press("Space")
    assert page.locator("#mute").get_attribute("aria-pressed") == "true"
    assert len(jamd.midi) == 2


def test_the_mouse_plays_and_slides(page: Page, jamd: FakeJamd) -> None:
    c, d = (page.locator(f'[data-pitch="{pitch}"]').bounding_box() for pitch in (60, 62))
    page.mouse.move(c["x"] + 5, c["y"] + c["height"] - 8)
    page.mouse.down()
    until(lambda: page.locator('[data-pitch="60"].player').count())
    page.mouse.move(d["x"] + 20, d["y"] + d["height"] - 60, steps=4)
    until(lambda: page.locator('[data-pitch="62"].player').count())
    page.mouse.up()
    until(lambda: len(jamd.midi) == 4)
    assert [data[:2] for data in jamd.midi] == [[0x90, 60], [0x80, 60], [0x90, 62], [0x80, 62]]
    assert jamd.midi[0][2] > jamd.midi[2][2] > 40  # harder towards the end of a key


def test_two_fingers_play_two_keys(opened: Pages, fresh: FakeJamd) -> None:
    page = opened(viewport=PHONE, has_touch=True, is_mobile=True)
    touch = page.context.new_cdp_session(page)
    page.locator("#piano").scroll_into_view_if_needed()
    points = []
    for pitch in (60, 64):
        box = page.locator(f'[data-pitch="{pitch}"]').bounding_box()
        points.append({"x": box["x"] + 8, "y": box["y"] + box["height"] - 20, "id": pitch})
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    until(lambda: page.locator(".key.player").count() == 2)
    assert sorted(data[1] for data in until(lambda: len(fresh.midi) == 2 and fresh.midi)) == [60, 64]
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(lambda: len(fresh.midi) == 4)
    until(lambda: fresh.held == set())
    assert until(lambda: page.evaluate("jamd.audio.state")) == "running"


def test_a_midi_keyboard_is_asked_for_on_a_click_and_may_be_pulled_out(
    opened: Pages, fresh: FakeJamd
) -> None:
    page = opened(script=MIDI_KEYBOARD)
    assert page.evaluate("standIn.asked") == 0
    page.locator("#midi").click()
    until(lambda: text(page, "keyboards") == "Keys 61")
    page.evaluate("standIn.play(0x93, 64, 77); standIn.play(0xb3, 64, 127); standIn.play(0xf8)")
    until(lambda: len(fresh.midi) == 2)
    assert fresh.midi == [[0x93, 64, 77], [0xB3, 64, 127]]
    page.evaluate("standIn.input.state = 'disconnected'; standIn.access.onstatechange()")
    until(lambda: len(fresh.midi) == 4)
    assert fresh.midi[2:] == [[0x83, 64, 64], [0xB3, 64, 0]]


def test_a_synth_by_midi_takes_the_place_of_the_page(opened: Pages, fresh: FakeJamd) -> None:
    page = opened(script=MIDI_KEYBOARD)
    running(page)
    page.locator("#midi").click()
    page.locator("#synth").select_option("s1")
    page.keyboard.press("a")
    now = seconds_now()
    fresh.say(note(70, now + 0.03), note(70, now + 0.1, off=True))
    until(lambda: [0x80, 70, 64] in page.evaluate("standIn.output.sent"))
    sent = page.evaluate("standIn.output.sent")
    assert sent[:3] == [[0x90, 60, 88], [0x80, 60, 64], [0x90, 70, 90]]
    assert page.evaluate("jamd.voices") == 0


@pytest.mark.parametrize("event", ["blur", "visibilitychange", "pagehide"])
def test_a_key_lost_with_the_focus_is_let_go(page: Page, jamd: FakeJamd, event: str) -> None:
    page.keyboard.down("d")
    page.keyboard.down("Space")
    until(lambda: len(jamd.midi) == 2)
    if event == "visibilitychange":
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    else:
        page.evaluate(f"window.dispatchEvent(new Event('{event}'))")
    until(lambda: len(jamd.midi) == 4)
    assert jamd.midi[2:] == [[0x80, 64, 64], [0xB0, 64, 0]]
    assert page.evaluate("jamd.hands.names") == []
    page.keyboard.up("d")
    page.keyboard.up("Space")


# ---- what jamd plays


def test_notes_are_placed_at_their_instants_on_the_audio_clock(page: Page, jamd: FakeJamd) -> None:
    begin = seconds_now() + 0.5
    for i in range(20):
        jamd.say(note(60 + i, begin + i * 0.02), note(60 + i, begin + i * 0.02 + 0.05, off=True))
    rows = until(lambda: len(found := page.evaluate(SCHEDULED)) == 20 and found)
    assert not any(late for _, _, late, _ in rows)
    first_seconds, first_audio, _, _ = rows[0]
    for seconds, at, _, expected in rows:
        assert at - first_audio == pytest.approx(seconds - first_seconds, abs=1e-3)
        assert at == pytest.approx(expected, abs=1e-3)
    assert until(lambda: page.evaluate("jamd.rms('jamd')"), 3) > 0
    until(lambda: page.evaluate("jamd.voices") == 0)


SCHEDULED = "jamd.scheduled.map(s => [s.seconds, s.audio, s.late, jamd.clock.audioAt(s.seconds)])"


def test_a_note_that_is_taken_back_never_sounds(page: Page, jamd: FakeJamd) -> None:
    at = seconds_now() + 0.3
    jamd.say(note(60, at), note(60, at, off=True), note(64, at), note(64, at - 0.1, off=True))
    until(lambda: len(page.evaluate("jamd.scheduled.map(s => s.voice.takenBack)")) == 2)
    loudest = 0.0
    while seconds_now() < at + 0.3:
        loudest = max(loudest, page.evaluate("jamd.rms('jamd')"))
    assert loudest == 0
    assert page.evaluate("jamd.scheduled.map(s => s.voice.takenBack)") == [True, True]


def test_a_late_note_is_played_at_once(page: Page, jamd: FakeJamd) -> None:
    jamd.say(note(60, seconds_now() - 0.2))
    until(lambda: page.evaluate("jamd.rms('jamd')") > 0)
    assert page.evaluate("jamd.scheduled[0].late")


def test_many_notes_are_bounded_and_panic_silences_all(page: Page, jamd: FakeJamd) -> None:
    at = seconds_now() + 0.05
    jamd.say(*[note(30 + i, at) for i in range(60)])
    until(lambda: page.evaluate("jamd.rms('jamd')") > 0.01)
    assert 28 <= page.evaluate("jamd.voices") <= 32
    page.keyboard.press("Escape")
    assert until(lambda: jamd.of_type("press"))[0]["action"] == "panic"
    assert page.evaluate("jamd.voices") == 0
    until(lambda: page.evaluate("jamd.rms('jamd')") < 1e-4)


def test_all_notes_off_and_the_pedal_are_obeyed(page: Page, jamd: FakeJamd) -> None:
    at = seconds_now() + 0.05
    pedal = {"type": "note", "part": "jamd", "seconds": at, "bytes": [0xB0, 64, 127]}
    jamd.say(pedal, note(60, at), note(60, at + 0.05, off=True))
    time.sleep(0.6)
    assert page.evaluate("jamd.rms('jamd')") > 1e-3  # held by the pedal
    jamd.say({**pedal, "seconds": seconds_now(), "bytes": [0xB0, 123, 0]})
    until(lambda: page.evaluate("jamd.rms('jamd')") < 1e-4, 5)


def test_the_plan_is_pale_and_gone_when_it_is_taken_back(page: Page, jamd: FakeJamd) -> None:
    page.keyboard.press("a")  # the grid begins
    until(lambda: page.evaluate("jamd.state.running"))
    before = page.locator("#roll").screenshot()
    jamd.say({"type": "plan", "notes": [[8, 4, 67, 90], [12, 4, 69, 90]]})
    until(lambda: page.evaluate("jamd.model.planned.length") == 2)
    assert page.locator("#roll").screenshot() != before
    jamd.say({"type": "plan", "notes": []})
    until(lambda: page.evaluate("jamd.model.planned.length") == 0)


def test_an_answer_is_heard_seen_and_on_the_bar_line(browser: Any) -> None:
    with fake_jamd() as jamd:
        jamd.knobs["tempo"] = 240.0
        page = browser.new_page(viewport=DESKTOP)
        page.goto(jamd.address)
        until(lambda: page.evaluate("window.jamd?.connected && jamd.state && jamd.strings > 3"))
        running(page)
        for key in "adgk":
            page.keyboard.press(key)
        until(lambda: text(page, "turn") == "Your turn")
        until(lambda: text(page, "turn") == "jamd answers", 6)
        until(lambda: page.evaluate("jamd.rms('jamd')") > 1e-3)
        assert page.locator("body").get_attribute("data-turn") == "answer"
        assert "b" in text(page, "left")  # 1 bar 3 beats
        anchor, _ = page.evaluate("jamd.state.anchor")
        assert page.evaluate("jamd.scheduled[0].seconds") == pytest.approx(anchor + 2.0, abs=1e-6)
        until(lambda: {n["part"] for n in page.evaluate("jamd.model.notes")} == {"player", "jamd"})
        page.close()


def test_the_metronome_clicks_when_asked_and_counts_in(page: Page, jamd: FakeJamd) -> None:
    page.get_by_role("button", name="Count in").click()
    until(lambda: page.evaluate("jamd.rms('click')") > 0, 3)
    page.keyboard.press("a")
    until(lambda: page.evaluate("jamd.state.running"))
    assert not page.get_by_role("button", name="Count in").is_visible()
    page.evaluate("jamd.onStrike(voice => voice.bus === 'click' && jamd.scheduled.push(voice))")
    page.get_by_role("checkbox", name="Click").check()
    beats = until(lambda: len(found := page.evaluate("jamd.scheduled.map(s => s.start)")) > 2 and found, 5)
    page.get_by_role("checkbox", name="Click").uncheck()
    page.evaluate("jamd.onStrike(() => {})")
    assert beats[2] - beats[1] == pytest.approx(60 / jamd.knobs["tempo"], abs=2e-3)


# ---- knobs


def test_knobs_are_turned_here_and_there(opened: Pages, fresh: FakeJamd) -> None:
    page, other = opened(), opened()
    tempo = page.get_by_role("slider", name="Tempo")
    tempo.focus()
    page.keyboard.press("ArrowRight")
    assert until(lambda: fresh.of_type("turn"))[0] | {"arrived": 0} == {
        "type": "turn", "knob": "tempo", "value": 121, "arrived": 0,
    }  # fmt: skip
    there = other.get_by_role("slider", name="Tempo")
    until(lambda: there.get_attribute("aria-valuetext") == "121 BPM")
    page.get_by_role("combobox", name="Turns").select_option("duet")
    until(lambda: other.get_by_role("combobox", name="Turns").input_value() == "duet")
    page.get_by_role("combobox", name="Bars a turn").select_option("4")
    assert until(lambda: len(found := fresh.of_type("turn")) == 3 and found)[-1]["value"] == 4
    fresh.knobs["density"] = 4.0
    fresh.say(fresh.state)  # a controller turned it
    until(lambda: page.get_by_role("slider", name="Density").input_value() == "1")


def test_actions_presets_and_models(page: Page, jamd: FakeJamd) -> None:
    for name in ("Give jamd the turn", "Loop", "Vary", "Keep", "Tap the tempo"):
        page.get_by_role("button", name=name).click()
    page.get_by_role("combobox", name="Preset").select_option("wild")
    page.get_by_role("combobox", name="Model").select_option("wavenet")
    until(lambda: jamd.of_type("model"))
    assert [w["action"] for w in jamd.of_type("press")] == ["turn", "loop", "vary", "save", "tap"]
    assert (jamd.of_type("preset")[0]["name"], jamd.of_type("model")[0]["name"]) == ("wild", "wavenet")
    jamd.say({**jamd.state, "looping": True})
    until(lambda: page.get_by_role("button", name="Loop").get_attribute("aria-pressed") == "true")


def test_a_page_that_watches_touches_nothing(opened: Pages, fresh: FakeJamd) -> None:
    page = opened("?watch")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    assert page.get_by_role("slider", name="Tempo").is_disabled()
    time.sleep(0.2)
    assert fresh.received == []


# ---- ends


def test_it_comes_back_by_itself_and_shows_what_was(page: Page, jamd: FakeJamd) -> None:
    page.keyboard.press("a")
    until(lambda: len(page.evaluate("jamd.model.notes")) == 1)
    page.keyboard.down("s")
    until(lambda: len(jamd.midi) == 3)
    page.evaluate("jamd.drop()")
    assert page.evaluate("jamd.hands.names") == []
    assert page.locator("#away").is_visible()
    page.keyboard.up("s")
    until(lambda: page.evaluate("jamd.connected"))
    until(lambda: not page.locator("#away").is_visible())
    until(lambda: len(page.evaluate("jamd.model.notes")) == 2)
    page.keyboard.press("d")
    until(lambda: [0x90, 64, 88] in jamd.midi)


def test_a_session_that_is_over_is_said_and_a_new_one_found(opened: Pages, fresh: FakeJamd) -> None:
    page = opened()
    running(page)
    fresh.say(note(60, seconds_now()))
    until(lambda: page.evaluate("jamd.voices") == 1)
    fresh.say({"type": "ended"})
    until(lambda: "over" in text(page, "away"))
    assert page.evaluate("jamd.voices") == 0
    port = fresh.port
    fresh.stop()
    until(lambda: not page.evaluate("jamd.connected"))
    assert "over" in text(page, "away")
    with fake_jamd(port=port):
        until(lambda: page.evaluate("jamd.connected"))
        until(lambda: not page.locator("#away").is_visible())


# ---- what is kept


def test_files_are_one_click_away_and_sessions_play(page: Page) -> None:
    page.locator("#kept summary").click()
    for name, path in (
        ("This session", "/session.mid"),
        ("Last call", "/take.mid"),
        ("Picture", "/picture.png"),
    ):
        link = page.get_by_role("link", name=name)
        assert (link.get_attribute("href"), link.get_attribute("download") is not None) == (path, True)
    play = page.get_by_role("button", name="Play ★ 2026-12-01 10:00")
    play.click()
    until(lambda: page.evaluate("jamd.rms('player')") > 0)
    assert play.inner_text() == "Stop"
    play.click()
    until(lambda: play.inner_text() == "Play")
    until(lambda: page.evaluate("jamd.rms('player')") < 1e-4)


def test_a_link_carries_a_call_and_a_seed(opened: Pages, fresh: FakeJamd) -> None:
    fresh.knobs["tempo"] = 240.0
    page = opened()
    fresh.say({"type": "span", "start": 0, "end": None, "turn": "call"})
    page.keyboard.press("d")
    until(lambda: page.evaluate("jamd.model.notes[0]?.end"))
    page.locator("#kept summary").click()
    page.get_by_role("button", name="Share the last call").click()
    until(lambda: "Answer" in text(page, "shared-text"))
    link = page.locator("#shared-link").input_value()
    other = opened(link.removeprefix(fresh.address))
    until(lambda: "Answer" in text(other, "shared-text"))
    asked = [path for path in fresh.paths if path.startswith("/answer.json")]
    assert len(asked) == 2
    assert asked[0] == asked[1]
    other.get_by_role("button", name="Listen").click()
    until(lambda: other.evaluate("jamd.rms('jamd')") > 0, 8)
    other.keyboard.press("Escape")
    until(lambda: not other.locator("#shared").is_visible())
    until(lambda: other.evaluate("jamd.rms('jamd')") < 1e-4)


# ---- for everybody


@pytest.mark.parametrize("size", [(390, 844), (360, 640), (844, 390), (1280, 860), (1920, 1080)])
def test_no_sideways_scroll_at_any_size(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for name in ("controls", "kept"):
        page.evaluate(f"document.getElementById('{name}').open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    widths = "[...document.querySelectorAll('.key.white')].map(key => key.getBoundingClientRect().width)"
    until(lambda: len(found := page.evaluate(widths)) >= 10 and min(found) >= 30)


@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1280, 720)])
def test_the_first_screen_has_the_call_and_the_piano(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for name in ("hear", "piano"):
        until(lambda name=name: _bottom(page, name) <= size[1])


def _bottom(page: Page, name: str) -> float:
    return float(page.evaluate(f"document.getElementById('{name}').getBoundingClientRect().bottom"))


def test_light_and_dark(page: Page) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert colours == ["rgb(253, 252, 248)", "rgb(21, 23, 28)"]


def test_with_reduced_motion_pages_are_turned(page: Page, jamd: FakeJamd) -> None:
    """The bar lines stand still while the music goes on."""
    for motion, moves in (("reduce", False), ("no-preference", True)):
        page.emulate_media(reduced_motion=motion)
        page.keyboard.press("a")
        until(lambda page=page: page.evaluate("jamd.state.running"))
        time.sleep(0.3)
        box = page.locator("#roll").bounding_box()
        clip = {"x": box["x"] + 60, "y": box["y"] + box["height"] - 14, "width": 1100, "height": 13}
        first = page.screenshot(clip=clip)
        time.sleep(0.25)
        assert (page.screenshot(clip=clip) != first) is moves
        jamd.forget()
        until(lambda: not page.evaluate("jamd.state.running"))


def test_the_roll_scrolls_back_and_returns(page: Page, jamd: FakeJamd) -> None:
    for beat in range(64):
        jamd.say({"type": "heard", "part": "player", "beats": beat, "bytes": [0x90, 60, 80]})
    jamd.anchor = [seconds_now() - 32, 0]
    jamd.say(jamd.state)
    until(lambda: page.evaluate("jamd.state.running"))
    time.sleep(0.1)
    page.locator("#roll").focus()
    page.keyboard.press("PageUp")
    until(lambda: page.locator("#now").is_visible())
    page.locator("#now").click()
    until(lambda: not page.locator("#now").is_visible())


def test_everything_is_reached_by_keyboard(page: Page, jamd: FakeJamd) -> None:
    page.locator("#kept").evaluate("element => { element.open = true; }")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("""(() => {
            const e = document.activeElement;
            return e.id || e.dataset.action || e.closest('[data-knob]')?.dataset.knob
                || e.dataset.pitch || e.textContent.trim();
        })()"""))  # fmt: skip
    wanted = {"mute", "volume", "click", "roll", "hear", "lower", "higher", "softer", "harder", "pedal", "60",
              "Controls", "turn", "tap", "loop", "vary", "save", "panic", "tempo", "mode", "bars",
              "temperature", "echo", "density", "register", "feel", "What is kept", "session-file",
              "take-file", "picture-file", "share"}  # fmt: skip
    assert wanted <= reached
    page.locator('[data-pitch="60"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until(lambda: len(jamd.midi) == 2)
    assert [data[:2] for data in jamd.midi] == [[0x90, 61], [0x80, 61]]
    page.keyboard.press("1")  # the first knob
    assert page.evaluate("document.activeElement.closest('[data-knob]').dataset.knob") == "tempo"
    page.keyboard.press("b")
    assert until(lambda: jamd.of_type("press"))[0]["action"] == "loop"


def test_everything_has_a_name_for_a_screen_reader(page: Page) -> None:
    for name in ("controls", "kept"):
        page.evaluate(f"document.getElementById('{name}').open = true")
    until(lambda: page.locator("#sessions button").count())
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    named = {
        "button",
        "slider",
        "combobox",
        "checkbox",
        "link",
        "textbox",
        "group",
        "region",
        "image",
        "progressbar",
    }
    seen = []
    for node in tree:
        role = node.get("role", {}).get("value", "")
        if node.get("ignored") or role.lower() not in named:
            continue
        name = node.get("name", {}).get("value", "").strip()
        seen.append((role, name))
        assert name or role in ("group", "Details"), node
    names = {name for _, name in seen}
    assert {"Tempo", "C4", "Octave up", "Volume", "Panic", "Turns", "Click"} <= {
        name.split(" (")[0] for name in names
    }
    assert sum(role == "slider" for role, _ in seen) >= 7


def test_whose_turn_it_is_is_said_only_when_it_changes(page: Page, jamd: FakeJamd) -> None:
    page.evaluate("""(() => {
        window.changes = 0;
        new MutationObserver(() => window.changes++).observe(document.getElementById('turn'),
            {childList: true, characterData: true, subtree: true});
    })()""")
    for step in range(20):
        jamd.say({**jamd.state, "step": step, "turn": "call", "end_step": 32})
    until(lambda: text(page, "turn") == "Your turn")
    assert page.evaluate("changes") == 1
    assert page.locator("#turn").get_attribute("role") == "status"
