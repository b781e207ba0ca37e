"""A MIDI file as sound, where FluidSynth and a sound font are installed."""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import suppress
from pathlib import Path

from jamd.errors import JamdError
from jamd.system.fluidsynth import program, sound_font

LONGEST_SECONDS = 120
NOT_WRITTEN = b"Audio file write error: "
"""What FluidSynth says on stderr when the disk is full."""


def to_wav(midi: Path, wav: Path) -> Path | None:
    """Play a MIDI file into a WAV file, whole or not at all; None where there is no synth. Raises JamdError
    where there is one and it fails."""
    synth, font = program(), sound_font()
    if synth is None or font is None:
        return None
    beside = wav.with_name(f".{secrets.token_hex(4)}.{wav.name}")
    try:
        ended = subprocess.run(
            [synth, "-n", "-i", "-q", "-r", "44100", "-F", str(beside), str(font), str(midi)],
            check=True,
            capture_output=True,
            timeout=LONGEST_SECONDS,
        )
        if NOT_WRITTEN in ended.stderr:  # of which its exit status says nothing
            raise JamdError(f"cannot write {wav}: {ended.stderr.split(NOT_WRITTEN)[1].strip().decode()}")
        os.replace(beside, wav)
    except subprocess.SubprocessError as error:
        raise JamdError(f"cannot write {wav}: fluidsynth did not end as it should") from error
    except OSError as error:
        raise JamdError(f"cannot write {wav}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return wav
