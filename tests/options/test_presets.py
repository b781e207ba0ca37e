"""Presets: what each that ships plays, whose word goes first, and another one picked while it plays."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import mido
import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.commands.learn import first_moved
from jamd.controls.bindings import Bindings
from jamd.controls.knobs import knob_of
from jamd.engine.desk import Desk
from jamd.engine.events import Event, Received
from jamd.engine.preset import Picked, Reloaded
from jamd.engine.rig import Rig
from jamd.engine.zones import Thru, Zones
from jamd.mind.settings import Settings
from jamd.models.features import Place
from jamd.music.note import STEPS_PER_BEAT, Frame, Onset
from jamd.music.scales import scale_of
from jamd.options.commands import load
from jamd.options.group import one_of
from jamd.options.model import Playing
from jamd.options.presets import shipped
from jamd.options.reload import Reloader, preset_of
from jamd.options.session import check
from tests.kit.fakes import Heard, Pad, RecordingPort, jam, note
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player, sounding

START, BEAT = 1.0, 0.5
"""The first note is beat 1 of bar 1; at 120 BPM."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listening(*options: str) -> click.Context:
    """The context that `jamd listen` runs in."""
    listen = load("listen")
    assert listen is not None
    context = listen.make_context("listen", list(options))
    check(context)
    return context


def own(text: str) -> None:
    """This is one's own config file."""
    path = Path("config") / "jamd" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment, prog_name="jamd")


class Band(Pad):
    """Holds a note for a whole answer; plays on each beat where there is no end."""

    def turn(self, settings: Settings) -> None: ...

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        for place in places[len(own) :]:
            yield Frame((Onset(72, 80),)) if place.step_in_bar % STEPS_PER_BEAT == 0 else Frame()


# What is played


def at(bar: int, beat: float = 1, pitch: int = 60, length: float = 0.5, per_bar: int = 4) -> list[Received]:
    """A note of the player's, of so many beats."""
    seconds = START + BEAT * ((bar - 1) * per_bar + beat - 1)
    return note(seconds, pitch, seconds + BEAT * length)


def played(name: str, script: list[list[Received]], bars: int) -> list[tuple[int, float, str, int]]:
    """What jamd plays with a preset: in which bar, on which beat, and the pitch."""
    params = listening("--preset", name).params
    per_bar = params["metre"].steps_per_bar // 4
    end_seconds = START + BEAT * per_bar * bars
    form = preset_of(params).form
    heard = jam(script, end_seconds, Band(), form, metre=str(params["metre"])).notes
    beats = [(round((seconds - START) / BEAT, 3), what, pitch) for seconds, what, pitch in heard]
    return [
        (1 + int(beat // per_bar), round(1 + beat % per_bar, 3), what, pitch) for beat, what, pitch in beats
    ]


def test_those_that_ship() -> None:
    assert [*shipped()] == ["fours", "ballad", "blues", "waltz", "solo"]
    for name, options in shipped().items():
        listening("--preset", name)
        assert "tempo" not in options  # which is the player's


def test_trading_fours_takes_four_bars_and_gives_four() -> None:
    """The pickup in bar 8 belongs to the player's next four, and cuts nobody off."""
    script = [at(bar) for bar in (1, 2, 3, 4)] + [at(8, 4.5), at(9), at(10)]
    four_bars = [(5, 1, "on", 60), (9, 1, "off", 60)]
    assert played("fours", script, 13) == [*four_bars, (13, 1, "on", 60), (14, 1, "off", 60)]


def test_a_line_of_the_blues_is_two_bars_sung_and_two_bars_answered() -> None:
    script = [at(1, pitch=67), at(2, pitch=63), at(5, pitch=67)]
    assert played("blues", script, 8)[:3] == [(3, 1, "on", 60), (5, 1, "off", 60), (7, 1, "on", 60)]


def test_the_blues_is_answered_in_its_scale_and_in_the_key_that_is_said() -> None:
    for options, tonic in (([], "C"), (["--key", "A"], "A")):
        params = listening("--preset", "blues", *options).params
        playing = one_of(Playing, {**params, "seed": 7})
        script = [at(bar, beat, 60 + beat) for bar in (1, 2) for beat in (1, 2, 3, 4)]
        heard = jam(script, 9.0, playing.improvisers("markov")(), preset_of(params).form).notes
        pitches = {pitch % 12 for _, what, pitch in heard if what == "on"}
        assert pitches
        assert pitches <= scale_of(tonic, "blues")


def test_a_waltz_has_phrases_of_four_bars_in_three() -> None:
    script = [at(bar, per_bar=3) for bar in (1, 2, 3, 4)] + [at(9, per_bar=3)]
    assert played("waltz", script, 12) == [(5, 1, "on", 60), (9, 1, "off", 60)]


def test_a_ballad_is_played_together_from_the_first_bar_on() -> None:
    notes = played("ballad", [at(bar, pitch=72, length=4) for bar in (1, 2)], 3)
    struck = [(bar, beat) for bar, beat, what, _ in notes if what == "on"]
    assert struck[0] == (1, 2)
    assert struck[1:4] == [(1, 3), (1, 4), (2, 1)]


def test_jamd_carries_on_after_a_rest_of_four_beats_and_yields() -> None:
    notes = played("solo", [at(1, length=1), at(1, 2, length=1), at(4, 1.5)], 4)
    struck = [(bar, beat) for bar, beat, what, _ in notes if what == "on"]
    assert struck[0] == (2, 3)
    assert struck[-1] == (4, 1)
    assert notes[-1][2] == "off"


# Whose word goes first


def set_by(*options: str) -> dict[str, object]:
    return dict(listening(*options).params)


def test_a_preset_sets_what_it_names_and_leaves_the_rest() -> None:
    own("[listen]\ntempo = 96\nbars = 8\nkey = 'D'\ndensity = 0.7\n")
    params = set_by("--preset", "blues")
    assert (params["bars"], params["key"], params["scale"]) == (2, "C", "blues")
    assert (params["tempo"], params["density"]) == (96, 0.7)


@pytest.mark.parametrize(
    "options", [("--preset", "blues", "--key", "A"), ("--key", "A", "--preset", "blues")]
)
def test_an_option_beside_it_goes_before_it(options: tuple[str, ...]) -> None:
    params = set_by(*options)
    assert (params["key"], params["scale"]) == ("A", "blues")


def test_the_environment_goes_before_it_and_can_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own("[listen]\nbars = 8\n")
    monkeypatch.setenv("JAMD_LISTEN_PRESET", "blues")
    monkeypatch.setenv("JAMD_LISTEN_KEY", "A")
    params = set_by()
    assert (params["preset"], params["key"], params["bars"]) == ("blues", "A", 2)
    assert set_by("--preset", "waltz")["bars"] == 4


def test_what_stands_beside_it_in_the_file_goes_before_it() -> None:
    """As on the command line: what is said of one option goes before what is said of many."""
    own("[listen]\npreset = 'blues'\nkey = 'A'\n")
    params = set_by()
    assert (params["preset"], params["key"], params["scale"], params["echo"]) == ("blues", "A", "blues", 1.2)
    assert set_by("--preset", "waltz")["key"] == "auto"


def test_the_file_may_be_named_before_the_preset_or_after(home: Path) -> None:
    (home / "gig.toml").write_text("[listen]\nfeel = 0.5\n[preset.mine]\nbars = 1\n")
    for options in (
        ["--preset", "mine", "--config", "gig.toml"],
        ["--config", "gig.toml", "--preset", "mine"],
    ):
        params = set_by(*options)
        assert (params["bars"], params["feel"]) == (1, 0.5)


def test_one_s_own_may_have_any_option_and_stand_in_the_place_of_one_that_ships() -> None:
    own(
        "[listen]\nclick = true\nno-interrupt = true\n"
        '[preset.blues]\nbars = 1\nin = "Keys"\ntempo = "tap"\nclick = false\nno-interrupt = false\n'
    )
    params = set_by("--preset", "blues")
    assert (params["bars"], params["in_name"], params["tempo"]) == (1, "Keys", "tap")
    assert (params["click"], params["no_interrupt"], params["scale"]) == (None, False, None)


def test_an_unknown_one_is_said_in_one_line() -> None:
    for asked, right in (
        ("blus", "did you mean 'blues'?"),
        ("My_Blues", "did you mean 'blues'?"),
        ("polka", "the presets are: fours, ballad, blues, waltz, solo"),
    ):
        for command in (["listen"], ["jam"], ["render", "a.mid", "-o", "b.mid"], ["config"]):
            result = run(*command, "--preset", asked)
            assert (result.exit_code, result.stdout) == (2, "")
            assert result.stderr == f"jamd: no preset {asked!r}; {right}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[preset.gig]\nbars = 2\nbar = 4",
            "line 3, preset gig: no option 'bar' of listen; did you mean 'bars'?",
        ),
        (
            "[preset.gig]\n\nbars = 0",
            "line 3, preset gig: bars: 0 is not in the range 1<=x<=64, nor is it open.",
        ),
        (
            "[preset.gig]\npreset = 'blues'",
            "line 2, preset gig: no option 'preset' of listen; did you mean 'port'?",
        ),
        (
            "[preset.gig]\nconfig = 'a'",
            "line 2, preset gig: no option 'config' of listen; see `jamd listen --help`",
        ),
        ("[preset]\nbars = 2", "line 2: 'bars' stands in no preset; put it under [preset.NAME]"),
        ("preset = 'blues'", "line 1: 'preset' stands in no table; put it under [listen]"),
        ('[preset."a\\u001bb"]', "line 1: 'a\\x1bb' is no name for a preset; take letters, digits"),
        ("[listen]\nbars = 1\npreset = 'blus'", "line 3: preset: no preset 'blus'; did you mean 'blues'?"),
        ("[presets.gig]\nbars = 2", "line 1: no table 'presets'; did you mean 'preset.NAME'?"),
        ("[bind]\npreset = 'program'\nmode = 'program'", "line 3: mode: 'program' moves preset already"),
    ],
)
def test_what_is_wrong_with_one_s_own_is_said_with_its_line(text: str, said: str) -> None:
    own(text)
    for command in ("listen", "config"):
        result = run(command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"config.toml {said}" in result.stderr
        assert result.stderr.count("\n") == 1


def test_the_config_says_what_a_preset_sets_and_which_there_are() -> None:
    own("[listen]\nbars = 8\n[preset.gig]\nbars = 1\n")
    document = json.loads(run("config", "--preset", "blues", "--json", JAMD_LISTEN_KEY="A").stdout)
    listen = {setting["key"]: (setting["value"], setting["source"]) for setting in document["listen"]}
    assert listen["preset"] == ("blues", "--preset")
    assert listen["bars"] == (2, "preset blues")
    assert listen["key"] == ("A", "JAMD_LISTEN_KEY")
    assert listen["tempo"] == (120, "default")
    assert [(each["program"], each["name"]) for each in document["presets"]] == [
        (1, "gig"),
        *enumerate(shipped(), 2),
    ]
    file = Path("config").absolute() / "jamd" / "config.toml"
    assert document["presets"][0] == {
        "program": 1,
        "name": "gig",
        "sets": {"bars": 1},
        "source": f"{file} line 3",
    }
    mine = json.loads(run("config", "--preset", "gig", "--json").stdout)["listen"]
    assert next(each for each in mine if each["key"] == "bars")["source"] == f"{file} line 4, preset gig"
    shown = run("config", "--preset", "blues").stdout
    for words in ("preset blues", "fours", "bars 1", "program"):
        assert words in shown


def test_the_page_plays_as_the_instrument_does_with_it() -> None:
    """Though a preset may say what is no option there; and [web] may name one, too."""
    own("[web]\npreset = 'mine'\n[preset.mine]\nbars = 1\nweb = true\n")
    web = load("web")
    assert web is not None
    assert web.make_context("web", []).params["bars"] == 1
    own("[web]\npreset = 'polka'\n[preset.mine]\nbars = 1\n")
    result = run("web")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "config.toml line 2: preset: no preset 'polka'; the presets are: mine, fours," in result.stderr


def test_jam_and_render_answer_as_it_does() -> None:
    """They take what it says of the answers: metre, turns and tempo are those of the file that they play."""
    own(
        "[preset.mine]\nbars = 'open'\nsilence = 2\nanswer-bars = 'call'\nkey = 'D'\nfeel = 0\nclick = true\n"
    )
    for name, arguments in (("jam", []), ("render", ["a.mid", "-o", "b.mid"])):
        command = load(name)
        assert command is not None
        params = command.make_context(name, [*arguments, "--preset", "mine", "--feel", "0.5"]).params
        assert (params["key"], params["feel"], params["density"]) == ("D", 0.5, 1.0)


# Another one while it plays


FOOT = 15
BIND = f"""\
[bind]
preset = ["program channel {FOOT + 1}", "note 0", "cc 20"]
density = "cc 21"
tempo = "cc 22"
"""
FIRST, DUET, BLUES, WALTZ, SOLO = range(1, 6)
"""The programs of those that ship."""


def program(seconds: float, number: int, channel: int = FOOT) -> list[Received]:
    return [Received(seconds, mido.Message("program_change", program=number - 1, channel=channel))]


def cc(seconds: float, number: int, value: int) -> list[Received]:
    return [Received(seconds, mido.Message("control_change", control=number, value=value))]


def playing_on(
    script: list[list[Received]],
    bars: int,
    *options: str,
    thru: Thru = Thru.OFF,
    lights: list[mido.Message] | None = None,
    sounds: list[int] | None = None,
) -> tuple[Heard, dict[str, object]]:
    """What is sent in so many bars, and how the knobs stand then, when listen has these options; the first
    note is expected on beat 1 of bar 1."""
    context, port = listening(*options), RecordingPort()
    reloader, begun = Reloader(context, check), preset_of(context.params)

    def pick(name: str) -> None:
        assert port.engine is not None
        reloader.take(name, port.engine.inbox.put)

    bindings = Bindings(begun.bound, begun.names)
    desk = Desk(
        begun.settings,
        bindings,
        None if lights is None else lights.append,
        preset=begun.name,
        pick=pick,
        sound=None if sounds is None else sounds.append,
    )
    end_seconds = START + BEAT * 4 * bars
    rig = Rig(desk=desk, zones=Zones(thru=thru))
    heard = jam(script, end_seconds, Band(), begun.form, port=port, rig=rig).heard
    assert port.engine is not None
    return heard, dict(port.engine.snapshot.knobs)


def bar(number: float) -> float:
    """The instant at which a bar begins, in seconds."""
    return START + BEAT * 4 * (number - 1)


def test_a_program_picks_the_preset_of_its_number() -> None:
    """The call is one bar at first, and two in the blues."""
    own(BIND + "[listen]\nbars = 1\nanswer-bars = 1\n")
    heard, knobs = playing_on([at(1)], 3)
    assert heard[:2] == [(bar(2), "on", 60), (bar(3), "off", 60)]
    assert "preset" not in knobs
    heard, knobs = playing_on([program(0.5, BLUES), at(1)], 5)
    assert heard[:2] == [(bar(3), "on", 60), (bar(5), "off", 60)]
    assert (knobs["preset"], knobs["echo"]) == ("blues", 1.2)


def test_a_key_picks_the_next_and_a_controller_one_by_its_place() -> None:
    own(BIND)
    key = [note(seconds, 0, seconds + 0.1) for seconds in (1.5, 1.7)]
    assert playing_on([at(1), key[0]], 2)[1]["preset"] == "fours"
    assert playing_on([at(1), *key], 2)[1]["preset"] == "ballad"
    assert playing_on([at(1), cc(1.5, 20, 127)], 2)[1]["preset"] == "solo"
    assert playing_on([at(1), cc(1.5, 20, 127), key[1]], 2)[1]["preset"] == "fours"


def test_learning_by_a_program_change_binds_them_all() -> None:
    heard = mido.Message("program_change", program=3, channel=FOOT)
    assert str(first_moved(knob_of("preset"), [heard])) == f"program channel {FOOT + 1}"


def test_a_number_that_no_preset_has_picks_none() -> None:
    own(BIND)
    assert playing_on([at(1), program(1.5, 6)], 2, "--preset", "waltz")[1]["preset"] == "waltz"


def test_one_s_own_come_first_in_the_order_of_the_file() -> None:
    own(BIND + "[preset.b]\nfeel = 0.2\n[preset.a]\nfeel = 0.1\n")
    assert playing_on([at(1), program(1.5, 1)], 2)[1]["feel"] == 0.2
    assert playing_on([at(1), program(1.5, 2)], 2)[1]["feel"] == 0.1
    assert playing_on([at(1), program(1.5, 3)], 2)[1]["preset"] == "fours"


@pytest.mark.parametrize("thru", [Thru.OFF, Thru.ALL])
def test_the_program_that_picks_a_preset_is_not_for_the_synth(thru: Thru) -> None:
    """Not even with --thru all: what is bound is no music. The same program on another channel is."""
    own(BIND)
    heard, _ = playing_on([at(1), program(1.5, BLUES), program(1.6, BLUES, channel=0)], 2, thru=thru)
    programs = [event for event in heard if event[1] == "program_change"]
    assert programs == ([(1.6, "program_change", 0)] if thru is Thru.ALL else [])


def test_no_note_hangs_when_another_mode_is_picked_in_the_middle_of_an_answer() -> None:
    own(BIND)
    for number in (DUET, SOLO):
        heard, _ = playing_on([at(1), program(bar(3) + 0.3, number)], 4)
        assert [event for event in heard if event[1] in ("on", "off")] == [
            (bar(3), "on", 60),
            (round(bar(3) + 0.3, 6), "off", 60),
        ]
    heard, _ = playing_on([at(1), program(bar(1.9), BLUES)], 5, "--preset", "ballad")
    sounding: set[int] = set()
    for _, what, pitch in (event for event in heard if event[1] in ("on", "off")):
        (sounding.add if what == "on" else sounding.discard)(pitch)
    assert heard
    assert not sounding
    assert max(seconds for seconds, what, _ in heard if what == "on") < bar(1.9)


def test_in_the_same_mode_an_answer_goes_on_to_its_end() -> None:
    own(BIND)
    heard, _ = playing_on([at(1), program(bar(3.5), FIRST), at(5), at(6)], 9)
    assert heard[:3] == [(bar(3), "on", 60), (bar(5), "off", 60), (bar(9), "on", 60)]


def test_all_is_as_the_preset_has_it_whatever_was_turned_by_hand() -> None:
    """As on a synth: the program recalls. What the command line says stays."""
    own(BIND)
    turned = cc(1.2, 21, 0)
    assert playing_on([at(1), turned], 2)[1]["density"] == 0.25
    assert playing_on([at(1), turned, program(1.5, BLUES)], 2)[1]["density"] == 1
    assert playing_on([at(1), turned, program(1.5, DUET)], 2)[1]["density"] == 0.5
    knobs = playing_on([at(1), turned, program(1.5, DUET)], 2, "--density", "2")[1]
    assert (knobs["density"], knobs["register"], knobs["mode"]) == (2, -12, "duet")


def test_what_the_preset_before_set_is_gone() -> None:
    own(BIND)
    knobs = playing_on([at(1), program(1.5, BLUES)], 2, "--preset", "ballad")[1]
    assert (knobs["density"], knobs["register"], knobs["mode"]) == (1, 0, "answer")


def test_the_tempo_stays_where_the_hand_left_it_unless_the_preset_names_one() -> None:
    """Turned to 40 BPM on beat 2: three beats of the bar are left. Or to 240 by the preset."""
    own(BIND + "[preset.fast]\ntempo = 240\n[preset.calm]\nfeel = 0\n")
    slower = cc(START + BEAT, 22, 0)
    for number, beat_seconds in ((2, 1.5), (1, 0.25)):
        heard, _ = playing_on([at(1), slower, program(START + BEAT, number)], 4, "--bars", "1")
        assert heard[0] == (START + BEAT + 3 * beat_seconds, "on", 60)


def test_the_sound_of_the_answers_is_the_preset_s_where_it_names_one() -> None:
    """Or else that of the command line, or it stays; said again to a synth on which a hand chose another."""
    own(BIND + "[preset.vibes]\nprogram = 12\n")
    picks = [program(1.5, 1), program(1.6, 1), program(1.7, 3)]
    for options, sounds in (([], [12, 12]), (["--program", "5"], [5, 5, 5])):
        sent: list[int] = []
        playing_on([at(1), *picks], 2, *options, sounds=sent)
        assert sent == sounds


def test_a_master_s_tempo_is_the_master_s() -> None:
    own(BIND + "[preset.fast]\ntempo = 240\n")
    posted: list[Event] = []
    Reloader(listening("--tempo", "auto"), check).take("fast", posted.append)
    (picked,) = posted
    assert isinstance(picked, Picked)
    assert picked.preset.tempo is None


def test_the_lights_show_how_all_stands_then() -> None:
    own(BIND)
    lights: list[mido.Message] = []
    playing_on([at(1), program(1.5, SOLO)], 2, lights=lights)
    shown = {message.control: message.value for message in lights if message.type == "control_change"}
    assert shown == {20: 127, 21: 64, 22: 51}


def test_what_takes_a_restart_is_named_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    own(BIND + "[preset.far]\nout-channel = 3\nin = 'Keys'\nfeel = 0.5\n")
    reloader, posted = Reloader(listening(), check), list[Event]()
    reloader.take("far", posted.append)
    reloader.take("waltz", posted.append)
    reloader.take("blues", posted.append)
    assert [record.getMessage() for record in caplog.records] == [
        "to be changed by a restart only: in, out-channel",
        "to be changed by a restart only: metre",
    ]
    assert [event.preset.name for event in posted if isinstance(event, Picked)] == ["far", "waltz", "blues"]


def test_one_that_does_not_fit_changes_nothing_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    own(BIND + "[preset.open]\nbars = 'open'\n")
    reloader, posted = Reloader(listening(), check), threading.Event()
    reloader.pick("open")
    with reloader.serving(lambda _: posted.set()):
        while not caplog.records:
            assert not posted.wait(0.01)
        reloader.pick("blues")
        assert posted.wait(20)
    (record,) = caplog.records
    assert record.getMessage().startswith("preset open: nothing is changed: --bars open ends by nothing")


def test_of_many_that_are_picked_at_once_the_last_counts() -> None:
    reloader, posted, done = Reloader(listening(), check), list[Event](), threading.Event()
    for name in ("waltz", "ballad", "blues"):
        reloader.pick(name)

    def post(event: Event) -> None:
        posted.append(event)
        done.set()

    with reloader.serving(post):
        assert done.wait(20)
    assert [event.preset.name for event in posted if isinstance(event, Picked)] == ["blues"]


def test_the_file_is_read_again_with_the_preset_that_was_picked() -> None:
    """Unless the file names another one since; or there is none of that name any more."""
    own("[preset.gig]\nfeel = 0.2\n[preset.other]\nfeel = 0.6\n")
    reloader, posted = Reloader(listening(), check), list[Event]()

    def reread(text: str) -> tuple[str, float]:
        own(text)
        reloader.read(posted.append)
        last = posted[-1]
        assert isinstance(last, Reloaded)
        return last.after.name, last.after.feel

    reloader.take("gig", posted.append)
    assert reread("[preset.gig]\nfeel = 0.3\n[preset.other]\nfeel = 0.6\n") == ("gig", 0.3)
    assert reread("[listen]\npreset = 'other'\n[preset.gig]\n[preset.other]\nfeel = 0.6\n") == ("other", 0.6)
    reloader.take("gig", posted.append)
    assert reread("[listen]\nfeel = 0.4\n") == ("", 0.4)


@pytest.mark.jack
def test_a_program_change_in_the_middle_of_an_answer(player: Player, tmp_path: Path) -> None:
    """Bars of a second, one each at first; then, by program 1, two of call. The synth sees the program of the
    sound alone."""
    own(
        "[listen]\ntempo = 240\nbars = 1\nanswer-bars = 1\n[bind]\npreset = 'program'\n"
        "[preset.two]\nmode = 'answer'\nbars = 2\nout-channel = 2\nprogram = 12\n"
    )
    phrase = [
        (beat / 4 + after, (status, 60 + 4 * (beat % 2), 90))
        for beat in range(4)
        for after, status in ((0.0, 0x90), (0.2, 0x80))
    ]
    with Jamd(tmp_path, "--backend", "jack", "--in", KEYS, "--out", SYNTH, "--seed", "7") as playing:
        playing.wait_until_listening()
        start = player.play(phrase)
        player.wait_for_strike(after_seconds=start + 1)
        player.play([(0.0, (0xC0, 0))])
        playing.wait_for_line("jamd: to be changed by a restart only: out-channel", 20)
        assert "preset two\n" in playing.stdout
        player.play(phrase, start + 8.05)  # in the ninth bar
        answer = player.wait_for_strike(after_seconds=start + 8.05)
        assert start + 10 <= answer.seconds < start + 11
        playing.signal(signal.SIGTERM)
        ended = playing.wait()
    assert ended.status == 0, ended.stderr
    player.listen_until(player.now() + 0.2)
    assert not sounding(player.heard)
    assert [message.bytes for message in player.heard if message.bytes[0] & 0xF0 == 0xC0] == [(0xC0, 11)]
