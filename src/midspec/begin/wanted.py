"""What somebody wants to try, and the names that its parts and arms get."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.begin.budget import Budget
from midspec.begin.look import PLACEBO, Seen
from midspec.llm.settings import OFFLINE

EVERYDAY, CHAT, TAUGHT = 240, 40, 240  # chats, as in the demo
FORM = ("everyday", "chat")  # what every fine-tuning has besides: the form of the answers
MIX = "mix"  # the arm that is fine-tuned on form alone


@dataclass(frozen=True)
class Sizes:
    """Tokens of each corpus, chats of each set of demonstrations, and dollars at which an LLM's
    stage stops."""

    tokens: int
    chats: int = TAUGHT
    max_cost: float | None = None


@dataclass(frozen=True)
class Arm:
    """An arm by its name, its steps as the experiment file writes them, and why it is there."""

    name: str
    steps: str
    why: str = ""


@dataclass(frozen=True)
class Wanted:
    """Specs, a base model, a teacher with its price where the price table doesn't know it, a
    budget, whom the specs speak of, and items of forced choices to ask.

    placebo: the folder with the placebo's spec, None for no such arm.
    """

    name: str
    out: Path
    specs: Sequence[Seen]
    model: str
    teacher: str
    budget: Budget
    identity: tuple[str, str]
    preference: Sequence[Path] = ()
    price: tuple[float, float] | None = None
    placebo: Path | None = None

    @property
    def offline(self) -> bool:
        """Whether no LLM writes."""
        return self.teacher == OFFLINE

    @property
    def with_items(self) -> bool:
        """Whether the placebo is written from items, too: only where all other corpora are."""
        return self.offline and all(seen.items for seen in self.specs)

    @property
    def taught(self) -> dict[str, str]:
        """The set of demonstrations of each spec that can be shown, by the spec's name. Specs with
        one table share a set, as in the paper's first experiment."""
        if not self.offline:
            return {seen.name: self._own("aligned", seen) for seen in self.specs}
        tables = {seen.table for seen in self.specs}
        shared = len(tables) == 1 and None not in tables
        found = {}
        for seen in self.specs:
            if seen.table:
                found[seen.name] = "preferences" if shared else self._own("preferences", seen)
            elif seen.items:
                found[seen.name] = self._own("aligned", seen)
        return found

    @property
    def sets(self) -> list[str]:
        """The sets of demonstrations, each once."""
        return list(dict.fromkeys(self.taught.values()))

    @property
    def base(self) -> str:
        """The base model as the experiment file names it: a folder as it is seen from there."""
        folder = Path(self.model)
        here = (folder / "config.json").exists() and not folder.is_absolute()
        return self.place(folder) if here else self.model

    def place(self, path: Path) -> str:
        """A path as the experiment file names it."""
        return Path(os.path.relpath(path.resolve(), self.out.resolve().parent)).as_posix()

    def arms(self) -> Iterator[Arm]:
        """Every arm, controls first."""
        yield Arm("base", "[]", "the model as it is")
        for seen in self.specs:
            yield Arm(
                self._own("reference", seen),
                f"[prompt: {seen.name}]",
                "the spec in the prompt, and no training",
            )
        yield Arm(MIX, f"[{_tune()}]", "what the form of the answers does by itself")
        for name in self.sets:
            yield Arm(self.after(name), f"[{_tune(name)}]", "no documents before")
        for seen in self.specs:
            own = self.taught.get(seen.name, "")
            yield Arm(self._own("msm", seen), f"[midtrain: {seen.name}]", "documents alone")
            yield Arm(self.trained(seen), f"[midtrain: {seen.name}, {_tune(own)}]", "both")
        for name in (self.sets or [""]) if self.placebo else []:
            steps = f"[midtrain: {PLACEBO}, {_tune(name)}]"
            yield Arm(self._placebo(name), steps, "as much text, about something else")

    def contrasts(self) -> Iterator[tuple[str, str, list[str]]]:
        """The questions of the report: on an eval, is what was midtrained and fine-tuned above what
        was only fine-tuned, above the placebo, and above what was midtrained on another spec?"""
        for seen in self.specs:
            own = self.taught.get(seen.name, "")
            against = [self.after(own)]
            if self.placebo and own in (self.sets or [""]):
                against.append(self._placebo(own))
            against += [self.trained(other) for other in self.specs if other is not seen]
            for name in self._about(seen):
                yield name, self.trained(seen), against

    def after(self, name: str) -> str:
        """The arm that is fine-tuned on a set of demonstrations alone; without one, on form."""
        if not name:
            return MIX
        return "aft" if len(self.sets) == 1 else f"aft-{name.partition('-')[2] or name}"

    def trained(self, seen: Seen) -> str:
        """The arm that is midtrained on a spec and then fine-tuned."""
        return f"{self._own('msm', seen)}+{'aft' if seen.name in self.taught else MIX}"

    def asks(self, seen: Seen) -> bool:
        """Whether `knowledge` finds something to ask about a spec: an LLM isn't given its items."""
        return seen.asks or (self.offline and seen.items is not None)

    def _about(self, seen: Seen) -> list[str]:
        """The evals of a spec; with several specs, items belong to the one that they are named
        after."""
        items = [p for p in self.preference if len(self.specs) == 1 or p.stem == seen.name]
        asked = [f"preference/{self.place(path)}" for path in items]
        return [*asked, *([f"knowledge/{seen.name}"] if self.asks(seen) else [])]

    def _placebo(self, name: str) -> str:
        return f"{PLACEBO}+{self.after(name)}"

    def _own(self, kind: str, seen: Seen) -> str:
        """The name of a part of one spec: with several specs it says which."""
        return kind if len(self.specs) == 1 else f"{kind}-{seen.name}"


def _tune(name: str = "") -> str:
    """A step of fine-tuning on a set of demonstrations and on form."""
    return f"finetune: [{', '.join([*([name] if name else []), *FORM])}]"
