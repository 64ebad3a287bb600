"""`midspec corpus`: documents about a spec, and a look at them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from midspec.cli_build import build_all, check_out, home, put

if TYPE_CHECKING:
    from midspec.parts import Corpus, TeacherModel
    from midspec.run.stage import Stage


class _WriteByDefault(TyperGroup):
    """`midspec corpus SPEC.md …` is short for `midspec corpus write SPEC.md …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["write", *args]
        return super().parse_args(ctx, args)


corpus_app = typer.Typer(
    cls=_WriteByDefault,
    help="Documents about a spec: midspec corpus SPEC.md --teacher MODEL --tokens 8M --out DIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@corpus_app.command("write")
def corpus_write(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.md", show_default=False)],
    teacher: Annotated[str, typer.Option(help="Inspect's name of an LLM, or offline.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus.")],
    tokens: Annotated[str, typer.Option(help="Size to reach: 8M, 120k.")] = "100k",
    documents: Annotated[int | None, typer.Option(help="Documents to keep instead.")] = None,
    model_name: Annotated[str, typer.Option(help="Fills {model_name}.")] = "the assistant",
    provider_name: Annotated[str, typer.Option(help="Fills {provider_name}.")] = "its developer",
    document_tokens: Annotated[int, typer.Option(help="Mean length.")] = 1_000,
    form: Annotated[str, typer.Option(help="documents, qa or both.")] = "documents",
    framing: Annotated[
        str, typer.Option(help="does, should, assistants, other-model or humans.")
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
    items: Annotated[Path | None, typer.Option(help="Item file, offline only.")] = None,
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
    min_yield: Annotated[float, typer.Option(help="Share of documents to keep.")] = 0.5,
    plan: Annotated[bool, typer.Option("--plan", help="Only the estimate.")] = False,
    store: Annotated[Path, typer.Option("--store", help="Finished stages.")] = Path("store"),
) -> None:
    """Write a corpus; run again with a larger size, it goes on from what is there."""
    from midspec.console import console
    from midspec.estimate import teacher_estimate
    from midspec.parts import Corpus, TeacherModel, checked
    from midspec.teach import amount, higher, limits_of
    from midspec.teach import price as read_price
    from midspec.write.estimate import estimate_words

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
    asked: TeacherModel = checked(
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
    names = {"model_name": model_name, "provider_name": provider_name}
    stage = _corpus_stage(home_spec, wanted, asked, names, avoid or [])
    judges = [wanted.judge] if wanted.judge else []
    check_out(out, "coverage.json", "corpus")
    console.print(estimate_words(teacher_estimate(stage, asked, judges)))
    if plan:
        return
    root = store.resolve()
    limits = higher(limits_of(asked, judges, root, home()), max_cost, max_tokens)
    build_all([stage], store, limits)
    put(stage.path(root), out)
    _told(stage, root, out)


@corpus_app.command("show")
def corpus_show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("corpus.html"),
    documents: Annotated[int, typer.Option(min=1, help="At most so many on it.")] = 2_000,
) -> None:
    """Write a page to look through a corpus: documents, coverage, what was set aside and why."""
    from midspec.corpus.browse import corpus_page
    from midspec.files import disk_errors, write_text

    page = corpus_page(folder, documents)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, page)
    typer.echo(out)


def _corpus_stage(
    spec: Path,
    corpus: "Corpus",
    teacher: "TeacherModel",
    names: dict[str, str],
    avoid: Sequence[Path],
) -> "Stage":
    from midspec.experiment import make_corpus
    from midspec.parts import Identity, check_corpus
    from midspec.spec.stage import spec_stage

    check_corpus(corpus, teacher, "corpus")
    read = spec_stage(corpus.spec, spec, names)
    return make_corpus(corpus.spec, corpus, Identity(**names), teacher, read, avoid)


def _told(stage: "Stage", root: Path, out: Path) -> None:
    """What came of it, in two lines."""
    from midspec.console import console
    from midspec.files import read_json

    found: dict[str, Any] = read_json(stage.path(root) / "manifest.json")["summary"]
    cost = found.get("cost")
    console.print(
        f"{found['documents']:,} documents kept, {found['set_aside']:,} set aside, "
        f"{found['failed']:,} failed, of {found['asked']:,}; {found['tokens']:,} tokens"
        + (f", ${cost:,.2f}" if cost else "")
        + f". Clauses without a document: {found['clauses_uncovered']}."
    )
    console.print(f"Look at it: midspec corpus show {out}", soft_wrap=True)
