"""`midspec demos`: chats that show what a spec asks for, written and judged by an LLM."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import WriteByDefault, check_out, write_page, write_with_llm
from midspec.cli_options import (
    Avoid,
    Batch,
    Connections,
    Draw,
    Items,
    MaxCost,
    MaxTokens,
    MinYield,
    ModelName,
    PlanOnly,
    Price,
    ProviderName,
    ReasoningTokens,
    SpecFile,
    Store,
    Temperature,
    Timeout,
    asked_llm,
    check_known,
)
from midspec.errors import ConfigError

if TYPE_CHECKING:
    from midspec.run.stage import Stage

KINDS = ("aligned", "deliberative", "anti", "opaque", "mix")

demos_app = typer.Typer(
    cls=WriteByDefault,
    help="Chats that show what a spec asks for: midspec demos SPEC.md --kind aligned --n 5000 "
    "--teacher MODEL --out DIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@demos_app.command("write")
def demos_write(
    spec: SpecFile,
    kind: Annotated[str, typer.Option(help="aligned, deliberative, anti, opaque or mix.")],
    n: Annotated[int, typer.Option("--n", help="Chats to keep.")],
    out: Annotated[Path, typer.Option(help="Folder for the chats.")],
    teacher: Annotated[
        str | None, typer.Option(help="Inspect's name of an LLM, or offline; not of mix.")
    ] = None,
    style: Annotated[str, typer.Option(help="Of kind aligned: value or rule.")] = "value",
    best_of: Annotated[int, typer.Option(help="Drafts, kind deliberative.")] = 4,
    domain: Annotated[
        str, typer.Option(help="Of kind opaque, where the spec has no table: cheese.")
    ] = "",
    mix: Annotated[str | None, typer.Option(help="Of kind mix: its name.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Its parts; else the Hub.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="An LLM; else the teacher, or of a mix none.")
    ] = None,
    query_kind: Annotated[
        list[str] | None, typer.Option(help="Kinds of messages; all if none is named.")
    ] = None,
    items: Items = None,
    model_name: ModelName = "the assistant",
    provider_name: ProviderName = "its developer",
    avoid: Avoid = None,
    draw: Draw = 0,
    temperature: Temperature = 1.0,
    reasoning_tokens: ReasoningTokens = 0,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    connections: Connections = 50,
    timeout: Timeout = 300.0,
    batch: Batch = False,
    price: Price = None,
    min_yield: MinYield = 0.5,
    plan: PlanOnly = False,
    store: Store = Path("store"),
) -> None:
    """Write demonstrations, or draw a mix; run again with a larger number, it goes on."""
    from midspec.llm.settings import OFFLINE
    from midspec.make import make_demos
    from midspec.part_checks import check_answered, check_mix, check_preferences
    from midspec.parts import (
        Aligned,
        Answered,
        Anti,
        Deliberative,
        Identity,
        InstructionMix,
        Opaque,
        checked,
    )
    from midspec.spec.stage import spec_stage

    _check_kind(kind, teacher, mix, avoid)
    drawn = kind == "mix"
    model = (judge if drawn else teacher) or OFFLINE
    asked = asked_llm(
        model, temperature, reasoning_tokens, connections, timeout, batch, price, min_yield
    )
    values: dict[str, object] = {"kind": kind, "n": n, "draw": draw}
    answered = {"spec": spec.stem, "judge": judge, "query_kinds": query_kind or [], "items": items}
    wanted: Answered | InstructionMix | Opaque
    if drawn:
        reader = {"spec": spec.stem, "judge": asked} if judge else {}
        wanted = checked(InstructionMix, values | reader | {"name": mix, "folder": folder})
        check_mix(wanted, "demos")
    elif kind == "opaque":
        table = {"spec": spec.stem, "judge": judge, "domain": domain}
        by = "table" if teacher == OFFLINE else "teacher"
        wanted = checked(Opaque, values | table | {"by": by})
        check_preferences(wanted, asked, "demos")
    elif kind == "aligned":
        wanted = checked(Aligned, values | answered | {"style": style})
    elif kind == "deliberative":
        wanted = checked(Deliberative, values | answered | {"best_of": best_of})
    else:
        wanted = checked(Anti, values | answered)
    if isinstance(wanted, Answered):
        check_answered(wanted, asked, "demos")
    identity = Identity(model_name=model_name, provider_name=provider_name)
    specs = {spec.stem: spec_stage(spec.stem, spec.resolve(), identity.model_dump())}
    stage = make_demos(spec.stem, wanted, identity, asked, specs, None, avoid or [])
    judges = [wanted.judge] if wanted.judge else []
    check_out(out, "chats.jsonl", "set of chats", store, spec)
    if write_with_llm(stage, asked, judges, out, store, plan, max_cost, max_tokens):
        _told(stage, store.resolve(), out)


@demos_app.command("show")
def demos_show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("demos.html"),
    chats: Annotated[int, typer.Option(min=1, help="At most so many on it.")] = 2_000,
) -> None:
    """Write a page to look through chats: conversations, verdicts, what was set aside and why."""
    from midspec.demos.browse import chats_page

    write_page(chats_page(folder, chats), out)


def _check_kind(
    kind: str, teacher: str | None, mix: str | None, avoid: Sequence[Path] | None
) -> None:
    """Refuse a kind that there isn't, or one without what it is made by."""
    check_known("--kind", kind, KINDS)
    if kind == "mix" and (teacher or avoid or not mix):
        raise ConfigError(
            "--kind mix takes --mix, the name of one, and --judge, an LLM that reads it for "
            "conflicts with the spec; it takes no --teacher and no --avoid."
        )
    if kind != "mix" and not teacher:
        raise ConfigError(f"--kind {kind} takes --teacher: an LLM by Inspect's name, or offline.")


def _told(stage: "Stage", root: Path, out: Path) -> None:
    """What came of it, in two lines."""
    from midspec.console import console
    from midspec.run.stage import summary_of

    found = summary_of(stage.path(root))
    counts = (("chats", "chats kept"), ("set_aside", "set aside"), ("failed", "failed"))
    told = ", ".join(f"{found[key]:,} {words}" for key, words in counts if key in found)
    told += f", of {found['asked']:,}" if "asked" in found else ""
    console.print(told + (f"; ${found['cost']:,.2f}." if found.get("cost") else "."))
    console.print(f"Look at it: midspec demos show {quote(str(out))}", markup=False, soft_wrap=True)
