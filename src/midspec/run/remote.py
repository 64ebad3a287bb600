"""A store at a URL: stages are built in a folder of this machine, its mirror, and carried over.

At the URL a stage lies as it does in a folder, and its manifest is written last: without one there
is no stage. What the manifest lists is compared with its digests when it is fetched.
"""

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from midspec import progress
from midspec.errors import StoreError
from midspec.files import digest_folder, digest_text, disk_errors, read_json, write_json, write_text
from midspec.run.bucket import Bucket
from midspec.run.build import build, open_store
from midspec.run.carry import carried, drop_carried, shared_lines
from midspec.run.lease import leased, locked
from midspec.run.stage import MANIFEST, Source, Stage, verify
from midspec.run.view import showing

MARKER = "remote.json"


@dataclass(frozen=True)
class Remote:
    """The store at `url`; `place` is the mirror, which on every machine may begin with ~."""

    url: str
    place: str

    @cached_property
    def bucket(self) -> Bucket:
        """The store's folder at the URL."""
        return Bucket(self.url)

    def __reduce__(self) -> tuple[type["Remote"], tuple[str, str]]:
        return Remote, (self.url, self.place)  # a connection is each process's own

    def opened(self) -> Path:
        """This machine's mirror, made if need be; a store of a newer midspec is a StoreError."""
        root = _marked(Path(self.place).expanduser(), self.url)
        if found := self.bucket.read("store.json"):
            write_text(root / "store.json", found)
        open_store(root)
        if not found:
            self.bucket.write("store.json", (root / "store.json").read_text(encoding="utf-8"))
        return root

    def done(self, stage: Stage, root: Path) -> bool:
        """Whether a stage is finished at the URL; `root`, the mirror, needn't hold it."""
        return self.bucket.exists(f"{stage.path(root).name}/{MANIFEST}")

    def build(self, stage: Stage, root: Path, again: bool = False) -> Path:
        """Build one stage in this machine's mirror and carry it over, unless it is there already
        and isn't wanted `again`.

        `root` may be another machine's mirror, so it isn't used.
        """
        mirror = self.opened()
        final = stage.path(mirror)
        work = mirror / ".work" / final.name
        with (
            locked(Path(f"{work}.remote.lock")) as lock,
            leased(self.bucket, f".work/{final.name}.lease", lock) as lease,
        ):
            if again or not self.done(stage, mirror):
                with showing(self.bucket, stage, work):
                    # One that is done here was built before, but not carried over whole.
                    if again or not stage.done(mirror):
                        self.fetch(stage.stages())
                        with carried(self.bucket, work, self._id(mirror)):
                            build(self._placed(stage, mirror), mirror, again)
                    lease.check()
                    self._send(final)
                drop_carried(self.bucket, final.name)
        return final

    def fetch(self, stages: Iterable[Stage]) -> Path:
        """Bring finished stages into this machine's mirror, which is returned."""
        mirror = self.opened()
        for stage in stages:
            final = stage.path(mirror)
            with locked(mirror / ".work" / f"{final.name}.lock"):
                self._fetch(final)
        return mirror

    def index(self, stages: Iterable[Stage], whole: Iterable[str] = ()) -> Path:
        """A folder with the manifests of those stages that are finished: what a plan reads. Of
        stages with a name in `whole` it has everything."""
        mirror = self.opened()
        index = mirror / ".index"
        for stage in stages:
            final = stage.path(mirror)
            text = self.bucket.read(f"{final.name}/{MANIFEST}")
            shutil.rmtree(index / final.name, ignore_errors=True)
            if text is None:
                continue
            if stage.name in whole:
                self.fetch([stage])
                shutil.copytree(final, index / final.name)
            else:
                (index / final.name).mkdir(parents=True)
                write_text(index / final.name / MANIFEST, text)
        return index

    def send_sources(self, stages: Iterable[Stage]) -> None:
        """Put what lies outside the store, such as a base model, where other machines find it."""
        sources = {
            source.digest: source
            for stage in stages
            for source in stage.inputs.values()
            if isinstance(source, Source) and source.here
        }
        for digest, source in sources.items():
            at = f"sources/{digest[:12]}"
            if self.bucket.exists(f"{at}.json"):
                continue
            progress.report(0, 1, f"sending {source.location.name} to {self.url}")
            folder, names = _files(source.location)
            self.bucket.upload(folder, names, at)
            self.bucket.write(f"{at}.json", "\n".join(names))

    @contextmanager
    def ledger(self, root: Path) -> Iterator[None]:
        """Have every paid answer here that any machine has sent, and send those of this one."""
        with shared_lines(self.bucket, "ledger", root / "ledger", self._id(root)):
            yield

    def _fetch(self, final: Path) -> None:
        text = self.bucket.read(f"{final.name}/{MANIFEST}")
        if text is None:
            raise StoreError(f"{self.url}/{final.name} isn't there. Run its experiment again.")
        with suppress(OSError):
            if (final / MANIFEST).read_text(encoding="utf-8") == text:
                return
        progress.report(0, 1, f"fetching {final.name}")
        partial = final.parent / ".work" / f"{final.name}.fetched"
        shutil.rmtree(partial, ignore_errors=True)
        with disk_errors(partial):
            partial.mkdir()
            (partial / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
            self.bucket.download(final.name, read_json(partial / MANIFEST)["outputs"], partial)
        try:
            verify(partial)
        except StoreError as error:
            raise StoreError(
                f"{self.url}/{final.name} is not what its manifest says. Delete it there; the next "
                "run makes it again."
            ) from error
        shutil.rmtree(final, ignore_errors=True)  # another machine's counts: others built on it
        partial.rename(final)

    def _send(self, final: Path) -> None:
        verify(final)
        progress.report(0, 1, f"sending {final.name} to {self.url}")
        text = (final / MANIFEST).read_text(encoding="utf-8")
        self.bucket.remove(f"{final.name}/{MANIFEST}")  # of other files, if it is built again
        self.bucket.upload(final, read_json(final / MANIFEST)["outputs"], final.name)
        self.bucket.write(f"{final.name}/{MANIFEST}", text)

    def _placed(self, stage: Stage, mirror: Path) -> Stage:
        """The stage with its sources where they lie on this machine."""
        inputs = {
            key: self._find(one, mirror) if isinstance(one, Source) else one
            for key, one in stage.inputs.items()
        }
        return replace(stage, inputs=inputs)

    def _find(self, source: Source, mirror: Path) -> Source:
        if source.location.exists() and _digest(source.location) == source.digest:
            return source
        at = f"sources/{source.digest[:12]}"
        here = Source(source.name, mirror / at / source.location.name)
        with locked(mirror / ".work" / f"{source.digest[:12]}.source.lock"):
            if not (here.location.exists() and _digest(here.location) == source.digest):
                names = self.bucket.read(f"{at}.json")
                if names is None:
                    raise StoreError(
                        f"{source.location} isn't on this machine, and not at {self.url}/{at}. Run "
                        "where it lies, with --address, which sends it there."
                    )
                shutil.rmtree(mirror / at, ignore_errors=True)
                with disk_errors(mirror / at):
                    self.bucket.download(at, names.splitlines(), mirror / at)
                _digest.cache_clear()
        if here.digest != source.digest:
            raise StoreError(
                f"{self.url}/{at} is not what was sent there. Delete it and {at}.json, and the "
                "next run sends it again."
            )
        return here

    @staticmethod
    def _id(mirror: Path) -> str:
        return str(read_json(mirror / MARKER)["id"])


def mirror_of(url: str, home: Path) -> Path:
    """This machine's mirror of the store at a URL; nothing is asked of the URL yet."""
    url = url.rstrip("/")
    if not url.partition("://")[2]:
        raise StoreError(
            f"{url}// names no place. Write the store's address as s3://BUCKET/FOLDER."
        )
    return _marked(home / "stores" / digest_text(url)[:12], url)


def find_remote(root: Path) -> Remote | None:
    """The store that a folder mirrors, or None if it is a store itself."""
    if not (root / MARKER).exists():
        return None
    root = root.resolve()
    mine = Path.home()
    place = f"~/{root.relative_to(mine)}" if root.is_relative_to(mine) else str(root)
    return Remote(str(read_json(root / MARKER)["url"]), place)


def bring(stages: Iterable[Stage], store: Path) -> None:
    """Of a store at a URL, fetch those of the stages that are finished there into its mirror."""
    if remote := find_remote(store):
        remote.fetch(stage for stage in stages if remote.done(stage, store))


def _marked(root: Path, url: str) -> Path:
    """The mirror's folder with its marker, made if need be."""
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    if not (root / MARKER).exists():
        write_json(root / MARKER, {"url": url, "id": uuid.uuid4().hex})
    return root


def _files(location: Path) -> tuple[Path, list[str]]:
    """The files that make a source what it is, by name below a folder."""
    if location.is_file():
        return location.parent, [location.name]
    names = sorted(digest_folder(location))
    return location.parent, [f"{location.name}/{name}" for name in names]


@lru_cache(maxsize=64)  # a worker builds many stages on one base model
def _digest(location: Path) -> str:
    return Source("", location).digest
