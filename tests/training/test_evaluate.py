"""`jamd evaluate` on a corpus and a benchmark made on the spot, judged by a Markov chain that learned it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from matplotlib.axes import Axes

from jamd.cli import main
from jamd.models import bundle
from jamd.models.features import NOWHERE, Cue
from jamd.models.likelihood import Talk, nats
from jamd.models.markov import Markov
from jamd.music.note import REST
from jamd.training.batches.sampler import Sampler
from jamd.training.fitting.blending import fit_blend
from jamd.training.fitting.counting import count
from jamd.training.judging import benchmarks, charts, judge
from jamd.training.judging.cases import cases_of, duet, trading
from jamd.training.judging.judge import Figure, Row, Tally
from jamd.training.reading import reading
from jamd.training.recordings import pieces, sources
from tests.kit.corpus import scale_chords, write_corpus, write_song


def evaluate(*args: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, args)])


def scored(*args: object) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The JSON document, and its rows by name."""
    result = evaluate(*args, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    return document, {row["name"]: row for row in document["rows"]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's cache stays as it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def read(folder: Path) -> list[pieces.QuantisedPiece]:
    found = reading.read_all(sources.find_files([folder]), 1)
    return [piece for piece in found if isinstance(piece, pieces.QuantisedPiece)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def learned(corpus: Path) -> Path:
    """A bundle that learned the corpus."""
    sampler = Sampler(read(corpus / "train"), 128, seed=0)
    conversations = [sampler.conversation(number) for number in range(40)]
    tables = count(conversations)
    blend = fit_blend(tables, conversations[:4], updates=20)
    path = corpus / "learned.safetensors"
    bundle.write(path, {**tables, "blend": blend}, {"arch": "markov", "settings": {}, "key": "C"})
    return path


def test_a_model_is_judged_beside_the_call_and_the_real_music(corpus: Path, learned: Path) -> None:
    document, rows = scored(learned, "--data", corpus)
    assert document["cases"] == 2  # those in `valid` alone
    kinds = {name: row["kind"] for name, row in rows.items() if name != "markov"}
    assert kinds == {
        str(learned): "model",
        judge.COPY: "reference",
        judge.FOIL: "reference",
        judge.REAL: "reference",
    }
    for name in ("f1_4_beats", "f1_8_beats", "pitch_class_score", "density", "area_pitch"):
        assert rows[judge.REAL][name]["value"] == pytest.approx(1.0, abs=1e-3)
    # in this corpus the real answer is the call again; its foil is the same a semitone away
    assert rows[judge.COPY]["copied"]["value"] == rows[judge.REAL]["copied"]["value"] == 1.0
    assert rows[judge.FOIL]["copied"]["value"] < 0.1
    assert rows[judge.FOIL]["f1_8_beats"]["value"] == 1.0
    assert rows[judge.FOIL]["pitch_class_score"]["value"] < 0.5
    mine = rows[str(learned)]
    assert mine["empty"]["value"] == 0.0
    assert mine["true_over_foil"]["value"] == mine["told_by_call"]["value"] == 1.0
    assert 0 < mine["nats_answer"]["low"] <= mine["nats_answer"]["value"] <= mine["nats_answer"]["high"] < 10
    assert mine["milliseconds_per_step"]["value"] > 0
    assert "training_windows" not in mine


def test_the_same_seed_gives_the_same_scores(corpus: Path, learned: Path) -> None:
    runs = []
    for _ in range(2):
        _, rows = scored(learned, "--data", corpus, "--seed", 3, "--cases", 1)
        runs.append(rows)
        for row in rows.values():
            row.pop("milliseconds_per_step", None)
    assert runs[0] == runs[1]


def test_copies_from_the_training_music_are_found(corpus: Path, learned: Path) -> None:
    _, rows = scored(learned, "--data", corpus / "train", "--training", corpus / "train", "--cases", 1)
    real = rows[judge.REAL]
    assert real["training_windows"]["value"] == 1.0
    assert (
        real["training_run"]["value"] == real["training_run_longest"]["value"] == 16
    )  # four bars of a chord on each beat
    _, rows = scored(learned, "--data", corpus, "--training", corpus / "train", "--cases", 1)
    assert rows[judge.REAL]["training_windows"]["value"] < 0.5


def test_the_table_names_every_row_and_the_picture_is_drawn(corpus: Path, learned: Path) -> None:
    picture = corpus / "scores.png"
    result = evaluate(learned, "--data", corpus, "--plot", picture, "--cases", 1)
    assert result.exit_code == 0, result.stderr
    for name in ("learned", judge.COPY, judge.REAL, "coupling", "F1 8 beats"):
        assert name in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def panels(monkeypatch: pytest.MonkeyPatch, rows: list[Row], path: Path) -> dict[str, str]:
    """What is drawn of these rows: the panels' titles, with what their numbers are."""
    drawn: dict[str, str] = {}
    panel = charts._panel

    def looking(axes: Axes, *arguments: Any) -> None:
        panel(axes, *arguments)
        drawn[axes.get_title()] = axes.get_xlabel()

    monkeypatch.setattr(charts, "_panel", looking)
    charts.draw(path, rows, "rows")
    assert path.read_bytes().startswith(b"\x89PNG")
    return drawn


def test_a_picture_has_no_panel_for_what_no_row_has_a_value_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of one piece there is no foil: no row knows how often the real answer is likelier."""
    rows = [
        Row("one", "model", {"nats_answer": Figure(1.5, 1.4, 1.6), "true_over_foil": Figure(judge.NAN)}),
        Row(judge.REAL, "reference", {"f1_8_beats": Figure(1.0), "told_by_call": Figure(judge.NAN)}),
    ]
    assert panels(monkeypatch, rows, tmp_path / "x.png") == {
        "answer": "nats a step; less is better",
        "F1 8 beats": "0 to 1; more is better",
    }
    assert panels(monkeypatch, [Row("none", "model", {})], tmp_path / "none.png") == {}


def test_a_damaged_file_is_skipped_with_its_reason(tmp_path: Path, learned: Path) -> None:
    write_song(tmp_path / "good.mid", scale_chords(60))
    (tmp_path / "bad.mid").write_bytes(b"MThd and no more")
    result = evaluate(learned, "--data", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    assert "bad.mid" in result.stderr
    document = json.loads(result.stdout)
    assert document["cases"] == 1
    # one case: nothing to couple less with, and no other piece for a foil
    rows = {row["name"]: row for row in document["rows"]}
    assert judge.FOIL not in rows
    assert rows[judge.REAL]["coupling"] == {"value": None, "low": None, "high": None}


def test_what_is_asked_of_a_mind(corpus: Path) -> None:
    case = cases_of(read(corpus / "valid"), 1)[0]
    talk = trading(case, case.answer)
    assert talk.turns == [(64, 128)]
    assert not any(frame.sounding for frame in [*talk.player[64:], *talk.own[:64]])
    assert sum(len(frame.onsets) for frame in talk.player) == len(case.call)
    assert sum(len(frame.onsets) for frame in talk.own) == len(case.answer)
    assert [cue.left_steps for cue in talk.cues[62:66]] == [0, 0, 64, 63]
    assert talk.cues[64].place == talk.cues[0].place
    assert case.lead == ()  # a piece of one track is no duet


def test_a_duet_is_the_lead_track_and_all_others(tmp_path: Path) -> None:
    from jamd.music.note import Note
    from jamd.music.transport import Metre
    from jamd.smf import midifile
    from jamd.smf.write import Track, messages_of

    tune = [Note(86, 90, float(beat), beat + 1.0) for beat in range(32)]
    tracks = [Track("tune", messages_of(tune)), Track("piano", messages_of(scale_chords(60)))]
    (tmp_path / "song.mid").write_bytes(midifile.encode(tracks, [(0.0, 120)], [(0.0, Metre(4, 4))]))
    (case,) = cases_of(read(tmp_path), 1)
    both = duet(case)
    assert {onset.pitch for frame in both.player for onset in frame.onsets} == {86}
    assert sum(len(frame.onsets) for frame in both.own) == len(scale_chords(60))
    assert both.turns == [(0, 128)]
    assert all(cue.duet for cue in both.cues)


def test_a_figure_is_a_ratio_of_sums_within_its_interval() -> None:
    rng = np.random.default_rng(0)
    got = judge.figure(Tally(np.array([1.0, 3.0, np.nan]), np.array([2.0, 6.0, 1.0])))
    assert got == Figure(0.5, 0.5, 0.5)
    values = rng.normal(5, 2, 400)
    got = judge.figure(Tally.mean(values))
    assert got.value == pytest.approx(values.mean())
    # the interval of a mean is 1.96 standard errors to either side
    error = 1.96 * values.std() / 20
    assert got.low == pytest.approx(got.value - error, abs=0.03)
    assert got.high == pytest.approx(got.value + error, abs=0.03)
    assert judge.figure(Tally.mean([float("inf"), 1.0])).value == float("inf")
    assert np.isnan(judge.figure(Tally.mean([float("nan")])).value)


Bools = npt.NDArray[np.bool_]


def benchmark(path: Path, *names: str, pieces: int = 12) -> dict[str, list[Bools]]:
    """A benchmark file: pieces of different lengths that go round three chords."""
    rng = np.random.default_rng(0)
    chords = np.zeros((3, 88), bool)
    for chord, keys in enumerate(((40, 44, 47), (35, 40, 45), (33, 39, 42, 45))):
        chords[chord, keys] = True
    splits = {}
    for name in names:
        spans = rng.integers([0, 7 if name == "train" else 1], 20, (pieces, 2))
        splits[name] = [chords[np.arange(start, start + length) % 3] for start, length in spans]
    arrays = {}
    for name, rolls in splits.items():
        arrays[f"{name}_packed"] = np.packbits(np.concatenate(rolls), axis=1)
        arrays[f"{name}_offsets"] = np.cumsum([0, *map(len, rolls)])
    np.savez(path, **arrays)
    return splits


def test_a_benchmark_is_read_as_it_was_written(tmp_path: Path) -> None:
    splits = benchmark(tmp_path / "bench.npz", "train", "valid")
    assert benchmarks.splits(tmp_path / "bench.npz") == ["train", "valid"]
    rolls = benchmarks.read_split(tmp_path / "bench.npz", "valid")
    assert list(map(len, rolls)) == list(map(len, splits["valid"]))
    for roll, sounding in zip(rolls, splits["valid"], strict=True):
        for frame, keys in zip(roll, sounding, strict=True):
            assert sorted(onset.pitch - 21 for onset in frame.onsets) == np.flatnonzero(keys).tolist()


def test_pieces_side_by_side_cost_what_each_costs_alone(tmp_path: Path) -> None:
    benchmark(tmp_path / "bench.npz", "train", "valid")
    train, valid = (benchmarks.read_split(tmp_path / "bench.npz", split) for split in ("train", "valid"))
    mind = Markov(**benchmarks.markov_of(train))
    together = benchmarks.nats_of(mind, valid)
    for roll, costs in zip(valid, together, strict=True):
        talk = Talk([REST] * len(roll), roll, [Cue(NOWHERE)] * len(roll), [(0, len(roll))])
        assert costs.sum() == pytest.approx(nats(mind, talk).keys)
    got = benchmarks.score(mind, valid)
    frames = sum(map(len, valid))
    total, first = sum(costs.sum() for costs in together), sum(costs[0] for costs in together)
    assert (got.frames, got.pieces) == (frames, len(valid))
    assert got.all_frames == pytest.approx(total / frames)
    assert got.first_left_out == pytest.approx((total - first) / (frames - len(valid)))
    # the chords go round: only where a piece starts is there anything to tell
    assert got.first_left_out < 0.5 < first / len(valid)


def test_a_benchmark_is_scored_beside_a_markov_chain_of_its_train_split(
    tmp_path: Path, learned: Path
) -> None:
    benchmark(tmp_path / "bench.npz", "train", "valid", "test")
    document, rows = scored(learned, "--data", tmp_path / "bench.npz", "--split", "test")
    assert (document["split"], document["pieces"]) == ("test", 12)
    floor = rows["markov, from the train split"]
    assert floor["kind"] == "floor"
    assert floor["nats_per_frame"]["value"] < rows[str(learned)]["nats_per_frame"]["value"]
    assert floor["nats_per_frame_first_out"]["value"] < floor["nats_per_frame"]["value"]


def test_a_test_split_alone_is_scored_without_what_it_would_teach(tmp_path: Path, learned: Path) -> None:
    benchmark(tmp_path / "bench.npz", "test")
    result = evaluate(learned, "--data", tmp_path / "bench.npz", "--split", "test", "--json")
    assert result.exit_code == 0, result.stderr
    assert [row["kind"] for row in json.loads(result.stdout)["rows"]] == ["model"]
    assert "no row for the baseline" in result.stderr


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--data", "nowhere"], 1, "there is no file or folder nowhere"),
        (["--data", "silent"], 1, "no MIDI file with notes in silent"),
        (["--data", "short"], 1, "there is no call to judge by in 1 piece: it takes eight"),
        (["--data", "bench.npz", "--split", "test"], 2, "no split 'test'; it has: train"),
        (["--data", "bench.npz", "--data", "short"], 2, "bench.npz is a benchmark file: give it alone"),
        (["--data", "junk.npz"], 1, "junk.npz is not a readable benchmark file"),
        (["--data", "torn.npz", "--split", "train"], 1, "torn.npz: train_offsets should rise from 0"),
        (["--data", "short", "--plot", "x.gif"], 2, "x.gif"),
        (["nobody", "--data", "short"], 1, "there is no model 'nobody'"),
        ([], 2, "--data"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learned: Path, args: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "silent").mkdir()
    write_song(tmp_path / "short" / "song.mid", scale_chords(60, bars=4))
    benchmark(tmp_path / "bench.npz", "train")
    (tmp_path / "junk.npz").write_bytes(b"no numbers")
    np.savez(tmp_path / "torn.npz", train_packed=np.zeros((9, 11), np.uint8), train_offsets=np.array([0, 7]))
    result = evaluate(*([] if args[:1] == ["nobody"] else [learned]), *args)
    assert result.exit_code == status
    said_last = result.stderr.splitlines()[-1]
    assert said in said_last
    assert said_last.startswith("jamd: ")
    assert result.stdout == ""
