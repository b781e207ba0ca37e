"""What earlier evenings are worth: nats a step of a solo, with and without the player's other solos in the
memory, keys only. jamd hears two bars of the solo and is asked for the next two, and so on.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.profile SOLOS BEATS

SOLOS holds folders of MIDI files named PLAYER_TUNE.mid with a track SOLO; those in `valid` are asked for.
BEATS holds their beat tracks (`jamd train --help`). The Weimar Jazz Database comes so.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jamd.beats.beatmap import align
from jamd.models import bundle
from jamd.models.features import Cue, Place
from jamd.models.likelihood import frame_nats
from jamd.models.memory.evening import Evening, Heard, evening_of
from jamd.models.mind import Mind
from jamd.models.opening import open_mind, teach
from jamd.music.bars import Bars
from jamd.music.note import REST, Frame, frames_of
from jamd.smf import midifile
from jamd.training.recordings import beats

TURN_BARS = 2


def solo(path: Path, annotation: beats.Annotation) -> list[Heard]:
    """A solo on its beats, as a player's part."""
    piece = align(midifile.read(path), beats.read_beats(annotation.beats))
    (part,) = (part for part in piece.parts if part.name == "SOLO")
    heard, bars = [], Bars.of(piece.metres)
    for step, frame in enumerate(frames_of(part.notes)):
        heard.append((frame, REST, Place(bars.step_in_bar(step), bars.at(step).metre.steps_per_bar)))
    return heard


def nats(mind: Mind, heard: Sequence[Heard]) -> tuple[float, int]:
    """Of the frames in jamd's turns, and how many there are."""
    bar = np.cumsum([place.step_in_bar == 0 for _, _, place in heard])
    turn = bar // TURN_BARS
    thought, before, total, steps = mind.start(), REST, 0.0, 0
    for step, (frame, _, place) in enumerate(heard):
        if turn[step] % 2 == 0:
            thought.hear([frame], [REST], [place])
            continue
        if turn[step - 1] != turn[step]:
            before = REST
            thought.begin()
        # what the other part left sounding ends where the turn begins
        own = Frame(frame.onsets, frame.held & before.sounding)
        left = int((turn == turn[step]).sum() - (turn[:step] == turn[step]).sum())
        total += frame_nats(thought.spell([before], [Cue(place, False, left)]), [own], touch=False)[0, 0]
        steps += 1
        thought.hear([REST], [own], [place])
        before = own
    return total, steps


def main() -> None:
    solos, tracks = Path(sys.argv[1]), beats.find([Path(sys.argv[2])])
    paths = sorted(path for path in solos.rglob("*.mid") if path.stem in tracks)
    mind = open_mind(bundle.read(bundle.bundled()[0]), "cpu")
    music = {path: solo(path, tracks[path.stem]) for path in paths}
    evenings = {path: evening_of(heard) for path, heard in music.items()}
    gains: dict[str, list[tuple[float, int]]] = {}
    for number, path in enumerate(path for path in paths if "valid" in path.parts):
        player, tune = (path.stem.split("_")[0], path.stem.split("_")[1].split("-")[0])
        others = [p for p in paths if p != path and tune not in p.stem]
        theirs = [p for p in others if p.stem.split("_")[0] == player]
        strangers = [p for p in others if p not in theirs]
        random.Random(number).shuffle(strangers)
        pasts: dict[str, Sequence[Evening]] = {
            "the player's other tunes": [evenings[p] for p in theirs],
            "60 solos by others": [evenings[p] for p in strangers[:60]],
            "the same solo": [evenings[path]],
        }
        teach(mind, [])
        alone, steps = nats(mind, music[path])
        for name, past in pasts.items():
            if past:
                teach(mind, past)
                gains.setdefault(name, []).append((alone - nats(mind, music[path])[0], steps))
        print(f"{path.stem}: {alone / steps:.3f} nats a step", flush=True)
    rng = np.random.default_rng(0)
    for name, pairs in gains.items():
        gain, steps_of = np.array(pairs).T
        drawn = rng.integers(len(pairs), size=(2000, len(pairs)))
        low, high = np.percentile(gain[drawn].sum(1) / steps_of[drawn].sum(1), [2.5, 97.5])
        mean = gain.sum() / steps_of.sum()
        print(
            f"{name}: worth {mean:.4f} nats a step, 95 % {low:.4f} to {high:.4f}; "
            f"{len(pairs)} solos, {steps_of.sum():.0f} steps, better in {(gain > 0).sum()}"
        )


if __name__ == "__main__":
    main()
