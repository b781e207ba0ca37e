"""The terminal: what is written there for a snapshot, in any size, and how it is left."""

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console

from jamd.engine.snapshot import Snapshot, Turn
from jamd.music.note import (
    REST,
    Frame,
    Note,
    Onset,
    frames_of,
)
from jamd.music.transport import Metre
from jamd.view.view import (
    OWN_COLOUR,
    OWN_HELD,
    PLAYER_COLOUR,
    PLAYER_HELD,
    View,
    follow,
    render,
)

WIDTH, HEIGHT = 80, 24


def lines(snapshot: Snapshot, width: int = WIDTH, height: int = HEIGHT, title: str = "") -> list[str]:
    return "".join(s.text for s in render(snapshot, width, height, title).segments).split("\n")


def colours(snapshot: Snapshot, lowest: int | None = None) -> str:
    """The roll's notes from the top left on: P and J where player and jamd strike, p and j where held."""
    names = {PLAYER_COLOUR: "P", OWN_COLOUR: "J", PLAYER_HELD: "p", OWN_HELD: "j"}
    found = []
    for segment in render(snapshot, WIDTH, HEIGHT, lowest=lowest).segments:
        if segment.style and segment.style.color and segment.text.strip("▀▄█") == "" != segment.text:
            found += [names[segment.style.color.name]] * len(segment.text)
    return "".join(found)


def answering(position_steps: float = 37.5, **changes: object) -> Snapshot:
    call = frames_of([Note(60, 90, 0, 1), Note(64, 90, 1, 2)])
    answer = frames_of([Note(67, 90, 8, 9)])
    steps = int(position_steps) + 1
    fields = {
        "turn": Turn.ANSWER,
        "turns": 1,
        "tempo": 112.0001,
        "position_steps": position_steps,
        "player": tuple((call + [REST] * steps)[:steps]),
        "own": tuple((answer + [REST] * steps)[:steps]),
    }
    return Snapshot(**(fields | changes))  # type: ignore[arg-type]


def test_before_the_first_note_it_says_what_to_do_and_shows_an_empty_roll() -> None:
    status, *roll = lines(Snapshot(), title="Keyboard to Synth")
    assert "play, and jamd will answer" in status
    assert "bar" not in status
    assert "▼" not in roll[0]
    assert roll[-1] == "Keyboard to Synth"


@pytest.mark.parametrize(("turn", "word"), [(Turn.CALL, "you play"), (Turn.ANSWER, "jamd answers")])
def test_it_says_whose_turn_it_is_in_the_colour_of_the_picture(turn: Turn, word: str) -> None:
    first = next(iter(render(answering(turn=turn), WIDTH, HEIGHT).segments))
    assert first.text.strip() == word
    assert first.style is not None
    colour = PLAYER_COLOUR if turn is Turn.CALL else OWN_COLOUR
    assert first.style.bgcolor == Color.parse(colour)


def test_bar_beat_metre_tempo_and_turns_are_told() -> None:
    status = lines(answering())[0]
    assert "bar 3  beat 2  ○●○○" in status
    assert "4/4  112 BPM  1 turn" in status


def test_in_six_eight_the_beats_are_eighths() -> None:
    status = lines(answering(metre=Metre(6, 8), position_steps=23.9))[0]
    assert "bar 2  beat 6  ○○○○○●" in status


def test_bars_are_counted_from_the_downbeat() -> None:
    snapshot = answering(position_steps=37.5, downbeat_step=3)
    status, ruler, *_ = lines(snapshot)
    assert "bar 3  beat 1" in status
    assert ruler.split()[:2] == ["1", "2"]


def test_a_struck_note_is_bright_and_a_held_one_dark_in_its_own_colour() -> None:
    snapshot = answering(position_steps=47.0)
    assert colours(snapshot) == "Jjjj" + "Pppp" + "Pppp"


def test_a_repeated_note_is_told_from_a_held_one() -> None:
    repeated = tuple(frames_of([Note(60, 90, i / 2, i / 2 + 0.5) for i in range(4)]))
    held = tuple(frames_of([Note(60, 90, 0, 2)]))
    rest = (REST,) * 8
    assert colours(Snapshot(position_steps=8.0, player=repeated, own=rest)) == "PpPpPpPp"
    assert colours(Snapshot(position_steps=8.0, player=held, own=rest)) == "Pppppppp"


def test_two_neighbouring_pitches_share_a_row_in_two_colours() -> None:
    player, own = Frame((Onset(60, 90),)), Frame((Onset(61, 90),))
    snapshot = Snapshot(position_steps=0.0, player=(player,), own=(own,))
    (cell,) = [s for s in render(snapshot, WIDTH, HEIGHT, lowest=40).segments if "▀" in s.text]
    assert cell.style is not None
    assert cell.style.color == Color.parse(OWN_COLOUR)
    assert cell.style.bgcolor == Color.parse(PLAYER_COLOUR)


def test_the_now_marker_stands_over_the_step_that_sounds() -> None:
    snapshot = answering(position_steps=32.0)
    ruler, row = (
        lines(snapshot)[1],
        next(line for line in lines(snapshot) if line.count("▄") + line.count("▀")),
    )
    assert row[ruler.index("▼")] in "▀▄"


def test_after_four_bars_the_roll_moves_on_by_a_bar() -> None:
    assert lines(answering(position_steps=63.0))[1].split() == ["1", "2", "3", "4", "▼"]
    assert [word for word in lines(answering(position_steps=65.0))[1].split() if word != "▼"][:3] == [
        "2",
        "3",
        "4",
    ]


def test_the_range_stays_while_everything_fits_and_moves_no_further_than_it_must() -> None:
    start = follow(None, 24, frozenset({60, 64, 67}))
    assert follow(start, 24, frozenset({start, start + 23})) == start
    assert follow(start, 24, frozenset()) == start
    assert start - 4 <= follow(start, 24, frozenset({start - 1, start + 5})) < start
    assert start < follow(start, 24, frozenset({start + 24})) <= start + 4


def test_a_note_beyond_the_roll_shows_on_its_edge() -> None:
    snapshot = Snapshot(position_steps=0.0, player=(Frame((Onset(20, 90), Onset(110, 90))),), own=(REST,))
    assert colours(snapshot, lowest=50) == "PP"


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    length = draw(st.integers(0, 40))
    frame = st.builds(
        lambda struck, held: Frame(tuple(Onset(p, 90) for p in struck), frozenset(held - struck)),
        st.sets(st.integers(0, 127), max_size=3),
        st.sets(st.integers(0, 127), max_size=3),
    )
    part = st.lists(frame, min_size=length, max_size=length).map(tuple)
    return Snapshot(
        draw(st.sampled_from(Turn)),
        draw(st.integers(0, 999)),
        draw(st.floats(20, 400)),
        draw(st.sampled_from([Metre(4, 4), Metre(7, 8), Metre(12, 8), Metre(1, 16), Metre(16, 4)])),
        draw(st.integers(-50, 50)),
        draw(st.none() | st.floats(-40, 1e6)),
        draw(st.integers(-40, 200)),
        draw(part),
        draw(part),
    )


@given(
    snapshots(), st.integers(1, 250), st.integers(1, 70), st.text(st.characters(categories=["L", "N", "Zs"]))
)
def test_any_snapshot_fits_any_terminal(snapshot: Snapshot, width: int, height: int, title: str) -> None:
    shown = lines(snapshot, width, height, title)
    assert len(shown) <= max(1, height - 1)
    assert all(cell_len(line) <= width for line in shown)


class Screen(io.StringIO):
    """A terminal's end of the line that says when the view has drawn a number of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Semaphore(0)

    def write(self, text: str) -> int:
        written = super().write(text)
        if "bar" in text:
            self.drawn.release()
        return written


def terminal(screen: Screen) -> Console:
    return Console(
        file=screen,
        force_terminal=True,
        width=WIDTH,
        height=HEIGHT,
        color_system="truecolor",
        legacy_windows=False,
    )


def test_the_view_goes_on_drawing_and_leaves_the_terminal_clean() -> None:
    screen, asked = Screen(), []

    def snapshot() -> Snapshot:
        asked.append(threading.current_thread())
        return answering(position_steps=float(len(asked)))

    with View(terminal(screen), snapshot, "Keyboard to Synth"):
        for _ in range(4):
            assert screen.drawn.acquire(timeout=10)
    assert asked[-2].daemon
    output = screen.getvalue()
    assert "Keyboard to Synth" in output
    last_picture = output.rindex("Keyboard to Synth")
    ending = output[last_picture:]
    assert ending.count("\x1b[2K") >= HEIGHT - 1  # every row of it is erased
    assert "\x1b[?25h" in ending  # the cursor is back
    (drawer,) = {thread for thread in asked if thread is not threading.current_thread()}
    drawer.join(timeout=10)
    assert not drawer.is_alive()
    assert screen.getvalue() == output  # nothing comes after it


def test_an_exception_inside_the_view_comes_through_and_the_cursor_comes_back() -> None:
    screen = Screen()
    with pytest.raises(KeyboardInterrupt), View(terminal(screen), answering):
        raise KeyboardInterrupt
    assert screen.getvalue().rstrip().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_help_stands_in_the_place_of_the_title_until_asked_again() -> None:
    screen = Screen()
    with View(terminal(screen), answering, "Keyboard to Synth", "space panic  q quit") as view:
        pictures = []
        for _ in range(3):
            assert view._live is not None
            picture = view._picture()
            pictures.append("".join(segment.text for segment in picture.segments).split("\n")[-1])
            view.help()
    assert pictures == ["? keys  Keyboard to Synth", "space panic  q quit", "? keys  Keyboard to Synth"]


@pytest.mark.parametrize("width", [1, 2, 3, 20, 40])
def test_what_the_terminal_echoes_behind_the_picture_stays_on_its_line(width: int) -> None:
    last = lines(answering(), width, HEIGHT, "a keyboard of a long name -> jamd -> a synth of another")[-1]
    assert cell_len(last) <= max(1, width - len("^C"))


def test_a_terminal_without_block_characters_gets_letters() -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    console = Console(file=screen, force_terminal=True, width=WIDTH, height=HEIGHT, legacy_windows=False)
    with View(console, answering, "jam"):
        pass
    output = screen.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "jamd answers" in output
    assert "C4" in output
