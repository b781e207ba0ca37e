"""The night in short: what a long one must hold, and that after stop nothing sounds, whatever went before."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.controls.bindings import Bindings
from jamd.engine.desk import Desk
from jamd.engine.events import Received
from jamd.engine.part import Ahead
from jamd.engine.rig import Rig
from jamd.engine.turns import Form, Mode
from jamd.mind.settings import Settings
from jamd.mind.worker import InlineWorker, Post
from jamd.models.features import Place
from jamd.models.memory import book
from jamd.models.memory.book import Places, Trail
from jamd.models.memory.index import Index
from jamd.music.note import Frame, Onset
from tests.kit.fakes import RecordingPort, jam
from tests.kit.processes import ROOT
from tests.nights.player import BOUND, CHANNEL, NightPlayer

NIGHT = [sys.executable, "-m", "tests.nights.long_night"]


def night(*options: str) -> str:
    """What the long form says of itself in short; it judges itself by its exit status."""
    ended = subprocess.run([*NIGHT, *options], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_ten_minutes_of_a_night_on_the_virtual_clock() -> None:
    said = night("virtual", "--hours", "0.17", "--candidates", "2", "--learn")
    assert "NO" not in said
    assert "every note-on has its note-off" in said


@pytest.mark.jack
def test_half_a_minute_of_a_night_on_real_ports(jack: str) -> None:
    said = night("real", "--minutes", "0.4", "--tempo", "180", "--server", jack)
    assert "after stop nothing sounds" in said


class Moody:
    """An improviser of any mood: plays what it likes, on any key, and may fail whenever it is asked."""

    def __init__(self, seed: int, failing: float) -> None:
        self.chance, self.failing, self.sounding = random.Random(seed), failing, frozenset[int]()

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self._may_fail(0.05)
        self.sounding = own.sounding

    def turn(self, settings: Settings) -> None:
        self._may_fail(0.0)

    def answer(self, places: Sequence[Place], due: object = None, about: object = None) -> Iterator[Frame]:
        return self._write(frozenset(), len(places))

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        before = own[-1].sounding if own else self.sounding
        return self._write(before, len(places) - len(own))

    def _write(self, sounding: frozenset[int], steps: int) -> Iterator[Frame]:
        for _ in range(steps):
            self._may_fail(0.2)
            pitches = self.chance.sample(range(128), self.chance.choice((0, 0, 1, 1, 2, 4)))
            onsets = [Onset(p, self.chance.randint(1, 127), self.chance.uniform(-0.5, 0.5)) for p in pitches]
            held = frozenset(p for p in sounding if self.chance.random() < 0.7).difference(pitches)
            yield (frame := Frame(tuple(onsets), held))
            sounding = frame.sounding

    def _may_fail(self, share: float) -> None:
        if self.chance.random() < self.failing * share:
            raise RuntimeError("it is in no mood")


class Slow(InlineWorker):
    """A worker that forgets the rest of an answer now and then, as one that hangs does."""

    def __init__(self, improviser: Moody, post: Post, hanging: float) -> None:
        super().__init__(improviser, self._slowly)  # type: ignore[arg-type]
        self._moody, self._to, self._hanging = improviser, post, hanging

    def _slowly(self, event: object) -> None:
        if self._moody.chance.random() >= self._hanging * 0.1:
            self._to(event)  # type: ignore[arg-type]


class Pairing(RecordingPort):
    """A port that pairs as it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.sounding: set[tuple[int, int]] = set()
        self.begun = self.ended = 0

    def send(self, message: mido.Message) -> None:
        if message.type not in ("note_on", "note_off"):
            return
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            assert key not in self.sounding, "begun twice"
            self.sounding.add(key)
            self.begun += 1
        elif key in self.sounding:
            self.sounding.discard(key)
            self.ended += 1


shares = st.sampled_from([0.0, 0.0, 0.3, 1.0])


@settings(max_examples=200)
@given(
    seed=st.integers(0, 1 << 32),
    tempo=st.floats(20, 400),
    metre=st.sampled_from(["4/4", "3/4", "7/8", "2/4", "12/8", "1/16"]),
    form=st.builds(
        Form,
        st.sampled_from([1, 2, 3, None]),
        st.sampled_from([1, 2, 4, None]),
        st.booleans(),
        st.sampled_from([None, 1.0, 2.5]),
        st.sampled_from(list(Mode)),
    ),
    feel=st.floats(0, 1),
    ahead=st.builds(Ahead, st.floats(0.25, 4), st.floats(0.25, 2)),
    early_seconds=st.sampled_from([0.0, 0.008, 0.2]),
    failing=shares,
    hanging=shares,
    end_seconds=st.floats(0, 60),
)
def test_whatever_a_night_brings_nothing_sounds_after_it(
    seed: int,
    tempo: float,
    metre: str,
    form: Form,
    feel: float,
    ahead: Ahead,
    early_seconds: float,
    failing: float,
    hanging: float,
    end_seconds: float,
) -> None:
    """Any player, knobs, panic, loop and interruptions, any form and metre, a mind that fails and hangs, and
    the stop anywhere: every note that was begun is ended, once."""
    player = NightPlayer(seed, tempo, metre, form.mode.value, rest_seconds=3.0)
    script = list(takewhile(lambda event: event.seconds <= end_seconds, player))
    port, chance = Pairing(), random.Random(seed)
    desk = Desk(Settings(), Bindings(BOUND), save=lambda beats: None)
    played = jam(
        [[_on_any_channel(event, chance) for event in script]],
        end_seconds,
        form=form,
        tempo=tempo,
        metre=metre,
        feel=feel,
        port=port,
        make_worker=lambda post: Slow(Moody(chance.randrange(1 << 32), failing), post, hanging),
        rig=Rig(ahead=ahead, early_seconds=early_seconds, desk=desk),
    )
    assert port.sounding == played.output.sounding == set()
    assert port.begun == port.ended == played.output.notes
    assert end_seconds < 30 or failing or hanging or played.engine.account.notes_heard


def _on_any_channel(event: Received, chance: random.Random) -> Received:
    """The player's music now and then on jamd's own channel, as on one cable."""
    message = event.message
    if message.channel != CHANNEL or chance.random() < 0.5:
        return event
    return replace(event, message=message.copy(channel=0))


@given(st.lists(st.lists(st.integers(0, 87), max_size=3, unique=True), max_size=300), st.integers(0, 1000))
@settings(max_examples=30)
def test_what_the_index_finds_is_what_a_dictionary_would(steps: list[list[int]], first: int) -> None:
    """The ring takes its room at once; else it is the places that an imagined course keeps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "MOST_STEPS", 64)
        index, places, trail = Index(), Places(), Trail()
        for step, word in enumerate(steps, first):
            attacks = trail.add(sorted(word, reverse=True))
            contexts = trail.contexts()
            assert [index.met(number) for number, _, _ in contexts] == [
                list(places.met(number)) for number, _, _ in contexts
            ]
            index.add(step, attacks, contexts)
            places.add(step, attacks, contexts)
            assert index.attacks(step) == places.attacks(step)
