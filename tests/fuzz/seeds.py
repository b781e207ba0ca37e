"""The seeds of `corpus`, made anew: `.venv/bin/python -m tests.fuzz.seeds`.

To be run when a format has changed: `test_fuzz.py` fails where a seed is no longer taken. What was found is
left.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from jamd.models import bundle
from jamd.models.markov import LEVELS
from jamd.models.memory.evening import Evening
from jamd.models.phrases import Phrases
from jamd.models.tokens import OFFSET_BINS, VELOCITY_BINS
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf.midifile import Track, encode, messages_of
from jamd.training.cache import shards
from jamd.training.reading import packing
from jamd.training.recordings import pieces
from tests.fuzz.mutations import midi_file, rmid
from tests.fuzz.words import END
from tests.kit.corpus import scale_chords

CORPUS = Path(__file__).parent / "corpus"
Seeds = Iterator[tuple[str, bytes]]

C = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"
CONDUCTOR = (
    b"\x00\xff\x58\x04\x03\x02\x18\x08\x00\xff\x51\x03\x07\xa1\x20" + b"\x60\xff\x51\x03\x0f\x42\x40" + END
)


def midi() -> Seeds:
    """One small file for each thing that MIDI files differ in."""
    line = b"".join(bytes((0x30 * (n > 0), 0x90, 60 + n % 5, 64, 0x30, 60 + n % 5, 0)) for n in range(6))
    running = (
        b"\x00\x90\x3c\x40\x30\x3e\x40\x30\x3c\x00\x00\x3e\x00"
        + b"\x30\xff\x01\x02hi"
        + b"\x30\x40\x40\x30\x40\x00"
    )
    yield "format0.mid", midi_file([CONDUCTOR[: -len(END)] + line + END], form=0)
    yield (
        "format1.mid",
        midi_file([CONDUCTOR, b"\x00\xff\x03\x05piano" + line + END, C.replace(b"\x90", b"\x91") + END]),
    )
    yield "format2.mid", midi_file([C + END, line + END], form=2)
    yield "film.mid", midi_file([C + END], division=0xE728)
    yield "running.mid", midi_file([running + END])
    pedal = b"\x00\xb0\x40\x7f" + C * 2 + b"\x30\xb0\x40\x00" + C
    yield "pedal.mid", midi_file([pedal + END])
    odd = bytes.fromhex("00c005 00f00301 02f7 00f70155 00e00040 00a03c10 00d010 00f8 00ff7f0100")
    yield (
        "odd.mid",
        midi_file([b"\x00\xff\x03\x02\xe4\xff" + odd + C + b"\x00\x99\x26\x40\x60\x89\x26\x00" + END]),
    )
    yield "wrapped.rmi", rmid(midi_file([C + END]))
    yield from odd_music()
    piano = scale_chords(60, bars=4)
    yield "chords.mid", encode([Track("piano", messages_of(piano))], [(0.0, 120.0)], [(0.0, Metre(4, 4))])
    loose = [replace_start(note, 0.07 * ((7 * number) % 5 - 2)) for number, note in enumerate(piano[1:20])]
    yield "loose.mid", encode([Track("", messages_of(loose))], [], [])


def odd_music() -> Seeds:
    """What real files say in ways of their own: each is whole."""
    modes = "00b0407f 00903c40 20b07b00 20903e40 20b07900 10803e00 00b0427f 00904040 20b07800 10b04200"
    yield "modes.mid", midi_file([bytes.fromhex(modes) + END])
    other = C.replace(b"\x3c", b"\x40")
    foot = b"\x00\xb0\x40\x7f\x81\x40\xb0\x40\x00"
    yield "hands.mid", midi_file([C + END, other + END, foot + END])
    repeats = C[:4] + b"\x60\x90\x3c\x40\x00\x80\x3c\x00" * 3 + b"\x00\x90\x43\x40\x00\x80\x43\x00"
    yield "repeats.mid", midi_file([repeats + END, C[:4] + b"\x83\x00\x80\x3c\x00" + END])
    fingers = b"".join(bytes((0, 0x91 + n, 60 + n, 64, 0x30, 0x81 + n, 60 + n, 0)) for n in range(4))
    said = bytes.fromhex("00b06500 00b06406 00b00604")
    yield "mpe.mid", midi_file([said + foot[:4] + fingers + b"\x60\xb0\x40\x00" + END], form=0)
    yield "mpe-unsaid.mid", midi_file([foot[:4] + fingers + b"\x60\xb0\x40\x00" + END], form=0)
    kits = bytes.fromhex(
        "00b1007f 00c100 00f00a411042124012150217f7 00f00843104c00007e00f7 00f00843104c08030702f7"
    )
    drums = b"".join(
        C.replace(b"\x90", bytes([0x90 + n])).replace(b"\x80", bytes([0x80 + n])) for n in (1, 2, 3)
    )
    melody = bytes.fromhex("00f00a41104212401015001bf7") + C.replace(b"\x90", b"\x99")
    yield "kits.mid", midi_file([kits + drums + END, C + END, melody.replace(b"\x80", b"\x89") + END])
    yield "early-end.mid", midi_file([CONDUCTOR + C + END], form=0)
    whole = midi_file([CONDUCTOR, C + END])
    yield "miscounted.mid", whole[:11] + b"\x03" + whole[12:] + b"XFIH\0\0\0\2ab"
    yield "mislaid.mid", bytes(128) + whole.replace(b"\0\0\0\x0c\0\x90", b"\0\0\0\x03\0\x90")


def replace_start(note: Note, late_beats: float) -> Note:
    return replace(
        note, start_beats=1.37 * note.start_beats + late_beats + 1, end_beats=1.37 * note.end_beats + 1
    )


def session() -> Seeds:
    """What `jamd listen` keeps."""
    player = [Note(60 + n, 64, n / 2, n / 2 + 0.4) for n in range(8)]
    own = [
        replace(note, pitch=note.pitch + 12, start_beats=note.start_beats + 4, end_beats=note.end_beats + 4)
        for note in player
    ]
    tracks = [Track("player", messages_of(player)), Track("jamd", messages_of(own, channel=2))]
    yield "two-turns.mid", encode(tracks, [(0.0, 96.0), (4.0, 101.5)], [(0.0, Metre(4, 4))])
    yield "one-note.mid", encode([Track("player", messages_of(player[:1])), Track("jamd", [])], [], [])
    pads = messages_of(player[:5], channel=9)
    yield "pads.mid", encode([Track("player", pads), Track("jamd", messages_of(own[:2]))], [], [])
    yield (
        "only-a-call.mid",
        encode(
            [Track("player", messages_of(player[:3])), Track("jamd", [])],
            [(0.0, 120.0)],
            [(0.0, Metre(7, 8))],
        ),
    )


def bundles() -> Seeds:
    """The smallest of each architecture, all that a header can hold in one of them."""
    import torch

    from jamd.models.networks.seq2seq import Seq2Seq
    from jamd.models.networks.seq2seq import Settings as Seq2SeqSettings
    from jamd.models.networks.wavenet import Settings as WaveNetSettings
    from jamd.models.networks.wavenet import WaveNet

    torch.manual_seed(0)
    memory = {"table": [0.5] * 70, "powers": [0.5] * 6}
    phrases = Phrases(np.arange(7, dtype=np.uint8))
    recipe = {
        "recipe": {"epochs": 1, "seed": 0},
        "data": {"pieces": 3, "sha256": "0" * 64},
        "scores": {"nats_per_step": 3.6},
    }
    nets = {
        "seq2seq": Seq2Seq(
            Seq2SeqSettings(hidden=2, encoder_layers=1, head_hidden=2, attention_steps=4, attention_heads=2)
        ),
        "wavenet": WaveNet(WaveNetSettings(channels=2, skip=2, layers=2, head_hidden=2)),
    }
    for arch, net in nets.items():
        weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
        header = {"arch": arch, "settings": net.settings.as_dict(), "key": "C", "memory": memory, **recipe}
        yield f"{arch}.safetensors", written(weights, header, phrases if arch == "wavenet" else None)
    counts = {
        "keys": np.array(
            [(number << 8) + token for number, token in ((1, 45), (1, 200), (2, 60))], np.uint64
        ),
        "counts": np.array([3, 1, 2], np.uint16),
        "velocities": np.ones((VELOCITY_BINS + 1, VELOCITY_BINS), np.uint32),
        "offsets": np.ones((OFFSET_BINS + 1, OFFSET_BINS), np.uint32),
        "blend": np.ones((LEVELS, 2), np.float32),
    }
    yield "markov.safetensors", written(counts, {"arch": "markov", "settings": {}, "memory": memory}, phrases)


def written(weights: bundle.Weights, header: dict[str, object], phrases: Phrases | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it.safetensors"
        bundle.write(path, weights, header, phrases)
        return path.read_bytes()


def profile() -> Seeds:
    from jamd.sessions import profiles

    def evening(first_pitch: int) -> Evening:
        return Evening(
            np.array([(step % 16, 16) for step in range(20)], np.uint16),
            np.array([0, 4, 4, 8, 12], np.uint32),
            np.array([(0, first_pitch, 80), (0, 64, 80), (1, 67, 0), (1, 67, 70), (0, 60, 90)], np.uint8),
            np.array([0, 0.1, -0.2, 0, 0.4], np.float16),
        )

    kept = [profiles.Kept(f"evening {n}", datetime(2026, 11, 20 + n, 20), evening(60 + n)) for n in range(2)]
    for name, evenings in (("two-evenings", kept), ("none", [])):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "it.safetensors"
            profiles._write(path, evenings)
            yield f"{name}.safetensors", path.read_bytes()


def cached() -> dict[str, pieces.QuantisedPiece]:
    return {
        name: pieces.read(content, name, name, "0" * 64)
        for name, content in midi()
        if name in ("chords.mid", "loose.mid", "format1.mid")
    }


def piece() -> Seeds:
    for name, found in cached().items():
        yield name.replace(".mid", ".piece"), packing.packed(found)


def shard() -> Seeds:
    entries = [
        shards.Entry(f"{n:064x}", packing.packed(found), found.steps, len(found.step))
        for n, found in enumerate(cached().values())
    ]
    yield "three.shard", shards.encoded(entries)[1]
    yield "odd-empty.shard", shards.encoded([])[1]


def archive() -> Seeds:
    files = dict(midi())
    for name, method in (
        ("deflated", zipfile.ZIP_DEFLATED),
        ("stored", zipfile.ZIP_STORED),
        ("odd-bzip", zipfile.ZIP_BZIP2),
    ):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as file:
            for member in ("format0.mid", "wrapped.rmi"):
                file.writestr(zipfile.ZipInfo(f"a folder/{member}"), files[member], method)
        yield f"{name}.zip", packed.getvalue()


def live() -> Seeds:
    """The instrument set up in ten bytes, then events: a rest of so many 4 ms, a length, the bytes."""

    def played(*events: tuple[int, bytes]) -> bytes:
        return b"".join(bytes((rest, len(payload))) + payload for rest, payload in events)

    line = [(30, bytes((0x90, 60 + n, 64 * (n % 2 == 0)))) for n in range(6)]
    yield "a-line", bytes(10) + played(*line)
    yield "duet", bytes((0, 1, 0, 1, 1, 0, 0, 0, 4, 1)) + played(*line)
    yield "solo", bytes((0, 2, 1, 1, 2, 0, 0, 0, 7, 0)) + played(*line)
    thru = bytes((0, 0, 0, 0, 1, 1 | 4, 1 | 2, 3, 4, 1))
    yield (
        "thru",
        thru
        + played(
            (0, b"\x90\x30\x40\x34\x40"), (9, b"\xb0\x40\x7f"), (9, b"\x80\x30\x00"), (50, b"\x90\x60\x40")
        ),
    )
    clock = [(5, b"\xf8")] * 30
    yield (
        "clock",
        bytes((2, 0, 0, 0, 4, 0, 0, 0, 7, 1))
        + played((0, b"\xfa"), *clock, (0, b"\x90\x3c\x40"), *clock, (1, b"\xfc")),
    )
    controls = (
        b"\xb0\x15\x10",
        b"\xb1\x40\x7f",
        b"\xc0\x01",
        b"\xe0\x00\x60",
        b"\x99\x24\x40",
        b"\x90\x25\x40",
        b"\x90\x27\x40",
    )
    yield (
        "knobs",
        bytes((0, 0, 0, 0, 0, 0, 0, 3, 4, 1))
        + played((0, b"\x90\x3c\x40"), *((40, each) for each in controls)),
    )
    yield (
        "sysex",
        bytes(10)
        + played(
            (0, b"\xf0\x7e\x7f\x06\x01\xf7"), (1, b"\xf0\x01\x90\x3c\x40\xf7"), (1, b"\x3c\x40\xf8\x3e")
        ),
    )


def page() -> Seeds:
    """What pages say, line by line, each with the number of its page."""

    def said(*lines: tuple[int, dict[str, object]]) -> bytes:
        return b"\n".join(f"{who} {json.dumps(word, separators=(',', ':'))}".encode() for who, word in lines)

    def midi(seconds: float, *message: int) -> dict[str, object]:
        return {"type": "midi", "seconds": seconds, "bytes": message}

    yield "a-line", said(*((0, midi(n / 8, 0x90 - 0x10 * (n % 2), 60 + n // 2, 80)) for n in range(10)))
    yield (
        "two-pages",
        said(
            (0, {"type": "ping", "page": 1.25}),
            (0, midi(0.1, 0x90, 60, 80)),
            (1, midi(0.2, 0x90, 60, 90)),
            (1, midi(0.25, 0xB0, 64, 127)),
            (0, midi(0.5, 0x80, 60, 0)),
            (1, midi(0.75, 0x90, 60, 0)),
            (1, midi(0.8, 0xB0, 123, 0)),
        ),
    )
    yield (
        "knobs",
        said(
            (0, midi(0, 0x90, 60, 80)),
            (0, {"type": "turn", "knob": "tempo", "value": 96.5}),
            (0, {"type": "turn", "knob": "mode", "value": "duet"}),
            (1, {"type": "turn", "knob": "bars", "value": 2}),
            (1, {"type": "turn", "knob": "register", "value": -12}),
            (0, {"type": "press", "action": "turn"}),
            (1, {"type": "press", "action": "panic"}),
            (0, {"type": "preset", "name": "ballad"}),
            (0, {"type": "model", "name": "mine"}),
        ),
    )


MAKERS = {
    "page": page,
    "live": live,
    "midi": midi,
    "session": session,
    "bundle": bundles,
    "profile": profile,
    "piece": piece,
    "shard": shard,
    "archive": archive,
}


def main() -> None:
    for name, maker in MAKERS.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in maker():
            (folder / file).write_bytes(content)


if __name__ == "__main__":
    main()
