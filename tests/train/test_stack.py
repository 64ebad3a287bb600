from pathlib import Path

import pytest

from midspec.train.stack import Stack, find_stack, keep_under

BASE = Path("base")


def adapter(folder: Path, text: str = "weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_text(text)
    return folder


def whole(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("weights")
    return folder


def test_an_untrained_arm_is_the_base_model() -> None:
    assert find_stack(BASE, None) == Stack(BASE)


def test_whole_weights_stand_alone(tmp_path: Path) -> None:
    assert find_stack(BASE, tmp_path) == Stack(whole(tmp_path / "adapter"))


def test_an_adapter_stands_on_the_base_model_unless_its_folder_says_otherwise(
    tmp_path: Path,
) -> None:
    own = adapter(tmp_path / "adapter")
    assert find_stack(BASE, tmp_path) == Stack(BASE, (own,))
    weights = whole(tmp_path / "under" / "weights")
    assert find_stack(BASE, tmp_path) == Stack(weights, (own,))


def test_what_is_kept_is_found_again_in_its_order(tmp_path: Path) -> None:
    earlier = tuple(adapter(tmp_path / f"earlier-{n}", str(n)) for n in range(11))
    out = tmp_path / "out"
    keep_under(Stack(whole(tmp_path / "other"), earlier), BASE, out)
    own = adapter(out / "adapter")
    found = find_stack(BASE, out)
    assert found.weights == out / "under" / "weights"
    assert found.adapters[-1] == own
    texts = [(folder / "adapter_model.safetensors").read_text() for folder in found.adapters[:-1]]
    assert texts == [str(n) for n in range(11)]


def test_the_base_model_is_never_kept(tmp_path: Path) -> None:
    keep_under(Stack(BASE), BASE, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("linked", [True, False])
def test_keeping_again_after_a_kill_replaces_what_was_half_there(
    tmp_path: Path, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not linked:

        def refuse(*_: object) -> None:
            raise OSError("this disk has no hard links")

        monkeypatch.setattr("os.link", refuse)
    own = adapter(tmp_path / "own")
    half = tmp_path / "out" / "under" / "adapter-0"
    half.mkdir(parents=True)
    (half / "adapter_model.safetensors").write_text("wei")
    keep_under(Stack(BASE, (own,)), BASE, tmp_path / "out")
    kept = half / "adapter_model.safetensors"
    assert kept.read_text() == "weights"
    assert kept.samefile(own / "adapter_model.safetensors") == linked
