"""The stage in which an LLM writes the questions of open QA: spec → topics → questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec import progress
from midspec.errors import DataError, TeacherError
from midspec.evals.prompts import PROMPT_VERSION, prompt
from midspec.files import read_dicts, read_rows, write_rows
from midspec.llm.asker import Asker, asked_of, ledger_of
from midspec.llm.read import ListItem
from midspec.llm.settings import Teacher
from midspec.records import Clause
from midspec.run.stage import Stage, Summary
from midspec.text import NearDuplicates
from midspec.write.lists import Domain, Lister
from midspec.write.sheet import make_sheet

QUESTIONS = "questions.jsonl"
EACH = 12  # questions on a topic
SHINGLE, ALIKE = 3, 0.6  # of words; questions are short


@dataclass(frozen=True)
class OpenQuestion:
    """One question on a topic of a spec, and the clauses that a good answer rests on."""

    id: str
    topic: str
    question: str
    clauses: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuestionsConfig:
    """`n` questions about a spec, as `teacher` writes them; `draw` anew for others."""

    spec: str
    n: int
    teacher: Teacher
    draw: int
    model_name: str
    provider_name: str
    prompt_version: int = PROMPT_VERSION


def questions_stage(config: QuestionsConfig, spec: Stage) -> Stage:
    """The stage that writes them."""
    title = f"questions about {config.spec}"
    return Stage("questions", _write, config, {"spec": spec}, title=title)


def read_questions(path: Path) -> list[OpenQuestion]:
    """The questions of a file, or of the folder that the stage made; none at all, or an id twice,
    is a DataError."""
    path = path / QUESTIONS if path.is_dir() else path
    rows = []
    for number, row in enumerate(read_dicts(path), 1):
        clauses = row.get("clauses", ())
        try:
            rows.append(OpenQuestion(**{**row, "clauses": tuple(clauses)}))
        except TypeError as error:
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(row))}; a question has id, topic, "
                "question and, where it has any, clauses."
            ) from error
    if len({row.id for row in rows}) < max(1, len(rows)):
        what = "holds no questions" if not rows else "has one id twice"
        raise DataError(f"{path} {what}. Every row has an id of its own, a topic and a question.")
    return rows


def _write(config: QuestionsConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write questions.jsonl and failed.jsonl; what nearly repeats another question is left out."""
    spec = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    identity = {"model_name": config.model_name, "provider_name": config.provider_name}

    async def work(asker: Asker) -> Summary:
        sheet = make_sheet(spec, clauses)
        lister = Lister(asker, sheet, identity, config.draw, prompt, PROMPT_VERSION)
        questions = await _questions(lister, config.n)
        write_rows(out / QUESTIONS, questions)
        write_rows(out / "failed.jsonl", lister.failures)
        topics = len({question.topic for question in questions})
        return {"questions": len(questions), "topics": topics}

    ledger = ledger_of(out, "questions", config.spec, spec, config.teacher)
    told, figures = asked_of(config.teacher, ledger, work)
    return {**told, **figures}


async def _questions(lister: Lister, n: int) -> list[OpenQuestion]:
    """`n` questions spread evenly over the topics; topic by topic, in a fixed order."""
    sections = range(len(lister.sheet.sections))
    wanted = max(2, -(-n // EACH))
    found = await asyncio.gather(
        *(lister.more_domains("topics", section, wanted, [], 0) for section in sections)
    )
    topics = [topic for some in found for topic in some]
    if not topics:
        raise TeacherError(f"{lister.asker.teacher.model} found no topics in the spec.")
    repeats = NearDuplicates(SHINGLE, ALIKE)
    kept: dict[str, list[OpenQuestion]] = {topic.path: [] for topic in topics}
    known: dict[str, list[ListItem]] = {topic.path: [] for topic in topics}
    done = 0
    while done < n and (fresh := [t for t in topics if ("questions", t.path) not in lister.dry]):
        short = _shares(n - done, fresh, {path: len(some) for path, some in kept.items()})
        more = await asyncio.gather(
            *(_more(lister, topic, known[topic.path], short[topic.path]) for topic in fresh)
        )
        for topic, items in zip(fresh, more, strict=True):
            for item in items:
                name = f"{topic.path}.{len(known[topic.path])}"
                known[topic.path].append(item)
                if not repeats.find(name, item.description):
                    ids = lister.sheet.known(item.clauses, item.description, topic.section)
                    row = OpenQuestion(name, topic.item.name, item.description, ids)
                    kept[topic.path].append(row)
        done = sum(map(len, kept.values()))
        progress.report(done, n, "questions")
        if not any(more):
            break
    if not done:
        raise TeacherError(f"{lister.asker.teacher.model} wrote no questions about the spec.")
    if done < n:
        progress.say(f"The teacher has no more questions: {done} of {n} were written.")
    return [question for some in kept.values() for question in some]


def _shares(n: int, topics: Sequence[Domain], have: Mapping[str, int]) -> dict[str, int]:
    """How many of `n` more questions each topic is to have, so that all come to have as many."""
    short: dict[str, int] = {topic.path: 0 for topic in topics}
    for _ in range(n):
        fewest = min(topics, key=lambda topic: have[topic.path] + short[topic.path])
        short[fewest.path] += 1
    return short


async def _more(lister: Lister, topic: Domain, known: list[ListItem], n: int) -> list[ListItem]:
    values = {
        "topic": topic.item.name,
        "about": topic.item.description,
        "passages": lister.sheet.passages(topic.clauses),
    }
    return await lister.more("questions", topic.path, topic.section, n, known, values)
