"""What is under way in a store at a URL, for who looks on from any machine.

While a stage is built, how far it is and the rows of its metrics are sent beside its unfinished
work every five seconds: `.work/<name>.progress`, and `.work/<name>.steps/<n>` with 64 rows each, so
that of a long training only the last few kB are sent again.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from midspec import progress
from midspec.errors import StoreError
from midspec.files import digest_text, disk_errors, read_json
from midspec.progress import METRICS
from midspec.run.bucket import Bucket
from midspec.run.lease import every
from midspec.run.stage import MANIFEST, Stage
from midspec.run.under_way import BEAT_SECONDS, ENDING, Teller

SHOW_SECONDS = 5.0
ROWS = 64  # some 13 kB

STAGE = re.compile(r".+-[0-9a-f]{12}")  # a stage's folder

Parts = dict[str, str]  # the rows of a metrics file, by the names of the files they are sent in


@contextmanager
def showing(bucket: Bucket, stage: Stage, work: Path) -> Iterator[None]:
    """Send what there is to see of a stage while the block builds it. What can't be sent now is
    sent later, and the stage waits for none of it."""
    at = f".work/{work.name}"
    sent: dict[str, str] = {}  # the digest of each part

    def put(text: str) -> None:
        bucket.write(at + ENDING, text)

    def send_rows() -> None:
        parts = _parts(work / METRICS)
        if parts and not sent:  # what another process left, which may have come further
            sent.update(dict.fromkeys(bucket.names(f"{at}.steps"), ""))
        for name, rows in parts.items():
            if sent.get(name) != (digest := digest_text(rows)):
                bucket.write(f"{at}.steps/{name}", rows)
                sent[name] = digest
        for name in [name for name in sent if parts and name not in parts]:
            bucket.remove(f"{at}.steps/{name}")
            del sent[name]

    teller = Teller(stage, work, put)

    def send() -> None:
        if not teller.is_written or time() - teller.state.at > BEAT_SECONDS:
            teller.write()
        send_rows()

    teller.write()
    with teller.failing(), progress.overhearing(teller.hear), every(SHOW_SECONDS, send):
        yield
    with suppress(StoreError):
        bucket.remove(at + ENDING)
        bucket.remove(f"{at}.steps")


class View:
    """A folder of this machine, `root`, in which a store at a URL can be looked at: manifests, what
    is under way, and metrics, each where it lies in a store. It goes when nobody holds the view."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.folder = TemporaryDirectory(prefix="midspec-")
        self.root = Path(self.folder.name)
        (self.root / ".work").mkdir()
        self.parts: dict[str, tuple[int, str]] = {}  # as listed: size, and rows

    def refresh(self, wanted: Collection[str] | None) -> None:
        """Fetch what has changed of the stages with these folders' names; None is all."""
        listed = self.bucket.names(".work")
        for path in (self.root / ".work").glob(f"*{ENDING}"):
            if path.name not in listed:
                path.unlink()
        for name in [one.removesuffix(ENDING) for one in listed if one.endswith(ENDING)]:
            if wanted is None or name in wanted:
                self._fetch(f".work/{name}{ENDING}")
                self._fetch_rows(name, listed)
        # Last, since what was under way and isn't any more has a manifest by now.
        for name in self.bucket.list():
            is_wanted = STAGE.fullmatch(name) if wanted is None else name in wanted
            if is_wanted and not (self.root / name / MANIFEST).exists():
                self._fetch_manifest(name)

    def fetch_metrics(self, name: str) -> None:
        """Fetch the metrics of a finished stage, if it has any and they aren't here."""
        path = self.root / name / METRICS
        if not path.exists() and METRICS in read_json(path.with_name(MANIFEST))["outputs"]:
            self._fetch(f"{name}/{METRICS}")

    def _fetch_rows(self, name: str, listed: dict[str, int]) -> None:
        """Fetch the parts that have another size than before, and lay them in a row, up to one that
        isn't full: what follows that is of a process that was killed further on."""
        rows = ""
        start = f"{name}.steps/"
        for part in sorted(one for one in listed if one.startswith(start)):
            size, text = self.parts.get(part, (-1, ""))
            if size != listed[part]:
                text = self.bucket.read(f".work/{part}") or ""
                self.parts[part] = listed[part], text
            rows += text
            if text.count("\n") < ROWS:
                break
        if rows:
            self._write(f".work/{name}/{METRICS}", rows)

    def _fetch_manifest(self, name: str) -> None:
        if self._fetch(f"{name}/{MANIFEST}"):
            path = self.root / name / MANIFEST
            manifest = read_json(path)
            ended = datetime.fromisoformat(manifest["began"]).timestamp() + manifest["seconds"]
            os.utime(path, (ended, ended))

    def _fetch(self, name: str) -> bool:
        """Fetch a small file; whether it is there."""
        text = self.bucket.read(name)
        if text is not None:
            self._write(name, text)
        return text is not None

    def _write(self, name: str, text: str) -> None:
        with disk_errors(self.root):
            (self.root / name).parent.mkdir(exist_ok=True)
            (self.root / name).write_text(text, encoding="utf-8", newline="\n")


def _parts(path: Path) -> Parts:
    """The whole rows of a metrics file; none where there is no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return {}
    if lines and not lines[-1].endswith("\n"):
        del lines[-1]
    return {
        f"{start // ROWS:06}": "".join(lines[start : start + ROWS])
        for start in range(0, len(lines), ROWS)
    }
