"""What was played in one evening is remembered in the next, for the player it belongs to."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.engine.rig import Rig
from jamd.errors import JamdError, UsageError
from jamd.models.features import Place
from jamd.models.key import InKey, shifts_to_c
from jamd.models.memory import book
from jamd.models.memory.evening import (
    Evening,
    Heard,
    evening_of,
    joined,
    last_of,
)
from jamd.models.memory.memory import Remembering, RememberingThought
from jamd.models.memory.past import MOST_PAST_STEPS, past_of
from jamd.models.memory.pointers import BARS
from jamd.models.opening import teach
from jamd.music.note import REST, Frame, Onset
from jamd.options.model import Playing
from jamd.sessions import profiles
from jamd.sessions.profile_writer import Tonight
from jamd.sessions.profiles import Kept
from tests.kit.fakes import Pad, jam, note
from tests.kit.processes import Process
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player
from tests.models.test_memory import Flat, attack, chances, melody, weights

LICK = (62, 69, 65, 74, 76, 73, 64, 72)
"""A note a step; the first four are the question, the rest is the answer to it."""
FRIDAY = datetime(2026, 11, 20, 20, 0)
STEP_SECONDS = 0.125
"""At 120 BPM."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of profiles, not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jamd" / "profiles"


def heard_of(frames: Sequence[Frame], own: bool = False) -> list[Heard]:
    """Steps of the player or of jamd, from a bar line on."""
    return [
        (REST if own else frame, frame if own else REST, Place(step % 16, 16))
        for step, frame in enumerate(frames)
    ]


def evening(*pitches: int) -> Evening:
    return evening_of(heard_of(melody(*pitches)))


def kept(music: Evening, day: int = 0, id: str = "") -> Kept:
    return Kept(id or f"day {day}", FRIDAY + timedelta(days=day), music)


def mind_after(*evenings: Evening) -> Remembering:
    """A mind whose network knows nothing."""
    mind = Remembering(Flat(), weights(vote=4.0))
    assert teach(mind, evenings)
    return mind


def after(mind: Remembering | InKey, frames: Sequence[Frame]) -> RememberingThought:
    thought = mind.start()
    for player, own, place in heard_of(frames):
        thought.hear([player], [own], [place])
    return thought  # type: ignore[return-value]


# The next evening


def test_a_lick_of_friday_is_known_on_saturday_by_its_first_notes() -> None:
    """On Friday it is played into the engine, and jamd ends; on Saturday its first four notes suffice."""
    script = [note(1 + n * STEP_SECONDS, pitch, 1 + (n + 0.9) * STEP_SECONDS) for n, pitch in enumerate(LICK)]
    with Tonight("anna", FRIDAY) as tonight:
        jam(script, 6.0, Pad(), rig=Rig(keep=tonight.hear))
    assert tonight.kept_steps > 16
    assert tonight.fault == ""

    evenings, said = profiles.load("anna")
    assert (len(evenings), said) == (1, "")
    question, answer = melody(*LICK[:4]), melody(*LICK[4:])
    saturday = after(mind_after(*(each.music for each in evenings)), question)
    stranger = after(mind_after(), question)
    for frame in answer:
        expected = attack(frame.onsets[0].pitch)
        assert chances(saturday)[expected] > 0.8 > 20 * chances(stranger)[expected]
        for thought in (saturday, stranger):
            thought.hear([frame], [REST], [Place(9, 16)])


def test_what_jamd_played_is_remembered_too() -> None:
    friday = evening_of(heard_of(melody(*LICK), own=True))
    assert chances(after(mind_after(friday), melody(*LICK[:4])))[attack(76)] > 0.8
    mine = after(mind_after(friday), [])
    for frame in melody(*LICK[:4]):
        mine.hear([REST], [frame], [Place(5, 16)])
    assert chances(mine, duet=True).argmax() == attack(76)


def test_in_another_key_it_goes_on_in_that_key() -> None:
    """The mind hears in C: Friday was in D major, Saturday in E flat."""
    scale = (62, 64, 66, 67, 69, 71, 73, 74)
    friday = [*scale * 4, 74, 66, 71, 69, 78, 76, 79]
    mind = InKey(Remembering(Flat(), weights(vote=4.0)))
    assert teach(mind, [evening(*friday)])
    thought = after(mind, melody(*(pitch + 1 for pitch in (*scale * 4, 74, 66, 71, 69))))
    assert chances(thought).argmax() == attack(79)
    assert (shifts_to_c(np.eye(12, dtype=np.float32)[[pitch % 12 for pitch in friday]]) == -2).all()


def test_the_past_is_known_as_if_it_had_been_heard() -> None:
    """The same contexts at the same steps; only the pointers of that evening are not there any more."""
    rng = np.random.default_rng(4)
    chord = Frame((Onset(64, 80), Onset(60, 80, -0.25)), frozenset({52}))
    music = [*melody(*rng.choice([0, 0, 60, 62, 64], 300).tolist()), chord, Frame((), frozenset({52, 60}))]
    heard = after(Remembering(Flat(), weights()), music)
    (course,), past = heard.known, past_of([evening_of(heard_of(music))], in_c=False)
    numbers = {number for number in course.places._numbers if number}
    for number in numbers:
        assert list(past.met(number, book.PLACES)) == course.places.met(number)
    assert set(past.numbers) == numbers
    assert past.attacks[: len(music)] == [course.attacks(step) for step in range(len(music))]
    assert (past.words[:, : len(music)] == heard.pages.words[:, 0, : len(music)]).all()


def test_an_evening_is_not_the_beginning_of_the_next() -> None:
    """The lick was the last of Friday, and Saturday began with C sharps: they did not come after it."""
    mind = mind_after(evening(*LICK), evening(*[61] * 16))
    thought = after(mind, melody(*LICK))
    assert chances(thought)[attack(61)] < 0.1
    for _ in range(5):
        thought.hear([REST], [REST], [Place(5, 16)])
    assert not [pointer for (course,) in [thought.known] for pointer in course.pointers]


def test_bars_and_turns_are_not_counted_back_into_the_past() -> None:
    thought = after(mind_after(evening(*LICK * 8)), [REST] * 16)
    (course,) = thought.known
    begun = thought.memory.past.stop
    assert [(pointer.kind, pointer.step) for pointer in course.pointers] == [(BARS, begun)]
    thought.begin()
    assert course.turns == [begun + 16]


def test_a_long_evening_forgets_of_itself_and_not_of_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_STEPS", 64)
    noise = melody(*np.random.default_rng(0).integers(40, 60, 300).tolist())
    thought = after(mind_after(evening(*LICK)), [*melody(80, 83, 81, 84, 90), *noise])
    assert thought.pages.words.shape[2] == 64
    assert len(thought.known[0].places._shapes) == 64
    for imagined in (thought, thought.fork([0]).fork([0])):
        for frame in melody(*LICK[:4]):
            imagined.hear([frame], [REST], [Place(5, 16)])
        assert chances(imagined).argmax() == attack(76)
    for frame in melody(80, 83, 81, 84):
        thought.hear([frame], [REST], [Place(5, 16)])
    assert chances(thought)[attack(90)] < 0.1


def test_what_was_played_tonight_goes_before_what_was_played_long_ago() -> None:
    friday = evening(*[*LICK[:4], 80, 0, 0] * book.PLACES)
    thought = after(mind_after(friday), melody(*[*LICK[:4], 85, 0, 0] * book.PLACES, *LICK[:4]))
    assert chances(thought)[attack(85)] > 2 * chances(thought)[attack(80)]


def test_the_past_is_doubted_until_it_was_right_for_long() -> None:
    """A vote of Friday's counts less than the same of tonight's, until nine attacks in a row were right."""
    song = [*LICK, 70, 63, 77, 68, 75, 66]

    def votes(played: int, past: bool) -> float:
        asked = [melody(*song), [REST] * 8, melody(*song[:played])]
        mind = mind_after(evening(*song)) if past else mind_after()
        thought = after(mind, asked[2] if past else [frame for part in asked for frame in part])
        chance = chances(thought)[attack(song[played])]
        return float(chance / (1 - chance))

    assert votes(5, past=True) == pytest.approx(np.exp(-2) * votes(5, past=False), rel=0.1)
    assert votes(10, past=True) == pytest.approx(votes(10, past=False), rel=0.1)


def test_a_model_that_takes_over_knows_the_evenings_as_well() -> None:
    playing = Playing(1.0, 0.98, 1.0, None, None, None, 1.0, 1, 1, "default", "cpu", 1.0, 1)
    for model in (None, "markov"):
        make = playing.improvisers(model, [evening(*LICK)])
        for improviser in (make(), make()):  # the second is for the time after a fault
            for step in heard_of(melody(*LICK[:4])):
                improviser.hear(*step)
            (course,) = improviser._thought._thought.known  # type: ignore[attr-defined]
            assert any(pointer.step < course.past.stop for pointer in course.pointers)


# The file


def test_an_evening_comes_back_as_it_was(folder: Path) -> None:
    own = Frame((Onset(72, 100, 0.25), Onset(48, 1, -0.5)), frozenset({60, 36}))
    music = evening_of([(Frame((Onset(127, 127),)), own, Place(11, 12)), (REST, REST, Place(0, 14))])
    profiles.keep("anna", kept(music))
    ((back,), said) = profiles.load("anna")
    assert (said, back.id, back.began) == ("", "day 0", FRIDAY)
    assert back.music.places.tolist() == [[11, 12], [0, 14]]
    assert back.music.step.tolist() == [0] * 5
    assert back.music.notes.tolist() == [[0, 127, 127], [1, 72, 100], [1, 48, 1], [1, 60, 0], [1, 36, 0]]
    assert back.music.offsets.tolist() == [0, 0.25, -0.5, 0, 0]


def test_only_the_player_may_read_it(folder: Path) -> None:
    profiles.keep("anna", kept(evening(*LICK)))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "anna.safetensors"]


def test_a_profile_keeps_the_latest_steps_in_whole_bars() -> None:
    for day in range(4):
        profiles.keep("anna", kept(evening(*[60 + day] * 48), day))
    evenings, _ = profiles.load("anna")
    bounded = profiles.bounded(evenings, most_steps=48 + 40)
    assert [(each.id, each.music.steps) for each in bounded] == [("day 2", 32), ("day 3", 48)]
    assert bounded[0].music.places[0].tolist() == [0, 16]
    assert len(bounded[0].music.notes) == 32
    long = joined(evening(*[60] * MOST_PAST_STEPS), evening(*LICK))
    profiles.keep("anna", kept(long, day=9))
    ((only,), _) = profiles.load("anna")
    assert MOST_PAST_STEPS - 16 <= only.music.steps <= MOST_PAST_STEPS
    assert only.music.notes[-8:, 1].tolist() == list(LICK)
    assert last_of(evening(*LICK), 3).steps == 3  # no bar begins in it


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign", "shape", "order"])
def test_a_damaged_profile_is_kept_aside_and_a_new_one_begins(folder: Path, damage: str) -> None:
    profiles.keep("anna", kept(evening(*LICK)))
    path = folder / "anna.safetensors"
    whole = path.read_bytes()
    if damage in ("shape", "order"):
        music = evening(*LICK)
        wrong = {"shape": {"notes": music.notes[:3]}, "order": {"step": music.step[::-1].copy()}}[damage]
        arrays = {name: wrong.get(name, getattr(music, name)) for name in Evening.__slots__}
        profiles._write(path, [kept(Evening(**arrays))])
        whole = path.read_bytes()
    foreign = b"\x08\0\0\0\0\0\0\0{}      "
    content = {"cut": whole[:-9], "empty": b"", "text": b"hello", "foreign": foreign}.get(damage, whole)
    path.write_bytes(content)
    assert "is not a whole profile" in profiles.listed()[0].fault
    assert path.read_bytes() == content  # to look does no harm
    evenings, said = profiles.load("anna")
    assert evenings == []
    assert said.count("\n") == 0
    assert said.startswith(f"{path} is not a whole profile (")
    assert said.endswith("it is kept as anna.safetensors.damaged, and profile 'anna' begins anew")
    path.write_bytes(content)
    assert profiles.keep("anna", kept(evening(60))).startswith(f"{path} is not a whole")
    assert (folder / "anna.safetensors.damaged").read_bytes() == content
    assert (folder / "anna.safetensors.damaged-2").read_bytes() == content
    assert len(profiles.load("anna")[0]) == 1


def test_a_profile_of_a_later_jamd_is_refused_and_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(profiles, "FORMAT", 2)
        profiles.keep("anna", kept(evening(*LICK)))
    before = (folder / "anna.safetensors").read_bytes()
    for use in (lambda: profiles.load("anna"), lambda: profiles.keep("anna", kept(evening(60)))):
        with pytest.raises(JamdError, match="has format 2 and this jamd reads 1; upgrade jamd to use it"):
            use()
    assert (folder / "anna.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", ".anna", "-anna", "a b", "a\\b", "a\0b", "a\n", "x" * 41, "con:", "_a", "é/"]
)
def test_a_name_with_odd_characters_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a profile; give at most 40 letters") as refused:
        profiles.path_of(name)
    assert len(str(refused.value).splitlines()) == 1


def test_letters_of_all_languages_are_letters(folder: Path) -> None:
    assert profiles.path_of("Zoe\u0308-2").name == "Zo\u00eb-2.safetensors"
    assert profiles.path_of("雪").parent == folder


# While it is played

LISTENER = """
import sys, time
from datetime import datetime
from pathlib import Path
from jamd.sessions import profiles
from jamd.models.features import Place
from jamd.music.note import REST, Frame, Onset
from jamd.sessions.profile_writer import Tonight

pitch, steps, period_seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
profiles.folder = lambda: Path(sys.argv[4])
with Tonight("anna", datetime(2026, 11, 20, 20, pitch), period_seconds) as tonight:
    for step in range(steps):
        tonight.hear((Frame((Onset(pitch, 80),)), REST, Place(step % 16, 16)))
        time.sleep(0.0005)
    print("played", flush=True)
    sys.stdin.readline()
assert not tonight.fault, tonight.fault
"""


def listener(folder: Path, pitch: int, steps: int, period_seconds: float) -> Process:
    return Process([sys.executable, "-c", LISTENER, *map(str, (pitch, steps, period_seconds, folder))])


def test_two_at_once_keep_both_their_evenings(folder: Path) -> None:
    profiles.keep("anna", kept(evening(*LICK)))
    with listener(folder, 40, 400, 0.01) as one, listener(folder, 50, 300, 0.01) as other:
        for each in (one, other):
            each.wait_for_line("played", 60)
        for each in (one, other):
            each.write("")
            assert each.wait(30).status == 0
    evenings, said = profiles.load("anna")
    assert said == ""
    assert [(each.music.steps, {*each.music.notes[:, 1].tolist()}) for each in evenings] == [
        (8, set(LICK)),
        (400, {40}),
        (300, {50}),
    ]


def test_kill_9_costs_what_was_played_since_the_last_writing(folder: Path) -> None:
    with listener(folder, 40, 200, 0.05) as tonight:
        tonight.wait_for_line("played", 60)
        patience = time.monotonic() + 30
        while not (found := profiles.load("anna")[0]) or found[0].music.steps < 200:
            assert time.monotonic() < patience
        tonight.signal(signal.SIGKILL)
        assert tonight.wait().status == -signal.SIGKILL
    ((only,), said) = profiles.load("anna")
    assert (only.music.steps, said) == (200, "")
    (folder / ".anna.safetensors.x7").touch()  # what a kill amid the writing leaves
    profiles.keep("anna", kept(evening(*LICK)))
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "anna.safetensors"]


def test_silence_leaves_no_evening(folder: Path) -> None:
    with Tonight("anna", FRIDAY) as tonight:
        for step in heard_of([REST] * 32):
            tonight.hear(step)
    assert (tonight.kept_steps, tonight.fault) == (0, "")
    assert not folder.exists()


def test_a_disk_that_refuses_is_said_once_and_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = True

    def keep(name: str, tonight: Kept) -> str:
        if full:
            raise JamdError("cannot write it: No space left on device")
        return really(name, tonight)

    really = profiles.keep
    monkeypatch.setattr(profiles, "keep", keep)
    tonight = Tonight("anna", FRIDAY)
    for step in heard_of(melody(*LICK)):
        tonight.hear(step)
        tonight._save()
    assert [record.getMessage() for record in caplog.records] == [
        "tonight is not being kept in profile 'anna': cannot write it: No space left on device"
    ]
    assert (tonight.kept_steps, tonight.fault) == (0, "cannot write it: No space left on device")
    full = False
    tonight._save()
    assert (tonight.kept_steps, tonight.fault) == (8, "")


# The commands


def run(*arguments: str, **options: str) -> str:
    result = CliRunner().invoke(main, ["profiles", *arguments], prog_name="jamd", **options)  # type: ignore[arg-type]
    return result.output if result.exit_code == 0 else result.stderr


def test_profiles_are_listed_renamed_and_deleted(folder: Path) -> None:
    assert run() == "No profile has been kept yet: play with `jamd listen --learn`.\n"
    assert json.loads(run("--json")) == []
    for day, name in enumerate(["anna", "anna", "bo"]):
        profiles.keep(name, kept(evening(*LICK), day))
    when = datetime(2026, 11, 21, 1, 30)
    os.utime(folder / "anna.safetensors", (when.timestamp(), when.timestamp()))
    listing = run()
    (row,) = [row for row in listing.splitlines() if "anna" in row]
    assert row.replace("│", " ").split() == ["anna", "2", "16", "1", "2026-11-21", "01:30"]
    (anna, bo) = json.loads(run("--json"))
    assert (anna["name"], anna["evenings"], anna["steps"], anna["fault"]) == ("anna", 2, 16, None)
    assert (anna["last_used"], anna["path"]) == ("2026-11-21T01:30:00", str(folder / "anna.safetensors"))
    assert bo["size_bytes"] == (folder / "bo.safetensors").stat().st_size

    assert run("rename", "anna", "bo") == "jamd: there is a profile 'bo' already; choose another name\n"
    assert run("rename", "anna", "a/b").startswith("jamd: 'a/b' is no name for a profile")
    assert run("rename", "anna", "Anna") == "anna is now Anna\n"
    assert run("delete", "nobody", "bo").startswith("jamd: there is no profile 'nobody'; there are: Anna, bo")
    assert run("delete", "bo", input="n\n") == ""
    assert len(profiles.listed()) == 2
    assert run("delete", "bo", "--yes") == "deleted bo\n"
    assert [each.name for each in profiles.listed()] == ["Anna"]


def test_a_damaged_profile_is_listed_with_the_reason(folder: Path) -> None:
    profiles.keep("anna", kept(evening(*LICK)))
    (folder / "anna.safetensors").write_bytes(b"")
    (row,) = run().splitlines()
    assert row.startswith("anna is not a whole profile (")
    profiles.load("anna")
    assert run().splitlines()[-1].startswith("anna.safetensors.damaged was damaged and is kept aside")
    profiles.keep("anna", kept(evening(*LICK)))
    run("delete", "anna", "--yes")
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--profile", "anna"], "--profile anna is for --learn; give both"),
        (["--learn", "--profile", "a/b"], "'a/b' is no name for a profile"),
    ],
)
def test_what_cannot_be_learned_is_said_in_one_line(args: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["listen", *args], prog_name="jamd")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


@pytest.mark.jack
def test_two_evenings_on_real_ports(player: Player, jamd: Callable[..., Jamd], tmp_path: Path) -> None:
    """Friday's phrase is in the memory when Saturday begins, however often the models are changed."""
    options = ("--in", KEYS, "--out", SYNTH, "--tempo", "240", "--bars", "1", "--answer-bars", "1")
    learn = (*options, "--candidates", "1", "--learn", "--profile", "anna")
    phrase = [(n / 16, (0x90, pitch, 90)) for n, pitch in enumerate(LICK)]
    phrase += [(n / 16 + 0.05, (0x80, pitch, 0)) for n, pitch in enumerate(LICK)]
    for evenings in ("0 evenings, 0 steps", "1 evening, "):
        session = jamd(*learn)
        assert [line for line in session.stdout if line.startswith(f"profile anna: {evenings}")]
        start = player.play(sorted(phrase))
        player.listen_until(start + 2.2)
        session.signal(signal.SIGINT)
        ended = session.wait()
        assert (ended.status, ended.stderr) == (0, "")
        assert "steps of tonight added" in ended.stdout
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data")}
    listing = subprocess.run(
        [sys.executable, "-m", "jamd", "profiles", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (anna,) = json.loads(listing.stdout)
    assert (anna["name"], anna["evenings"], anna["fault"]) == ("anna", 2, None)
    assert anna["steps"] > 32
