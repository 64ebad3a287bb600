"""`midspec corpus`: documents about a spec, and a look at them."""

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
)

if TYPE_CHECKING:
    from midspec.parts import Corpus, TeacherModel
    from midspec.run.stage import Stage

corpus_app = typer.Typer(
    cls=WriteByDefault,
    help="Documents about a spec: midspec corpus SPEC.md --teacher MODEL --tokens 8M --out DIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@corpus_app.command("write")
def corpus_write(
    spec: SpecFile,
    teacher: Annotated[str, typer.Option(help="Inspect's name of an LLM, or offline.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus.")],
    tokens: Annotated[str, typer.Option(help="Size to reach: 8M, 120k.")] = "100k",
    documents: Annotated[int | None, typer.Option(help="Documents to keep instead.")] = None,
    model_name: ModelName = "the assistant",
    provider_name: ProviderName = "its developer",
    document_tokens: Annotated[int, typer.Option(help="Mean length.")] = 1_000,
    form: Annotated[str, typer.Option(help="documents, qa or both.")] = "documents",
    framing: Annotated[
        str,
        typer.Option(
            help="does, should, assistants, assistants-should, one-should, other-model or humans."
        ),
    ] = "does",
    other_name: Annotated[str, typer.Option(help="Whom other-model speaks of.")] = "",
    attribution: Annotated[str, typer.Option(help="kept or broken.")] = "kept",
    revise: Annotated[int, typer.Option(help="Rounds of critique and revision.")] = 0,
    planner: Annotated[
        str, typer.Option(help="teacher, or spec: a plan from the spec's own structure.")
    ] = "teacher",
    prompts: Annotated[str, typer.Option(help="full, or small for a weak teacher.")] = "full",
    judge: Annotated[str | None, typer.Option(help="An LLM that checks faithfulness.")] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Cover every clause.")] = False,
    mix: Annotated[Path | None, typer.Option(help="Ordinary text: .jsonl or .txt.")] = None,
    mix_share: Annotated[float, typer.Option(help="Its share of all tokens.")] = 0.5,
    tag: Annotated[str, typer.Option(help="A prefix that carries no loss.")] = "",
    items: Items = None,
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
    """Write a corpus; run again with a larger size, it goes on from what is there."""
    from midspec.parts import Corpus, checked
    from midspec.teach import amount

    home_spec = spec.resolve()
    wanted: Corpus = checked(
        Corpus,
        {
            "spec": spec.stem,
            "tokens": amount(tokens, "--tokens"),
            "documents": documents,
            "items": items,
            "draw": draw,
            "document_tokens": document_tokens,
            "form": form,
            "framing": framing,
            "other_name": other_name,
            "revise": revise,
            "planner": planner,
            "prompts": prompts,
            "judge": judge,
            "balance": balance,
            "attribution": attribution,
            "mix": {"file": mix, "share": mix_share} if mix else None,
            "tag": tag,
        },
    )
    asked = asked_llm(
        teacher, temperature, reasoning_tokens, connections, timeout, batch, price, min_yield
    )
    names = {"model_name": model_name, "provider_name": provider_name}
    stage = _corpus_stage(home_spec, wanted, asked, names, avoid or [])
    judges = [wanted.judge] if wanted.judge else []
    check_out(out, "coverage.json", "corpus", store, spec)
    if write_with_llm(stage, asked, judges, out, store, plan, max_cost, max_tokens):
        _told(stage, store.resolve(), out)


@corpus_app.command("show")
def corpus_show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("corpus.html"),
    documents: Annotated[int, typer.Option(min=1, help="At most so many on it.")] = 2_000,
) -> None:
    """Write a page to look through a corpus: documents, coverage, what was set aside and why."""
    from midspec.corpus.browse import corpus_page

    write_page(corpus_page(folder, documents), out)


def _corpus_stage(
    spec: Path,
    corpus: "Corpus",
    teacher: "TeacherModel",
    names: dict[str, str],
    avoid: Sequence[Path],
) -> "Stage":
    from midspec.make import make_corpus
    from midspec.part_checks import check_corpus
    from midspec.parts import Identity
    from midspec.spec.stage import spec_stage

    check_corpus(corpus, teacher, "corpus")
    read = spec_stage(corpus.spec, spec, names)
    return make_corpus(corpus.spec, corpus, Identity(**names), teacher, read, avoid)


def _told(stage: "Stage", root: Path, out: Path) -> None:
    """What came of it, in two lines."""
    from midspec.console import console
    from midspec.run.stage import summary_of

    found = summary_of(stage.path(root))
    cost = found.get("cost")
    console.print(
        f"{found['documents']:,} documents kept, {found['set_aside']:,} set aside, "
        f"{found['failed']:,} failed, of {found['asked']:,}; {found['tokens']:,} tokens"
        + (f", ${cost:,.2f}" if cost else "")
        + f". Clauses without a document: {found['clauses_uncovered']}."
    )
    console.print(
        f"Look at it: midspec corpus show {quote(str(out))}", markup=False, soft_wrap=True
    )
