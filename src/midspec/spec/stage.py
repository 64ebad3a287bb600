"""The spec stage: a Markdown spec and an identity become text, clauses and preferences."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midspec.files import write_json, write_rows, write_text
from midspec.run.stage import Source, Stage, Summary
from midspec.spec.marks import without_marks
from midspec.spec.read import clauses, preference_reasons, preferences, read_spec


@dataclass(frozen=True)
class SpecConfig:
    """Who the assistant is: placeholder names and what fills them."""

    identity: tuple[tuple[str, str], ...]


def spec_stage(name: str, path: Path, identity: Mapping[str, str]) -> Stage:
    """The stage that reads one spec; a spec that can't be read fails here, before anything runs."""
    clauses(read_spec(path, dict(identity)), str(path))
    return Stage(
        name="spec",
        fn=_fill,
        config=SpecConfig(tuple(sorted(identity.items()))),
        inputs={"spec": Source(name, path)},
        title=f"spec {name}",
    )


def _fill(config: SpecConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write spec.md, clauses.jsonl and preferences.json."""
    marked = read_spec(inputs["spec"], dict(config.identity))
    found, text = clauses(marked), without_marks(marked)
    write_text(out / "spec.md", text)
    write_rows(out / "clauses.jsonl", found)
    write_json(out / "preferences.json", {**preferences(text), "reasons": preference_reasons(text)})
    return {"words": len(text.split()), "clauses": len(found)}
