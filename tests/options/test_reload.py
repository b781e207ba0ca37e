"""The config file is read again while the music plays; and a terminal that closes still ends the session."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mido
import pytest

from jamd.controls.bindings import Bindings
from jamd.controls.controls import Control
from jamd.engine.desk import Desk
from jamd.engine.events import Event
from jamd.engine.preset import Preset, Reloaded, merged
from jamd.engine.rig import Rig
from jamd.engine.turns import Form, Mode
from jamd.errors import UsageError
from jamd.mind.settings import Settings, Wishes
from jamd.models.sampling import Knobs
from jamd.options import reload
from jamd.options.commands import load
from jamd.options.reload import Reloader, reads_again
from jamd.options.session import check
from tests.engine.test_desk import BOUND, Turning, moved, pressed
from tests.kit.fakes import Heard, RecordingPort, jam, note
from tests.kit.processes import Process
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player, sounding

PORTS = ("--in", KEYS, "--out", SYNTH, "--seed", "7")
BAR = 1.0
PHRASE = [
    (0.25 * beat + after, (status, 60 + 4 * (beat % 2), 90))
    for beat in range(4)
    for after, status in ((0.0, 0x90), (0.2, 0x80))
]
"""A bar at 240 BPM."""
SAVE = 2
"""The key that in these tests has the config read: its action is one that a test can make its own."""

BEFORE = Preset(Settings(), Form(1, 1), 1.0, 120.0, BOUND)


def played_on(
    after: Preset,
    reload_seconds: float,
    script: list[list[object]],
    end_seconds: float,
    pad: Turning | None = None,
    lights: list[mido.Message] | None = None,
) -> tuple[Heard, RecordingPort]:
    """What is played and by whom when the config is read again at this second and says `after`."""
    port = RecordingPort()

    def post(_beats: float) -> None:
        assert port.engine is not None
        port.engine.inbox.put(Reloaded(BEFORE, after))

    desk = Desk(Settings(), Bindings(BOUND), None if lights is None else lights.append, post)
    played = jam(
        [*script, pressed(reload_seconds, SAVE)],  # type: ignore[list-item]
        end_seconds,
        pad or Turning(),
        port=port,
        rig=Rig(desk=desk),
    )
    return [event for event in played.notes if event[1] == "on"], port


CALL = note(1.0, 60, 1.4)
"""At 120 BPM a bar lasts two seconds; the answer to this one begins at 3.0."""


def test_two_bars_in_the_place_of_one_put_the_answer_off_by_a_bar() -> None:
    after = replace(BEFORE, form=Form(2, 1))
    assert played_on(BEFORE, 0.5, [CALL], 6.0)[0] == [(3.0, "on", 60)]
    assert played_on(after, 0.5, [CALL], 6.0)[0] == [(5.0, "on", 60)]


def test_another_tempo_holds_from_that_instant_on() -> None:
    """At 1.5 s one beat is over; the three that are left take twice as long."""
    heard, _ = played_on(replace(BEFORE, tempo=60.0), 1.5, [CALL], 6.0)
    assert heard == [(4.5, "on", 60)]


def test_the_next_answer_is_written_as_the_file_has_it() -> None:
    pad = Turning()
    settings = Settings(Knobs(temperature=0.4), Wishes(register=12.0), echo=0.5)
    _, port = played_on(replace(BEFORE, settings=settings, feel=0.0), 1.5, [CALL], 4.0, pad)
    assert pad.settings == [settings]
    assert port.engine is not None
    shown = dict(port.engine.snapshot.knobs)
    assert (shown["temperature"], shown["register"], shown["feel"]) == (0.4, 12.0, 0.0)


def test_what_was_turned_by_hand_and_is_not_set_anew_stays_so() -> None:
    """Density goes to 4 by hand; the file only changes the register."""
    pad = Turning()
    after = replace(BEFORE, settings=replace(BEFORE.settings, wishes=Wishes(register=12.0)))
    played_on(after, 1.6, [CALL, moved(1.2, 21, 127)], 4.0, pad)
    assert pad.settings[-1].knobs.density == pytest.approx(4)
    assert pad.settings[-1].wishes.register == 12


def test_another_control_moves_the_knob_and_its_lights_show_how_all_stands() -> None:
    pad, lights = Turning(), []
    after = replace(BEFORE, bound={"density": (Control("cc", 70),)})
    script = [CALL, moved(1.8, 70, 127), moved(1.9, 21, 0)]
    played_on(after, 1.6, script, 4.0, pad, lights)
    assert [settings.knobs.density for settings in pad.settings[-1:]] == [pytest.approx(4)]
    assert [(m.control, m.value) for m in lights[-2:]] == [(70, 64), (70, 127)]


def test_another_mode_ends_what_jamd_plays() -> None:
    after = replace(BEFORE, form=Form(1, 1, mode=Mode.SOLO))
    _, port = played_on(after, 3.5, [CALL], 4.0)
    assert (3.5, "off", 60) in port.heard


def test_merging_changes_what_differs_and_nothing_else() -> None:
    now = Settings(Knobs(temperature=1.7), Wishes(candidates=4))
    after = Settings(Knobs(density=2.0), Wishes(candidates=8), echo=0.0)
    assert merged(now, Settings(), Settings()) == now
    assert merged(now, Settings(), after) == Settings(
        Knobs(temperature=1.7, density=2.0), Wishes(candidates=8), echo=0.0
    )


# What is read


class Session:
    """Listen's side of it: a config file, and what is posted when it is read again."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path, self.posted = path, list[Event]()
        listen = load("listen")
        assert listen is not None
        self.reloader = Reloader(listen.make_context("listen", ["--config", str(path), *options]), check)

    def reread(self, text: str) -> tuple[Preset, Preset]:
        """The presets before and after the file is changed to say this."""
        self.path.write_text(text)
        self.reloader.read(self.posted.append)
        last = self.posted[-1]
        assert isinstance(last, Reloaded)
        return last.before, last.after


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., Session]:
    def begin(text: str, *options: str) -> Session:
        path = tmp_path / "gig.toml"
        path.write_text(text)
        return Session(path, *options)

    return begin


def test_what_the_file_says_now_goes_to_the_engine(session: Callable[..., Session]) -> None:
    before, after = session("[listen]\ntempo = 96\n").reread(
        '[listen]\ntempo = 104\ntemperature = 0.5\nbars = 4\nmode = "duet"\nfeel = 0\nkey = "C"\n'
        'candidates = 2\n[bind]\necho = "cc 21"\n'
    )
    assert (before.tempo, after.tempo) == (96, 104)
    assert (before.settings.knobs.temperature, after.settings.knobs.temperature) == (1.0, 0.5)
    assert (after.form, before.form) == (Form(4, 2, mode=Mode.DUET), Form(2, 2))
    assert (after.feel, after.settings.wishes.scale) == (0, frozenset({0, 2, 4, 5, 7, 9, 11}))
    assert after.settings.wishes.candidates == 2
    assert (before.bound, after.bound) == ({}, {"echo": (Control("cc", 21),)})


def test_what_is_no_more_in_the_file_is_as_by_default(session: Callable[..., Session]) -> None:
    before, after = session("[listen]\ntemperature = 0.5\n").reread("")
    assert (before.settings.knobs.temperature, after.settings.knobs.temperature) == (0.5, 1.0)


def test_the_command_line_and_the_environment_still_go_before_the_file(
    session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAMD_LISTEN_ECHO", "0.3")
    playing = session("", "--temperature", "0.7")
    before, after = playing.reread("[listen]\ntemperature = 0.5\necho = 2\ndensity = 2\n")
    assert after.settings == replace(before.settings, knobs=replace(before.settings.knobs, density=2.0))


def test_each_reading_is_compared_with_the_one_before(session: Callable[..., Session]) -> None:
    playing = session("[listen]\nfeel = 1\n")
    playing.reread("[listen]\nfeel = 0.5\n")
    before, after = playing.reread("[listen]\nfeel = 0.2\n")
    assert (before.feel, after.feel) == (0.5, 0.2)


def test_what_takes_a_restart_is_named_until_it_is_as_it_was(
    session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    playing = session('[listen]\nin = "Keys"\ntempo = "auto"\n')
    _, after = playing.reread('[listen]\nin = "Pads"\ntempo = 96\nout-channel = 3\necho = 0\n')
    assert after.tempo is None
    assert [record.getMessage() for record in caplog.records] == [
        "to be changed by a restart only: in, tempo, out-channel"
    ]
    caplog.clear()
    playing.reread('[listen]\nin = "Keys"\ntempo = "auto"\n')
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[listen]\nfeel = 0\ntemprature = 1\n", "gig.toml line 3: no option 'temprature' of listen"),
        ("[listen]\nfeel = 0\nbars = 0\n", "gig.toml line 3: bars: 0 is not in the range"),
        ("[listen]\nfeel = 0\n[bind]\nfeel = 'knob'\n", "gig.toml line 4: feel: 'knob' is no control"),
        ("[listen\n", "gig.toml line 1 is not TOML"),
        ("[listen]\nbars = 'open'\n", "--bars open ends by nothing"),
        ("[listen]\nscale = 'blues'\n", "--scale blues needs its tonic"),
    ],
)
def test_a_mistake_changes_nothing(session: Callable[..., Session], text: str, said: str) -> None:
    playing = session("[listen]\nfeel = 1\n")
    with pytest.raises(UsageError, match=said):
        playing.reread(text)
    assert playing.posted == []
    before, after = playing.reread("[listen]\nfeel = 0.5\n")
    assert (before.feel, after.feel) == (1, 0.5)


def test_the_reader_outlives_a_mistake_and_says_it_in_one_line(
    session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    playing, posted = session("[listen]\nfeel = 1\n"), threading.Event()
    playing.path.write_text("[listen]\nfeel = 3\n")
    playing.reloader.ask()
    with playing.reloader.serving(lambda event: posted.set()):
        while not caplog.records:
            assert not posted.wait(0.01)
        playing.path.write_text("[listen]\nfeel = 0\n")
        playing.reloader.ask()
        assert posted.wait(20)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"nothing is changed: {playing.path} line 2: feel: 3.0 is not in")


def test_asked_a_thousand_times_the_file_is_read_a_few_times(session: Callable[..., Session]) -> None:
    playing, posted = session("[listen]\nfeel = 1\n"), list[Event]()
    done = threading.Event()
    for _ in range(1000):
        playing.reloader.ask()

    def post(event: Event) -> None:
        posted.append(event)
        done.set()

    with playing.reloader.serving(post):
        assert done.wait(20)
    assert len(posted) == 1


# What SIGHUP means


def test_a_hangup_that_is_ignored_is_a_wish_to_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So nohup leaves it; a program without a terminal cannot be hung up on at all."""
    monkeypatch.setattr(reload, "has_terminal", lambda: True)
    assert not reads_again()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert reads_again()
    finally:
        signal.signal(signal.SIGHUP, before)
    monkeypatch.setattr(reload, "has_terminal", lambda: False)
    assert reads_again()


@pytest.mark.jack
def test_a_hangup_without_a_terminal_has_the_config_read_again(player: Player, tmp_path: Path) -> None:
    """One bar each at first, then two; a mistake, which changes nothing; and SIGTERM ends it as ever."""
    path = tmp_path / "config" / "jamd" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[listen]\ntempo = 240\nbars = 1\nanswer-bars = 1\n")
    with Jamd(tmp_path, "--backend", "jack", *PORTS, before=["setsid"]) as playing:
        playing.wait_until_listening()
        path.write_text("[listen]\ntempo = 240\nbars = 2\nanswer-bars = 1\nout-channel = 2\n")
        playing.signal(signal.SIGHUP)
        playing.wait_for_line("jamd: to be changed by a restart only: out-channel", 20)
        assert f"{path} is read again\n" in playing.stdout
        path.write_text("[listen]\nbars = 0\n")
        playing.signal(signal.SIGHUP)
        playing.wait_for_line(f"jamd: nothing is changed: {path} line 2: bars: 0 is not in the range", 20)
        start = player.play(PHRASE)
        answer = player.wait_for_strike(after_seconds=start)
        assert start + 2 * BAR <= answer.seconds < start + 3 * BAR
        playing.signal(signal.SIGTERM)
        ended = playing.wait()
    assert ended.status == 0, ended.stderr
    player.listen_until(player.now() + 0.2)
    assert not sounding(player.heard)


IN_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.dup2(0, 1)
os.execv(sys.executable, [sys.executable, "-m", "jamd", *sys.argv[1:]])
"""


@pytest.mark.jack
@pytest.mark.parametrize("view", [[], ["--quiet"]])
def test_a_terminal_that_is_closed_ends_the_session_in_order(
    player: Player, tmp_path: Path, view: list[str]
) -> None:
    ours, theirs = pty.openpty()
    log = tmp_path / "jamd.log"
    options = ["--backend", "jack", *PORTS, "--tempo", "240", "--bars", "1", "--answer-bars", "1"]
    home = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("DATA", "CONFIG", "STATE")}
    program = [sys.executable, "-c", IN_A_TERMINAL, "listen", *options, *view, "--log", str(log)]
    # Process would give it pipes, so a shell gives it the terminal in their place.
    with Process(["sh", "-c", f'exec "$@" <>{os.ttyname(theirs)}', "sh", *program], home) as playing:
        closing = threading.Event()
        window = threading.Thread(target=show, args=(ours, closing))
        window.start()
        try:
            while not log.exists() or "INFO listening" not in log.read_text():
                assert playing.popen.poll() is None, playing.stderr
            os.close(theirs)  # until now there might have been nobody on that side
            start = player.play(PHRASE)
            player.wait_for_strike(after_seconds=start)
        finally:
            closing.set()
            window.join()
        ended = playing.wait(20)
    assert (ended.status, ended.stderr) == (0, "")
    player.listen_until(player.now() + 0.2)
    assert not sounding(player.heard)
    assert "INFO 1 turn," in log.read_text()


def show(handle: int, closing: threading.Event) -> None:
    """A terminal's window, until it is closed."""
    while not closing.is_set():
        if select.select([handle], [], [], 0.02)[0]:
            os.read(handle, 65536)
    os.close(handle)
