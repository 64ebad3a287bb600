"""`midspec demos`: chats that show what a spec asks for, written and judged by an LLM."""

from pathlib import Path
from typing import Annotated

import typer

from midspec.cli_build import build_all, check_out, home, put
from midspec.errors import ConfigError

KINDS = ("aligned", "deliberative", "anti")


def demos(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.md", show_default=False)],
    kind: Annotated[str, typer.Option(help="aligned, deliberative or anti.")],
    n: Annotated[int, typer.Option("--n", help="Chats to keep.")],
    teacher: Annotated[str, typer.Option(help="Inspect's name of an LLM.")],
    out: Annotated[Path, typer.Option(help="Folder for the chats.")],
    style: Annotated[str, typer.Option(help="Of kind aligned: value or rule.")] = "value",
    best_of: Annotated[int, typer.Option(help="Drafts, kind deliberative.")] = 4,
    judge: Annotated[str | None, typer.Option(help="An LLM; else the teacher.")] = None,
    query_kind: Annotated[
        list[str] | None, typer.Option(help="Kinds of messages; all if none is named.")
    ] = None,
    model_name: Annotated[str, typer.Option(help="Fills {model_name}.")] = "the assistant",
    provider_name: Annotated[str, typer.Option(help="Fills {provider_name}.")] = "its developer",
    avoid: Annotated[
        list[Path] | None, typer.Option(help="Eval items that must not be given away.")
    ] = None,
    draw: Annotated[int, typer.Option(help="Another number, another sample.")] = 0,
    temperature: Annotated[float, typer.Option(help="Of the teacher.")] = 1.0,
    reasoning_tokens: Annotated[int, typer.Option(help="Room to think, per answer.")] = 0,
    max_cost: Annotated[float | None, typer.Option(help="Stop before so many dollars.")] = None,
    max_tokens: Annotated[str | None, typer.Option(help="Or so many tokens.")] = None,
    connections: Annotated[int, typer.Option(help="Calls at once.")] = 50,
    timeout: Annotated[float, typer.Option(help="Seconds for one call.")] = 300.0,
    batch: Annotated[bool, typer.Option("--batch", help="Use the batch API.")] = False,
    price: Annotated[str | None, typer.Option(help="Dollars a million tokens: 3,15.")] = None,
    min_yield: Annotated[float, typer.Option(help="Share of chats to keep.")] = 0.5,
    plan: Annotated[bool, typer.Option("--plan", help="Only the estimate.")] = False,
    store: Annotated[Path, typer.Option("--store", help="Finished stages.")] = Path("store"),
) -> None:
    """Write demonstrations with an LLM; run again with a larger number, it goes on."""
    from midspec.console import console
    from midspec.estimate import teacher_estimate
    from midspec.experiment import make_demos
    from midspec.files import read_json
    from midspec.parts import (
        Aligned,
        Answered,
        Anti,
        Deliberative,
        Identity,
        TeacherModel,
        check_answered,
        checked,
    )
    from midspec.spec.stage import spec_stage
    from midspec.teach import higher, limits_of
    from midspec.teach import price as read_price
    from midspec.write.estimate import estimate_words

    if kind not in KINDS:
        raise ConfigError(f"--kind {kind} is not known. Use {', '.join(KINDS)}.")
    values: dict[str, object] = {
        "kind": kind,
        "spec": spec.stem,
        "n": n,
        "judge": judge,
        "query_kinds": query_kind or [],
        "draw": draw,
    }
    wanted: Answered
    if kind == "aligned":
        wanted = checked(Aligned, values | {"style": style})
    elif kind == "deliberative":
        wanted = checked(Deliberative, values | {"best_of": best_of})
    else:
        wanted = checked(Anti, values)
    asked = checked(
        TeacherModel,
        {
            "model": teacher,
            "temperature": temperature,
            "reasoning_tokens": reasoning_tokens,
            "connections": connections,
            "timeout": timeout,
            "batch": batch,
            "price": read_price(price) if price else None,
            "min_yield": min_yield,
        },
    )
    check_answered(wanted, asked, "demos")
    identity = Identity(model_name=model_name, provider_name=provider_name)
    specs = {spec.stem: spec_stage(spec.stem, spec.resolve(), identity.model_dump())}
    stage = make_demos(spec.stem, wanted, identity, asked, specs, None, avoid or [])
    judges = [wanted.judge] if wanted.judge else []
    check_out(out, "chats.jsonl", "set of chats")
    console.print(estimate_words(teacher_estimate(stage, asked, judges)))
    if plan:
        return
    root = store.resolve()
    limits = higher(limits_of(asked, judges, root, home()), max_cost, max_tokens)
    build_all([stage], store, limits)
    put(stage.path(root), out)
    found = read_json(stage.path(root) / "manifest.json")["summary"]
    cost = found.get("cost")
    console.print(
        f"{found['chats']:,} chats kept, {found['set_aside']:,} set aside, {found['failed']:,} "
        f"failed, of {found['asked']:,}" + (f"; ${cost:,.2f}." if cost else ".")
    )
