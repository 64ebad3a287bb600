"""Talking to an arm in the terminal."""

from pathlib import Path
from typing import Any

from midspec.console import console
from midspec.errors import ConfigError
from midspec.experiment import Plan, find_arm

MAX_NEW_TOKENS = 200


def open_arm(planned: Plan, arm: str, seed: int | None, store: Path) -> tuple[Any, Any, str | None]:
    """An arm's model, tokenizer and system prompt (a reference arm's spec)."""
    from midspec.train.device import choose_device
    from midspec.train.model import load_arm, load_tokenizer

    _, asked = find_arm(planned, arm, seed, store)
    assert asked.base
    base, spec, trained = asked.base.path(store), asked.prompt, asked.trained
    if spec and not spec.done(store):
        raise ConfigError(f"The arm {arm} has no spec in the store yet. Run the experiment.")
    system = (spec.path(store) / "spec.md").read_text(encoding="utf-8") if spec else None
    model = load_arm(base, trained.path(store) if trained else None, choose_device())
    return model, load_tokenizer(base), system


def talk(arm: tuple[Any, Any, str | None], interactive: bool) -> None:
    """Answer lines until the input ends; the conversation so far is what the model sees."""
    from midspec.train.generate import generate

    model, tokenizer, system = arm
    start = [{"role": "system", "content": system}] if system is not None else []
    messages = list(start)
    if interactive:
        console.print("[dim]Empty line: start afresh. Ctrl-D: leave.[/]")
    while True:
        try:
            line = console.input("[bold]> [/]" if interactive else "").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not line:
            messages = list(start)
            continue
        messages.append({"role": "user", "content": line})
        (answer,) = generate(model, tokenizer, [messages], MAX_NEW_TOKENS)
        console.print(answer, markup=False)
        messages.append({"role": "assistant", "content": answer})
