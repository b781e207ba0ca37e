"""The option that tells in which time a file was played."""

from __future__ import annotations

import click

from jamd.options.group import Number, OrWord
from jamd.options.time import FASTEST_TEMPO, SLOWEST_TEMPO

Tempo = float | str | None

tempo_option = click.option(
    "--tempo",
    type=OrWord(Number(SLOWEST_TEMPO, FASTEST_TEMPO), "auto"),
    help="auto: the beat is found in what is played, as ticks say nothing of it; a number: it was played in "
    "so many beats a minute from its first note on. Without it the file's own.",
)
