"""The config file read again, or a preset picked, while jamd plays: what can change at once does, what cannot
is named.

SIGHUP asks for the former, where no terminal can hang up: see `reads_again`. The file is read on a thread of
its own, and the engine's own thread makes the change, between two events.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from enum import Enum, auto
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from jamd.errors import JamdError
from jamd.options.config import Config, options_of
from jamd.options.config_options import Given
from jamd.options.group import one_of
from jamd.options.model import Playing
from jamd.options.sections import Sectioned
from jamd.options.turns import Floor
from jamd.system.logs import say
from jamd.system.priority import keep_to, model_cores
from jamd.system.terminal import has_terminal

if TYPE_CHECKING:
    from jamd.engine.events import Event
    from jamd.engine.preset import Preset

LIVE = {field.name for field in fields(Floor)} | {
    *("temperature", "top_p", "density", "register", "key", "scale", "echo", "candidates"),
    "feel",
    "preset",
    "program",
} - {"lookahead", "commit"}  # fmt: skip
"""The parameters that a Preset is made of, but for the tempo, which is not always jamd's."""

log = logging.getLogger(__name__)
Params = Mapping[str, Any]


def reads_again() -> bool:
    """Whether SIGHUP means "read your config again" and not "your terminal is gone". It does when there is no
    terminal to go (a service, setsid), and when it is not to matter (nohup)."""
    if not hasattr(signal, "SIGHUP"):
        return False
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or not has_terminal()


def own_tempo(params: Params) -> float | None:
    """The tempo where it is jamd's, and said in numbers (BPM)."""
    own = params["sync"] == "internal" and not isinstance(params["tempo"], str)
    return params["tempo"] if own else None


def preset_of(params: Params) -> Preset:
    """What of listen's parameters can be set while playing. Raises UsageError."""
    from jamd.engine.preset import Preset

    config: Config = params["config"]
    floor = one_of(Floor, params)
    settings, bindings = one_of(Playing, params).settings(), config.bindings()
    form, feel, tempo, name = floor.form(), params["feel"], own_tempo(params), params["preset"] or ""
    bound, names = bindings.bound, bindings.presets
    return Preset(settings, form, feel, tempo, bound, names, name, params["program"])


def stuck(command: click.Command, running: Params, after: Params) -> list[str]:
    """The options that differ and take a restart, by their names in the file."""
    live = LIVE if None in (own_tempo(running), own_tempo(after)) else LIVE | {"tempo"}
    return [
        key
        for key, option in options_of(command).items()
        if (name := str(option.name)) not in live and running[name] != after[name]
    ]


class Asked(Enum):
    """What the thread that reads is asked for, beside a preset by its name."""

    AGAIN = auto()
    END = auto()


class Reloader:
    """Reads the config again when asked, on its own thread, and posts what has changed; and a preset that is
    picked, of the config as it was read last."""

    def __init__(self, context: click.Context, check: Callable[[click.Context], object]) -> None:
        """`context` is the one that listen runs in; `check` raises JamdError for what does not fit."""
        self._context, self._check = context, check
        self._running: Params = dict(context.params)
        self._read: Params = self._running  # the last time
        self._said: Params = self._running  # the same without what was picked
        self._asked: SimpleQueue[Asked | str] = SimpleQueue()

    def ask(self) -> None:
        """Read the config as soon as there is somebody to tell. For a signal handler, too."""
        self._asked.put(Asked.AGAIN)

    def pick(self, name: str) -> None:
        """Have this preset come as Picked. For the engine's thread."""
        self._asked.put(name)

    @contextmanager
    def serving(self, post: Callable[[Event], None]) -> Iterator[None]:
        """Do what was asked and will be, until the block ends; `post` gets each change."""
        thread = threading.Thread(target=self._serve, args=(post,), name="jamd-reload", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._asked.put(Asked.END)

    def _serve(self, post: Callable[[Event], None]) -> None:
        keep_to(model_cores())
        while True:
            asked = [self._asked.get()]
            while not self._asked.empty():  # however often it was asked meanwhile, once will do
                asked.append(self._asked.get())
            if Asked.END in asked:
                return
            if Asked.AGAIN in asked:
                self._heeded(lambda: self.read(post))
            if names := [name for name in asked if isinstance(name, str)]:
                self._heeded(lambda: self.take(names[-1], post), f"preset {names[-1]}: ")

    def _heeded(self, change: Callable[[], None], of: str = "") -> None:
        try:
            change()
        except (JamdError, click.ClickException) as error:
            said = error.format_message() if isinstance(error, click.ClickException) else str(error)
            log.warning("%snothing is changed: %s", of, " ".join(said.split()))
        except Exception as error:  # whatever it is, the next time may do
            log.warning("%snothing is changed: the config cannot be read: %r", of, error)

    def read(self, post: Callable[[Event], None]) -> None:
        """Read the config file and post what it changes. Raises as reading and checking do."""
        from jamd.engine.preset import Reloaded

        said = after = self._parsed(None)
        picked = self._read["preset"]
        by_hand = picked != self._said["preset"] and picked in said["config"].presets
        if by_hand and said["preset"] == self._said["preset"]:  # and no other is asked for now
            after = self._parsed(Given(said["config"], picked))
        event = Reloaded(preset_of(self._read), preset_of(after))
        if own_tempo(self._running) is None:  # it is another's for as long as this session lasts
            event = Reloaded(event.before, replace(event.after, tempo=None))
        self._read, self._said = after, said
        post(event)
        path = after["config"].path
        words = "there is no config file" if path is None else f"{path} is read again"
        with suppress(OSError):  # nobody reads what is printed
            say(words if event.before != event.after else f"{words}; nothing in it changes the music")
        self._say_stuck(after)

    def take(self, name: str, post: Callable[[Event], None]) -> None:
        """Post all as the preset has it. The tempo stays where that does not name one. Raises as checking
        does."""
        from jamd.engine.preset import Picked

        config: Config = self._read["config"]
        after = self._parsed(Given(config, name))
        preset = preset_of(after)
        if own_tempo(self._running) is None or "tempo" not in config.presets[name]:
            preset = replace(preset, tempo=None)
        self._read = after
        post(Picked(preset))
        with suppress(OSError):
            say(f"preset {name}")
        self._say_stuck(after)

    def _parsed(self, given: Given | None) -> Params:
        """What listen's arguments come to now, with the config that is given or as it is in its file."""
        command, arguments = self._context.command, list(self._context.meta[ARGUMENTS])
        parent = self._context.parent
        with command.make_context(self._context.info_name, arguments, parent, obj=given) as context:
            self._check(context)
            return dict(context.params)

    def _say_stuck(self, after: Params) -> None:
        if remaining := stuck(self._context.command, self._running, after):
            log.warning("to be changed by a restart only: %s", ", ".join(remaining))


@contextmanager
def asked_by_hangup(reloader: Reloader) -> Iterator[None]:
    """Until the block ends, SIGHUP asks for the config to be read again, where it can mean that."""
    if not reads_again():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: reloader.ask())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


ARGUMENTS = f"{__name__}.arguments"


class Remembering(Sectioned):
    """A command that knows its arguments, so that they can be parsed again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)
