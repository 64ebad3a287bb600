"""Sets of leave-out arms: for each an arm without one group of documents, and random controls."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from midspec.arms import Step
from midspec.config import Experiment
from midspec.corpus.plan import document_types
from midspec.errors import ConfigError
from midspec.llm.settings import OFFLINE
from midspec.parts import Corpus, read_use
from midspec.portions import LeaveOut, Portion, Without, without
from midspec.records import Contrast
from midspec.spec.read import clauses, preferences, read_spec
from midspec.write.material import read_items

CONTRASTS = "matters of taste"  # the domain of what a spec's table of preferences says


@dataclass(frozen=True)
class LeftOut:
    """A set of leave-out arms: the labels of each group, the arm without it, and the controls."""

    whole: str  # the arm that they are like
    corpus: str
    groups: Mapping[str, tuple[str, ...]]
    arms: Mapping[str, str]
    controls: tuple[str, ...]


def with_left_out(experiment: Experiment) -> Experiment:
    """The experiment with the corpora and arms of its leave-out sets spelled out; a name that is
    there already for something else is a ConfigError."""
    corpora, arms = dict(experiment.corpora), dict(experiment.arms)
    for name, wanted in experiment.leave_out.items():
        made = find_left_out(experiment, name)
        matched = [without(wanted.by, list(labels)) for labels in made.groups.values()]
        gone: dict[str, tuple[Without | None, int]] = {
            arm: (documents, 0) for arm, documents in zip(made.arms.values(), matched, strict=True)
        }
        gone |= {arm: (None, draw) for draw, arm in enumerate(made.controls, 1)}
        for arm, (documents, draw) in gone.items():
            own = f"{made.corpus}{arm.removeprefix(made.whole)}"
            values = {"from": made.corpus, "without": documents, "matched": matched, "draw": draw}
            spec = experiment.corpora[made.corpus].spec
            portion = Portion.model_validate({**values, "spec": spec})
            steps = [_on(step, made.corpus, own) for step in experiment.arms[made.whole]]
            if corpora.setdefault(own, portion) != portion or arms.setdefault(arm, steps) != steps:
                raise ConfigError(
                    f"leave_out.{name} makes the arm {arm} on the corpus {own}, and there is "
                    "another one of that name. Rename it, or its group."
                )
    return experiment.model_copy(update={"corpora": corpora, "arms": arms})


def find_left_out(experiment: Experiment, name: str) -> LeftOut:
    """A leave-out set of the experiment by its name; what it can't be made of is a ConfigError."""
    wanted, where = experiment.leave_out[name], f"leave_out.{name}"
    corpus = _corpus(experiment, wanted, where)
    groups = _groups(experiment, wanted, corpus, where)
    slugs = {group: re.sub(r"\W+", "-", group.lower()).strip("-") for group in groups}
    if len(set(slugs.values())) < len(slugs):
        raise ConfigError(f"{where}: two groups would have one name. Name groups apart.")
    return LeftOut(
        wanted.arm,
        corpus,
        groups,
        {group: f"{wanted.arm}-without-{wanted.by}-{slug}" for group, slug in slugs.items()},
        tuple(f"{wanted.arm}-control-{wanted.by}-{n}" for n in range(1, wanted.controls + 1)),
    )


def _corpus(experiment: Experiment, wanted: LeaveOut, where: str) -> str:
    """The corpus of the arm from which documents are left out."""
    used = [use.name for step in experiment.arms[wanted.arm] for use in step.documents()]
    named = list(dict.fromkeys(used))
    if not named:
        raise ConfigError(f"{where}: the arm {wanted.arm} is trained on no corpus.")
    if wanted.corpus and wanted.corpus not in named:
        raise ConfigError(f"{where}: the arm {wanted.arm} isn't trained on {wanted.corpus!r}.")
    if not wanted.corpus and len(named) > 1:
        raise ConfigError(
            f"{where}: the arm {wanted.arm} is trained on {' and '.join(named)}. Name one: corpus."
        )
    corpus = wanted.corpus or named[0]
    if not isinstance(experiment.corpora[corpus], Corpus):
        raise ConfigError(f"{where}: {corpus} has documents left out already. Name another arm.")
    return corpus


def _groups(
    experiment: Experiment, wanted: LeaveOut, name: str, where: str
) -> dict[str, tuple[str, ...]]:
    """The labels of each group, by its name."""
    if isinstance(wanted.groups, dict):
        return {group: tuple(values) for group, values in wanted.groups.items()}
    corpus = experiment.corpora[name]
    assert isinstance(corpus, Corpus)
    labels = _labels(experiment, wanted, corpus, where)
    count = wanted.groups or len(labels)
    if count > len(labels) or len(labels) < 2:
        raise ConfigError(
            f"{where}: {count} groups are wanted, but {name} has {len(labels)} "
            f"{wanted.by}{'' if len(labels) == 1 else 's'}. Name groups, or set fewer."
        )
    ends = [len(labels) * number // count for number in range(count + 1)]
    parts = [labels[start:end] for start, end in pairwise(ends)]
    return {part[0] if len(part) == 1 else f"{part[0]} to {part[-1]}": part for part in parts}


def _labels(
    experiment: Experiment, wanted: LeaveOut, corpus: Corpus, where: str
) -> tuple[str, ...]:
    """All labels of one kind that are known before a corpus is written, in the spec's order or the
    offline teacher's."""
    identity = experiment.identity.model_dump()
    text = read_spec(experiment.specs[corpus.spec], identity)
    ids = [clause.id for clause in clauses(text)]
    if wanted.by == "clause":
        return tuple(ids)
    if wanted.by == "section":
        return tuple(dict.fromkeys(clause.partition(".")[0] for clause in ids))
    if wanted.by == "genre":
        return ("show", "describe")
    if experiment.teacher.model != OFFLINE:
        raise ConfigError(
            f"{where}: which {wanted.by}s an LLM writes is known when it has written. Name groups "
            f"of {wanted.by}s (midspec corpus show lists them): groups: {{NAME: [LABEL, …]}}."
        )
    if wanted.by == "type":
        return tuple(kind.name for kind in document_types())
    contrasts: Sequence[Contrast] = read_items(corpus.items, identity)[0] if corpus.items else ()
    table = [CONTRASTS] if any(preferences(text).values()) else []
    return tuple(dict.fromkeys([*(pair.domain for pair in contrasts), *table]))


def _on(step: Step, corpus: str, portion: str) -> Step:
    """A step with the portion in the corpus's place, at the same dose."""

    def swap(names: list[str]) -> list[str]:
        return [
            portion + name.removeprefix(corpus) if read_use(name).name == corpus else name
            for name in names
        ]

    if step.interleave:
        both = step.interleave.model_copy(update={"midtrain": swap(step.corpora)})
        return step.model_copy(update={"interleave": both})
    return step.model_copy(update={"midtrain": swap(step.corpora)}) if step.midtrain else step
