"""What `jamd bench timing` measures: notes and answers against their instants, the ports, start and load."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from jamd.bench import arrival, baselines, lateness, loopback, startup
from jamd.bench.arrival import Listener
from jamd.bench.load import busy_loops
from jamd.bench.machine import Machine, core_ticks, peak_megabytes
from jamd.bench.rehearsal import Piece, Rehearsed, rehearse
from jamd.engine.output import Port
from jamd.errors import BackendError, JamdError, PortError, UsageError
from jamd.live import Nowhere
from jamd.midi.backends import open_backend
from jamd.mind.improviser import Improviser
from jamd.models.bundle import Bundle
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs
from jamd.music.transport import Metre
from jamd.system.priority import as_ordinary_user, model_cores

METRE = Metre(2, 4)
"""Of calls and answers of a bar each: a turn takes a second at 240 BPM."""
TURN_BEATS = 2 * METRE.beats
ROUND_TURNS = 10
"""Where several things are measured, they take turns: what the machine does beside meets all of them."""
CPU_PIECE = Piece(2, 120, Metre(4, 4), dense=False)
ROUND_TRIPS = 100
SEED = 1
OTHERS_SECONDS = 30.0
"""What is measured beside notes and answers takes so long."""
SETTLE_SECONDS = 0.3
"""For what is under way beside busy programs."""
LATE = lateness.LATE_SECONDS

Improvisers = Callable[[], Improviser]
Play = Callable[[Piece], Rehearsed]
LOADS = {"idle": (False,), "busy": (True,), "both": (False, True)}
"""Whether busy loops run beside it, by the name of the load."""


@dataclass(frozen=True, slots=True)
class Way:
    """What is measured, whether in real time, how, and whether beside busy loops on every core."""

    name: str
    real_time: bool
    play: Play
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """The names as the user gave them; None for ports of jamd's own. Raises UsageError for one alone."""

    backend: str = "auto"
    in_name: str | None = None
    out_name: str | None = None

    def __post_init__(self) -> None:
        if (self.in_name is None) != (self.out_name is None):
            raise UsageError("--in and --out go together: name both, or neither for jamd's own ports")

    def options(self) -> list[str]:
        """The same as options of `jamd listen`."""
        names = {"--backend": self.backend, "--in": self.in_name, "--out": self.out_name}
        return [word for option, name in names.items() if name is not None for word in (option, name)]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to measure: so many turns at a tempo. `user`: without real-time priority. `compare`: other ways
    beside it."""

    turns: int = 50
    tempo: float = 240.0
    user: bool = False
    compare: bool = False
    quick: bool = False
    """Only the notes and the answers."""
    load: str = "both"
    """Of LOADS."""


def improvisers_of(bundle: Bundle, device: str) -> Improvisers:
    """As `jamd listen` makes them, but that chance is fixed."""
    mind = open_mind(bundle, device)
    return lambda: Improviser(mind, Knobs(), SEED, learned=bundle.phrases)


def measure(improvisers: Improvisers, ports: Ports, wishes: Wishes, machine: Machine) -> dict[str, Any]:
    """The account that `--json` prints."""
    piece = Piece(wishes.turns, wishes.tempo, METRE)
    account: dict[str, Any] = {
        "machine": asdict(machine),
        "piece": {
            "turns": wishes.turns,
            "tempo": wishes.tempo,
            "metre": str(METRE),
            "seconds": round(wishes.turns * TURN_BEATS * 60 / wishes.tempo, 1),
        },
    }
    with open_out(ports) as (port, way):
        account["ports"] = way
        account["affinity"] = bool(model_cores())
        before = core_ticks()
        with heard(ports, port, way) as (listener, account["listener"]):
            measured = ways(improvisers, port, wishes, machine.real_time)
            account["rows"] = in_turn([listened_to(each, listener) for each in measured], piece)
        after = core_ticks()
        account["stolen_share"] = before and after and round(after.stolen_since(before), 5)
        if listener is not None and not any(row["heard"]["n"] for row in account["rows"]):
            said = f"nothing of it came in on {listener.port}; lay a cable to it from {way['out']}"
            account["listener"]["why_not"] = said
            for row in account["rows"]:
                del row["heard"]
        if not wishes.quick:
            played = rehearse(improvisers, CPU_PIECE, port)
            share = round(played.cpu_seconds / played.wall_seconds, 4)
            account["cpu"] = {
                "tempo": CPU_PIECE.tempo,
                "seconds": round(played.wall_seconds, 1),
                "share": share,
            }
    account["memory"] = {"resident_mb": peak_megabytes(), "torch": "torch" in sys.modules}
    if not wishes.quick:
        opened = way["backend"] is not None
        account["round_trip"] = round_trip(ports) if opened else None
        account["start_up"] = start_up(ports) if opened else None
    return account


@contextmanager
def open_out(ports: Ports) -> Iterator[tuple[Port, dict[str, str | None]]]:
    """The output to play to: of this name; without, jamd's own; where there can be none, one that leads
    nowhere, and why."""
    with ExitStack() as stack:
        out: Port
        try:
            midi = stack.enter_context(open_backend(ports.backend))
            out = opened = midi.open_output(ports.out_name)
            way = {"backend": midi.name, "out": opened.name, "why_not": None}
        except (BackendError, PortError) as error:
            if ports.out_name is not None or ports.backend != "auto":
                raise
            out, way = Nowhere(), {"backend": None, "out": None, "why_not": str(error)}
        yield out, way


@contextmanager
def heard(
    ports: Ports, port: Port, way: Mapping[str, str | None]
) -> Iterator[tuple[Listener | None, dict[str, Any]]]:
    """Another program that listens to what is sent, if there can be one, and what the account says of it."""
    name = ports.in_name or min(getattr(port, "seen_as", ()), default=None)
    why_not = way["why_not"]
    if why_not is None and name is None:
        why_not = f"{way['backend']} does not show jamd its own port; give --in and --out"
    with ExitStack() as stack:
        listener, clocks = None, None
        if why_not is None:
            assert way["backend"]
            assert name
            try:
                listener = stack.enter_context(arrival.listening(way["backend"], name))
                clocks = listener.clocks
            except JamdError as error:
                why_not = str(error)
        yield (
            listener,
            {
                "in": listener and listener.port,
                "why_not": why_not,
                "clock_added_ms": clocks and round(1000 * clocks.added_seconds, 3),
                "clock_within_ms": clocks and round(1000 * clocks.within_seconds, 3),
            },
        )


def listened_to(way: Way, listener: Listener | None) -> Way:
    """The same, and what another program hears of it."""
    if listener is None:
        return way

    def play(piece: Piece) -> Rehearsed:
        listener.take()
        found = way.play(piece)
        time.sleep(SETTLE_SECONDS)
        came = arrival.heard_of(found.sent, listener.take(), found.bar_lines_seconds, piece.bar_seconds)
        return replace(found, heard=(came,))

    return replace(way, play=play)


def beside_busy_loops(way: Way) -> Way:
    """The same while every core is busy."""

    def play(piece: Piece) -> Rehearsed:
        with busy_loops():
            return way.play(piece)

    return replace(way, play=play, busy=True)


def ways(improvisers: Improvisers, port: Port, wishes: Wishes, real_time: bool) -> list[Way]:
    """What is to be measured; the first is jamd as it plays here."""

    def live(piece: Piece) -> Rehearsed:
        return rehearse(improvisers, piece, port)

    def ordinary(piece: Piece) -> Rehearsed:
        with as_ordinary_user():
            return live(piece)

    def plain(wait: baselines.Wait) -> Callable[[Piece], Rehearsed]:
        def play(piece: Piece) -> Rehearsed:
            with as_ordinary_user():
                return baselines.play(improvisers, piece, port, wait)

        return play

    first_real_time = real_time and not wishes.user

    def bare(piece: Piece) -> Rehearsed:
        return baselines.alone(piece, port, first_real_time)

    wanted: list[Way] = []
    if first_real_time:
        wanted.append(Way("jamd, real-time priority", True, live))
    if wishes.compare or not wanted:
        wanted.append(Way("jamd, ordinary user", False, ordinary))
    if wishes.compare:
        wanted.append(Way("a wait on a condition", False, plain(baselines.wait_for)))
        wanted.append(Way("a poll every 5 ms", False, plain(baselines.poll_for)))
        wanted.append(Way("a bare thread, no model", first_real_time, bare))
    return [beside_busy_loops(way) if busy else way for busy in LOADS[wishes.load] for way in wanted]


def about_seconds(wishes: Wishes, real_time: bool) -> float:
    """How long the measuring takes."""
    count = len(ways(_nobody, Nowhere(), wishes, real_time))
    seconds = count * wishes.turns * TURN_BEATS * 60 / wishes.tempo
    return seconds if wishes.quick else seconds + OTHERS_SECONDS


def _nobody() -> Improviser:
    raise AssertionError("nobody plays")


def in_turn(wanted: Sequence[Way], piece: Piece) -> list[dict[str, Any]]:
    """Measure each of them over the whole piece, if there are several in turn, part by part."""
    parts = [piece.turns]
    if len(wanted) > 1:
        parts = [ROUND_TURNS] * (piece.turns // ROUND_TURNS)
        parts += [rest] if (rest := piece.turns % ROUND_TURNS) else []
    sums = [Rehearsed() for _ in wanted]
    for turns in parts:
        for number, way in enumerate(wanted):
            sums[number] += way.play(Piece(turns, piece.tempo, piece.metre, piece.dense))
    return [account_of(way, found) for way, found in zip(wanted, sums, strict=True)]


def account_of(way: Way, found: Rehearsed) -> dict[str, Any]:
    """A row's figures."""
    late = [each.late_seconds for each in found.sent]
    too_late = sum(each.is_on and each.late_seconds > LATE for each in found.sent)
    account: dict[str, Any] = {
        "name": way.name,
        "real_time": way.real_time,
        "busy": way.busy,
        **lateness.figures(late),
        "drift_ms": lateness.drift_ms(late),
        "answers": lateness.figures(found.answer_seconds),
        "turns": found.turns,
        "late_notes": too_late + found.dropped,
        "dropped": found.dropped,
        "late_frames": found.late_frames,
        "faults": found.faults,
    }
    if found.heard:
        account["heard"] = {
            **lateness.figures([late for each in found.heard for late in each.late_seconds]),
            "answers": lateness.figures([late for each in found.heard for late in each.answer_seconds]),
            "missing": sum(each.missing for each in found.heard),
        }
    return account


def round_trip(ports: Ports) -> dict[str, Any]:
    """How long a message takes out and back in; where nothing comes back, `why_not`."""
    try:
        with loopback.open_loop(ports.backend, ports.in_name, ports.out_name) as loop:
            return loop.measure(ROUND_TRIPS).summary()
    except JamdError as error:
        return {"why_not": str(error)}


def start_up(ports: Ports) -> dict[str, Any]:
    """How long `jamd listen` takes until it listens; where it does not, `why_not`."""
    try:
        return startup.measure(ports.options())
    except JamdError as error:
        return {"why_not": str(error)}
