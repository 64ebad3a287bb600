"""What goes to the Hub, in one commit, by huggingface_hub's own client, token and address."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from midspec.errors import ConfigError, MidspecError, StoreError
from midspec.export.lineage import HUB_ID

Kind = Literal["dataset", "model"]
HERE = "THIS-FOLDER"  # what a card calls the folder that it lies in


@dataclass(frozen=True)
class Pushed:
    """Where it is now, and whether everybody can see it."""

    url: str
    private: bool


def check_repo(repo: str) -> str:
    """A repository's name on the Hub, owner/name; another is a ConfigError."""
    if not HUB_ID.fullmatch(repo) or ".." in repo:
        raise ConfigError(f"--to {repo!r} is no repository's name. Write owner/name.")
    return repo


def name_on_hub(folder: Path, repo: str) -> None:
    """Put the repository's name into the card where it speaks of its own folder."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8").replace(HERE, repo)
    card.write_text(text, encoding="utf-8", newline="\n")


def push_folder(folder: Path, repo: str, kind: Kind, public: bool, message: str) -> Pushed:
    """Commit a folder's files to a repository, which is made if it isn't there: private, unless it
    is to be public. One that is there and public is left alone unless `public` says so."""
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    if not get_token():
        raise ConfigError(
            "There is no token for the Hub. Log in with hf auth login, or set HF_TOKEN."
        )
    api = HfApi()
    try:
        api.create_repo(repo, repo_type=kind, private=not public, exist_ok=True)
        private = bool(api.repo_info(repo, repo_type=kind).private)
        if not private and not public:
            raise ConfigError(
                f"{repo} is there already and everybody can see it. Add --public if they may see "
                "this, too, or name another repository."
            )
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        operations = [CommitOperationAdd(str(one.relative_to(folder)), one) for one in files]
        done = api.create_commit(repo, operations, commit_message=message, repo_type=kind)
    except MidspecError:
        raise
    except Exception as error:  # of httpx, of huggingface_hub, of the file system
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise StoreError(
            f"{repo} can't be pushed to: {said}. Check the name, what your token may do "
            "(hf auth whoami), and the network; nothing here has changed."
        ) from error
    return Pushed(str(done.commit_url), private)
