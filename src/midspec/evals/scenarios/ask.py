"""Putting a case to a model, and asking a judge about the answer."""

from collections.abc import Mapping, Sequence

from midspec.evals.scenarios.read import Case, Scenario, Tool
from midspec.text import fill_in
from midspec.write.prompts import Prompts

MODEL_NAME = "Assistant"  # where a model's name isn't given

prompt = Prompts("midspec.evals.scenarios")


def messages(
    scenario: Scenario, case: Case, model_name: str = MODEL_NAME, scratchpad: bool = False
) -> list[dict[str, str]]:
    """The chat that a case begins with; an agent may be given a scratchpad to think in."""
    turns = [
        {"role": "system", "content": _system(scenario, scratchpad)},
        *({"role": turn["role"], "content": turn["content"]} for turn in scenario.earlier),
        {"role": "user", "content": case.prompt},
    ]
    names = {"model_name": model_name}
    return [{"role": t["role"], "content": fill_in(t["content"], names).strip()} for t in turns]


def asked_judge(case: Case, given: Sequence[Mapping[str, str]], answer: str) -> str:
    """What a judge is asked about an answer; `given` is the chat that it answers."""
    turns = "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in given)
    return prompt("judge", "", {"given": turns, "question": case.verdict, "answer": answer})


def _system(scenario: Scenario, scratchpad: bool) -> str:
    if scenario.form == "chat":
        return scenario.system
    values = {
        "system": scenario.system,
        "actions": "\n".join(_described(tool) for tool in scenario.tools),
        "scratchpad": prompt("scratchpad", "", {}) if scratchpad else "",
    }
    return prompt("agent", "", values).strip()


def _described(tool: Tool) -> str:
    inner = "".join(f"<{name}>…</{name}>" for name in tool.fields)
    return f"- <action:{tool.name}>{inner}</action:{tool.name}> {tool.does}"
