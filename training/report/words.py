"""A report as sections of words: what the page and the terminal both say."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jamd.counted import counted
from jamd.training.judging.judge import Figure
from jamd.training.recordings import sources
from jamd.training.report import midi
from jamd.training.report.curve import curve_of
from jamd.training.report.report import (
    Answered,
    Comparison,
    Read,
    Report,
    interval,
    signed,
)
from jamd.training.report.section import Cell, Link, Section, plain


def before_and_after(report: Report) -> Section:
    """What became better or worse."""
    title = "Before and after"
    if not report.comparisons:
        return Section(title, ("Nothing was held out to compare the models on.",))
    lines = [
        "Nats a step: how much the music that really came surprises a model. Fewer is better.",
        "In brackets, what lies in between in 95 % of 1000 resamples of the pieces.",
    ]
    if any(comparison.pieces == 1 for comparison in report.comparisons):
        lines.append("One piece alone has no interval: how pieces differ cannot be told from it.")
    if any(1 < comparison.pieces < 10 for comparison in report.comparisons):
        lines.append("With fewer than ten pieces an interval is rough, and rather too narrow.")
    rows = tuple(_comparison(comparison) for comparison in report.comparisons)
    models = f"before: {plain(report.start_model)}", f"after: {plain(report.model)}"
    headings = ("music", "change", *models, "pieces", "notes")
    return Section(title, tuple(lines), headings, rows, 1)


def _comparison(comparison: Comparison) -> tuple[str, ...]:
    def nats(figure: Figure) -> str:
        if np.isnan(figure.value):
            return "n/a"
        return f"{figure.value:.3f}" + _in_brackets(figure, f"{figure.low:.3f} to {figure.high:.3f}")

    change = comparison.change_percent
    percent = "n/a"
    if not np.isnan(change.value):
        percent = f"{signed(change.value)} %" + _in_brackets(change, interval(change, 1))
    return (
        plain(comparison.name),
        percent,
        nats(comparison.before),
        nats(comparison.after),
        str(comparison.pieces),
        str(comparison.notes or ""),
    )


def _in_brackets(figure: Figure, bounds: str) -> str:
    return "" if np.isnan(figure.low) else f"\n({bounds})"


def play(report: Report, with_folders: bool = False) -> Section | None:
    """How to hear the new model; None where there is none."""
    if not report.play:
        return None
    name = report.play if with_folders else _last_name(report.play)
    lines = () if name == report.play else ("In the model's folder:",)
    model = shlex.quote(plain(name))
    rows = (
        ("with your keyboard", f"jamd listen --model {model}"),
        ("with nothing plugged in", f"jamd jam --model {model}"),
    )
    return Section("To play with it", lines, rows=rows)


def curves(report: Report) -> Section:
    """How the losses went."""
    title = "How it learned"
    curve = curve_of(report.losses, report.start_nats_per_step)
    if curve is None:
        return Section(title, ("No loss was written down.",))
    first = curve.held_out[np.isfinite(curve.held_out)][0]
    lines = [
        "Held out to tell when to stop, other music than what the models are compared on:"
        f" {first:.3f} nats a step at first, {curve.held_out[curve.best]:.3f} at best,"
        f" after {counted(round(curve.updates[curve.best]), 'update')}."
    ]
    if np.isfinite(report.start_nats_per_step):
        lines.append(f"The model before, on this music: {report.start_nats_per_step:.3f}.")
    return Section(title, tuple(lines))


def answers(report: Report) -> Section:
    """The held-out calls."""
    title = "Held-out calls, answered before and after"
    if not report.answered:
        return Section(
            title,
            (
                "No call could be cut from the held-out music: it takes eight bars of one length in a row"
                " with six notes in each half.",
            ),
        )
    rows = tuple(_call(number, call) for number, call in enumerate(report.answered, 1))
    return Section(
        title,
        (
            "Four bars held out from this training, and what each model answered with the same seed.",
            "The numbers are notes. The files play at 120 beats a minute.",
        ),
        ("call", "metre", "the call", *midi.ANSWERS),
        rows,
        2,
    )


def _call(number: int, call: Answered) -> tuple[Cell, ...]:
    links = [
        Link(str(len(getattr(call, answer))), f"{midi.FOLDER}/{midi.name_of(number, answer)}")
        for answer in midi.ANSWERS
    ]
    return f"{number} {plain(call.title)}", str(call.metre), str(len(call.call)), *links


def what_was_read(report: Report, most: int) -> Section:
    """The recordings, at most `most` of them by name."""
    learned, held_out = ([row for row in report.read if row.held_out is side] for side in (False, True))
    beats = Counter(row.beat.partition(",")[0] for row in report.read)
    lines = [f"Learned from: {_amount(learned)}. Held out: {_amount(held_out)}."]
    if beats:
        lines.append("The beat: " + ", ".join(f"{beat} {count}" for beat, count in beats.most_common()) + ".")
    rows = tuple(
        (
            plain(row.name),
            "held out" if row.held_out else "learned from",
            row.beat,
            str(row.notes),
            "" if row.bars is None else str(row.bars),
        )
        for row in report.read[:most]
    )
    headings = ("recording", "used", "its beat known by", "notes", "bars")
    return Section("What was read", (*lines, *_more(len(report.read), most)), headings, rows, 3)


def _amount(rows: Sequence[Read]) -> str:
    notes = sum(row.notes for row in rows)
    return f"{counted(len(rows), 'recording')}, {counted(notes, 'note')}"


def what_was_skipped(report: Report, most: int) -> Section:
    """The files that were left out, at most `most` of them by name, and why."""
    title = "What was skipped"
    if not report.skipped:
        return Section(title, ("Nothing.",))
    lines = (plain(sources.tally(report.skipped)) + ".", *_more(len(report.skipped), most))
    rows = tuple(
        (plain(file.where), plain(file.reason.removeprefix(file.where).strip()))
        for file in report.skipped[:most]
    )
    return Section(title, lines, ("file", "why"), rows)


def _more(count: int, most: int) -> tuple[str, ...]:
    return (f"The first {most} of {count} by name:",) if count > most else ()


def how(report: Report) -> Section:
    """How it was done, without where the user's folders are."""
    minutes, seconds = divmod(round(report.seconds), 60)
    rows = {
        "command": without_folders(report.command),
        "began with": report.start_model,
        "recipe": ", ".join(f"{name} {value}" for name, value in report.recipe.items()),
        "machine": f"{report.machine}; {report.device}",
        "took": f"{minutes} min {seconds} s" if minutes else f"{seconds} s",
        "when": report.created[:16].replace("T", " "),
    }
    return Section("How it was done", rows=tuple((name, plain(text)) for name, text in rows.items()))


def without_folders(command: str) -> str:
    """A command line with every path, also an option's, cut down to its last name."""
    try:
        words = shlex.split(command)
    except ValueError:  # of a hand that did not quote it
        words = command.split()
    return shlex.join(_last_name(word) for word in words)


def _last_name(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return option + equals + (re.split(r"[/\\]", value.rstrip("/\\"))[-1] or value)
