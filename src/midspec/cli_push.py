"""`midspec push`: a corpus or a trained arm to the Hub, each with a card that is written for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_archive import secrets, size_words
from midspec.cli_build import open_plan
from midspec.cli_engine import command
from midspec.cli_options import DEMO, Store
from midspec.errors import ConfigError, known
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.share.hub import Kind

push_app = typer.Typer(
    help="Publish on the Hugging Face Hub; private unless --public.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
To = Annotated[str, typer.Option("--to", help="owner/name on the Hub.", show_default=False)]
Where = Annotated[Path | None, typer.Option("--experiment", "-e", help="The experiment file.")]
Public = Annotated[bool, typer.Option("--public", help="Let everybody see it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show files and card; send nothing.")]


@push_app.command("corpus")
def push_corpus(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="Of an experiment, or of midspec corpus.")
    ],
    to: To,
    experiment: Where = None,
    license: Annotated[str, typer.Option(help="The Hub's word for one, such as cc-by-4.0.")] = "",
    public: Public = False,
    dry_run: DryRun = False,
    store: Store = Path("store"),
) -> None:
    """Push a corpus as a data set: documents, what was set aside, the spec, and a data card."""
    from midspec.export.lineage import describe_stage
    from midspec.run.build import ordered
    from midspec.run.remote import bring
    from midspec.run.stage import Stage, verify
    from midspec.share.dataset import read_corpus_folder, write_dataset
    from midspec.share.hub import check_repo

    check_repo(to)
    root = store.resolve()
    if experiment is None and Path(name).is_dir():
        corpus, spec = Path(name).resolve(), None
        stages = [read_corpus_folder(corpus)]
        verify(corpus)
        own = corpus
    else:
        own = experiment or DEMO
        planned = open_plan(own, fetch=False)
        corpora = {
            key.partition("/")[2]: stage
            for key, stage in planned.report.inputs.items()
            if key.startswith("corpus/") and isinstance(stage, Stage)
        }
        if name not in corpora:
            raise ConfigError(
                f"{own} has no corpus {name!r} that an arm uses{known(name, corpora)}"
            )
        chain = ordered([corpora[name]])
        bring(chain, root)
        if not all(stage.done(root) for stage in chain):
            raise ConfigError(
                f"The corpus {name} isn't written yet. Run: {command('run', own, store)}"
            )
        corpus = chain[-1].path(root)
        verify(corpus)
        stages = [describe_stage(stage, root) for stage in chain]
        spec = next((one.path(root) / "spec.md" for one in chain if one.name == "spec"), None)
    with _made() as made:
        write_dataset(corpus, stages, spec, to, license, made)
        _send(made, to, "dataset", public, dry_run, own, store)


@push_app.command("arm")
def push_arm(
    name: Annotated[
        str, typer.Argument(metavar="ARM|FOLDER", help="Of an experiment, or of midspec export.")
    ],
    to: To,
    experiment: Where = None,
    seed: Annotated[int | None, typer.Option(help="Which seed's.")] = None,
    public: Public = False,
    dry_run: DryRun = False,
    store: Store = Path("store"),
) -> None:
    """Push a trained arm's adapter in PEFT's form with its model card; or a folder that midspec
    export made, whole weights included."""
    import shutil

    from midspec.export.folder import MARK, write_arm
    from midspec.share.hub import check_repo, name_on_hub

    check_repo(to)
    with _made() as made:
        if experiment is None and Path(name).is_dir():
            own = Path(name).resolve()
            if not (own / MARK).exists():
                raise ConfigError(f"{own} is no folder of midspec export: it has no {MARK}.")
            shutil.copytree(own, made, dirs_exist_ok=True)
        else:
            own = experiment or DEMO
            write_arm(open_plan(own), name, seed, store.resolve(), True, "float32", made)
        name_on_hub(made, to)
        _send(made, to, "model", public, dry_run, own, store)


@contextmanager
def _made() -> Iterator[Path]:
    from midspec.files import disk_errors

    with TemporaryDirectory(prefix="midspec-") as scratch, disk_errors(Path(scratch)):
        yield Path(scratch)


def _send(
    made: Path, to: str, kind: "Kind", public: bool, dry_run: bool, own: Path, store: Path
) -> None:
    """Show what goes to the Hub, check that nothing in it must stay here, and send it."""
    from midspec.share.archive import Member
    from midspec.share.gather import check_guarded
    from midspec.share.hub import push_folder

    files = sorted(path for path in made.rglob("*") if path.is_file())
    guarded = secrets(own, store)
    for path in files:
        check_guarded(Member(path.name, path), guarded)
    for path in files:
        say(f"{path.relative_to(made)}  {size_words(path.stat().st_size)}")
    if dry_run:
        say(f"\n{made / 'README.md'}:\n".replace(f"{made}/", ""))
        say((made / "README.md").read_text(encoding="utf-8"))
        seen = "public" if public else "private"
        say(f"Nothing was sent. Without --dry-run it goes to {to}, a {seen} {kind} repository.")
        return
    done = push_folder(made, to, kind, public, f"midspec: {kind} with its card")
    say(f"{done.url}  ({'private' if done.private else 'public'})")
    if public and done.private:
        say("It was there already and is private. Change that on its page on the Hub.")
