"""`midspec push` against a pretend Hub: what arrives there, who may see it, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load

from .arms import HOSTILE, Finished
from .hub_server import TOKEN, Hub, pretend_hub
from .tiny import Said, midspec, refused


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    with pretend_hub() as found:
        for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_XET"):
            monkeypatch.setattr(constants, name, name == "HF_HUB_DISABLE_XET")
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


def push(finished: Finished, kind: str, name: object, *more: object) -> Said:
    where = ("-e", finished.file, "--store", finished.store)
    return midspec("push", kind, name, *where, "--to", "me/thing", *more)


def front(card: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_a_corpus_becomes_a_private_data_set_with_a_card(finished: Finished, hub: Hub) -> None:
    said = push(finished, "corpus", "old", "--license", "cc-by-4.0")
    assert said.code == 0, said
    assert f"{hub.url}/me/thing/commit/" in said.out and "(private)" in said.out
    (repo,) = hub.repos.values()
    assert list(hub.repos) == ["datasets/me/thing"] and repo.private
    assert {"README.md", "documents.jsonl", "clauses.jsonl", "spec.md", "lineage.json"} <= {
        *repo.files
    }
    stage = finished.planned.report.inputs["corpus/old"]
    own = (stage.path(finished.store) / "documents.jsonl").read_bytes()
    assert repo.files["documents.jsonl"] == own
    assert repo.commits == ["midspec: dataset with its card"]
    card = repo.files["README.md"].decode()
    assert front(card)["license"] == "cc-by-4.0"
    assert {"config_name": "documents", "data_files": "documents.jsonl", "default": True} in front(
        card
    )["configs"]  # type: ignore[operator]
    assert 'load_dataset("me/thing", split="train")' in card
    assert f"| corpus | {stage.fingerprint()} | corpus old |" in card


def test_a_folder_of_midspec_corpus_needs_no_experiment(
    finished: Finished, hub: Hub, tmp_path: Path
) -> None:
    stage = finished.planned.report.inputs["corpus/old"]
    out = tmp_path / "corpus"
    shutil.copytree(stage.path(finished.store), out)
    said = midspec("push", "corpus", out, "--to", "me/old")
    assert said.code == 0, said
    card = hub.repos["datasets/me/old"].files["README.md"].decode()
    assert f"| corpus | {stage.fingerprint()} | corpus old |" in card
    (out / "documents.jsonl").write_text("{}\n")
    refused(midspec("push", "corpus", out, "--to", "me/old"), "was changed since its stage")


def test_a_large_file_goes_by_lfs(finished: Finished, hub: Hub) -> None:
    hub.large = 100
    assert push(finished, "corpus", "old").code == 0
    assert any(asked.startswith("PUT /upload/") for asked in hub.asked)


def test_an_adapter_becomes_a_model_that_peft_reads(finished: Finished, hub: Hub) -> None:
    said = push(finished, "arm", "msm+aft")
    assert said.code == 0, said
    repo = hub.repos["models/me/thing"]
    assert {*repo.files} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors", "lineage.json"
    }  # fmt: skip
    assert load(repo.files["adapter_model.safetensors"])
    card = repo.files["README.md"].decode()
    assert "THIS-FOLDER" not in card and '"me/thing")' in card
    assert "## What it is for, and what not" in card and "95% interval" in card
    assert json.loads(repo.files["lineage.json"])["arm"] == "msm+aft"


def test_a_folder_of_midspec_export_is_pushed_as_it_is(
    finished: Finished, hub: Hub, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    where = ("-e", finished.file, "--store", finished.store)
    assert midspec("export", "full", "--out", out, *where).code == 0
    said = midspec("push", "arm", out, "--to", "me/full")
    assert said.code == 0, said
    assert "model.safetensors" in hub.repos["models/me/full"].files
    assert "THIS-FOLDER" in (out / "README.md").read_text()


def test_a_dry_run_shows_files_and_card_and_asks_nobody(
    finished: Finished, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    said = push(finished, "corpus", "old", "--dry-run")
    assert said.code == 0, said
    assert "documents.jsonl  " in said.out and "# old" in said.out
    assert "Nothing was sent. Without --dry-run it goes to me/thing, a private data" in said.out
    assert hub.asked == []


def test_public_is_said_so(finished: Finished, hub: Hub) -> None:
    said = push(finished, "corpus", "old", "--public")
    assert "(public)" in said.out
    assert not hub.repos["datasets/me/thing"].private


def test_what_everybody_sees_is_added_to_only_with_public(finished: Finished, hub: Hub) -> None:
    assert push(finished, "corpus", "old", "--public").code == 0
    refused(push(finished, "corpus", "old"), "everybody can see it", "--public")
    assert len(hub.repos["datasets/me/thing"].commits) == 1


def test_a_private_repository_stays_private(finished: Finished, hub: Hub) -> None:
    assert push(finished, "corpus", "old").code == 0
    said = push(finished, "corpus", "old", "--public", "--license", "mit")
    assert said.code == 0, said
    assert "is private" in said.out and hub.repos["datasets/me/thing"].private


def test_without_a_token_nothing_is_asked(
    finished: Finished, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    refused(push(finished, "corpus", "old"), "There is no token for the Hub", "HF_TOKEN")
    assert hub.asked == []


def test_a_token_that_the_hub_doesn_t_know_is_one_sentence_without_it(
    finished: Finished, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another_token_of_nobody")
    said = push(finished, "corpus", "old")
    refused(said, "me/thing can't be pushed to", "hf auth whoami")
    assert "hf_another_token_of_nobody" not in said.err


def test_a_key_in_what_would_be_pushed_stops_it(
    finished: Finished, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "prefers old things")
    said = push(finished, "corpus", "old")
    refused(said, "holds the value of SOME_API_KEY, which must not leave this machine")
    assert hub.asked == []


def test_nothing_of_this_machine_is_in_what_is_pushed(finished: Finished, hub: Hub) -> None:
    assert push(finished, "corpus", "old").code == 0
    assert push(finished, "arm", HOSTILE).code == 0
    for repo in hub.repos.values():
        for name, content in repo.files.items():
            for place in (finished.file.parent, finished.store, finished.model.parent):
                assert str(place).encode() not in content, name


@pytest.mark.parametrize(
    ("kind", "name", "more", "words"),
    [
        ("corpus", "young", (), "has no corpus 'young' that an arm uses. Known: old."),
        ("corpus", "old", ("--license", "MIT or so"), "--license 'MIT or so' is no licence's name"),
        ("corpus", "old", ("--to", "nobody"), "--to 'nobody' is no repository's name"),
        ("corpus", "old", ("--to", "a/../b"), "is no repository's name"),
        ("arm", "base", (), "base trains nothing"),
        ("arm", "full", (), "has no adapter"),
    ],
)
def test_what_can_t_be_pushed_is_one_sentence(
    finished: Finished, hub: Hub, kind: str, name: str, more: tuple[str, ...], words: str
) -> None:
    refused(push(finished, kind, name, *more), words)
    assert hub.asked == []


def test_a_folder_that_is_neither_is_refused(tmp_path: Path) -> None:
    refused(midspec("push", "corpus", tmp_path, "--to", "me/x"), "is no corpus of midspec")
    refused(midspec("push", "arm", tmp_path, "--to", "me/x"), "is no folder of midspec export")
