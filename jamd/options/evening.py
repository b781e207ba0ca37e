"""Options about this evening: where the session is kept, and whose earlier evenings are remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jamd.counted import counted
from jamd.errors import JamdError, UsageError
from jamd.options.group import gathered
from jamd.system.logs import say

if TYPE_CHECKING:
    from jamd.models.memory.evening import Evening
    from jamd.sessions.profile_writer import Tonight

PROFILE = "me"


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a session, and what is known before it."""

    record: Path | None
    no_record: bool
    learn: bool
    profile: str

    def check(self, profile_is_asked_for: bool = False) -> None:
        """Raises UsageError for what does not go together."""
        if self.record is not None and self.no_record:
            raise UsageError("--record and --no-record contradict each other; give one")
        if not self.learn and profile_is_asked_for:
            raise UsageError(f"--profile {self.profile} is for --learn; give both")

    def place(self) -> Path | None:
        """The session's file; None where none is kept. What the player must be told of it is said."""
        from jamd.sessions import sessions
        from jamd.system.files import check_writable

        if self.record is not None:
            check_writable(self.record)
            return self.record
        if self.no_record:
            return None
        path, said = sessions.place(datetime.now())
        if said:
            click.echo(f"jamd: {said}", err=True)
        return path

    def known(self) -> list[Evening]:
        """The music of earlier evenings, the latest last."""
        from jamd.sessions import profiles

        if not self.learn:
            return []
        evenings, said = profiles.load(self.profile)
        if said:
            click.echo(f"jamd: {said}", err=True)
        return [evening.music for evening in evenings]

    def tonight(self, known: Sequence[Evening]) -> Tonight | None:
        """Tonight's music on its way into the profile."""
        from jamd.sessions.profile_writer import Tonight
        from jamd.system.priority import model_cores

        if not self.learn:
            return None
        steps = sum(evening.steps for evening in known)
        say(f"profile {self.profile}: {counted(len(known), 'evening')}, {counted(steps, 'step')} remembered")
        return Tonight(self.profile, datetime.now(), cores=model_cores())

    def say_kept(self, tonight: Tonight | None) -> None:
        """What became of tonight. Raises JamdError when not all of it is kept."""
        if tonight is None:
            return
        say(f"profile {self.profile}: {counted(tonight.kept_steps, 'step')} of tonight added")
        if tonight.fault:
            raise JamdError(f"not all of tonight is in profile {self.profile!r}: {tonight.fault}")


OPTIONS = (
    click.option(
        "--record",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Keep the session in this MIDI file; without it, where `jamd sessions` finds it.",
    ),
    click.option("--no-record", is_flag=True, help="Keep no session."),
    click.option(
        "--learn/--no-learn",
        default=False,
        help="Remember what was played in earlier evenings, and keep tonight's for the next.",
    ),
    click.option(
        "--profile", default=PROFILE, metavar="NAME", help="Whose evenings to --learn: a name of your choice."
    ),
)

keeping_options = gathered("keeping", Keeping, "This evening", OPTIONS)
"""Give a command the options above; it receives them as one `keeping`."""
