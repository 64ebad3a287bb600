"""What evals asked and what arms wrote, as the report shows it; only evals know how to read it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from midspec.evals.registry import find_task
from midspec.evals.task import Ask, GeneratedTask, LossTask
from midspec.files import read_json
from midspec.records import Question
from midspec.report.answers import Asked, Said, Texts
from midspec.run.stage import MANIFEST, Inputs

ABOUT = ("items", "about")  # the inputs of an evaluation that say what it asks
LOG = Path("logs") / "judged.eval"


def asked_key(evaluation: str, about: str) -> str:
    """How a report's inputs name what an eval asks: its items, or the spec that it is about."""
    return f"asked/{evaluation}/{about}"


def questions(evaluation: str, folder: Path, inputs: Inputs) -> dict[str, Asked]:
    """What an eval by likelihood asked in an evaluated folder, by item; {} of one by generation."""
    task, _ = find_task(evaluation)
    if isinstance(task, GeneratedTask):
        return {}
    config: Mapping[str, Any] = read_json(folder / MANIFEST)["config"]
    items, spec = (inputs.get(asked_key(evaluation, about)) for about in ABOUT)
    ask = Ask(items, spec, config["half"], config["max_items"], dict(config.get("identity", ())))
    if isinstance(task, LossTask):
        return {one.id: Asked(one.text) for one in task.passages(ask)}
    found: dict[str, Question] = {}
    for question in task.questions(ask):
        known = found.setdefault(question.item, question)
        if len(question.messages) > len(known.messages):  # the end of a conversation has it all
            found[question.item] = question
    return {item: _put(question) for item, question in found.items()}


def _put(question: Question) -> Asked:
    """One form of an item: a lone question as it is, a conversation with who speaks."""
    messages = question.messages
    text = messages[0]["content"] if len(messages) == 1 else _conversation(messages)
    return Asked(f"{text}\n{question.stem} …", question.wanted, question.other)


def _conversation(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def answers(folder: Path, items: Collection[str]) -> tuple[list[Said], dict[str, Asked]]:
    """What an arm wrote to some items of an eval by generation, with what its scorers made of it,
    and how these were put to it; nothing of an eval by likelihood."""
    if not (folder / LOG).exists():
        return [], {}
    from inspect_ai.log import read_eval_log_sample, read_eval_log_sample_summaries

    from midspec.evals.logs import about, cause

    log = str(folder / LOG)
    found: list[Said] = []
    put: dict[str, Asked] = {}
    for summary in read_eval_log_sample_summaries(log):
        names = {str((summary.metadata or {}).get("item", summary.id))}
        names.add(f"{summary.id}#{summary.epoch}")  # a repeat that is an item of its own
        item = next((name for name in names if name in items), None)
        if item is None:
            continue
        sample = read_eval_log_sample(log, id=summary.id, epoch=summary.epoch)
        given = sample.input
        text = (
            given
            if isinstance(given, str)
            else _conversation(
                [{"role": message.role, "content": message.text} for message in given]
            )
        )
        options = (about(sample, key) for key in ("aligned", "other"))
        put.setdefault(item, Asked(text, *options))
        verdicts = tuple(
            (name, str(score.value), score.explanation or "")
            for name, score in (sample.scores or {}).items()
        )
        answer = cause(sample.error.message) if sample.error else sample.output.completion
        found.append(Said(item, about(sample, "form"), sample.epoch, answer, verdicts))
    return found, put


TEXTS = Texts(questions, answers)
