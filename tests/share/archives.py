"""Archives as an enemy, or a bad disk, would make them."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from midspec.share.archive import Member, write_archive

Files = dict[str, bytes]


def files_of(archive: Path) -> Files:
    """The files of an archive, by their names in it, without its folder."""
    with tarfile.open(archive) as tar:
        return {
            member.name.partition("/")[2]: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
        }


def rewritten(
    archive: Path,
    out: Path,
    edit: Callable[[Files], None] = lambda files: None,
    index: Callable[[dict[str, Any]], None] = lambda index: None,
) -> Path:
    """The archive with other files, and an index that fits them but for what is changed in it."""
    files = files_of(archive)
    told = json.loads(files.pop("index.json"))
    edit(files)
    told["files"] = {
        name: {"bytes": len(raw), "sha256": sha256(raw).hexdigest()} for name, raw in files.items()
    }
    index(told)
    return packed(out, {"index.json": json.dumps(told).encode(), **files})


def packed(out: Path, files: Files) -> Path:
    """An archive of these files, in this order."""
    with open(out, "wb") as file:
        write_archive([Member(f"tiny/{name}", raw) for name, raw in files.items()], file)
    return out


def with_member(archive: Path, out: Path, change: Callable[[tarfile.TarInfo], None]) -> Path:
    """The archive with one more member, which `change` makes something else than a file."""
    plain = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=plain, mode="w") as new:
        for member in old:
            new.addfile(member, old.extractfile(member))
            if member.name.endswith("/index.json"):
                odd = tarfile.TarInfo("tiny/README.md")
                change(odd)
                new.addfile(odd)
    return compressed(out, plain.getvalue())


def compressed(out: Path, plain: bytes) -> Path:
    """Bytes as gzip would write them with no name and no time."""
    raw = bytearray(gzip.compress(plain, mtime=0))
    raw[8:10] = b"\x00\xff"
    out.write_bytes(raw)
    return out


def remade(manifest: bytes, **changes: Any) -> bytes:
    """A manifest with other values."""
    return json.dumps({**json.loads(manifest), **changes}).encode()
