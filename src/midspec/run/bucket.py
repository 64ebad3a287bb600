"""A folder at a path or a URL (s3://…, gs://…), through fsspec."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from midspec.errors import ConfigError, MidspecError, StoreError


class Bucket:
    """Reads and writes files by name below `url`; what goes wrong there is a StoreError."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        protocol, separator, _ = url.partition("://")
        try:
            with self._reached():
                if separator and protocol != "file":
                    # Other machines write there, too: a remembered listing would be wrong.
                    found: tuple[Any, str] = fsspec.url_to_fs(url, use_listings_cache=False)
                else:
                    path = str(Path(url.removeprefix("file://")).absolute())
                    found = fsspec.filesystem("file", auto_mkdir=True), path
        except ImportError as error:
            raise ConfigError(
                f"A store at {url} needs packages that aren't installed. "
                "Run: pip install 'midspec[cloud]'"
            ) from error
        self.files, self.path = found[0], found[1].rstrip("/")

    def beginning(self, name: str) -> list[str]:
        """How the names of files go on that begin with `name`, in its folder."""
        folder, _, start = name.rpartition("/")
        return [one.removeprefix(start) for one in self.list(folder) if one.startswith(start)]

    def list(self, folder: str = "") -> list[str]:
        """What lies in a folder, by name: files and folders, without what is in those."""
        with self._reached():
            try:
                found = self.files.ls(self._at(folder), detail=False, refresh=True)
            except FileNotFoundError:
                return []
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def names(self, below: str) -> dict[str, int]:
        """The files below a name, by what follows it, with their sizes."""
        start = self._at(below)
        with self._reached():
            found = self._find(start).items()
        return {path[len(start) + 1 :]: row["size"] for path, row in found if path != start}

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with self._reached():
            return bool(self.files.exists(self._at(name)))

    def read(self, name: str) -> str | None:
        """What a small file says; None if it isn't there."""
        with self._reached():
            try:
                text: bytes = self.files.cat_file(self._at(name))
            except FileNotFoundError:
                return None
        return text.decode("utf-8", errors="replace")

    def write(self, name: str, text: str) -> None:
        """Write a small file in place of what was there."""
        with self._reached():
            self.files.pipe_file(self._at(name), text.encode())

    def create(self, name: str, text: str) -> bool:
        """Write a small file unless it is there; returns whether it was this call that did.

        Some servers know no such condition and write in any case; who wrote last can be read.
        """
        with self._reached(), suppress(FileExistsError):
            self.files.pipe_file(self._at(name), text.encode(), mode="create")
        return self.read(name) == text

    def remove(self, name: str) -> None:
        """Remove a file, or everything below a name; nothing there is no error."""
        with self._reached():
            for path in self._find(self._at(name)):
                self.files.rm_file(path)  # rm takes names for patterns

    def upload(self, folder: Path, names: Iterable[str], to: str) -> None:
        """Write files of a folder below the name `to`."""
        names = list(names)
        with self._reached():
            self.files.put(
                [str(folder / name) for name in names],
                [self._at(f"{to}/{name}") for name in names],
            )

    def download(self, below: str, names: Iterable[str], folder: Path) -> None:
        """Fetch files below a name into a folder."""
        names = list(names)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with self._reached():
            self.files.get(
                [self._at(f"{below}/{name}") for name in names],
                [str(folder / name) for name in names],
            )

    def _find(self, path: str) -> dict[str, dict[str, Any]]:
        """The file at a path, or those below it."""
        try:
            found: dict[str, dict[str, Any]] = self.files.find(path, detail=True)
        except FileNotFoundError:
            return {}
        return found

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}".rstrip("/")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Providers' clients raise errors of their own kinds, often without a common base."""
        try:
            yield
        except (MidspecError, ImportError):
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise StoreError(
                f"{self.url} can't be used: {said}. Check the address, what you may do there, and "
                "the network; what is finished is safe."
            ) from error
