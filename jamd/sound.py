"""A MIDI file as sound, where FluidSynth and a sound font are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/opt/homebrew/share/soundfonts")
LONGEST_SECONDS = 120


def sound_font() -> Path | None:
    """Any General MIDI sound font in the usual folders; the smallest, because it loads fastest."""
    fonts = [font for folder in FOLDERS for font in Path(folder).glob("*.sf2")]
    return min(fonts, key=lambda font: font.stat().st_size, default=None)


def to_wav(midi: Path, wav: Path) -> Path | None:
    """Play a MIDI file into a WAV file; None where it cannot be done."""
    synth, font = shutil.which("fluidsynth"), sound_font()
    if synth is None or font is None:
        return None
    try:
        subprocess.run(
            [synth, "-n", "-i", "-q", "-r", "44100", "-F", str(wav), str(font), str(midi)],
            check=True,
            capture_output=True,
            timeout=LONGEST_SECONDS,
        )
    except (subprocess.SubprocessError, OSError):
        wav.unlink(missing_ok=True)
        return None
    return wav if wav.exists() else None
