"""The form of an archive: equal bytes for equal files, and a reader that takes nothing else."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from midspec.errors import StoreError
from midspec.share.archive import PADDING, Member, reading, write_archive
from tests.share.archives import compressed, packed, with_member

LONG = "é" * 90 + "/" + "x" * 90
FILES = {"index.json": b"{}", "a/b.txt": b"text\n" * 1000, LONG: b"", "c": bytes(range(256))}


def read(path: Path) -> dict[str, bytes]:
    found = {}
    with reading(path) as reader:
        while (told := reader.next())[0]:
            found[told[0]] = b"".join(reader.content(told[1]))
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(tmp_path / "a.tar.gz", FILES)


def test_what_was_written_is_read(archive: Path) -> None:
    assert read(archive) == {f"tiny/{name}": raw for name, raw in FILES.items()}


def test_tar_reads_it_and_finds_nobody_s_name_and_no_time(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [f"tiny/{name}" for name in FILES]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_equal_files_give_equal_bytes_wherever_they_lie(tmp_path: Path) -> None:
    made = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        path = tmp_path / place / "f.txt"
        path.write_bytes(b"same")
        out = io.BytesIO()
        digest = write_archive([Member("t/f.txt", path)], out)
        made.append((digest, out.getvalue()))
    assert made[0] == made[1]


def test_a_file_that_changes_while_it_is_read_is_not_archived(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_bytes(b"now")
    with pytest.raises(StoreError, match="was changed while it was read"):
        write_archive([Member("t/f.txt", path, "0" * 64)], io.BytesIO())


def test_every_damaged_byte_is_an_error_that_names_the_archive(tmp_path: Path) -> None:
    raw = packed(tmp_path / "a.tar.gz", {"index.json": b"{}", "a": b"some text"}).read_bytes()
    damaged = tmp_path / "b.tar.gz"
    for place in range(len(raw)):
        damaged.write_bytes(raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :])
        with pytest.raises(StoreError, match=r"b\.tar\.gz"):
            read(damaged)


@pytest.mark.parametrize("kept", [0, 5, 10, 40, -8, -1])
def test_an_archive_that_was_cut_short_is_an_error(archive: Path, kept: int) -> None:
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(StoreError, match=r"too early|at its start"):
        read(archive)


@pytest.mark.parametrize("more", [b"x", b"\0", gzip.compress(b"more")])
def test_what_follows_an_archive_is_an_error(archive: Path, more: bytes) -> None:
    archive.write_bytes(archive.read_bytes() + more)
    if more == b"\0":  # zeros after it carry nothing
        assert read(archive)
        return
    with pytest.raises(StoreError, match="damaged"):
        read(archive)


def test_zeros_without_end_are_not_read_on(tmp_path: Path) -> None:
    bomb = compressed(tmp_path / "bomb.tar.gz", bytes(50 * PADDING))
    with pytest.raises(StoreError, match="something after its last file"):
        read(bomb)


def odd(kind: bytes, target: str = "", size: int = 0) -> Callable[[tarfile.TarInfo], None]:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = kind, target, size

    return change


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "tiny/index.json"),
        (tarfile.DIRTYPE, ""),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_what_is_no_regular_file_is_refused(
    archive: Path, tmp_path: Path, kind: bytes, target: str
) -> None:
    made = with_member(archive, tmp_path / "odd.tar.gz", odd(kind, target))
    with pytest.raises(StoreError, match="no regular file"):
        read(made)


@pytest.mark.parametrize("size", [-1, -7])
def test_a_length_below_nothing_is_refused_before_anything_is_read(
    tmp_path: Path, size: int
) -> None:
    header = tarfile.TarInfo("tiny/index.json")
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = (size % 256**12).to_bytes(12, "big")  # as GNU tar writes what octal can't
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    bad = compressed(tmp_path / "bad.tar.gz", bytes(raw) + bytes(PADDING))
    with pytest.raises(StoreError, match="a file's length can't be read"):
        read(bad)


def test_headers_that_tell_of_more_headers_are_refused(archive: Path, tmp_path: Path) -> None:
    """A PAX header may be as long as it likes, and readers take it into memory."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("tiny/index.json")
        member.pax_headers = {"comment": "x" * 10_000}
        tar.addfile(member)
    with pytest.raises(StoreError, match="no regular file"):
        read(compressed(tmp_path / "pax.tar.gz", plain.getvalue()))


def test_a_name_of_megabytes_is_refused(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("x" * 3_000_000))
    with pytest.raises(StoreError, match="no regular file"):
        read(compressed(tmp_path / "name.tar.gz", plain.getvalue()))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 a zip", b"\x1f\x8b\x08\x08named"])
def test_another_file_is_no_archive(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(raw)
    with pytest.raises(StoreError, match="no archive of midspec export"):
        read(tmp_path / "x.tar.gz")


def test_a_missing_archive_and_a_folder_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        read(tmp_path / "none")
    with pytest.raises(StoreError, match="can't be read"):
        read(tmp_path)
