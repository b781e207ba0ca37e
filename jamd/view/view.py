"""What the player sees in the terminal: whose turn it is, where in the bar, and both parts rolling by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import TracebackType

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.segment import Segment, Segments
from rich.style import Style

from jamd.counted import counted
from jamd.engine.snapshot import Snapshot, Turn
from jamd.music.note import STEPS_PER_BEAT
from jamd.system.signals import drawing
from jamd.system.terminal import in_foreground

PLAYER_COLOUR = "#3389e0"
OWN_COLOUR = "#ee7a0b"
"""Blue and orange: the pair that colour blindness leaves apart; both show on black and on white."""

PLAYER_HELD, OWN_HELD = "#1f5487", "#945010"
BARS = 4
MOST_ROWS = 20
WIDEST_STEP = 3
MARGIN = 4
TYPED = 3
"""Columns left free on the last line: a terminal that shows what is typed shows ^C there, and if that went on
to another line, the picture would leave one behind."""
REFRESHES_PER_SECOND = 10
LOOK_SECONDS = 0.3

QUIET = Style(color="bright_black")
STRONG = Style(bold=True)
PLAIN = Style()
WORDS = {
    Turn.WAIT: (" play, and jamd will answer ", Style(reverse=True)),
    Turn.CALL: (" you play ", Style(color="#ffffff", bgcolor=PLAYER_COLOUR, bold=True)),
    Turn.ANSWER: (" jamd answers ", Style(color="#000000", bgcolor=OWN_COLOUR, bold=True)),
    Turn.DUET: (" you both play ", Style(color="#000000", bgcolor=OWN_COLOUR, bold=True)),
    Turn.SOLO: (" jamd plays on ", Style(color="#000000", bgcolor=OWN_COLOUR, bold=True)),
}
LETTERS = str.maketrans("▀▄█│╎·▼●○…", "'.:||.v*-~")
"""For terminals whose encoding has no blocks."""

Line = list[Segment]
Place = tuple[int, bool]


class View:
    """Shows snapshots until the block ends, then leaves the terminal as it was; so it does while the program
    stands still or is in the background, where the terminal is another's. Reads, never steers."""

    def __init__(
        self, console: Console, snapshot: Callable[[], Snapshot], title: str = "", keys: str = ""
    ) -> None:
        """`keys` is what keys do, in a line; without it they do nothing."""
        self._console = console
        self._snapshot = snapshot
        self._title = f"? keys  {title}" if keys else title
        self._keys, self._helping = keys, False
        self._size = console.size
        self._lowest: int | None = None
        self._live: Live | None = None  # while it is shown
        self._wanted = False
        self._showing = threading.RLock()
        self._signals = ExitStack()

    def __enter__(self) -> View:
        self._signals.enter_context(drawing(self._away))
        self._wanted = True
        self._show()
        return self

    def help(self) -> None:
        """Show what keys do, in the place of the title; the next time, the title. From any thread."""
        self._helping = not self._helping

    def _show(self) -> None:
        """Be shown, as soon as the program is in the foreground; nobody tells when that is."""
        with self._showing:
            if not self._wanted or self._live is not None:
                return
            if not in_foreground(self._console.file):
                look = threading.Timer(LOOK_SECONDS, self._show)
                look.daemon = True
                look.start()
                return
            self._live = Live(
                get_renderable=self._picture,
                console=self._console,
                refresh_per_second=REFRESHES_PER_SECOND,
                transient=True,
                vertical_overflow="crop",
            )
            self._live.start(refresh=True)

    def _hide(self) -> None:
        with self._showing:
            self._wanted = False
            live, self._live = self._live, None
            if live is not None:
                live.stop()

    @contextmanager
    def _away(self) -> Iterator[None]:
        self._hide()
        yield
        self._wanted = True
        self._show()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._signals:
            self._hide()

    def _picture(self) -> Segments:
        if self._console.size != self._size:
            self._size = self._console.size
            self._console.clear()  # what a narrower terminal has wrapped cannot be erased by lines
        snapshot = self._snapshot()
        width, height = self._size
        self._lowest = follow(self._lowest, 2 * (roll_rows(height) - 1), sounding(snapshot))
        picture = render(snapshot, width, height, self._keys if self._helping else self._title, self._lowest)
        if self._console.options.ascii_only:
            return Segments(Segment(s.text.translate(LETTERS), s.style) for s in picture.segments)
        return picture


def render(
    snapshot: Snapshot, width: int, height: int, title: str = "", lowest: int | None = None
) -> Segments:
    """The picture of a snapshot in at most `width` columns and `height` - 1 rows.

    `lowest` is the pitch at the bottom of the roll; left out, the roll is laid around what sounds.
    Made of segments and not of text with spans: it is drawn beside the engine and must cost it nothing.
    """
    rows = roll_rows(height) - (1 if snapshot.knobs and roll_rows(height) else 0)
    if lowest is None:
        lowest = follow(None, 2 * rows, sounding(snapshot))
    bottom = [_knobs(snapshot)] if snapshot.knobs else []
    last = _cut([Segment(title, QUIET)], max(1, width - TYPED))
    lines = [_status(snapshot), *_roll(snapshot, width, rows, lowest), *bottom, last]
    segments: list[Segment] = []
    for line in lines[: max(1, height - 1)]:
        if segments:
            segments.append(Segment.line())
        segments += _cut(line, max(1, width))
    return Segments(segments)


def roll_rows(height: int) -> int:
    """How many rows, of two pitches each, the roll gets in a terminal of `height` rows."""
    return max(0, min(MOST_ROWS, height - 4))


def sounding(snapshot: Snapshot) -> frozenset[int]:
    """Every pitch in the snapshot's frames."""
    return frozenset(pitch for frame in (*snapshot.player, *snapshot.own) for pitch in frame.sounding)


def follow(lowest: int | None, count: int, pitches: frozenset[int]) -> int:
    """The lowest of `count` pitches to show: where it was, while everything that sounds fits."""
    most = max(0, 128 - count)
    if not pitches:
        return 64 - count // 2 if lowest is None else min(lowest, most)
    bottom, top = min(pitches), max(pitches)
    spare = count - (top - bottom + 1)
    if lowest is None or spare < 0:
        moved = bottom - spare // 2
    elif lowest <= bottom and top < lowest + count:
        moved = lowest
    elif bottom < lowest:
        moved = bottom - min(3, spare)
    else:
        moved = top + 1 + min(3, spare) - count
    return max(0, min(most, moved))


def _cut(line: Line, width: int) -> Line:
    if sum(cell_len(segment.text) for segment in line) <= width:
        return line
    *kept, last = Segment.adjust_line_length(line, width - 1, pad=False) or [Segment("")]
    return [*kept, Segment(last.text + "…", last.style)]


def _status(snapshot: Snapshot) -> Line:
    line = [Segment(*WORDS[snapshot.turn])]
    if snapshot.position_steps is not None:
        bar, step = divmod(snapshot.position_steps - snapshot.downbeat_step, snapshot.metre.steps_per_bar)
        beat = int(step * snapshot.metre.unit / (4 * STEPS_PER_BEAT))
        line += [
            Segment(f"  bar {int(bar) + 1}  beat {beat + 1}  ", STRONG),
            Segment("○" * beat, QUIET),
            Segment("●", STRONG),
            Segment("○" * (snapshot.metre.beats - beat - 1), QUIET),
        ]
    source = f", {snapshot.source}" if snapshot.source else ""
    turns = counted(snapshot.turns, "turn")
    return [*line, Segment(f"  {snapshot.metre}  {round(snapshot.tempo, 1):g} BPM{source}  {turns}", PLAIN)]


def _knobs(snapshot: Snapshot) -> Line:
    """How the knobs stand."""
    line: Line = []
    for name, value in snapshot.knobs:
        shown = value if isinstance(value, str) else f"{round(value, 2):g}"
        line += [Segment(f"{name} ", QUIET), Segment(f"{shown}  ", PLAIN)]
    return line


def _columns(snapshot: Snapshot, width: int) -> list[float | None]:
    """What each column of the roll shows: a position in steps, or None for a bar line."""
    now, per_bar = int((snapshot.position_steps or 0.0) // 1), snapshot.metre.steps_per_bar
    bars = min(BARS, width // (per_bar + 1))
    if bars < 1:
        return [float(step) for step in range(now - max(0, width) + 1, now + 1)]
    per_step = min(WIDEST_STEP, (width // bars - 1) // per_bar)
    bar = (now - snapshot.downbeat_step) // per_bar
    oldest = max(bar - bars + 1, min(bar, 0))
    columns: list[float | None] = []
    for line in range(oldest, oldest + bars):
        first = snapshot.downbeat_step + line * per_bar
        columns += [None, *(first + column / per_step for column in range(per_bar * per_step))]
    return columns


def _roll(snapshot: Snapshot, width: int, rows: int, lowest: int) -> Iterator[Line]:
    """The ruler with bar numbers and the now marker, then the roll from its highest row down."""
    columns = _columns(snapshot, width - MARGIN)
    past = [i for i, column in enumerate(columns) if column is not None and column <= _now(snapshot)]
    now = past[-1] if past else -1
    yield _ruler(snapshot, columns, now)
    shades = _shades(snapshot, lowest, 2 * rows)
    places: list[Place | None] = [None if c is None else (int(c // 1), c % 1 > 0) for c in columns]
    for pitch in range(lowest + 2 * (rows - 1), lowest - 1, -2):
        octave = next((p // 12 - 1 for p in (pitch, pitch + 1) if p % 12 == 0), None)
        label = f"C{octave}" if octave is not None else ""
        marks = _marks(columns, now, dotted=octave is not None)
        upper, lower = shades.get(pitch + 1, {}), shades.get(pitch, {})
        if not (upper or lower):
            yield [Segment(label.ljust(MARGIN) + marks, QUIET)]
            continue
        line = [Segment(label.ljust(MARGIN), QUIET)]
        for place, mark in zip(places, marks, strict=True):
            cell = _cell(upper.get(place), lower.get(place), mark) if place else _cell(None, None, mark)
            if line[-1].style is cell.style:
                line[-1] = Segment(line[-1].text + cell.text, cell.style)
            else:
                line.append(cell)
        yield line


def _marks(columns: list[float | None], now: int, dotted: bool) -> str:
    """A row without notes: bar lines and the now marker, and dots on the beats of a row that has a C."""
    marks = ["│" if c is None else "·" if dotted and c % STEPS_PER_BEAT == 0 else " " for c in columns]
    if now >= 0:
        marks[now] = "╎"
    return "".join(marks)


def _now(snapshot: Snapshot) -> float:
    return float("-inf") if snapshot.position_steps is None else snapshot.position_steps


def _ruler(snapshot: Snapshot, columns: list[float | None], now: int) -> Line:
    marks = [" "] * len(columns)
    for i, column in enumerate(columns):
        if column is None and (first := columns[i + 1]) is not None:
            bar = str((int(first) - snapshot.downbeat_step) // snapshot.metre.steps_per_bar + 1)
            marks[i : i + len(bar)] = bar
    if now >= 0:
        marks[now] = "▼"
    return [Segment(" " * MARGIN + "".join(marks), QUIET)]


def _shades(snapshot: Snapshot, lowest: int, count: int) -> dict[int, dict[Place, str]]:
    """The colours of each pitch that sounds, by step: at its beginning and (True) later in the step.

    What lies beyond the roll shows on its edge. An onset covers a held note, and jamd's covers the player's.
    """
    shades: dict[int, dict[Place, str]] = {}
    parts = ((snapshot.player, PLAYER_COLOUR, PLAYER_HELD), (snapshot.own, OWN_COLOUR, OWN_HELD))
    for onset in (False, True):
        for frames, bright, dark in parts:
            for step, frame in enumerate(frames, snapshot.first_step):
                for pitch in (o.pitch for o in frame.onsets) if onset else frame.held:
                    row = shades.setdefault(min(max(pitch, lowest), lowest + count - 1), {})
                    row[step, False], row[step, True] = bright if onset else dark, dark
    return shades


@cache
def _cell(upper: str | None, lower: str | None, mark: str) -> Segment:
    """One character for two pitches, in blocks; `mark` where neither sounds."""
    if upper is None and lower is None:
        return Segment(mark, QUIET)
    if upper == lower:
        return Segment("█", Style(color=upper))
    if upper is None:
        return Segment("▄", Style(color=lower))
    return Segment("▀", Style(color=upper, bgcolor=lower))
