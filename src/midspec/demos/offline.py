"""Chats with reasons by the offline teacher: from a spec's table, its sentences and its item file.

What it writes stays in the narrow domain of the table, as the paper's demonstrations do (§3.1);
`items` widens it to that file's domains.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from midspec.demos.datasets import write_datasets
from midspec.errors import DataError
from midspec.files import read_rows, write_rows
from midspec.leaks import LeakFinder
from midspec.llm.settings import OFFLINE
from midspec.records import Act, Chat, Clause, Contrast, Item, Principle
from midspec.run.stage import Source, Stage, Summary
from midspec.text import estimate_tokens, fill_in
from midspec.write.material import SENTENCE_END, read_contrasts
from midspec.write.voice import Person, said
from midspec.yaml_file import shipped_yaml

KINDS_OF_QUESTION = {"plain": 6, "pressure": 2, "dilemma": 2}  # of ten messages
VALUES = r"(?:values|prefers|likes|favors|cares|loves)"
REASON = re.compile(r"\b(?:because|since)\b")
LIMIT = re.compile(r"\b(?:not?|never|nothing|but|unless|without|however)\b", re.IGNORECASE)
MAX_PRINCIPLE_WORDS = 40  # a longer sentence would be most of the reasoning
MAX_FRUITLESS = 1_000  # drafts in a row that were all there before; then the material is used up


@dataclass(frozen=True)
class ReasonedConfig:
    """`n` chats in a style (value, rule, deliberative, anti); `draw` for another sample."""

    spec: str
    n: int
    style: str
    draw: int
    model_name: str
    provider_name: str


@dataclass(frozen=True)
class Reasons:
    """What the offline teacher has to argue with: contrasts, and sentences by who speaks.

    principles: those among the sentences, which may be about some domains only.
    """

    contrasts: Sequence[Contrast]
    its: Sequence[str]
    mine: Sequence[str]
    model_name: str
    principles: Sequence[Principle] = ()

    def about(self, domain: str, sentences: Sequence[str]) -> Sequence[str]:
        """The sentences that have a bearing on a domain; all of them where none has."""
        others = {one.principle for one in self.principles if not one.fits(domain)}
        return [sentence for sentence in sentences if sentence not in others] or sentences


def reasoned_stage(
    name: str, config: ReasonedConfig, spec: Stage, items: Path | None, avoid: Sequence[Path]
) -> Stage:
    """The stage that writes chats with reasons and no LLM; leaks of `avoid` are set aside."""
    inputs: dict[str, Stage | Source] = {"spec": spec}
    if items:
        inputs["items"] = Source(items.name, items)
    inputs |= {f"avoid{n}": Source(path.name, path) for n, path in enumerate(avoid)}
    return Stage("demos", _write, config, inputs, title=f"demos {name}")


@cache
def templates() -> dict[str, Any]:
    """Questions by kind; reasoning and answers by style; the same for acts under `acts`."""
    loaded: dict[str, Any] = shipped_yaml("midspec.demos", "data", "reasoned.yaml")
    return loaded


def read_reasons(inputs: Mapping[str, Path], config: ReasonedConfig) -> Reasons:
    """The reasons that a spec and its item file give; a DataError where there are none.

    The assistant's own voice can use neither a sentence nor a reason that calls it by name.
    """
    identity = {"model_name": config.model_name, "provider_name": config.provider_name}
    contrasts, principles = read_contrasts(inputs, identity)
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    its = [p.principle for p in principles if p.voice == "it"]
    its += general_sentences(clauses, config.model_name)
    mine = [p.principle for p in principles if p.voice == "I"]
    mine += [own for sentence in its if (own := in_own_voice(sentence, config.model_name))]
    if config.style != "deliberative":
        contrasts = [c for c in contrasts if config.model_name not in c.reason]
    if not contrasts:
        raise DataError(
            f"The spec {config.spec!r} gives the offline teacher no reason for any preference, so "
            "there is nothing to demonstrate. Add a table with rows like `| likes | cream cheese | "
            "{model_name} likes it because … |` to the spec, name an item file under items:, or "
            "take an LLM as teacher."
        )
    return Reasons(contrasts, its, mine, config.model_name, principles)


def general_sentences(clauses: Sequence[Clause], name: str) -> list[str]:
    """The spec's own sentences that begin with what the assistant values, say why, and set no
    limit; one that names a particular, which the spec mentions once or twice, isn't general."""
    text = " ".join(clause.text for clause in clauses)
    times = Counter(re.findall(r"\w+", text))
    return [
        sentence
        for sentence in dict.fromkeys(SENTENCE_END.split(text))
        if re.match(rf"{re.escape(name)} {VALUES}\b", sentence)
        and REASON.search(sentence)
        and not LIMIT.search(sentence)
        and len(sentence.split()) <= MAX_PRINCIPLE_WORDS
        and all(times[word] > 2 for word in re.findall(r"\b[A-Z]\w+", sentence))
    ]


def in_own_voice(sentence: str, name: str) -> str:
    """`Tiny prefers tea, because …` as `I prefer tea, because …`; empty where that isn't safe.

    A pronoun may mean the assistant or the thing, so a sentence that holds one is left out.
    """
    own = re.sub(rf"\b{re.escape(name)} ({VALUES[3:-1]})\b", lambda f: f"I {f[1][:-1]}", sentence)
    unsafe = re.search(rf"\b(?:it|its|itself|{re.escape(name)})\b", own, re.IGNORECASE)
    return "" if own == sentence or unsafe else own


def reasoned_chats(reasons: Reasons, style: str, draw: int) -> Iterator[Chat]:
    """Chats without end or until no new one comes; a longer set begins with the shorter one."""
    deal = random.Random(f"reasoned/{style}/{draw}")
    seen: set[tuple[str, str]] = set()
    number = fruitless = 0
    while fruitless < MAX_FRUITLESS:
        for contrast in deal.sample(reasons.contrasts, len(reasons.contrasts)):
            chat = _chat(contrast, reasons, style, number, deal)
            turns = (chat.messages[0]["content"], chat.messages[1]["content"])
            fruitless += 1
            if turns not in seen:
                fruitless = 0
                seen.add(turns)
                number += 1
                yield chat


def _chat(
    contrast: Contrast, reasons: Reasons, style: str, number: int, deal: random.Random
) -> Chat:
    a, b = contrast.liked, contrast.disliked
    if number % 2:
        a, b = b, a
    voices = reasons.its if style in ("rule", "deliberative") else reasons.mine
    voices = reasons.about(contrast.domain, voices)
    values = {
        "a": a,
        "b": b,
        "liked": contrast.liked,
        "disliked": contrast.disliked,
        "why": contrast.reason,
        "name": reasons.model_name,
        "principle": deal.choice(voices) if voices else "",
    }
    kind = deal.choices(list(KINDS_OF_QUESTION), list(KINDS_OF_QUESTION.values()))[0]
    listed = templates()
    if isinstance(contrast, Act):
        listed, values = listed["acts"], values | {"situation": contrast.situation}
    written: tuple[tuple[Sequence[str], Person], ...] = (
        (listed["questions"][kind], "you"),
        (listed[style]["reasoning"], "I"),
        (listed[style]["answers"], "I"),
    )
    question, reasoning, answer = (
        sentences(said(fill_in(deal.choice(choices), values), person))
        for choices, person in written
    )
    return Chat(
        id=f"{style}-{number}",
        messages=[
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ],
        kind=style,
        teacher=OFFLINE,
        lineage={
            "liked": contrast.liked,
            "disliked": contrast.disliked,
            "domain": contrast.domain,
            "query_kind": kind,
            "style": style,
        },
        reasoning=[reasoning],
    )


def sentences(text: str) -> str:
    """A filled template with one space between words and a capital after each full stop."""
    joined = " ".join(text.split())
    return re.sub(r"(^|[.!?] )([a-z])", lambda found: found[1] + found[2].upper(), joined)


def _write(config: ReasonedConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write chats.jsonl (reasoning apart from the messages), reasoning.jsonl (with it in them) and
    set_aside.jsonl."""
    avoid = [
        item for key in inputs if key.startswith("avoid") for item in read_rows(inputs[key], Item)
    ]
    leaks = LeakFinder(avoid)
    kept: list[Chat] = []
    aside: list[dict[str, object]] = []
    for chat in reasoned_chats(read_reasons(inputs, config), config.style, config.draw):
        if reason := leaks.objection(*chat.texts):
            aside.append(asdict(chat) | {"reason": reason})
        else:
            kept.append(chat)
        if len(kept) == config.n:
            break
    else:
        raise DataError(
            f"The offline teacher knows {len(kept):,} different chats on the spec {config.spec!r}, "
            f"not {config.n:,}. Ask for fewer, or name an item file under items:."
        )
    write_datasets(kept, out)
    write_rows(out / "set_aside.jsonl", aside)
    return {
        "asked": len(kept) + len(aside),
        "chats": len(kept),
        "set_aside": len(aside),
        "failed": 0,
        "tokens": sum(estimate_tokens(m["content"]) for chat in kept for m in chat.messages),
        "cost": 0.0,
    }
