"""The form of an archive: a gzipped tar that has equal bytes for equal files, and its reader.

The reader trusts nothing: regular files alone, one after another as the archive's index lists them,
each no longer than it says there.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from midspec.errors import StoreError

BLOCK = 1 << 20
# Magic number, deflate, no flags, no time, no word on speed, unknown system: what gzip writes of
# itself here, none of which its checksum covers.
HEADER = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF])
LEVEL = 6  # 9 took twice as long on the demo's archive, for 1% less
LONGEST_NAME = 1_000  # bytes
PADDING = 2 * tarfile.RECORDSIZE  # zeros that may end a tar


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name there, its bytes or where they lie, and their sha256."""

    name: str
    content: bytes | Path
    digest: str = ""

    def blocks(self) -> Iterator[bytes]:
        """The content, in blocks."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with open(self.content, "rb") as file:
            while block := file.read(BLOCK):
                yield block

    @property
    def place(self) -> str:
        """What an error calls it: where it lies, or its name."""
        return self.name if isinstance(self.content, bytes) else str(self.content)

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def write_archive(members: Sequence[Member], file: BinaryIO) -> str:
    """Write members one after another and return the sha256 of what was written.

    Nobody's name, no time and no permission of this machine goes with them.
    """
    told = _Telling(file)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    checksum = length = 0
    told.write(HEADER)
    for block in _tar(members):
        checksum, length = zlib.crc32(block, checksum), length + len(block)
        told.write(packer.compress(block))
    told.write(packer.flush())
    told.write(checksum.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little"))
    return told.digest.hexdigest()


class Reader:
    """The members of an archive, in their order; what is no archive of this form is a StoreError
    that names it."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        if file.read(len(HEADER)) != HEADER:
            raise StoreError(
                f"{path} is no archive of midspec export, or was damaged at its start."
            )
        file.seek(0)
        self.plain = gzip.GzipFile(fileobj=file, mode="rb")

    def next(self) -> tuple[str, int]:
        """The name and length of the next file; ("", 0) at the end, which must be one."""
        name = ""
        while True:
            block = self._exactly(tarfile.BLOCKSIZE)
            if not any(block):
                self._end()
                return "", 0
            try:
                member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                raise self._damaged("a file's header can't be read") from error
            if member.size < 0:  # tar can write one
                raise self._damaged("a file's length can't be read")
            if member.type == tarfile.GNUTYPE_LONGNAME and member.size <= LONGEST_NAME + 1:
                name = self._long_name(member.size)
            elif member.type != tarfile.REGTYPE:
                raise StoreError(
                    f"{self.path} holds {member.name[:100]!r}, which is no regular file (a link, a "
                    "folder, a device). midspec export writes none, so nothing of it is taken."
                )
            else:
                return name or member.name, member.size

    def content(self, size: int) -> Iterator[bytes]:
        """The blocks of the file that `next` told; they must be read to the end."""
        left = size
        while left:
            block = self._read(min(left, BLOCK))
            if not block:
                raise self._damaged("it ends in the middle of a file")
            left -= len(block)
            yield block
        self._padding(size)

    def _long_name(self, size: int) -> str:
        raw = self._exactly(size)
        self._padding(size)
        try:
            return raw.rstrip(b"\0").decode()
        except UnicodeDecodeError as error:
            raise self._damaged("a file's name can't be read") from error

    def _padding(self, size: int) -> None:
        if any(self._exactly(-size % tarfile.BLOCKSIZE)):
            raise self._damaged("there is something between two files")

    def _end(self) -> None:
        """After the last file there are some zeros, and nothing else."""
        rest = b""
        while len(rest) <= PADDING and (block := self._read(PADDING)):
            rest += block
        if any(rest) or len(rest) > PADDING:
            raise self._damaged("there is something after its last file")

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (block := self._read(size - len(found))):
            found += block
        if len(found) < size:
            raise self._damaged("it ends too early")
        return found

    def _read(self, size: int) -> bytes:
        try:
            return self.plain.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._damaged("its checksum doesn't fit, or it ends too early") from error

    def _damaged(self, how: str) -> StoreError:
        return StoreError(f"{self.path} is damaged: {how}. Copy it again; nothing of it was taken.")


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """A reader of the archive at a path."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise StoreError(f"The archive {path} does not exist.") from error
    except OSError as error:
        raise StoreError(f"The archive {path} can't be read: {error.strerror}.") from error
    with file:
        yield Reader(path, file)


class _Telling:
    """A file and the sha256 of what went into it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, sha256()

    def write(self, block: bytes) -> None:
        self.digest.update(block)
        self.file.write(block)


def _tar(members: Sequence[Member]) -> Iterator[bytes]:
    total = 0
    for member in members:
        header = tarfile.TarInfo(member.name)
        header.size, header.mode = member.size, 0o644
        raw, read, digest = header.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict"), 0, sha256()
        yield raw
        for block in member.blocks():
            read += len(block)
            digest.update(block)
            yield block
        if read != header.size or member.digest not in ("", digest.hexdigest()):
            raise StoreError(f"{member.place} was changed while it was read. Export again.")
        yield bytes(-header.size % tarfile.BLOCKSIZE)
        total += len(raw) + header.size + -header.size % tarfile.BLOCKSIZE
    end = total + 2 * tarfile.BLOCKSIZE
    yield bytes(2 * tarfile.BLOCKSIZE + -end % tarfile.RECORDSIZE)
