"""A report in its run folder, written and read again.

report.html  the page
report.json  the same as data, from which the terminal shows it again
answers/     held-out calls with the answers to them as MIDI, and all of them as one picture
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jamd.errors import JamdError
from jamd.system.files import read_whole, write_whole
from jamd.system.permissions import make_folder

if TYPE_CHECKING:  # `jamd runs` only asks whether there is one
    from jamd.training.report.report import Report

PAGE, DATA, PICTURE = "report.html", "report.json", "answers.png"
MOST_BYTES = 1 << 26
"""Of a report's data that is read again."""


def write(folder: Path, report: Report) -> Path:
    """Write a report into a run folder and return its page. Each file is written whole, the data last: where
    it is, all the rest is. Raises JamdError."""
    from jamd.training.report import midi
    from jamd.training.report.html import page
    from jamd.training.report.json import to_json
    from jamd.training.report.pictures import rolls

    answers, picture = folder / midi.FOLDER, rolls(report.answered)
    try:
        (folder / DATA).unlink(missing_ok=True)  # of a run that was gone on with
        make_folder(answers)
        for left in (*answers.glob("[0-9]-*.mid"), answers / PICTURE):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise JamdError(f"cannot write {answers}: {error.strerror}") from error
    for name, content in midi.files_of(report.answered).items():
        write_whole(answers / name, content)
    if picture:
        write_whole(answers / PICTURE, picture)
    write_whole(folder / PAGE, page(report, picture).encode())
    write_whole(folder / DATA, (json.dumps(to_json(report), indent=1, allow_nan=False) + "\n").encode())
    return folder / PAGE


def is_there(folder: Path) -> bool:
    """Whether a run has a report."""
    return os.path.lexists(folder / DATA)


def read(folder: Path) -> Report:
    """The report of a run. Raises JamdError when it has none, or one that is damaged."""
    from jamd.training.report.json import from_json

    path = folder / DATA
    if not os.path.lexists(path):
        raise JamdError(f"run {folder.name} has no report")
    try:
        document = json.loads(read_whole(path, MOST_BYTES).decode())
    except (ValueError, RecursionError) as error:
        raise JamdError(f"{path} is damaged ({error})") from error
    return from_json(document, str(path))
