"""With others on Ableton Link: their tempo, their bar lines, their start and stop."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.clock import SystemClock
from jamd.engine.events import Inbox
from jamd.music.transport import DEFAULT_METRE, FASTEST_TEMPO, Metre, Transport
from jamd.sync.link import LOOK_SECONDS, SLACK_SECONDS, Link
from jamd.sync.linksession import State, join
from tests.kit.fakes import Pad, jam, note
from tests.kit.processes import ROOT, Process

NOTE = mido.Message("note_on", note=60, velocity=90)
PATIENCE_SECONDS = 60.0
"""Link looks for others, and measures their clocks, at its leisure; a busy machine makes it worse."""
METRES = [Metre(4, 4), Metre(3, 4), Metre(7, 8), Metre(12, 8)]


Happening = tuple[float, Callable[[float], object]]
"""When, and what is done then; it is told the instant."""


@dataclass
class Band:
    """A session on virtual time. What its others do is done to it; what we do to it is in `said` too."""

    tempo: float = 120.0
    peers: int = 1
    playing: bool | None = None
    playing_seconds: float = 0.0
    anchor_seconds: float = 0.0
    anchor_beats: float = 0.0
    said: list[str] = field(default_factory=list)
    score: list[Happening] = field(default_factory=list)
    """What its others are going to do."""

    def beats_at(self, seconds: float) -> float:
        return self.anchor_beats + (seconds - self.anchor_seconds) * self.tempo / 60

    def turn(self, tempo: float, seconds: float) -> None:
        """Somebody turns the tempo."""
        self.anchor_beats, self.anchor_seconds = self.beats_at(seconds), seconds
        self.tempo = tempo

    def start(self, playing: bool, seconds: float) -> None:
        """Somebody starts or stops."""
        self.playing, self.playing_seconds = playing, seconds

    def shift(self, beats: float) -> None:
        """All are in another place at once, as when two sessions meet."""
        self.anchor_beats += beats

    def look(self, seconds: float, bar_length_beats: float) -> State:
        while self.score and self.score[0][0] <= seconds:
            instant, what = self.score.pop(0)
            what(instant)
        beats = self.beats_at(seconds) % bar_length_beats
        return State(self.tempo, beats, self.peers, self.playing, self.playing_seconds)

    def set_tempo(self, tempo: float, seconds: float) -> None:
        self.said.append(f"tempo {tempo:g}")
        self.turn(tempo, seconds)

    def set_playing(self, playing: bool, seconds: float) -> None:
        self.said.append("start" if playing else "stop")
        self.start(playing, seconds)

    def begin_bar(self, seconds: float, bar_length_beats: float) -> None:
        self.said.append("bar")
        self.anchor_seconds, self.anchor_beats = seconds, 0.0

    def close(self) -> None:
        self.said.append("left")


def joined(band: Band, metre: Metre = DEFAULT_METRE, tempo: float = 120.0) -> Link:
    return Link(band, Transport(tempo, metre))


def play(link: Link, until_seconds: float, *happenings: Happening, from_seconds: float = 0.0) -> float:
    """Let time pass, as the engine does: whatever is due is done at its instant. Our position must never run
    backwards. Returns the last instant."""
    now, waiting = from_seconds, sorted(happenings, key=lambda happening: happening[0])
    while True:
        assert link.due_seconds is not None
        due = max(now, link.due_seconds)
        instant = min([due, until_seconds, *(seconds for seconds, _ in waiting[:1])])
        assert instant > now or instant in (from_seconds, until_seconds) or waiting, "it asks for now again"
        now = instant
        running, before = link.running, link.transport.position_at(now)
        if waiting and waiting[0][0] == now:
            waiting.pop(0)[1](now)
        elif now == until_seconds:
            return now
        else:
            link.advance(now)
        if running and link.running:
            assert link.transport.position_at(now) >= before - 1e-9


def strike(link: Link) -> Callable[[float], None]:
    return lambda seconds: link.played(NOTE, seconds)


def bar_lines(link: Link, from_seconds: float, count: int = 8) -> list[float]:
    """The instants of our next bar lines, as of now."""
    transport = link.transport
    bar = transport.bar_of(int(transport.position_at(from_seconds) + 0.99))
    return [transport.seconds_at(transport.bar_line(bar + n)) for n in range(1, count + 1)]


def off_beats(band: Band, link: Link, seconds: Iterable[float]) -> float:
    """How far from a bar line of the band's the worst of these instants is."""
    length = link.transport.metre.steps_per_bar / 4
    passed = [band.beats_at(instant) % length for instant in seconds]
    return max(min(beats, length - beats) for beats in passed)


@pytest.mark.parametrize("metre", METRES, ids=str)
@pytest.mark.parametrize("tempo", [63.0, 97.0, 171.3])
def test_our_bar_lines_are_the_bands(metre: Metre, tempo: float) -> None:
    band = Band(tempo, anchor_beats=1.37)
    link = joined(band, metre)
    now = play(link, 10.0, (3.1, strike(link)))
    assert link.running
    assert link.transport.tempo == tempo
    assert off_beats(band, link, bar_lines(link, now)) < 1e-9


def test_the_first_note_falls_where_it_does_in_the_bands_bar() -> None:
    band = Band(120.0)  # its bars begin every 2 s
    link = joined(band, tempo=90.0)
    play(link, 5.0)
    assert not link.running
    assert link.transport.tempo == 120.0  # the player sees what to play to
    play(link, 5.5, (5.5, strike(link)), from_seconds=5.0)
    assert link.running
    assert link.transport.position_at(5.5) == pytest.approx(12.0)  # on the fourth beat of bar 1
    assert link.transport.bar_of(12) == 0
    assert band.said == []


@pytest.mark.parametrize("early_seconds", [0.0, 0.0004])
def test_a_first_note_with_the_band_on_the_bar_line_begins_on_it(early_seconds: float) -> None:
    link = joined(Band(97.3))
    line = 3 * 4 * 60 / 97.3
    play(link, line - early_seconds, (line - early_seconds, strike(link)))
    assert link.transport.position_at(line) == pytest.approx(0.0, abs=0.003)
    assert link.transport.position_at(line - early_seconds) >= 0.0


def test_alone_the_first_note_is_beat_one_and_whoever_comes_finds_it_so() -> None:
    band = Band(90.0, peers=0, anchor_beats=2.7)
    link = joined(band, tempo=90.0)
    now = play(link, 4.0, (3.3, strike(link)))
    assert link.transport.position_at(3.3) == 0.0
    assert link.name == "Link, alone"
    assert band.said == ["bar", "start"]
    assert off_beats(band, link, [3.3, *bar_lines(link, now)]) < 1e-9


@pytest.mark.parametrize("message", [NOTE.copy(velocity=0), mido.Message("control_change", control=64)])
def test_only_a_note_that_is_struck_begins(message: mido.Message) -> None:
    link = joined(Band())
    play(link, 2.0, (1.0, lambda seconds: link.played(message, seconds)))
    assert not link.running


def test_joining_changes_nothing_for_the_band() -> None:
    band = Band(97.0, playing=True)
    play(joined(band, tempo=120.0), 30.0)
    assert band.said == []


def test_while_nothing_changes_the_grid_stays_as_it_is() -> None:
    band = Band(97.0, playing=True)
    link = joined(band)
    play(link, 5.0)
    transport = link.transport
    play(link, 300.0, from_seconds=5.0)
    assert link.transport is transport


def test_it_looks_fifty_times_a_second() -> None:
    link = joined(Band())
    link.advance(7.0)
    assert link.due_seconds == 7.0 + LOOK_SECONDS


@pytest.mark.parametrize("faster", [97.5, 140.0, 240.0])
def test_a_faster_tempo_is_followed_in_the_same_bar(faster: float) -> None:
    band = Band(97.0, playing=True)
    link = joined(band)
    play(link, 10.013, (10.013, lambda seconds: band.turn(faster, seconds)))
    assert link.transport.downbeat_step == 0
    play(link, 10.05, from_seconds=10.013)  # one look later
    assert (link.transport.tempo, link.transport.downbeat_step) == (faster, 0)
    assert off_beats(band, link, bar_lines(link, 10.05)) / faster * 60 < SLACK_SECONDS


@pytest.mark.parametrize("slower", [96.5, 60.0, 25.0])
def test_a_slower_tempo_is_followed_and_no_step_is_played_twice(slower: float) -> None:
    """We were too fast for a moment, and go even slower until the band is with us again."""
    band = Band(97.0, playing=True)
    link = joined(band)
    play(link, 10.013, (10.013, lambda seconds: band.turn(slower, seconds)))
    play(link, 10.05, from_seconds=10.013)
    assert slower * 3 / 4 <= link.transport.tempo <= slower
    now = play(link, 30.0, from_seconds=10.05)
    assert (link.transport.tempo, link.transport.downbeat_step) == (slower, 0)
    assert off_beats(band, link, bar_lines(link, now)) / slower * 60 < SLACK_SECONDS


@pytest.mark.parametrize("beats", [0.25, 1.0, 0.999999, 1.6, 3.0, 3.5, -1.3])
@pytest.mark.parametrize("metre", METRES, ids=str)
def test_a_band_that_jumps_moves_the_bar_lines_and_we_go_on_with_the_next_step(
    beats: float, metre: Metre
) -> None:
    band = Band(120.0, playing=True)
    link = joined(band, metre)
    now = play(link, 9.99)
    before = link.transport.position_at(now)
    band.shift(beats)
    now = play(link, 10.05, from_seconds=now)
    passed = (10.05 - 9.99) / link.transport.seconds_per_step
    skipped = link.transport.position_at(now) - before - passed
    assert skipped == pytest.approx(0.0 if beats == 0.999999 else 4 * beats % 1, abs=1e-6)
    assert link.transport.tempo == 120.0
    assert off_beats(band, link, bar_lines(link, now)) < 2e-6


def test_what_no_ear_hears_is_left_and_what_adds_up_is_mended() -> None:
    """The band's clock is one in ten thousand slower than ours."""
    band = Band(120.0 * 0.9999, playing=True)
    link = joined(band)
    slow = band.look
    band.look = lambda *at: replace(slow(*at), tempo=120.0)  # type: ignore[method-assign]
    grids = set()
    for second in range(100):
        now = play(link, second + 1.0, from_seconds=float(second))
        grids.add(link.transport)
        behind_steps = link.transport.position_at(now) - band.beats_at(now) * 4
        assert 0 <= behind_steps * link.transport.seconds_per_step < SLACK_SECONDS + 1e-5
    assert link.transport.downbeat_step == 0
    assert 5 < len(grids) < 50


def test_the_bands_start_begins_on_its_next_bar_line() -> None:
    band = Band(120.0, playing=False, anchor_beats=0.02)
    link = joined(band)
    play(link, 5.0, (3.0, strike(link)))
    assert not link.running  # while the band stands, playing is practising
    play(link, 5.989, (5.3, lambda seconds: band.start(True, seconds)), from_seconds=5.0)
    assert not link.running
    play(link, 5.991, from_seconds=5.989)
    assert link.running
    assert link.transport.anchor_seconds == pytest.approx(5.99)
    assert link.transport.position_at(5.99) == pytest.approx(0.0, abs=1e-9)


def test_a_start_meant_for_a_bar_line_is_taken_for_that_one() -> None:
    band = Band(120.0, playing=False)
    link = joined(band)
    play(link, 6.03, (5.4, lambda _: band.start(True, 6.000004)))
    assert link.running
    assert link.transport.anchor_seconds == pytest.approx(6.0)


def test_a_band_that_plays_is_joined_at_once() -> None:
    link = joined(Band(120.0, playing=True, playing_seconds=-60.0))
    link.advance(0.5)
    assert link.running
    assert link.transport.position_at(0.5) == pytest.approx(4.0)


def test_stop_and_start_go_on_with_the_next_step_on_a_bar_line() -> None:
    band = Band(120.0, playing=True)
    link = joined(band)
    play(link, 9.0, (8.33, lambda seconds: band.start(False, seconds)))
    assert not link.running
    reached = 8.33 / 0.125
    now = play(link, 14.5, (13.0, lambda seconds: band.start(True, seconds)), from_seconds=9.0)
    assert link.running
    begun = link.transport.position_at(14.0)
    assert reached < begun < reached + 2
    assert begun == pytest.approx(link.transport.downbeat_step)
    assert off_beats(band, link, bar_lines(link, now)) < 1e-9


def test_a_stop_meant_for_later_is_later() -> None:
    band = Band(120.0, playing=True)
    link = joined(band)
    play(link, 7.9, (6.1, lambda _: band.start(False, 8.0)))
    assert link.running
    play(link, 8.1, from_seconds=7.9)
    assert not link.running


def test_a_band_that_begins_to_use_stop_stops_us() -> None:
    band = Band()
    link = joined(band)
    play(link, 5.0, (1.0, strike(link)), (4.0, lambda seconds: band.start(False, seconds)))
    assert not link.running


def test_when_all_have_left_we_go_on() -> None:
    band = Band(97.0, playing=True, peers=2)
    link = joined(band)
    play(link, 10.0)
    assert link.name == "Link, 2 peers"
    band.peers = 1
    play(link, 11.0, from_seconds=10.0)
    assert link.name == "Link, 1 peer"
    transport, band.peers = link.transport, 0
    play(link, 20.0, from_seconds=11.0)
    assert link.name == "Link, alone"
    assert link.running
    assert link.transport is transport


def test_when_they_have_left_standing_the_players_note_begins() -> None:
    band = Band(97.0, playing=False)
    link = joined(band)
    play(link, 5.0, (3.0, lambda _: setattr(band, "peers", 0)), (4.0, strike(link)))
    assert link.running
    assert band.said == ["bar", "start"]
    assert link.transport.position_at(4.0) == 0.0


def test_our_tempo_is_the_bands() -> None:
    band = Band(97.0, playing=True)
    link = joined(band)
    now = play(link, 10.0, (7.7, lambda seconds: link.set_tempo(133.0, seconds)))
    assert band.said == ["tempo 133"]
    assert link.transport.tempo == band.tempo == 133.0
    assert off_beats(band, link, bar_lines(link, now)) < 1e-9


def test_four_taps_are_the_bands_tempo() -> None:
    band = Band(97.0, playing=True)
    link = joined(band)
    play(link, 10.0, *[(7.0 + 0.5 * tap, link.tap) for tap in range(4)])
    assert band.said == ["tempo 120"]
    assert link.transport.tempo == pytest.approx(120.0)


def test_a_tempo_that_nobody_could_mean_is_not_asked_of_the_band() -> None:
    band = Band()
    joined(band).set_tempo(1000.0, 1.0)
    assert band.tempo == FASTEST_TEMPO


def test_our_stop_and_start_are_the_bands() -> None:
    band = Band(120.0)
    link = joined(band)
    play(link, 5.0, (1.0, strike(link)), (5.0, lambda seconds: link.set_playing(False, seconds)))
    assert not link.running
    play(link, 9.0, (7.0, lambda seconds: link.set_playing(True, seconds)), from_seconds=5.0)
    assert link.running
    assert link.transport.anchor_seconds == pytest.approx(8.0)
    assert band.said == ["stop", "start"]


def test_closing_leaves() -> None:
    band = Band()
    joined(band).close()
    assert band.said == ["left"]


def test_answers_begin_on_the_bands_bar_lines_through_new_tempos_and_a_stop() -> None:
    def band() -> Band:
        band = Band(97.0, anchor_beats=1.3)
        faster = (15.0, lambda seconds: band.turn(140.0, seconds))
        slower = (24.0, lambda seconds: band.turn(70.0, seconds))
        stop = (31.0, lambda seconds: band.start(False, seconds))
        start = (35.0, lambda seconds: band.start(True, seconds))
        band.score = [faster, slower, stop, start]
        return band

    calls = [2.0, 7.0, 12.0, 17.0, 21.0, 25.0, 33.0, 41.0, 47.0]  # at 33 s the band stands
    script = [note(seconds, 60, seconds + 0.2) for seconds in calls]
    played = jam(script, 55.0, Pad(), sync=joined(band()))
    begun, again = [seconds for seconds, what, _ in played.notes if what == "on"], band()
    assert len(begun) == len(calls) - 1
    for seconds in begun:
        state = again.look(seconds + 0.002, 4.0)
        assert 0 < state.bar_beats * 60 / state.tempo < 0.004
    # and the session's file has them: one other bar line, on which it went on after the stop
    ((line, metre),) = played.notebook.metres
    assert metre == DEFAULT_METRE
    transport = played.engine.snapshot
    assert (4 * line - transport.downbeat_step) % 16 == 0


tempos = st.floats(20.0, 400.0)
doings = st.one_of(
    st.tuples(st.just("turn"), tempos),
    st.tuples(st.just("ours"), tempos),
    st.tuples(st.just("shift"), st.floats(-8.0, 8.0)),
    st.tuples(st.just("start"), st.booleans()),
    st.tuples(st.just("peers"), st.integers(0, 2)),
    st.tuples(st.just("strike"), st.none()),
    st.tuples(st.just("late"), st.floats(0.0, 2.0)),  # the engine is held up
)


@given(st.sampled_from(METRES), tempos, st.lists(st.tuples(st.floats(0.0, 3.0), doings), max_size=12))
def test_whatever_the_band_does_we_go_forward_and_end_up_with_it(
    metre: Metre, tempo: float, doing: list[tuple[float, tuple[str, float]]]
) -> None:
    band, now = Band(tempo), 0.0
    link = joined(band, metre)
    for gap_seconds, (what, value) in doing:
        now = play(link, now + gap_seconds, from_seconds=now)  # which asserts that we go forward
        match what:
            case "turn":
                band.turn(value, now)
            case "ours":
                running, before = link.running, link.transport.position_at(now)
                link.set_tempo(value, now)
                assert not running or link.transport.position_at(now) >= before - 1e-9
            case "shift":
                band.shift(value)
            case "start":
                band.start(bool(value), now)
            case "peers":
                band.peers = int(value)
            case "strike":
                link.played(NOTE, now)
            case "late":
                now += value
    stood, position = not link.running, link.transport.position_at(now)
    now = play(link, now + 30.0, from_seconds=now)
    assert link.transport.tempo == band.tempo
    assert link.running or band.playing is not True
    if link.running:
        assert stood or link.transport.position_at(now) > position
        assert off_beats(band, link, bar_lines(link, now)) * 60 / band.tempo < SLACK_SECONDS + 1e-6


# With another Link in another process.


class Peer(Process):
    """The test's end of it. `seen` is what it saw of the session, the latest last."""

    ends_with_stdin = True

    def __init__(self, tempo: float) -> None:
        self.seen: list[dict[str, Any]] = []
        self.told: list[tuple[float, float]] = []
        super().__init__([sys.executable, ROOT / "tests" / "kit" / "link_peer.py", str(tempo)])
        self.wait_for_line('{"ready"', PATIENCE_SECONDS)

    def hear(self, line: str) -> None:
        said = json.loads(line)
        if "seconds" in said:
            self.told.append((said["seconds"], said["bar_beats"]))
        elif "tempo" in said:
            self.seen.append(said)

    def do(self, **what: float) -> None:
        self.write(json.dumps(what))

    def bar_beats(self, bar_length_beats: float) -> tuple[float, float]:
        """An instant about now, in seconds of the monotonic clock, and how much of its bar is over then."""
        count = len(self.told)
        self.do(tell=bar_length_beats)
        return self.wait_for(lambda: self.told[count:], PATIENCE_SECONDS, "where its bar is")[0]


@contextmanager
def session(tempo: float) -> Iterator[Peer]:
    """A session with one peer in it, and no other test run on this machine: all would be in the same one."""
    with (Path(tempfile.gettempdir()) / f"jamd-test-link-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Peer(tempo) as peer:
            if peer.seen[-1]["peers"]:  # somebody plays, and would hear the tempo that a test sets
                pytest.skip("there is a Link session on this network already; it is left in peace")
            yield peer


def wait_until(link: Link, come: Callable[[], bool], what: str) -> None:
    """Follow the session as the engine does until something has come."""
    clock, inbox, patience = SystemClock(), Inbox(), time.monotonic() + PATIENCE_SECONDS
    while not come():
        if time.monotonic() > patience:
            pytest.fail(f"{what} did not come within {PATIENCE_SECONDS:g} s; {link.name}, {link.transport}")
        clock.wait(inbox, link.due_seconds)
        link.advance(clock.now())


def off_seconds(link: Link, peer: Peer) -> float:
    """How far our bar lines are from the peer's."""
    transport = link.transport
    length = transport.metre.steps_per_bar / 4
    seconds, bar_beats = peer.bar_beats(length)
    ours = (transport.beats_at(seconds) - transport.downbeat_step / 4) % length
    off = abs(ours - bar_beats)
    return min(off, length - off) * 60 / transport.tempo


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Somebody who is in a session at 97 already."""
    with session(97.0) as peer:
        yield peer


def test_a_real_session_is_joined_followed_and_left_behind(peer: Peer) -> None:
    with closing(Link(join(120.0), Transport(120.0, Metre(7, 8)))) as link:
        wait_until(link, lambda: link.name == "Link, 1 peer", "the peer")
        assert not link.running
        wait_until(link, lambda: round(link.transport.tempo, 3) == 97, "its tempo")
        link.played(NOTE, time.monotonic())
        assert link.running
        wait_until(link, lambda: off_seconds(link, peer) < 0.005, "its bar lines")
        assert {saw["tempo"] for saw in peer.seen} == {97.0}  # nothing changed for those who were there

        position = link.transport.position_at(time.monotonic())
        peer.do(tempo=140.0)
        wait_until(link, lambda: round(link.transport.tempo, 3) == 140, "the new tempo")
        wait_until(link, lambda: off_seconds(link, peer) < 0.005, "its bar lines")
        assert link.transport.position_at(time.monotonic()) > position

        link.set_tempo(88.0, time.monotonic())
        wait_until(link, lambda: round(peer.seen[-1]["tempo"], 3) == 88, "our tempo at the peer's")
        wait_until(link, lambda: off_seconds(link, peer) < 0.005, "its bar lines")

        peer.do(playing=True)
        wait_until(link, lambda: peer.seen[-1]["playing"], "the start")
        assert link.running
        peer.do(playing=False)
        wait_until(link, lambda: not link.running, "the stop")
        peer.do(playing=True)
        wait_until(link, lambda: link.running, "the start")
        wait_until(link, lambda: off_seconds(link, peer) < 0.005, "its bar lines")
        position = link.transport.position_at(time.monotonic())

        link.set_playing(False, time.monotonic())
        wait_until(link, lambda: not peer.seen[-1]["playing"], "our stop at the peer's")
        link.set_playing(True, time.monotonic())
        wait_until(link, lambda: peer.seen[-1]["playing"] and link.running, "our start")

        peer.stop()
        wait_until(link, lambda: link.name == "Link, alone", "its leaving")
        assert link.running
        assert round(link.transport.tempo, 3) == 88
        assert link.transport.position_at(time.monotonic()) > position


def test_those_who_stay_are_told_that_we_leave(peer: Peer) -> None:
    link = Link(join(120.0), Transport(120.0, DEFAULT_METRE))
    wait_until(link, lambda: link.name == "Link, 1 peer" and peer.seen[-1]["peers"] == 1, "the peer")
    link.close()
    peer.wait_for(lambda: peer.seen[-1]["peers"] == 0, PATIENCE_SECONDS, "our leaving")
    assert {saw["tempo"] for saw in peer.seen} == {97.0}


def test_alone_our_tempo_is_the_sessions_and_our_first_note_its_bar_line() -> None:
    with session(97.0) as alone:
        alone.stop()  # it has made sure that nobody is there
        with closing(Link(join(133.0), Transport(133.0, Metre(3, 4)))) as link:
            began = time.monotonic()
            wait_until(link, lambda: time.monotonic() > began + 1.0, "some time")
            struck = time.monotonic()
            link.played(NOTE, struck)
            assert abs(link.transport.position_at(struck)) < 1e-3
            with Peer(97.0) as peer:
                wait_until(
                    link, lambda: peer.seen[-1]["tempo"] == pytest.approx(133.0, abs=1e-3), "our tempo"
                )
                wait_until(link, lambda: off_seconds(link, peer) < 0.005, "our bar lines")
            assert link.transport.downbeat_step == 0
            assert link.transport.position_at(struck) == pytest.approx(0.0, abs=0.1)
