"""The option that tells in which time a file was played."""

from __future__ import annotations

import click

from jamd.options.group import Number, OrWord
from jamd.options.time import FASTEST_TEMPO, SLOWEST_TEMPO

Tempo = float | str | None

tempo_option = click.option(
    "--tempo",
    type=OrWord(Number(SLOWEST_TEMPO, FASTEST_TEMPO), "auto"),
    help="Tempo that the file was played in, in BPM, where its ticks do not tell, as in a take without a "
    "click; auto: found in what is played. Without this, the file's own.",
)
