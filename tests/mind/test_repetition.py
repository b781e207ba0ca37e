"""What only comes back as an echo of jamd's own music costs something; a player's own riff does not."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.mind.choice import TASTE, worn
from jamd.mind.echoes import LATELY_BARS
from jamd.mind.improviser import Improviser
from jamd.mind.repetition import PITCH_NATS, RHYTHM_NATS, Following, Rut
from jamd.models.features import Place
from jamd.models.sampling import Knobs, Tired
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, TOKENS
from jamd.music.note import REST, Frame, Onset
from tests.mind.test_improviser import ShyMind, ShySpelling, ShyThought

STEPS = 8
RIFF = (60, 0, 62, 0, 64, 0, 65, 0)
PLACES = [Place(step, STEPS) for step in range(STEPS)]


def struck(pitch: int) -> Frame:
    return Frame((Onset(pitch, 80),)) if pitch else REST


def play(rut: Rut | Improviser, player: tuple[int, ...] = (), own: tuple[int, ...] = ()) -> None:
    """A bar of both parts, a pitch a step or 0 for none."""
    for step, place in enumerate(PLACES):
        rut.hear(struck(player[step] if player else 0), struck(own[step] if own else 0), place)


def other(bar: int) -> tuple[int, ...]:
    """A bar that no other number gives."""
    return tuple(60 + bar if 1 << step & bar or step == 7 else 0 for step in range(STEPS))


def test_a_player_who_repeats_a_riff_makes_no_echo() -> None:
    """For two minutes, each time answered by something new."""
    rut = Rut()
    for turn in range(60):
        play(rut, player=RIFF)
        play(rut, own=other(turn + 1))
    assert rut.depth == 0
    assert rut.follow(1) is None


def test_a_riff_that_is_answered_in_kind_a_few_times_costs_nothing() -> None:
    rut = Rut()
    for _ in range(4):
        play(rut, player=RIFF)
        play(rut, own=RIFF)
    assert rut.depth == 0


def test_jamd_alone_on_one_bar_is_all_echo() -> None:
    rut = Rut()
    for _ in range(LATELY_BARS + 1):
        play(rut, own=RIFF)
    assert rut.depth == 1


@pytest.mark.parametrize(("first", "depth"), [("own", 1.0), ("player", 0.5)])
def test_it_matters_who_was_the_first_to_play_it(first: str, depth: float) -> None:
    """Both hammer one bar. Where it was jamd's, all is echo; where it was the player's, jamd's half is."""
    rut = Rut()
    play(rut, **{first: RIFF})
    for _ in range(LATELY_BARS):
        play(rut, player=RIFF)
        play(rut, own=RIFF)
    assert rut.depth == depth


def trill(bar: int, low: int = 67) -> tuple[int, ...]:
    """A trill on two pitches, in an order that no other number gives."""
    return tuple(low + 2 * (1 << step & bar > 0) for step in range(STEPS))


def nats_of_keys(rut: Rut, *pitches: int) -> list[float]:
    """What these keys cost, and all the others together."""
    following = rut.follow(1)
    assert following is not None
    nats = following.tired(PLACES[0]).of_keys
    costs = [float(nats[pitch - LOWEST_PITCH]) for pitch in pitches]
    return [*costs, float(nats.sum()) - sum(costs)]


def test_a_trill_that_comes_back_in_ever_new_orders_is_an_echo() -> None:
    """No bar of it stood before note for note."""
    rut = Rut()
    for bar in range(LATELY_BARS + 1):
        play(rut, own=trill(bar + 1))
    assert rut.depth == 1
    assert nats_of_keys(rut, 67, 69) == [PITCH_NATS, PITCH_NATS, 0]


def test_a_trill_of_the_players_that_jamd_joins_is_none() -> None:
    """In rhythms of its own."""
    rut = Rut()
    for bar in range(LATELY_BARS):
        play(rut, player=trill(bar + 1))
        play(
            rut, own=tuple(67 + 2 * (step > 5) if 1 << step & bar or step > 5 else 0 for step in range(STEPS))
        )
    assert rut.follow(1) is None


def test_pitches_that_change_from_bar_to_bar_cost_nothing() -> None:
    """A trill up a scale, in one rhythm."""
    rut = Rut()
    for bar in range(LATELY_BARS + 1):
        play(rut, own=trill(bar + 1, 60 + bar))
    assert nats_of_keys(rut) == [0]


def test_who_finds_something_new_is_out_of_it() -> None:
    rut = Rut()
    for _ in range(LATELY_BARS):
        play(rut, own=RIFF)
    for bar in range(LATELY_BARS):
        play(rut, own=other(bar + 1))
    assert rut.depth == 0


def stuck(rhythm: tuple[int, ...] = RIFF) -> Following:
    rut = Rut()
    for _ in range(LATELY_BARS + 1):
        play(rut, own=rhythm)
    following = rut.follow(2)
    assert following is not None
    return following


def test_to_go_on_in_the_echoed_rhythm_costs_and_to_leave_it_does_not() -> None:
    following = stuck()
    for step, place in enumerate(PLACES):
        tired = following.tired(place)
        wanted = (RHYTHM_NATS, 0.0) if RIFF[step] else (0.0, RHYTHM_NATS)
        assert (tired.of_notes[0], tired.of_none[0]) == wanted
        # the first course goes on as ever, the second has left at the first step
        assert step == 0 or (tired.of_notes[1], tired.of_none[1]) == (0.0, 0.0)
        following.add([struck(RIFF[step]), struck(0 if RIFF[step] else 60)], place)
    assert following.tired(PLACES[0]).of_notes[1] == RHYTHM_NATS  # a new bar


def test_the_pitches_of_the_echo_cost_by_how_often_they_came() -> None:
    """All bars have 67 and 69, and half of them a 74 as well."""
    rut = Rut()
    for bar in range(LATELY_BARS + 2):
        play(rut, own=(*trill(bar + 1)[:-1], 74) if bar % 2 else trill(bar + 1))
    assert nats_of_keys(rut, 67, 69, 74) == [PITCH_NATS, PITCH_NATS, PITCH_NATS / 2, 0]


def test_what_keys_cost_is_no_reason_to_play_fewer_notes() -> None:
    logits = np.full((1, TOKENS), -np.inf)
    logits[0, [60, 64, END]] = np.log([0.72, 0.08, 0.2])
    of_keys = np.zeros(KEYS)
    of_keys[60] = np.log(9)
    nothing = np.zeros(1)
    chances = np.exp(Tired(nothing, nothing, of_keys, 1.0).scores(logits, first=True))
    assert chances[0, [60, 64, END]] == pytest.approx([0.4, 0.4, 0.2])


def test_of_several_answers_the_one_that_stood_before_counts_for_less() -> None:
    again, new = [struck(pitch) for pitch in RIFF], [struck(pitch) for pitch in other(77)]
    stale = stuck().staleness([again, new], PLACES)
    assert stale[0] > 0
    assert stale[1] == 0


def test_in_a_rut_an_answer_need_not_be_like_its_call() -> None:
    assert worn(0) == TASTE
    assert worn(1).classes == worn(1).figures == worn(1).consensus == 0
    assert worn(1).density == TASTE.density


class StubbornSpelling(ShySpelling):
    """Strikes middle C at every other step, and would leave that once in a thousand times."""

    def __init__(self, courses: int, step: int) -> None:
        super().__init__(courses)
        self.step, self.words = step, 0

    def logits(self) -> np.ndarray:
        logits = np.full((self.courses, TOKENS), -np.inf, np.float32)
        strikes = self.step % 2 == 0 and self.words == 0
        logits[:, 60 - LOWEST_PITCH] = 7.0 if strikes else -np.inf if self.words else -7.0
        logits[:, END] = 0.0
        return logits

    def add(self, tokens: object, velocities: object, offsets: object) -> None:
        self.words += 1


class NarrowSpelling(StubbornSpelling):
    """Trills on two keys, and would strike others in less than one time of a hundred."""

    def logits(self) -> np.ndarray:
        logits = np.full((self.courses, TOKENS), -np.inf, np.float32)
        logits[:, 50 - LOWEST_PITCH : 70 - LOWEST_PITCH] = -np.inf if self.words else -7.0
        logits[:, [60 - LOWEST_PITCH, 62 - LOWEST_PITCH]] = -np.inf if self.words else 0.0
        logits[:, END] = 0.0 if self.words else -1.0
        return logits


class StubbornThought(ShyThought):
    def spell(self, befores: object, cues: object) -> ShySpelling:
        (cue, *_) = cues  # type: ignore[misc]
        return self.spelling(self.courses, cue.place.step_in_bar)

    spelling = StubbornSpelling


class NarrowThought(StubbornThought):
    spelling = NarrowSpelling


class StubbornMind(ShyMind):
    thought = StubbornThought


class NarrowMind(ShyMind):
    thought = NarrowThought


def evening(mind: ShyMind, hears_itself: bool, bars: int = 60) -> list[list[Frame]]:
    """An improviser's answers, one after another."""
    improviser, answers = Improviser(mind, Knobs(), 1), []
    for _ in range(bars):
        answers.append(list(improviser.answer(PLACES)))
        for frame, place in zip(answers[-1], PLACES, strict=True):
            improviser.hear(REST, frame if hears_itself else REST, place)
    return answers


def test_a_mind_that_would_go_on_for_ever_finds_other_rhythms() -> None:
    mind = StubbornMind()
    rhythms = [
        len({tuple(bool(frame.onsets) for frame in answer) for answer in evening(mind, hears_itself)})
        for hears_itself in (True, False)
    ]
    assert rhythms[0] > 2 * rhythms[1]


def test_a_mind_that_would_trill_for_ever_finds_other_pitches() -> None:
    alone, heard = (
        {
            onset.pitch
            for answer in evening(NarrowMind(), hears_itself)
            for frame in answer
            for onset in frame.onsets
        }
        for hears_itself in (False, True)
    )
    assert alone == {60, 62}
    assert len(heard) > 2 * len(alone)


def test_where_nothing_is_an_echo_the_answers_are_as_they_were() -> None:
    """Note for note, whatever the player repeats."""
    answers = []
    for repeats in (0, 40):
        improviser = Improviser(ShyMind(), Knobs(), 7)
        for _ in range(repeats):
            play(improviser, player=RIFF)
        answers.append(list(improviser.answer(PLACES)))
    assert answers[0] == answers[1]
