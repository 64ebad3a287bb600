"""Open questions on a spec's topics, answered freely; a judge marks each answer (paper §4, D.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from midspec.evals.actions import said
from midspec.evals.grade import NoVerdictError, ask_grader
from midspec.evals.items import choose
from midspec.evals.logs import labels, row, scored
from midspec.evals.prompts import prompt
from midspec.evals.questions import read_questions
from midspec.evals.task import Ask, GeneratedTask
from midspec.files import read_rows
from midspec.records import Clause, Metric, Score
from midspec.write.sheet import make_sheet

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

MAX_TOKENS = 512
MARKS = range(1, 11)


def task(ask: Ask) -> Task:
    """Each question once, answered greedily; the judge has the spec, or the section of a long one
    that the question is about."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig
    from inspect_ai.scorer import Score as Verdict
    from inspect_ai.scorer import Scorer, Target, mean, scorer
    from inspect_ai.solver import TaskState

    assert ask.items and ask.spec
    spec = (ask.spec / "spec.md").read_text(encoding="utf-8")
    sheet = make_sheet(spec, read_rows(ask.spec / "clauses.jsonl", Clause), small=True)

    @scorer(metrics=[mean()])
    def marked() -> Scorer:
        async def score(state: TaskState, target: Target) -> Verdict:
            answer = said(state.output.completion)
            if not answer:
                return Verdict.unscored(explanation="no answer")
            section = sheet.sections[sheet.section(state.metadata["clauses"])]
            values = {"spec": section.text, "question": state.metadata["question"]}
            asked = prompt("judge-open-qa", "", values | {"answer": answer})
            try:
                mark, reason = await ask_grader(asked, _mark)
            except NoVerdictError as error:
                return Verdict.unscored(answer=answer, explanation=str(error))
            return Verdict(value=mark, answer=answer, explanation=reason)

        return score

    questions = choose(read_questions(ask.items), ask.max_items)
    return Task(
        dataset=MemoryDataset(
            [
                Sample(
                    id=one.id,
                    input=one.question,
                    metadata=labels(one.id, domain=one.topic)
                    | {"question": one.question, "clauses": list(one.clauses)},
                )
                for one in questions
            ]
        ),
        scorer=marked(),
        config=GenerateConfig(temperature=0.0, max_tokens=MAX_TOKENS),
        name="open-qa",
    )


def _mark(found: dict[str, Any]) -> tuple[int, str]:
    mark = found["score"]
    if type(mark) is not int or mark not in MARKS:
        raise ValueError(f"score is {mark!r}, not a whole number from 1 to 10")
    return mark, str(found.get("reason", ""))


def scores(log: EvalLog) -> list[Score]:
    """The mark of each answer that has one; its domain is the question's topic."""
    return [row(sample, mark.as_float()) for sample, mark in scored(log)]


TASK = GeneratedTask(
    (Metric("judge's mark", low=1.0, high=10.0, chance=None),),
    task,
    scores,
    needs="spec",
    judged=True,
    version=2,
    judge_received=80,
)
