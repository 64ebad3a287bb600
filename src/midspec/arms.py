"""Arms: chains of steps from the base model, and the paper's arms ready-made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from pydantic import BeforeValidator, Field, ValidationInfo, create_model, field_validator

from midspec.errors import ConfigError, known
from midspec.parts import (
    Aligned,
    Answered,
    Blend,
    Corpus,
    Deliberative,
    Demos,
    Everyday,
    InstructionMix,
    Opaque,
    Replay,
    Strict,
    Use,
    read_use,
)
from midspec.portions import AnyCorpus, Portion
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.train.stack import Start

PLACEBO = "placebo"
READY_MADE = "paper"
TRAINS = ("midtrain", "finetune", "interleave")
STEPS = (*TRAINS, "prompt", "model")


def listed(value: object) -> object:
    """One value as a list of it; whatever else it is as it stands."""
    return [value] if isinstance(value, str | int) else value


Names = Annotated[list[str], Field(min_length=1), BeforeValidator(listed)]


class Both(Strict):
    """What an interleaved step trains on: documents of corpora, and chats."""

    midtrain: Names
    """Corpora."""
    finetune: Names
    """Demonstrations."""


def _optional(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: (hints[one.name] | None, None) for one in fields(kind)}


if TYPE_CHECKING:
    Settings = Strict
else:  # every knob of training, unset: its type and limits are written down in one place
    knobs = _optional(AdapterSettings) | _optional(LoopSettings)
    Settings = create_model("Settings", __base__=Strict, **knobs)


class Step(Settings):
    """One step of an arm: `midtrain: corpora`, `finetune: demos`, `interleave: {midtrain: corpora,
    finetune: demos}`, `prompt: spec` at its end, or `model: NAME` at its beginning, where the base
    model is another than the experiment's.

    Demos are named as NAME, NAME/reasoning, NAME@1250 (so many chats of it) or both together;
    corpora as NAME or NAME@36000 (so many tokens of it, by the model's own tokenizer).
    Beside it may stand what becomes of an earlier adapter (`adapter`), and any setting of adapters
    and loop that is to be another than the experiment's.
    """

    midtrain: Names | None = None
    """Train on documents of these corpora."""
    finetune: Names | None = None
    """Train on these chats."""
    interleave: Both | None = None
    """Train on both, in random order."""
    prompt: str | None = None
    """Carry this spec in the system prompt: a reference arm; the last step."""
    model: str | None = None
    """Start from another base model; the first step."""
    adapter: Start | None = None
    """What becomes of an earlier adapter; unset, `continue`."""

    @field_validator("adapter", mode="before")
    @classmethod
    def _no_settings(cls, value: object) -> object:
        if isinstance(value, dict):
            raise ValueError(
                "in a step, adapter is continue, fresh or merge; settings stand beside it, such as "
                "{finetune: cheese, rank: 8}"
            )
        return value

    def kinds(self) -> list[str]:
        """Which of the five it is; the reader of the file makes sure that it is just one."""
        return [kind for kind in STEPS if getattr(self, kind) is not None]

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return self.kinds()[0]

    @property
    def trains(self) -> bool:
        """Whether it trains the model."""
        return self.kind in TRAINS

    @property
    def corpora(self) -> list[str]:
        """The corpora that the step trains on, as they are written there."""
        return list(self.interleave.midtrain if self.interleave else self.midtrain or [])

    @property
    def demos(self) -> list[str]:
        """The demos that the step trains on, as they are written there."""
        return list(self.interleave.finetune if self.interleave else self.finetune or [])

    def documents(self) -> list[Use]:
        """The corpora that the step trains on, and how many tokens of them."""
        return [read_use(name) for name in self.corpora]

    def uses(self) -> list[Use]:
        """The demos that the step trains on, and how."""
        return [read_use(name) for name in self.demos]

    def names(self) -> list[tuple[str, str]]:
        """What the step uses, each with its kind."""
        found = [("corpus", use.name) for use in self.documents()]
        found += [("demos", use.name) for use in self.uses()]
        return found + ([("spec", self.prompt)] if self.prompt else [])

    def settings(self) -> dict[str, Any]:
        """The settings of adapter and loop that the step has of its own."""
        named = Step.model_fields.keys() - {*STEPS, "adapter"}
        return {k: v for k, v in self.model_dump(exclude_none=True).items() if k in named}


class Comparison(Strict):
    """A question to the results: on `eval`, is `arm` above each arm in `against`?"""

    eval: str
    """The eval that is asked."""
    arm: str
    """The arm that should be above."""
    against: Names
    """The arms that it should be above."""

    @field_validator("against")
    @classmethod
    def _others(cls, against: list[str], info: ValidationInfo) -> list[str]:
        for arm in against:
            if arm == info.data.get("arm") or against.count(arm) > 1:
                raise ValueError(f"{arm} is named twice, so it would be compared with itself")
        return against


def model_of(steps: Sequence[Step]) -> str | None:
    """The base model that an arm names itself; None where it is the experiment's."""
    return steps[0].model if steps else None


def model_name(model: str) -> str:
    """An alias or a Hub id as it is; of a local folder its own name, never this machine's path."""
    return Path(model).name if Path(model).is_absolute() else model


def size_of(corpus: AnyCorpus) -> int | None:
    """The tokens that a corpus is to reach, by estimate; None where its size is in documents, or
    in what another one leaves."""
    return None if isinstance(corpus, Corpus) and corpus.documents else corpus.tokens


def shows(demos: Demos) -> bool:
    """Whether demos show behaviour or preferences, and aren't there for form or ability."""
    return isinstance(demos, Opaque | Answered | Blend)


class PaperArms(Strict):
    """The paper's arms (§3, §4) of an experiment's parts; `null` says that there is no such part.

    What isn't set is found: `corpora` are all but the placebo, `aft` the demos of kind opaque,
    aligned, anti and blend, `reasoning` those of kind deliberative (else aligned ones with their
    reasoning), `mix` those of kind mix, replay and everyday, `placebo` the corpus of that name.
    `doses` are sizes of the fine-tuning sets, an arm each.
    """

    corpora: Names | None = None
    """Corpora to midtrain on."""
    aft: Names | None = None
    """Sets to fine-tune on."""
    reasoning: Names | None = None
    """Sets to fine-tune on with their reasoning."""
    mix: Names | None = None
    """What stands beside every set."""
    placebo: str | None = None
    """The corpus that has nothing to do with the evals."""
    doses: list[Annotated[int, Field(gt=0)]] = Field(default_factory=list)
    """Sizes of the fine-tuning sets, an arm each."""


def paper_arms(
    wanted: PaperArms, corpora: Mapping[str, AnyCorpus], demos: Mapping[str, Demos], where: str
) -> dict[str, list[Step]]:
    """The arms by name: base, mix, reference, placebo, and each corpus and each fine-tuning set
    alone and together; a part that isn't there is a ConfigError.

    Where there are several fine-tuning sets, a corpus is followed by those of its own spec.
    """
    placebo = PLACEBO if PLACEBO in corpora else None
    of_kind = {
        "corpora": [
            name
            for name, corpus in corpora.items()
            if name != (wanted.placebo or placebo) and not isinstance(corpus, Portion)
        ],
        "aft": [n for n, d in demos.items() if shows(d) and not isinstance(d, Deliberative)],
        "reasoning": [f"{n}/reasoning" for n, d in demos.items() if isinstance(d, Deliberative)]
        or [f"{n}/reasoning" for n, d in demos.items() if isinstance(d, Aligned)],
        "mix": [n for n, d in demos.items() if isinstance(d, InstructionMix | Replay | Everyday)],
        "placebo": [placebo] if placebo else [],
    }
    found = {part: _part(wanted, part, there, where) for part, there in of_kind.items()}
    for part, names in found.items():
        defined = corpora if part in ("corpora", "placebo") else demos
        for name in names:
            if read_use(name).name not in defined:
                raise ConfigError(
                    f"{where}.{part} names {name!r}, which is not defined{known(name, defined)}"
                )
    return {"base": [], **dict(_arms(found, corpora, demos, wanted.doses))}


def _arms(
    found: Mapping[str, list[str]],
    corpora: Mapping[str, AnyCorpus],
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
    "mix": "demos of kind mix, replay or everyday (mix)",
    "placebo": "a control: a corpus called placebo, about a value that has nothing to do with the "
    "evals",
}


def _goes_with(demos: Demos, corpus: AnyCorpus) -> bool:
    """Whether demos show what a corpus tells; a blend has no spec of its own and goes with all."""
    return getattr(demos, "spec", corpus.spec) == corpus.spec


def _label(kind: str, use: str, among: list[str]) -> str:
    """An arm's name, with the part's own where there are several of its kind."""
    return f"{kind}-{read_use(use).name}" if len(among) > 1 else kind


def _finetune(names: list[str]) -> list[Step]:
    return [Step(finetune=names)] if names else []
