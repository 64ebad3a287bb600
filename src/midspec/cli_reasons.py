"""`midspec reasons`: which reasons drive what arms do, from the logs of generated evals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midspec.cli_build import WriteByDefault, build_with_llm, check_out, put, write_page
from midspec.cli_options import (
    Batch,
    Connections,
    Draw,
    MaxCost,
    MaxTokens,
    MinYield,
    PlanOnly,
    Price,
    ReasoningTokens,
    Store,
    Timeout,
    asked_llm,
)
from midspec.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

TAXONOMY, FOUND = "taxonomy", "found"
PAGE = "reasons.html"

reasons_app = typer.Typer(
    cls=WriteByDefault,
    help="Which reasons drive what arms do: midspec reasons LOG… --judge MODEL --out DIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@reasons_app.command("write")
def reasons_write(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG_OR_FOLDER…",
            help="An arm each: an Inspect log, a folder of logs, or .jsonl; NAME=PATH names it.",
            show_default=False,
        ),
    ],
    judge: Annotated[str, typer.Option(help="Inspect's name of an LLM.")],
    out: Annotated[Path, typer.Option(help="Folder for the analysis.")],
    reasons: Annotated[
        str, typer.Option(help="taxonomy (the paper's), found (in the transcripts), or a .yaml.")
    ] = TAXONOMY,
    max_transcripts: Annotated[
        int | None, typer.Option(min=1, help="At most so many of each arm.")
    ] = None,
    extract_from: Annotated[
        int, typer.Option(min=1, help="Of each arm, with --reasons found.")
    ] = 200,
    merge_over: Annotated[
        float, typer.Option(min=0, max=1, help="Overlap above which reasons are merged.")
    ] = 0.75,
    per_call: Annotated[
        int | None, typer.Option(min=1, help="Reasons that one call decides on; else all.")
    ] = None,
    draw: Draw = 0,
    temperature: Annotated[float, typer.Option(help="Of the judge.")] = 0.0,
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
    """Analyse transcripts; run again with more arms, it pays for these alone."""
    from midspec.evals.reasons.browse import reasons_page
    from midspec.evals.reasons.estimate import estimate_reasons
    from midspec.evals.reasons.stage import ReasonsConfig, take_transcripts
    from midspec.evals.reasons.taxonomy import read_taxonomy
    from midspec.make import make_reasons, set_prices
    from midspec.part_checks import check_judge
    from midspec.run.stage import Source

    asked = asked_llm(
        judge, temperature, reasoning_tokens, connections, timeout, batch, price, min_yield
    )
    check_judge(asked, "reasons")
    places, taxonomy = _places(logs), _taxonomy(reasons)
    check_out(out, "reasons.json", "analysis of reasons", store, *places.values())
    given = read_taxonomy(taxonomy) if taxonomy else None
    stage = make_reasons(
        {arm: Source(arm, path) for arm, path in places.items()},
        asked,
        Source(taxonomy.stem, taxonomy) if taxonomy else None,
        max_transcripts=max_transcripts,
        extract_from=extract_from,
        merge_over=merge_over,
        per_call=per_call,
        draw=draw,
    )
    assert isinstance(stage.config, ReasonsConfig)
    transcripts = take_transcripts(stage.config, places)
    takes = estimate_reasons(stage.config, transcripts, given, batch, set_prices([asked]))
    if build_with_llm([stage], takes, asked, [], store, plan, max_cost, max_tokens):
        put(stage.path(store.resolve()), out)
        _told(out)
        write_page(reasons_page(out), out / PAGE)


@reasons_app.command("show")
def reasons_show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path(PAGE),
    transcripts: Annotated[int, typer.Option(min=1, help="At most so many on it.")] = 2_000,
) -> None:
    """Write a page to look through an analysis: shares, and the transcripts behind each."""
    from midspec.evals.reasons.browse import reasons_page

    write_page(reasons_page(folder, transcripts), out)


def _places(logs: Sequence[str]) -> dict[str, Path]:
    """Where each arm's transcripts lie, by the arm's name."""
    places: dict[str, Path] = {}
    for text in logs:
        name, path = "", Path(text)
        if not path.exists() and "=" in text:
            name, _, rest = text.partition("=")
            path = Path(rest)
        if not path.exists():
            raise ConfigError(f"{path} does not exist. Name an Inspect log, a folder, or a .jsonl.")
        name = name or (path.resolve().name if path.is_dir() else path.stem)
        if name in places:
            raise ConfigError(
                f"Two arms are called {name}: {places[name]} and {path}. Name them: NAME=PATH; the "
                "logs of one arm go into one folder."
            )
        places[name] = path
    return places


def _taxonomy(reasons: str) -> Path | None:
    """The file that names the reasons; None where they are to be found in the transcripts."""
    from midspec.evals.reasons.taxonomy import shipped_taxonomy

    if reasons == FOUND:
        return None
    path = shipped_taxonomy() if reasons == TAXONOMY else Path(reasons)
    if not path.is_file():
        raise ConfigError(f"--reasons {reasons} is not known. Use {TAXONOMY}, {FOUND} or a .yaml.")
    return path


def _told(out: Path) -> None:
    """What came of it: the shares, and what of each arm is in them."""
    from rich.markup import escape

    from midspec.console import console
    from midspec.files import read_json
    from midspec.run.stage import summary_of

    found = read_json(out / "reasons.json")
    cost = summary_of(out).get("cost")
    console.print(shares_table(found))
    for row in found["arms"]:
        console.print(
            f"{escape(row['arm'])}: {row['classified']:,} of {row['transcripts']:,} transcripts "
            f"classified, {row['unreadable']:,} not readable, {row['empty']:,} without text; "
            f"{row['unfounded']:,} quotes not found."
        )
    if cost:
        console.print(f"${cost:,.2f}.")


def shares_table(found: Mapping[str, Any]) -> "Table":
    """The share of transcripts that each reason drives, by arm, with intervals."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    title = "Share of transcripts by reason, in percent (95% interval)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("reason")
    arms = [row["arm"] for row in found["arms"]]
    for arm in arms:
        table.add_column(escape(arm), no_wrap=True)
    wholes = {(row["reason"], row["arm"]): row for row in found["shares"] if row["group"] == ""}
    kind = ""
    for reason in found["reasons"]:
        if reason["kind"] != kind:
            kind = reason["kind"]
            table.add_row(f"[bold]{escape(kind)}[/]")
        cells = [wholes.get((reason["id"], arm)) for arm in arms]
        table.add_row(f"  {escape(reason['name'])}", *(_cell(cell) for cell in cells))
    return table


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    share, low, high = (round(100 * row[key]) for key in ("share", "low", "high"))
    return f"{share} [dim]\\[{low}, {high}][/]"
