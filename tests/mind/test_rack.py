"""A thousand presses: one loader, the model that the hand stops at, and nothing kept of all the others."""

from __future__ import annotations

import gc
import signal
import threading
import time
import tomllib
import weakref
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import mido
import pytest

from jamd.engine.events import Event
from jamd.errors import JamdError
from jamd.mind import rack as rack_module
from jamd.mind.improviser import Improviser
from jamd.mind.minds import Loaded, Minds
from jamd.mind.rack import ModelRack, StandIn
from jamd.mind.worker import InlineWorker, ThreadWorker, Worker
from jamd.models import bundle
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs
from jamd.music.transport import Metre
from jamd.sessions.takes import Takes
from tests.kit.fakes import Notebook, Pad
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player, sounding
from tests.nights.verdicts import resident_mib

NAMES = ["one", "two", "three", "four", "five"]
PRESSES = 1000
PATIENCE_SECONDS = 30


class Model(Pad):
    """A model that can be looked for afterwards."""


class Shelf:
    """Models to load, the loads that there were, and what is left of them."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.models: list[weakref.ref[Model]] = []
        self.at_once = self.most_at_once = 0
        self.gone: set[str] = set()
        self.held = threading.Event()
        self.held.set()
        self.inbox: SimpleQueue[Event] = SimpleQueue()
        self.workers: list[InlineWorker] = []
        self.closed: list[InlineWorker] = []
        self.rack = ModelRack(
            NAMES,
            "one",
            self.make_worker,  # type: ignore[arg-type]
            self.improvisers,  # type: ignore[arg-type]
            self.inbox.put,
            stand_ins=[StandIn("markov", lambda: self.improvisers("markov"))],  # type: ignore[arg-type, return-value]
        )
        self.minds = Minds(self.make_worker(lambda: Model()), self.inbox.put)

    def improvisers(self, name: str) -> Callable[[], Model]:
        self.loads.append(name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.held.wait(PATIENCE_SECONDS)
        self.at_once -= 1
        if name in self.gone:
            raise JamdError(f"there is no model {name}")
        model = Model()
        self.models.append(weakref.ref(model))
        return lambda: model

    def make_worker(self, improvisers: Callable[[], Model]) -> Callable[..., Worker]:
        shelf = self

        class Closing(InlineWorker):
            def close(self) -> None:
                super().close()
                shelf.closed.append(self)

        return lambda post: Closing(improvisers(), post)  # type: ignore[arg-type]

    def press(self, times: int = 1, by: int = 1) -> None:
        for _ in range(times):
            self.rack.ask(by, self.minds)

    def arrive(self) -> tuple[Loaded, bool]:
        """What the loader brings next, and whether it takes over."""
        event = self.inbox.get(timeout=PATIENCE_SECONDS)
        assert isinstance(event, Loaded)
        return event, self.rack.loaded(event, self.minds)

    @property
    def left(self) -> int:
        self.closed.clear()
        gc.collect()
        return sum(model() is not None for model in self.models)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(rack_module, "SETTLE_SECONDS", 0.0)
    return Shelf()


def loaders() -> int:
    return sum(thread.name == "jamd-rack" for thread in threading.enumerate())


def test_of_a_thousand_presses_the_last_counts_and_one_thread_loads(shelf: Shelf) -> None:
    """The first load lasts as long as the hand turns. Then comes what the hand stopped at, and no other."""
    before = loaders()
    shelf.held.clear()
    shelf.press()
    while not shelf.loads:
        time.sleep(0)
    shelf.press(PRESSES)
    assert loaders() == before + 1
    shelf.held.set()
    event, takes_over = shelf.arrive()
    assert takes_over
    assert event.name == shelf.rack.name == NAMES[(PRESSES + 1) % len(NAMES)]
    assert shelf.loads == ["two", event.name]
    assert shelf.most_at_once == 1
    assert shelf.inbox.empty()
    event = None  # type: ignore[assignment]
    assert shelf.left == 1
    shelf.minds.swap()
    shelf.rack.close()


def test_a_mind_that_waits_and_is_replaced_is_let_go(shelf: Shelf) -> None:
    for count in range(len(NAMES) - 1):
        shelf.press()
        assert shelf.arrive()[1]
        assert len(shelf.closed) == (count > 0)
        assert shelf.left == 1
    shelf.minds.swap()
    assert shelf.left == 1
    shelf.press()
    assert shelf.arrive()[1]
    shelf.minds.swap()
    assert shelf.left == 1
    shelf.rack.close()


def test_back_to_the_one_that_plays_nothing_is_loaded_and_what_waits_is_let_go(shelf: Shelf) -> None:
    playing = shelf.minds.worker
    shelf.press()
    assert shelf.arrive()[1]
    shelf.press(by=-1)
    assert not shelf.minds.waits
    assert shelf.left == 0
    shelf.minds.swap()
    assert shelf.minds.worker is playing
    assert shelf.loads == ["two"]
    assert shelf.rack.name == "one"
    shelf.rack.close()


def test_what_comes_too_late_is_let_go(shelf: Shelf) -> None:
    """It was loaded and is on its way as the hand turns back."""
    shelf.press()
    event = shelf.inbox.get(timeout=PATIENCE_SECONDS)
    assert isinstance(event, Loaded)
    shelf.press(by=-1)
    assert not shelf.rack.loaded(event, shelf.minds)
    assert len(shelf.closed) == 1
    event = None
    assert shelf.left == 0
    assert not shelf.minds.waits
    shelf.rack.close()


def test_there_and_back_to_the_one_that_waits(shelf: Shelf) -> None:
    shelf.press()
    assert shelf.arrive()[1]
    waiting = shelf.minds._next
    shelf.press()
    shelf.press(by=-1)
    assert shelf.minds._next is waiting
    shelf.minds.swap()
    assert shelf.rack.name == "two"
    shelf.rack.close()


def test_a_model_that_is_not_to_be_had_does_not_bar_the_way(shelf: Shelf) -> None:
    shelf.gone = {"two"}
    shelf.press()
    event, takes_over = shelf.arrive()
    assert (event.reason, takes_over, shelf.rack.name) == ("there is no model two", False, "one")
    shelf.press()
    assert shelf.arrive()[0].name == "three"
    shelf.rack.close()


def test_a_stand_in_goes_before_what_was_wished(shelf: Shelf) -> None:
    shelf.held.clear()
    shelf.press(3)
    assert shelf.rack.stand_in(shelf.minds)
    shelf.held.set()
    event, takes_over = shelf.arrive()
    assert (event.name, takes_over, shelf.rack.name) == ("markov", True, "markov")
    assert not shelf.rack.stand_in(shelf.minds)
    shelf.rack.close()


def test_after_the_end_nothing_is_loaded(shelf: Shelf) -> None:
    shelf.held.clear()
    shelf.press()
    while not shelf.loads:
        time.sleep(0)
    shelf.press()
    shelf.rack.close()
    shelf.held.set()
    loader = shelf.rack._loader
    assert loader is not None
    loader.join(PATIENCE_SECONDS)
    assert shelf.loads == ["two"]
    assert shelf.inbox.empty()


def test_real_models_a_thousand_presses_memory_and_threads_stay_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every press a model of its own if there is the time: each comes, takes over, and goes again."""
    monkeypatch.setattr(rack_module, "SETTLE_SECONDS", 0.0)
    inbox: SimpleQueue[Event] = SimpleQueue()
    names = [path.stem for path in bundle.bundled()]

    def improvisers(name: str) -> Callable[[], Improviser]:
        found = bundle.read(bundle.find(name, Path("models")))
        mind = open_mind(found, "cpu")
        return lambda: Improviser(mind, Knobs(), 0)

    def make_worker(made: Callable[[], Improviser]) -> Callable[..., ThreadWorker]:
        return lambda post: ThreadWorker(made(), post).start()

    minds = Minds(make_worker(improvisers(names[0])), inbox.put)
    rack = ModelRack(names, names[0], make_worker, improvisers, inbox.put)
    resident, threads, came = [], [], 0
    for press in range(1, PRESSES + 1):
        rack.ask(1, minds)
        while not inbox.empty() or press % 50 == 0:
            event = inbox.get(timeout=PATIENCE_SECONDS)
            if not isinstance(event, Loaded):
                continue
            if rack.loaded(event, minds):
                came += 1
                if came % 2:
                    minds.swap()
                break
        event = None
        if press % 100 == 0:
            gc.collect()
            resident.append(resident_mib())
            threads.append(sum(t.name in ("jamd-rack", "jamd-model") for t in threading.enumerate()))
    rack.close()
    minds.close()
    assert came >= PRESSES // 50 // 2
    assert max(threads) <= 6  # one loads, one plays, one waits; of those let go some are at their last word
    assert resident[-1] < 1.25 * max(resident[1:3]) + 20


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Takes, threading.Event]:
    """Takes on a disk that answers when the event is set."""
    answers = threading.Event()
    takes = Takes(Notebook(), lambda: tmp_path / "tonight.mid", 120, Metre(4, 4))
    write = takes._write

    def slowly(*take: object) -> None:
        assert answers.wait(PATIENCE_SECONDS)
        write(*take)  # type: ignore[arg-type]

    monkeypatch.setattr(takes, "_write", slowly)
    return takes, answers


def test_a_take_that_is_wished_a_thousand_times_while_it_is_written_is_kept_once(
    tmp_path: Path, slow: tuple[Takes, threading.Event]
) -> None:
    takes, answers = slow
    takes.record("player", 0.0, mido.Message("note_on", note=60))
    threads = {takes.save(0.0) for _ in range(PRESSES)}
    answers.set()
    for thread in threads:
        thread.join()
    assert len(threads) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tonight take 1.mid"]
    takes.save(0.0).join()
    assert (tmp_path / "tonight take 2.mid").exists()


def test_takes_that_a_slow_disk_makes_wait_are_a_few_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, slow: tuple[Takes, threading.Event]
) -> None:
    takes, answers = slow
    for press in range(PRESSES):
        takes.record("player", float(press), mido.Message("note_on", note=60))
        thread = takes.save(0.0)
        assert sum(t.name == "jamd-take" for t in threading.enumerate()) == 1
    answers.set()
    thread.join()
    assert 8 <= len(list(tmp_path.iterdir())) <= 9
    said = [record.getMessage() for record in caplog.records]
    assert said.count("a take is not kept: 8 others are being written") == 1


@pytest.mark.jack
def test_next_model_a_thousand_times_amid_the_music_and_then_the_end(jack: str, tmp_path: Path) -> None:
    """Answers go on meanwhile, and SIGTERM is obeyed at once."""
    path = tmp_path / "config" / "jamd" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[listen]\ntempo = 240\nbars = 1\nanswer-bars = 1\n[bind]\nnext-model = "cc 30"\n')
    assert tomllib.loads(path.read_text())
    phrase = [
        (0.25 * beat + after, (status, 60 + 4 * (beat % 2), 90))
        for beat in range(4)
        for after, status in ((0.0, 0x90), (0.2, 0x80))
    ]
    turns = [(0.01 * press, (0xB0, 30, 127 * (press % 2))) for press in range(PRESSES)]
    calls = [(at + 4.0 * turn, message) for turn in range(3) for at, message in phrase]
    with Player() as player, Jamd(tmp_path, "--backend", "jack", "--in", KEYS, "--out", SYNTH) as playing:
        playing.wait_until_listening()
        pid = playing.popen.pid
        start = player.play(sorted([*calls, *turns]))
        answer = player.wait_for_strike(after_seconds=start + 8.0)
        assert start + 8.0 <= answer.seconds < start + 11.0
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        assert threads < 30
        assert resident_mib(pid) < 700
        began = time.monotonic()
        playing.signal(signal.SIGTERM)
        ended = playing.wait()
        assert time.monotonic() - began < 5
    assert ended.status == 0, ended.stderr
    assert not sounding(player.heard)
