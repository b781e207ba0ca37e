"""Hands on the controls while the music plays: knobs, lights, another model, a take; on the virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mido
import pytest

from jamd.controls.bindings import Bindings
from jamd.controls.controls import Control
from jamd.engine.desk import Desk
from jamd.engine.events import Received
from jamd.engine.rig import Rig
from jamd.engine.turns import Form
from jamd.errors import JamdError
from jamd.mind.minds import Loaded
from jamd.mind.rack import ModelRack, StandIn, Wish
from jamd.mind.settings import Settings
from jamd.mind.worker import InlineWorker, Post
from jamd.models.features import Place
from jamd.music.note import Frame
from jamd.music.transport import Metre
from jamd.sessions.takes import Takes
from jamd.smf import midifile
from tests.kit.fakes import Heard, Jam, Notebook, Pad, Parrot, jam, note

BOUND = {
    "density": (Control("cc", 21),),
    "register": (Control("cc", 22),),
    "feel": (Control("cc", 23),),
    "tempo": (Control("cc", 24),),
    "bars": (Control("cc", 25),),
    "mode": (Control("note", 0),),
    "turn": (Control("cc", 64),),
    "next-model": (Control("note", 1),),
    "save": (Control("note", 2),),
    "loop": (Control("note", 3),),
}


def moved(seconds: float, control: int, value: int) -> list[Received]:
    return [Received(seconds, mido.Message("control_change", control=control, value=value))]


def pressed(seconds: float, pitch: int) -> list[Received]:
    return note(seconds, pitch, seconds + 0.1)


@dataclass
class Turning(Pad):
    """A pad that takes down how it is to play."""

    settings: list[Settings] = field(default_factory=list)

    def turn(self, settings: Settings) -> None:
        self.settings.append(settings)


def desk(lights: list[mido.Message] | None = None) -> Desk:
    return Desk(Settings(), Bindings(BOUND), None if lights is None else lights.append)


def ons(played: Jam) -> Heard:
    return [event for event in played.notes if event[1] == "on"]


def test_a_knob_is_turned_while_playing_and_its_controller_is_no_music() -> None:
    pad = Turning()
    script = [note(1.0, 60, 1.4), moved(1.2, 21, 127), moved(1.3, 22, 127), pressed(1.5, 5)]
    played = jam(script, 4.0, pad, rig=Rig(desk=desk()))
    assert pad.settings[0].knobs.density == pytest.approx(4)
    assert pad.settings[-1].wishes.register == 24
    kept = [message for part, _, message in played.notebook.events if part == "player"]
    assert {message.type for message in kept} == {"note_on", "note_off"}
    assert ("density", pytest.approx(4)) in played.engine.snapshot.knobs


def test_a_bound_key_is_no_note() -> None:
    parrot = Parrot()
    played = jam([note(1.0, 60, 1.4), pressed(1.6, 3)], 4.0, parrot, rig=Rig(desk=desk()))
    assert {o.pitch for player, _, _ in parrot.heard for o in player.onsets} == {60}
    assert played.engine.account.notes_heard == 1


def test_the_pedal_gives_the_floor() -> None:
    script = [note(1.0, 60, 1.4), moved(1.9, 64, 127), moved(2.1, 64, 0)]
    played = jam(script, 6.0, Pad(), Form(None, 1), rig=Rig(desk=desk()))
    assert ons(played) == [(2.0, "on", 60)]


def test_tempo_and_bars_are_turned() -> None:
    """Two bars in place of one, at 140 in place of 120, from beat 2 on."""
    script = [note(1.0, 60, 1.4), moved(1.5, 25, 60), moved(1.5, 24, 64)]
    played = jam(script, 12.0, Pad(), rig=Rig(desk=desk()))
    tempo = 40 + 200 * 64 / 127
    assert played.notebook.tempos == [(1.0, pytest.approx(tempo))]
    assert ons(played) == [(pytest.approx(1.5 + 3 * 60 / tempo, abs=1e-5), "on", 60)]


def test_the_controllers_lights_show_how_all_stands() -> None:
    lights: list[mido.Message] = []
    jam([note(1.0, 60, 1.4), moved(1.5, 23, 0)], 3.0, Turning(), rig=Rig(desk=desk(lights)))
    controls = [(m.control, m.value) for m in lights if m.type == "control_change"]
    assert (23, 127) in controls  # feel as it was
    assert controls[-1] == (23, 0)


def test_to_a_controller_that_sends_back_what_it_is_told_there_is_an_end() -> None:
    """Its knob is moved once, and what lights up comes back a thousand times."""
    lights: list[mido.Message] = []
    echoed = [moved(1.5 + number / 1000, 23, 40) for number in range(1000)]
    jam([note(1.0, 60, 1.4), *echoed], 3.0, Turning(), rig=Rig(desk=desk(lights)))
    assert [(m.control, m.value) for m in lights if m.type == "control_change"].count((23, 40)) == 1


def test_bends_pressure_and_other_controllers_do_no_harm() -> None:
    """An MPE keyboard: each note on a channel of its own, bent, pressed, with a finer CC 74."""
    script = [note(1.0, 60, 1.4)]
    for channel in range(1, 16):
        messages = [
            mido.Message("pitchwheel", channel=channel, pitch=300),
            mido.Message("aftertouch", channel=channel, value=80),
            mido.Message("polytouch", channel=channel, note=60, value=80),
            mido.Message("control_change", channel=channel, control=74, value=3),
            mido.Message("control_change", channel=channel, control=53, value=3),
            mido.Message("note_on", channel=channel, note=60 + channel, velocity=80),
            mido.Message("note_off", channel=channel, note=60 + channel),
        ]
        script.append([Received(1.1 + channel / 50, message) for message in messages])
    played = jam(script, 6.0, Pad(), rig=Rig(desk=desk()))
    assert played.engine.account.notes_heard == 16
    assert ons(played) == [(3.0, "on", 60)]


@dataclass
class Chosen(Turning):
    """A model among others: it answers on its own pitch."""

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self.heard.append((player, own, place))


class InlineRack(ModelRack):
    """A rack that takes no time."""

    def _hand_over(self, wish: Wish) -> None:
        self._load(wish)


def test_another_model_takes_over_between_turns_and_knows_what_was_played() -> None:
    """Asked for in the middle of an answer, which goes on; the next answer is the other's."""
    models = {"one": Chosen(pitch=60), "two": Chosen(pitch=65)}
    hands = desk()

    def make_worker(post: Post) -> InlineWorker:
        if hands.rack is None:
            hands.choose_from(
                InlineRack(
                    ["one", "two"],
                    "one",
                    lambda improvisers: lambda post: InlineWorker(improvisers(), post),
                    lambda name: lambda: models[name],  # type: ignore[arg-type, return-value]
                    post,
                )
            )
        return InlineWorker(models["one"], post)  # type: ignore[arg-type]

    script = [note(1.0, 60, 1.4), pressed(3.5, 1), note(5.0, 60, 5.4)]
    played = jam(script, 10.0, make_worker=make_worker, rig=Rig(desk=hands))
    assert played.notes == [(3.0, "on", 60), (5.0, "off", 60), (7.0, "on", 65), (9.0, "off", 65)]
    assert models["two"].heard[: len(models["one"].heard)] == models["one"].heard
    assert played.engine.account.faults == 0


def test_for_a_model_that_fails_twice_in_a_row_another_stands_in(caplog: pytest.LogCaptureFixture) -> None:
    """Two turns fall silent; the third is answered by the other, which knows what was played."""
    broken, counting = Turning(fail=lambda: True), Turning(pitch=65)
    hands = desk()

    def make_worker(post: Post) -> InlineWorker:
        if hands.rack is None:
            hands.choose_from(
                InlineRack(
                    ["one"],
                    "one",
                    lambda improvisers: lambda post: InlineWorker(improvisers(), post),
                    lambda name: lambda: broken,  # type: ignore[arg-type, return-value]
                    post,
                    stand_ins=[StandIn("markov", lambda: lambda: counting)],  # type: ignore[arg-type, return-value]
                )
            )
        return InlineWorker(broken, post)  # type: ignore[arg-type]

    calls = [note(1.0 + 4 * turn, 60 + turn, 1.4 + 4 * turn) for turn in range(4)]
    played = jam(calls, 18.0, make_worker=make_worker, rig=Rig(desk=hands))
    assert [event for event in played.notes if event[1] == "on" and event[0] > 8] == [
        (11.0, "on", 65),
        (15.0, "on", 65),
    ]
    assert [onset.pitch for player, _, _ in counting.heard for onset in player.onsets] == [60, 61, 62, 63]
    assert dict(played.engine.snapshot.knobs)["model"] == "markov"
    fault = "RuntimeError: the strings are broken"
    assert [record.getMessage() for record in caplog.records] == [
        f"answer 1 given up: {fault}",
        f"answer 2 given up: {fault}",
        "one fails again and again; markov stands in for it",
    ]


def test_a_model_that_is_not_to_be_had_is_said_and_the_music_goes_on() -> None:
    said: list[object] = []

    def improvisers(name: str) -> Iterator[object]:
        raise JamdError(f"there is no model {name}")

    rack = ModelRack(["one", "gone"], "one", lambda _: None, improvisers, said.append)  # type: ignore[arg-type, return-value]
    rack._load(Wish(0, "gone", lambda: improvisers("gone"), [], 0))  # type: ignore[arg-type, return-value]
    assert said == [Loaded("gone", reason="there is no model gone")]


def test_a_take_is_the_last_call_with_its_answer(tmp_path: Path) -> None:
    session = tmp_path / "tonight.mid"
    takes = Takes(Notebook(), lambda: session, 120, Metre(4, 4))
    for beat in range(16):
        part = "player" if beat % 8 < 4 else "jamd"
        takes.record(part, float(beat), mido.Message("note_on", note=60 + beat))
        takes.record(part, beat + 0.5, mido.Message("note_off", note=60 + beat))
        if beat == 7:  # the next call's first note, played early; a note of the answer before ends in it
            takes.record("jamd", 7.1, mido.Message("note_on", note=50))
            takes.record("player", 7.9, mido.Message("note_on", note=40))
            takes.record("player", 8.2, mido.Message("note_off", note=40))
            takes.record("jamd", 8.1, mido.Message("note_off", note=50))
    takes.record("jamd", 15.75, mido.Message("note_on", note=90))  # still sounds
    thread = takes.save(8.0)
    thread.join()
    piece = midifile.read(tmp_path / "tonight take 1.mid")
    notes = {part.name: [n.pitch for n in part.notes] for part in piece.parts}
    assert notes == {"player": [40, 68, 69, 70, 71], "jamd": [72, 73, 74, 75, 90]}
    assert piece.metres == ((0.0, Metre(4, 4)),)
    takes.save(12.0).join()
    assert (tmp_path / "tonight take 2.mid").exists()


def test_a_take_has_the_bar_lines_of_its_session(tmp_path: Path) -> None:
    """From beat 5 on, since the master began anew there: a take from beat 7 on has the next one at its 2."""
    takes = Takes(Notebook(), lambda: tmp_path / "tonight.mid", 120, Metre(4, 4))
    takes.metre(5.0, Metre(4, 4))
    takes.record("player", 7.0, mido.Message("note_on", note=60))
    takes.record("player", 12.0, mido.Message("note_off", note=60))
    takes.save(7.0).join()
    piece = midifile.read(tmp_path / "tonight take 1.mid")
    assert piece.metres == ((0.0, Metre(2, 4)), (2.0, Metre(4, 4)))
