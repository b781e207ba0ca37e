"""`jamd train` on a player's recordings: what it learns on from, what it keeps, what it says and writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.models import bundle
from jamd.models.bundle import Bundle
from jamd.models.opening import open_mind
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of
from jamd.training.batches.conversations import OWN, PLAYER
from jamd.training.fitting import selfplay, tuning
from jamd.training.learning import personal
from jamd.training.runs import runs
from tests.kit.corpus import scale_chords, write_corpus, write_song

SMALL = ["--from", "scratch", "--hidden=24", "--epochs=20", "--batch=4", "--steps=64", "--sample-epochs=0"]
QUICK = ["--steps=64", "--epochs=10", "--batch=4", "--threads=1"]


def jamd(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows chords of a scale."""
    folder = tmp_path_factory.mktemp("start")
    apart = ("--runs", folder / "runs", "--no-cache")
    made = jamd("train", write_corpus(folder / "music"), "-o", folder / "start.safetensors", *SMALL, *apart)
    assert made.exit_code == 0, made.output
    return folder / "start.safetensors"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of one's own, and a model that plays with itself for no longer than a test may last."""
    for kind in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setattr(personal, "KEPT_GROUPS", range(1))
    monkeypatch.setattr(personal, "REHEARSED_GROUPS", range(1, 2))


def recorded(folder: Path, count: int = 6, bars: int = 12) -> Path:
    """A player who arpeggiates what the start knows as chords."""
    for song in range(count):
        notes = [
            type(note)(note.pitch, 60 + song, start := note.start_beats + (i % 4) * 0.25, start + 0.25)
            for i, note in enumerate(scale_chords(50 + song, bars))
        ]
        write_song(folder / f"evening {song}.mid", notes)
    return folder


def model(tmp_path: Path, name: str) -> Path:
    return tmp_path / "data" / "jamd" / "models" / f"{name}.safetensors"


def test_recordings_become_a_partner_that_plays_at_once(tmp_path: Path, start: Path) -> None:
    made = jamd("train", recorded(tmp_path / "recordings"), "--from", start, *QUICK)
    assert made.exit_code == 0, made.output
    header = bundle.read_header(model(tmp_path, "recordings"))
    scores = header["scores"]
    assert scores["nats_per_step"] < 0.97 * scores["nats_per_step_before"]
    assert scores["general_nats_per_step"] < 1.02 * scores["general_nats_per_step_before"]
    assert "better on your held-out pieces" in made.output.splitlines()[-1]
    assert "jamd listen --model recordings" in made.stdout
    said = made.stderr.splitlines()
    doing = [line for line in said if line.startswith(("judging", "the report"))]
    assert doing == [
        "judging: how far to go",
        "judging: your held-out pieces",
        "judging: what it knew before",
        "the report: answers to held-out calls",
        "the report: its page",
    ]
    (run,) = runs.found(runs.default_folder())
    assert (run.folder / "report.html").is_file()
    call = write_song(tmp_path / "call.mid", scale_chords(60, bars=4))
    played = jamd("render", call, "-o", tmp_path / "answer.mid", "--model", "recordings")
    assert played.exit_code == 0, played.output


def test_a_bundle_names_what_it_learned_from_by_hash_alone(tmp_path: Path, start: Path) -> None:
    secret = recorded(tmp_path / "for Clara")
    for options in ((), ("--name-sources", "--replace")):
        assert jamd("train", secret, "--name", "mine", "--from", start, *QUICK, *options).exit_code == 0
        header = bundle.read_header(model(tmp_path, "mine"))
        told = json.dumps(header)
        assert "Clara" not in told
        assert str(tmp_path) not in told
        assert ("evening" in told) == bool(options)
        assert len(header["data"]["learned_from"]["hashes"]) == 4


def test_a_better_model_is_not_overwritten_unless_told(tmp_path: Path, start: Path) -> None:
    music = recorded(tmp_path / "mine")
    assert jamd("train", music, "--from", start, *QUICK).exit_code == 0
    there = model(tmp_path, "mine").read_bytes()
    worse = [*QUICK[:1], "--epochs=1", *QUICK[2:]]
    refused = jamd("train", music, "--from", start, *worse)
    assert refused.exit_code == 1
    assert "is better on your held-out pieces" in refused.output
    assert "--replace overwrites it" in refused.output
    assert model(tmp_path, "mine").read_bytes() == there
    assert jamd("train", music, "--from", start, *worse, "--replace").exit_code == 0
    assert model(tmp_path, "mine").read_bytes() != there


def test_what_judged_a_model_is_never_learned_by_its_successor(tmp_path: Path, start: Path) -> None:
    music = recorded(tmp_path / "mine")
    assert jamd("train", music, "--from", start, *QUICK).exit_code == 0
    first = bundle.read_header(model(tmp_path, "mine"))["data"]
    recorded(tmp_path / "mine", count=9)
    assert jamd("train", music, "--from", start, *QUICK, "--replace").exit_code == 0
    second = bundle.read_header(model(tmp_path, "mine"))["data"]
    assert not set(second["held_out"]["hashes"]) & set(first["learned_from"]["hashes"])


def test_one_recording_is_learned_from_too(tmp_path: Path, start: Path) -> None:
    music = recorded(tmp_path / "mine", count=1, bars=80)
    made = jamd("train", music / "evening 0.mid", "--from", start, *QUICK)
    assert made.exit_code == 0, made.output
    assert model(tmp_path, "evening 0").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name recordings"),
        (["mine", "--hidden=16", "--from", "default"], "are for --from scratch"),
        (["mine", "--name", "a/b"], "is no name for a model"),
        (["mine", "--name", "default"], "give another name with --name"),
        (["mine", "--name", "a", "-o", "a.safetensors"], "give one of them"),
        (["mine", "--from", "nobody"], "there is no model 'nobody'"),
        (["mine", "--from", "markov"], "counts and does not learn on"),
        (["--sessions"], "there are no sessions"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    recorded(tmp_path / "mine", count=1)
    monkeypatch.chdir(tmp_path)
    refused = jamd("train", *arguments)
    assert refused.exit_code in (1, 2)
    assert said in refused.output
    assert "Traceback" not in refused.output


def test_a_tuning_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = recorded(tmp_path / "mine")
    told = [music, "--from", start, *QUICK, "--patience=0", "--checkpoint-epochs=1"]
    assert jamd("train", *told, "-o", tmp_path / "whole.safetensors").exit_code == 0

    from jamd.training.fitting.showing import Showing

    show = Showing.say

    def stop(self: Showing, line: str) -> None:
        show(self, line)
        if line.startswith("update 2") and "held back" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr(Showing, "say", stop)
    part = tmp_path / "part.safetensors"
    assert jamd("train", *told, "-o", part, "--replace").exit_code == 0
    (stopped,) = (run for run in runs.found(runs.default_folder()) if run.state == runs.STOPPED)
    monkeypatch.undo()
    for kind in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setattr(personal, "KEPT_GROUPS", range(1))
    monkeypatch.setattr(personal, "REHEARSED_GROUPS", range(1, 2))
    assert jamd("train", *told, "-o", part, "--replace", "--resume", stopped.name).exit_code == 0
    one, other = (bundle.read(tmp_path / f"{name}.safetensors").weights for name in ("whole", "part"))
    assert all(np.array_equal(one[name], other[name]) for name in one)


# What a model plays with itself


def network_of(path: Path) -> Bundle:
    read = bundle.read(path)
    return Bundle(path, {n: v for n, v in read.header.items() if n not in ("memory", "key")}, read.weights)


def test_two_who_trade_never_play_at_once_and_two_in_a_duet_do(start: Path) -> None:
    mind = open_mind(network_of(start), "cpu")
    for group, talk in enumerate(selfplay.TALKS[:2]):
        talks = selfplay.conversations(mind, range(group, group + 1), 64, seed=0)
        assert len(talks) == 2 * selfplay.COURSES
        both = 0
        for conversation in talks:
            mine = np.zeros(64, bool)
            for first, last in conversation.turns:
                mine[first:last] = True
            struck = conversation.rolls.attacks.any(-1)
            assert not struck[OWN][~mine].any()
            both += int((struck[OWN] & struck[PLAYER]).sum())
        assert (both > 0) == talk.duet


def test_each_side_hears_what_the_other_played(start: Path) -> None:
    talks = selfplay.conversations(open_mind(network_of(start), "cpu"), range(1), 64, seed=0)
    for one, other in zip(talks[::2], talks[1::2], strict=True):
        assert np.array_equal(one.rolls.attacks[PLAYER], other.rolls.attacks[OWN])
        assert np.array_equal(one.rolls.holds[OWN], other.rolls.holds[PLAYER])


def test_a_group_is_the_same_whichever_others_are_asked_for(start: Path) -> None:
    mind = open_mind(network_of(start), "cpu")
    alone = selfplay.conversations(mind, range(1, 2), 32, seed=3)
    among = selfplay.conversations(mind, range(2), 32, seed=3)[2 * selfplay.COURSES :]
    assert all(np.array_equal(a.rolls.attacks, b.rolls.attacks) for a, b in zip(alone, among, strict=True))


# How far to go


def far(watched: dict[float, float], kept: dict[float, float]) -> float:
    """How far to go, with one weight that says which share of the way it lies."""

    def told(by: dict[float, float]) -> object:
        return lambda weights: np.interp(float(weights["w"][0]), list(by), list(by.values()))

    ends = ({"w": np.zeros(1, np.float32)}, {"w": np.ones(1, np.float32)})
    return tuning.how_far(*ends, told(watched), told(kept))  # type: ignore[arg-type]


def test_the_whole_way_where_nothing_is_forgotten() -> None:
    assert far({0: 3.0, 1: 2.5}, {0: 2.0, 1: 2.0}) == 1


def test_no_further_than_what_was_known_allows() -> None:
    most = 1 + tuning.MOST_FORGOTTEN
    assert far({0: 3.0, 1: 2.5}, {0: 2.0, 1: 2.0 * (1 + 2 * tuning.MOST_FORGOTTEN)}) == pytest.approx(0.5)
    assert far({0: 3.0, 1: 2.5}, {0: 2.0, 0.05: 2.0 * most + 0.1, 1: 3.0}) == 0


def test_no_further_than_it_helps() -> None:
    assert far({0: 3.0, 0.6: 2.5, 1: 2.9}, {0: 2.0, 1: 2.0}) == pytest.approx(0.6)
    assert far({0: 3.0, 1: 3.1}, {0: 2.0, 1: 2.0}) == 0


def test_more_music_is_passed_over_less_often() -> None:
    updates = [tuning.updates_for(sequences, 16) for sequences in (10, 100, 1000, 10_000, 100_000)]
    passes = [16 * u / 2 / s for u, s in zip(updates, (10, 100, 1000, 10_000, 100_000), strict=True)]
    assert updates == sorted(updates)
    assert passes == sorted(passes, reverse=True)
    assert passes[-1] >= 2


# Bad recordings, and ends that come early


def test_half_of_the_recordings_may_be_corrupt(tmp_path: Path, start: Path) -> None:
    music = recorded(tmp_path / "mine")
    for song in range(6):
        whole = (music / f"evening {song}.mid").read_bytes()
        (music / f"torn {song}.mid").write_bytes(whole[: 40 + song])
    (music / "again.mid").write_bytes((music / "evening 0.mid").read_bytes())
    made = jamd("train", music, "--from", start, *QUICK)
    assert made.exit_code == 0, made.output
    assert "7 skipped: not a readable MIDI file: 6; a copy: 1" in made.output


@pytest.mark.parametrize("kind", ["empty", "drums", "text"])
def test_where_there_is_no_music_that_is_said(tmp_path: Path, start: Path, kind: str) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    if kind == "text":
        (folder / "notes.txt").write_text("la la la")
    if kind == "drums":
        song = bytearray(write_song(folder / "drums.mid", scale_chords(60)).read_bytes())
        for at, byte in enumerate(song[:-1]):
            if byte in (0x90, 0x80) and song[at + 1] < 0x80:
                song[at] |= 9
        (folder / "drums.mid").write_bytes(song)
    made = jamd("train", folder, "--from", start, *QUICK)
    assert made.exit_code == 1
    assert made.output.splitlines()[-1].startswith("jamd: no MIDI file with notes in ")
    assert not model(tmp_path, "recordings").exists()


def test_asked_to_end_a_training_keeps_its_best_and_leaves_nothing_half(tmp_path: Path, start: Path) -> None:
    music, output = recorded(tmp_path / "mine"), tmp_path / "mine.safetensors"
    command = [sys.executable, "-u", "-m", "jamd", "train", music, "--from", start, "-o", output]
    options = ["--steps=64", "--batch=4", "--epochs=100000", "--patience=0", "--check-updates=8"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        for line in training.stderr:
            if line.startswith("update 16:"):
                training.terminate()
                break
        rest = training.stderr.read()
    assert training.returncode in (0, 1), rest  # 1 where so little had not helped yet
    (run,) = runs.found(runs.default_folder())
    assert run.state == runs.STOPPED, rest
    assert bundle.read(run.folder / runs.MODEL).weights
    assert not list(tmp_path.glob(".*"))


def test_your_part_of_a_session_is_learned_and_jamds_is_not(tmp_path: Path, start: Path) -> None:
    folder = tmp_path / "data" / "jamd" / "sessions"
    folder.mkdir(parents=True)
    for evening in range(4):
        notes = scale_chords(50 + evening, bars=24)
        parts = {
            name: [note for note in notes if (note.start_beats // 8) % 2 == turn]
            for turn, name in enumerate(("player", "jamd"))
        }
        tracks = [Track(name, messages_of(played)) for name, played in parts.items()]
        session = midifile.encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))])
        (folder / f"2026-11-2{evening} 20.15.03.mid").write_bytes(session)
    made = jamd("train", "--sessions", "--name", "me", "--from", start, *QUICK, "--replace")
    assert made.exit_code == 0, made.output
    data = bundle.read_header(model(tmp_path, "me"))["data"]
    assert data["learned_from"]["pieces"] + data["held_out"]["pieces"] == 4
    picked = jamd("train", "--favourites", "--from", start, *QUICK)
    assert picked.exit_code == 1
    assert "jamd sessions pick last" in picked.output
