"""What a training run measures at each step, on disk as it comes."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from midspec.files import disk_errors
from midspec.progress import METRICS

FILE = METRICS  # of an eval, metrics.jsonl says what is measured
LOSSES = 50  # steps that a loss is compared with

Metric = dict[str, Any]


class Metrics:
    """The rows of a run's metrics, each appended as it comes and kept here as well.

    size: bytes of the file that count, as a checkpoint knows them. What a kill left after them is
    cut off, since its steps are done again: so no step is there twice, and none is lost.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        with disk_errors(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
            self._file.truncate(size)
        self._waiting = b""
        self.rows = read_metrics(path)

    def add(self, row: Metric) -> None:
        """Append a row; while the disk is full it waits for the next one."""
        self.rows.append(row)
        self._waiting += (json.dumps(row) + "\n").encode()
        with suppress(OSError):
            self._write()

    def losses(self) -> list[float]:
        """The last losses, enough to tell a spike by."""
        return [row["loss"] for row in self.rows[-LOSSES:]]

    def sync(self) -> int:
        """Bring all rows to the disk and return the file's size; a full disk is a StoreError."""
        with disk_errors(self.path):
            self._write()
            os.fsync(self._file.fileno())
            return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file; what still waits is lost with the run."""
        self._file.close()

    def _write(self) -> None:
        while self._waiting:
            written = self._file.write(self._waiting)
            self._waiting = self._waiting[written:]


class Tail:
    """The rows of a metrics file that another process writes, read as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Metric] = []
        self._read = 0

    def refresh(self) -> list[Metric]:
        """All rows there are by now; none where there is no file."""
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_size < self._read:  # a run went back to a checkpoint
                    self.rows, self._read = [], 0
                file.seek(self._read)
                whole, end, _ = file.read().rpartition(b"\n")
                self.rows += [json.loads(line) for line in whole.splitlines()]
                self._read += len(whole + end)
        except FileNotFoundError:
            self.rows, self._read = [], 0
        except ValueError:  # it went back and came past the place again: begin anew next time
            self.rows, self._read = [], 0
        return self.rows


def read_metrics(path: Path) -> list[Metric]:
    """The whole rows of a metrics file; a last line that a kill has torn is none."""
    return list(Tail(path).refresh())
