"""The first minute: what is plugged in is taken, jam sounds, and two jamds play with each other."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jamd.sessions import sessions
from jamd.smf import midifile
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player, sounding
from tests.system.test_ending import long_chords

pytestmark = pytest.mark.jack

ONE_BAR = ("--tempo", "240", "--bars", "1", "--answer-bars", "1", "--seed", "7")
Start = Callable[..., Jamd]


def bar(root: int) -> list[tuple[float, list[int]]]:
    """A bar of a second, in quarter notes."""
    pitches = (root, root + 4, root + 7, root + 4)
    return [
        event
        for beat, pitch in enumerate(pitches)
        for event in ((beat * 0.25, [0x90, pitch, 90]), (beat * 0.25 + 0.2, [0x80, pitch, 0]))
    ]


def test_the_keyboard_and_the_synth_that_are_there_are_taken_and_played(player: Player, jamd: Start) -> None:
    playing = jamd(*ONE_BAR)
    title = f"{KEYS}:{KEYS} -> jamd -> {SYNTH}:{SYNTH} (jack, default)"
    assert playing.stdout[:2] == [
        f"taken: {KEYS}:{KEYS}, and to sound {SYNTH}:{SYNTH}; there are no others\n",
        f"listening on {title}; 240 BPM, 4/4; Ctrl-C ends the session\n",
    ]
    start = player.play(bar(60))
    assert player.wait_for_strike(start + 0.9).seconds - start < 1.2


def test_of_two_keyboards_the_player_is_to_say_which(player: Player, jack: str, tmp_path: Path) -> None:
    with Player("other-keys", "other-ear") as _, Jamd(tmp_path, "--backend", "jack", *ONE_BAR) as refused:
        ended = refused.wait(20)
    assert (ended.status, ended.stdout) == (2, "")
    *listed, line = ended.stderr.splitlines()
    assert sorted(listed) == sorted(
        f'  --{way} "{name}"'
        for way, name in (("in ", KEYS), ("in ", "other-keys"), ("out", SYNTH), ("out", "other-ear"))
    )
    told = f"jamd listen --backend jack {' '.join(ONE_BAR)} --record"
    assert f"there are several to choose from; say which, like: {told}" in line


def test_jam_sounds_on_the_synth_that_is_there(player: Player, tmp_path: Path) -> None:
    with Jamd(tmp_path, "-o", str(tmp_path / "jam.mid"), command="jam") as jam:
        jam.wait_for_line(f"sounding on {SYNTH}:{SYNTH}", 20)
        player.wait_for_strike(0.0, 20)
        jam.signal(signal.SIGINT)
        jam.wait(60)
        player.listen_until(time.monotonic())
    assert all(count < 0 for count in sounding(player.heard).values())


def test_jam_brings_its_own_synth_where_there_is_none(jack: str, tmp_path: Path) -> None:
    with Jamd(tmp_path, "-o", str(tmp_path / "jam.mid"), command="jam") as jam:
        jam.wait_for_line("sounding on jamd synth:midi_00", 20)
        jam.wait_for_line("jamming:", 20)
        jam.signal(signal.SIGINT)
        jam.wait(60)


@pytest.mark.parametrize(
    ("options", "path", "line"),
    [
        ((), "/none", "no sound while it plays: fluidsynth is missing: "),
        (("--no-sound",), "", ""),
    ],
)
def test_jam_plays_without_a_sound(
    jack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], path: str, line: str
) -> None:
    if path:
        monkeypatch.setenv("PATH", path)
    with Jamd(tmp_path, "-o", str(tmp_path / "jam.mid"), *options, command="jam") as jam:
        jam.wait_for_line("jamming:", 20)
        jam.signal(signal.SIGINT)
        said = jam.wait(60).stdout.splitlines()
    about_sound = [each for each in said if each.startswith(("no sound", "sounding"))]
    assert len(about_sound) == bool(line)
    assert not line or about_sound[0].startswith(line)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), f"taken: {SYNTH}:{SYNTH}; there is no other"),
        (("--synth",), "playing evening.mid to jamd synth:midi_00"),
        (("--virtual",), "playing evening.mid to jamd out"),
    ],
)
def test_a_session_is_played_on_what_is_there(
    player: Player, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    folder = tmp_path / "data" / "jamd" / "sessions"
    folder.mkdir(parents=True)
    long_chords(folder / "evening.mid")
    with Jamd(tmp_path, "play", "evening", "--backend", "jack", *options, command="sessions") as playing:
        playing.wait_for_line(said, 20)
        if not options:
            player.wait_for_strike(0.0, 20)
        playing.signal(signal.SIGINT)
        assert playing.wait().status == 130


def test_two_jamds_of_two_names_answer_each_other(jack: str, tmp_path: Path) -> None:
    """The call goes to Ann, her answer to Bob, and his back to her."""
    homes = {name: tmp_path / name for name in ("ann", "bob")}
    for home in homes.values():
        home.mkdir()
    free = ("--backend", "jack", *ONE_BAR, "--feel", "0")
    with Jamd(homes["ann"], *free, "--virtual", "--name", "ann") as ann:
        ann.wait_until_listening()
        crossed = ("--in", "ann out", "--out", "ann in")
        with Jamd(homes["bob"], *free, *crossed, "--name", "bob") as bob:
            bob.wait_until_listening()
            assert any("ann:ann out -> jamd -> ann" in line for line in bob.stdout)
            with Jamd(homes["bob"], *free, *crossed, "--name", "eve", named=False) as eve:
                refused = eve.wait(20)
            assert refused.status == 1
            assert f"has a jamd already, process {bob.popen.pid};" in refused.stderr
            with Player("ann in", "ann out", "--join") as player:
                start = player.play(bar(60))
                player.listen_until(start + 6.0)
            for each in (bob, ann):
                each.signal(signal.SIGTERM)
                assert each.wait().status == 0
    heard = {name: pitches_of(home / "session.mid", "player") for name, home in homes.items()}
    played = {name: pitches_of(home / "session.mid", "jamd") for name, home in homes.items()}
    assert heard["ann"][:4] == [60, 64, 67, 64]
    assert played["ann"]
    assert played["bob"]
    assert set(played["ann"][:3]) <= set(heard["bob"])  # her answer was his call
    assert set(played["bob"][:3]) <= set(heard["ann"][4:])  # and his was hers


def pitches_of(path: Path, part: str) -> list[int]:
    """What one of a session's parts struck, in order."""
    return [note.pitch for note in sessions.notes_of(midifile.read(path), part)]
