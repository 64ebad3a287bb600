"""Arms: chains of steps from the base model, and the paper's arms ready-made."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, field_validator

from midspec.errors import ConfigError
from midspec.parts import (
    Aligned,
    Answered,
    Blend,
    Corpus,
    Deliberative,
    Demos,
    InstructionMix,
    Opaque,
    Replay,
    Strict,
    Use,
    read_use,
)

Names = Annotated[list[str], Field(min_length=1)]
PLACEBO = "placebo"
READY_MADE = "paper"


class Step(Strict):
    """One step of an arm: `midtrain: corpus`, `finetune: demos`, or `prompt: spec`.

    Demos are named as NAME, NAME/reasoning, NAME@1250 (so many chats of it) or both together.
    """

    midtrain: Names | None = None
    finetune: Names | None = None
    prompt: str | None = None

    @field_validator("midtrain", "finetune", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @property
    def kind(self) -> str:
        """Which of the three it is; the reader of the file has made sure that it is just one."""
        return next(iter(self.model_fields_set))

    def uses(self) -> list[Use]:
        """The corpora or demos that the step trains on, and how."""
        if self.midtrain:
            return [Use(name) for name in self.midtrain]
        return [read_use(name) for name in self.finetune or []]

    def names(self) -> list[tuple[str, str]]:
        """What the step uses, each with its kind."""
        kind = "corpus" if self.midtrain else "demos"
        found = [(kind, use.name) for use in self.uses()]
        return found + ([("spec", self.prompt)] if self.prompt else [])


class PaperArms(Strict):
    """The paper's arms (§3, §4) of an experiment's parts; `null` says that there is no such part.

    What isn't set is found: `corpora` are all but the placebo, `aft` the demos of kind opaque,
    aligned, anti and blend, `reasoning` those of kind deliberative (else aligned ones with their
    reasoning), `mix` those of kind mix and replay, `placebo` the corpus of that name. `doses` are
    sizes of the fine-tuning sets, an arm each.
    """

    corpora: Names | None = None
    aft: Names | None = None
    reasoning: Names | None = None
    mix: Names | None = None
    placebo: str | None = None
    doses: list[Annotated[int, Field(gt=0)]] = Field(default_factory=list)


def paper_arms(
    wanted: PaperArms, corpora: Mapping[str, Corpus], demos: Mapping[str, Demos], where: str
) -> dict[str, list[Step]]:
    """The arms by name: base, mix, reference, placebo, and each corpus and each fine-tuning set
    alone and together; a part that isn't there is a ConfigError.

    Where there are several fine-tuning sets, a corpus is followed by those of its own spec.
    """
    placebo = PLACEBO if PLACEBO in corpora else None
    of_kind = {
        "corpora": [name for name in corpora if name != (wanted.placebo or placebo)],
        "aft": [n for n, d in demos.items() if _shows(d)],
        "reasoning": [f"{n}/reasoning" for n, d in demos.items() if isinstance(d, Deliberative)]
        or [f"{n}/reasoning" for n, d in demos.items() if isinstance(d, Aligned)],
        "mix": [n for n, d in demos.items() if isinstance(d, InstructionMix | Replay)],
        "placebo": [placebo] if placebo else [],
    }
    found = {part: _part(wanted, part, there, where) for part, there in of_kind.items()}
    for part, names in found.items():
        known = corpora if part in ("corpora", "placebo") else demos
        for name in names:
            if read_use(name).name not in known:
                raise ConfigError(
                    f"{where}.{part} names {name!r}, which is not defined. Known: "
                    f"{', '.join(known)}."
                )
    return {"base": [], **dict(_arms(found, corpora, demos, wanted.doses))}


def _arms(
    found: Mapping[str, list[str]],
    corpora: Mapping[str, Corpus],
    demos: Mapping[str, Demos],
    doses: list[int],
) -> Iterator[tuple[str, list[Step]]]:
    def followers(sets: list[str], corpus: str) -> list[str]:
        """The fine-tuning sets that follow a corpus: the only one, or those of its own spec."""
        own = [use for use in sets if _goes_with(demos[read_use(use).name], corpora[corpus])]
        return own if len(sets) > 1 else sets

    mix = found["mix"]
    msm = {name: _label("msm", name, found["corpora"]) for name in found["corpora"]}
    if mix:
        yield "mix", _finetune(mix)
    for corpus, arm in msm.items():
        yield f"{arm}+mix" if mix else arm, [Step(midtrain=[corpus]), *_finetune(mix)]
    for dose in ("", *(f"@{dose}" for dose in doses)):
        for kind, sets in (("aft", found["aft"]), ("aft-reasoning", found["reasoning"])):
            for use in sets:
                yield _label(kind, use, sets) + dose, _finetune([use + dose, *mix])
            for corpus, arm in msm.items():
                own = followers(sets, corpus)
                for use in own:
                    steps = [Step(midtrain=[corpus]), *_finetune([use + dose, *mix])]
                    yield f"{arm}+{_label(kind, use, own)}{dose}", steps
            for placebo in found["placebo"] if not dose else []:
                for use in sets:
                    steps = [Step(midtrain=[placebo]), *_finetune([use, *mix])]
                    yield f"placebo+{_label(kind, use, sets)}", steps
    specs = list(dict.fromkeys(corpora[name].spec for name in found["corpora"]))
    for spec in specs:
        yield _label("reference", spec, specs), [Step(prompt=spec)]


def _part(wanted: PaperArms, part: str, there: list[str], where: str) -> list[str]:
    """The names of one part: those that were set, none for null, else those that were found."""
    value = getattr(wanted, part)
    if part in wanted.model_fields_set:
        return [value] if isinstance(value, str) else list(value or [])
    if not there:
        raise ConfigError(
            f"{where}: the paper's arms take {_WHAT[part]}, and this experiment has none. Add it, "
            f"or say {part}: null to go without."
        )
    return there


_WHAT = {
    "corpora": "a corpus",
    "aft": "demos of kind opaque or aligned (aft)",
    "reasoning": "demos of kind deliberative or aligned (reasoning)",
    "mix": "demos of kind mix or replay (mix)",
    "placebo": "a control: a corpus called placebo, about a value that has nothing to do with the "
    "evals",
}


def _shows(demos: Demos) -> bool:
    return isinstance(demos, Opaque | Answered | Blend) and not isinstance(demos, Deliberative)


def _goes_with(demos: Demos, corpus: Corpus) -> bool:
    """Whether demos show what a corpus tells; a blend has no spec of its own and goes with all."""
    return getattr(demos, "spec", corpus.spec) == corpus.spec


def _label(kind: str, use: str, among: list[str]) -> str:
    """An arm's name, with the part's own where there are several of its kind."""
    return f"{kind}-{read_use(use).name}" if len(among) > 1 else kind


def _finetune(names: list[str]) -> list[Step]:
    return [Step(finetune=names)] if names else []
