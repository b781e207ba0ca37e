"""Files within files: the members of .zip archives.

Archives come from anywhere, so nothing in one is believed. Its list of members is read once, within a limit,
and says where each member lies; a member is then unpacked in memory, apart from all others, and no further
than its reader allows. Nothing is written to the disk, so a member's name can do no harm.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from jamd.errors import MidiFileError

SUFFIX = ".zip"
MOST_MEMBERS = 100_000
LARGEST_LIST_BYTES = 16 * 2**20
"""Of an archive's list of members, which is held whole: room for `MOST_MEMBERS` with long names."""
MOST_UNPACKED_BYTES = 2 * 2**30
"""Of the MIDI files in one archive together, as its list has it: some ten seconds of unpacking."""
MOST_PACKED_SHARE = 2
"""Packed bytes to the byte of the largest content: what is packed at all well has fewer than one."""

LAST_RECORD_BYTES = 2**17
"""An archive's last record has 22 bytes and a comment of 65,535 at most."""

_LOCKED = 1  # of a member's flags
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, and the lengths of what stands before the content


@dataclass(frozen=True, slots=True)
class Packed:
    """Where a member lies in its archive, and what its content has to be."""

    header_offset: int
    packed_bytes: int
    content_bytes: int
    crc: int
    deflated: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: how to get at it, or what is wrong with it in words that follow its name."""

    name: str
    packed: Packed | str


class _Frugal(io.BufferedReader):
    """A file that is read in no larger piece than a list of members may be, whatever length it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = LAST_RECORD_BYTES
        if size > LARGEST_LIST_BYTES:
            raise zipfile.BadZipFile(f"its list of members is over {LARGEST_LIST_BYTES >> 20} MiB")
        return super().read(size)


def members(path: Path, where: str) -> list[Member]:
    """The files in an archive, in its own order, without the folders.

    Raises MidiFileError when it cannot be read or lists more than `MOST_MEMBERS`.
    """
    try:
        with _Frugal(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
    except OSError as error:
        raise MidiFileError(f"{where} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
        raise MidiFileError(f"{where} is not a readable archive: {error}") from error
    if len(listed) > MOST_MEMBERS:
        raise MidiFileError(
            f"{where} holds too many files: {len(listed)}, more than {MOST_MEMBERS}; unpack it to a folder"
        )
    files = [info for info in listed if info.filename and not info.filename.endswith("/")]
    return [Member(info.filename, _packed(info)) for info in files]


def _packed(info: zipfile.ZipInfo) -> Packed | str:
    if info.flag_bits & _LOCKED:
        return "is locked with a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # the others would unpack kilobytes into gigabytes at one go; few archives use them
        return f"is packed in an unusual way: method {info.compress_type}; pack it again by deflate"
    return Packed(
        info.header_offset,
        info.compress_size,
        info.file_size,
        info.CRC,
        info.compress_type == zipfile.ZIP_DEFLATED,
    )


def unpacked(path: Path, packed: Packed, most_bytes: int, where: str) -> bytes:
    """A member's content, never more than `most_bytes`; packed and unpacked are all the memory it takes.

    Raises OSError, or MidiFileError when the content is larger or not what the list of members says.
    """
    if packed.content_bytes > most_bytes:
        raise MidiFileError(f"{where} is too large for one piece: over {most_bytes >> 20} MiB")
    try:
        with path.open("rb") as file:
            file.seek(packed.header_offset)
            signature, *lengths = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            file.seek(sum(lengths), io.SEEK_CUR)
            content = file.read(min(packed.packed_bytes, MOST_PACKED_SHARE * most_bytes))
        if packed.deflated:
            # one byte more than it should be, to see that it is not longer
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, packed.content_bytes + 1)
    except (ValueError, OverflowError, struct.error, zlib.error) as error:
        raise MidiFileError(f"{where} is damaged within its archive: {error}") from error
    if signature != b"PK\x03\x04":
        raise MidiFileError(f"{where} is damaged within its archive: it is not where it should be")
    if len(content) != packed.content_bytes or zlib.crc32(content) != packed.crc:
        raise MidiFileError(f"{where} is damaged within its archive: its checksum is wrong")
    return content
