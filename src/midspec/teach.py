"""What a run must know to ask a teacher: limits, ledger, prices, where local weights lie."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from pathlib import Path

from midspec.errors import ConfigError
from midspec.llm.settings import OFFLINE, Limits, Purse, need_inspect
from midspec.make import asked_as, set_prices, teacher_name
from midspec.parts import TeacherModel
from midspec.train.fetch import find_model

AMOUNT = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([kKmMbB]?)")
SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def limits_of(teacher: TeacherModel, judges: list[TeacherModel], store: Path, home: Path) -> Limits:
    """The limits under which a run asks `teacher`, or only its judges; the weights of local models
    are looked for here."""
    folders = {
        teacher_name(model.model): find_model(model.model.removeprefix("hf/"), home)
        for model in (teacher, *judges)
        if model.model.startswith("hf/")
    }
    asked = asked_as(teacher, judges)
    if asked.model != OFFLINE:
        need_inspect("An LLM teacher")
    return Limits(
        ledger=store / "ledger",
        max_cost=asked.max_cost,
        max_tokens=asked.max_tokens,
        connections=asked.connections,
        timeout=asked.timeout,
        batch=asked.batch,
        min_yield=asked.min_yield,
        model_folders=folders,
        prices=set_prices([teacher, *judges]),
    )


def higher(limits: Limits, max_cost: float | None, max_tokens: str | None) -> Limits:
    """The limits with what was given on the command line in place of the experiment's: dollars for
    all that the command builds, tokens for each stage."""
    if max_cost is not None:
        if not (max_cost > 0 and isfinite(max_cost)):
            raise ConfigError(f"--max-cost {max_cost} is no amount of dollars. Write it as 50.")
        limits = replace(limits, max_cost=None, purse=Purse(max_cost))
    if max_tokens is not None:
        limits = replace(limits, max_tokens=amount(max_tokens, "--max-tokens"))
    return limits


def amount(text: str, flag: str) -> int:
    """A number as people write it: 8M, 120k, 8_000_000."""
    found = AMOUNT.fullmatch(text.strip())
    value = (
        round(float(found[1].replace("_", "").replace(",", "")) * SIZES[found[2].lower()])
        if found
        else 0
    )
    if value < 1:
        raise ConfigError(f"{flag} {text} is no amount. Write it as 8M, 120k or 8000000.")
    return value


def price(text: str) -> tuple[float, float]:
    """Dollars a million tokens of input and of output, written as IN,OUT."""
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = -1.0
    if not (isfinite(first + second) and min(first, second) >= 0):
        raise ConfigError(f"--price {text} is no price. Write dollars a million tokens: 3,15.")
    return first, second
