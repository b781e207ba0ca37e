"""Progress of a training in the terminal: lines and bars, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from jamd.training.fitting import fit

COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    TaskProgressColumn(),
    TimeRemainingColumn(),
)


Track = Callable[..., Any]
"""Something like `rich.progress.track`."""


def untracked(things: Iterable[Any], **shown: object) -> Iterable[Any]:
    """What shows nothing."""
    return things


Step = Callable[[str], None]
"""Is told what kind of step begins."""


class Showing:
    """Nothing is shown where `quiet`: of several processes one speaks."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)

    def say(self, line: str) -> None:
        """One line, as it stands."""
        self.console.print(line, markup=False, soft_wrap=True, highlight=False)

    @contextmanager
    def tracking(self) -> Iterator[Track]:
        """Bars that move with what is gone through, for a while."""
        with Progress(*COLUMNS, console=self.console) as progress:
            yield progress.track

    @contextmanager
    def steps(self, doing: str, total: int) -> Iterator[Step]:
        """A bar that moves with work of at most so many steps, for a while: it is told of each as it begins.
        Where nothing moves, in a file or a pipe, each kind of step is a line."""
        if not self.console.is_terminal:
            told: set[str] = set()

            def tell(what: str) -> None:
                if what not in told:
                    told.add(what)
                    self.say(f"{doing}: {what}")

            yield tell
            return
        with Progress(*COLUMNS, console=self.console) as progress:
            task, begun = progress.add_task(doing, total=total), count()

            def move(what: str) -> None:
                progress.update(task, description=f"{doing}: {what}", completed=next(begun), refresh=True)

            yield move
            progress.update(task, description=doing, completed=total)

    @contextmanager
    def learning(self) -> Iterator[Callable[[fit.Progress], None]]:
        """A bar that moves with a training, for a while."""
        with Progress(*COLUMNS, TextColumn("{task.fields[nats]}"), console=self.console) as progress:
            task = progress.add_task("learning", total=None, nats="")

            def show(now: fit.Progress) -> None:
                nats = f"{now.nats_per_step:.3f} nats/step"
                progress.update(task, completed=now.sequences, total=now.of_sequences, nats=nats)
                if now.scores:
                    self.say(
                        f"update {now.updates}: {now.scores.nats_per_step:.4f} nats/step held back"
                        f" ({now.scores.key_nats_per_step:.4f} keys){', kept' if now.best else ''}"
                    )

            yield show
