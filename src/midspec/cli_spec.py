"""`midspec spec`: linting a spec, and deriving variants of it to compare."""

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midspec.cli_build import build_with_llm, check_out, made_whole
from midspec.cli_options import (
    Batch,
    Connections,
    Draw,
    MaxCost,
    MaxTokens,
    ModelName,
    PlanOnly,
    Price,
    ProviderName,
    ReasoningTokens,
    Store,
    Timeout,
    asked_llm,
)
from midspec.errors import ConfigError
from midspec.terminal import say

if TYPE_CHECKING:
    from rich.table import Table

    from midspec.parts import TeacherModel
    from midspec.spec.lint import Linted
    from midspec.spec.marks import Passage
    from midspec.spec.variants import Made

spec_app = typer.Typer(
    help="Model specs: lint them, derive variants.", no_args_is_help=True, rich_markup_mode=None
)
Most = tuple[float | None, str | None]  # dollars and tokens for one stage
SpecFiles = Annotated[list[Path], typer.Argument(metavar="SPEC.md…", show_default=False)]
TeacherName = Annotated[str | None, typer.Option(help="Inspect's name of an LLM.")]
Temperature = Annotated[float, typer.Option(help="Of the LLM.")]


@spec_app.command("lint")
def spec_lint(
    specs: SpecFiles,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ignore: Annotated[list[str] | None, typer.Option(help="A check to leave out.")] = None,
    context: Annotated[int, typer.Option(min=2048, help="Tokens a prompt may have.")] = 8192,
    model_name: ModelName = "the assistant",
    provider_name: ProviderName = "its developer",
    teacher: TeacherName = None,
    draw: Draw = 0,
    temperature: Temperature = 0.0,
    reasoning_tokens: ReasoningTokens = 0,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    connections: Connections = 50,
    timeout: Timeout = 300.0,
    batch: Batch = False,
    price: Price = None,
    plan: PlanOnly = False,
    store: Store = Path("store"),
) -> None:
    """Find what is wrong with specs, by rules and with --teacher by an LLM; exits with 1 if so."""
    from midspec.spec.lint import CHECKS, lint

    if unknown := set(ignore or []) - set(CHECKS):
        raise ConfigError(
            f"--ignore {min(unknown)} is no check. The checks are {', '.join(CHECKS)}."
        )
    _check_plan(plan, teacher)
    identity = {"model_name": model_name, "provider_name": provider_name}
    linted = [lint(path, identity, context) for path in specs]
    if teacher:
        asked = asked_llm(
            teacher, temperature, reasoning_tokens, connections, timeout, batch, price
        )
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            linted = _read_too(linted, asked, identity, draw, (max_cost, max_tokens), plan, store)
    if plan:
        return
    some = False
    for one in linted:
        found = [finding for finding in one.findings if finding.check not in (ignore or [])]
        some |= bool(found)
        _tell(replace(one, findings=found), as_json)
    if some:
        raise typer.Exit(1)


def _check_plan(plan: bool, teacher: str | None) -> None:
    if plan and not teacher:
        raise ConfigError("--plan tells what an LLM takes. Name one with --teacher MODEL.")


def _tell(linted: "Linted", as_json: bool) -> None:
    """The findings in one spec, a line each; as JSON one object a line."""
    from midspec.pages.html import count

    if as_json:
        say(json.dumps(asdict(linted)))
        return
    for one in linted.findings:
        by = f" [{one.by}]" if one.by else ""
        at = f"{one.file}:{one.line}: {one.clause or 'spec'}: {one.check}"
        say(f"{at}: {one.what} {one.todo}{by}")
    say(
        f"{linted.file}: {count(len(linted.findings), 'finding')}; "
        f"{count(linted.clauses, 'clause')}, {count(linted.words, 'word')}, "
        f"about {count(linted.tokens, 'token')}."
    )


def _read_too(
    linted: "Sequence[Linted]",
    asked: "TeacherModel",
    identity: dict[str, str],
    draw: int,
    most: Most,
    plan: bool,
    store: Path,
) -> "list[Linted]":
    """The specs with what an LLM finds in them as well."""
    from midspec.files import read_json
    from midspec.make import set_prices, settings_of
    from midspec.part_checks import check_judge
    from midspec.spec.critic import estimate_lint, lint_stage, with_faults
    from midspec.spec.marks import passages, without_marks
    from midspec.spec.prompts import AskConfig
    from midspec.spec.read import clauses, read_spec
    from midspec.spec.stage import spec_stage
    from midspec.write.estimate import together

    check_judge(asked, "--teacher")
    config = AskConfig(settings_of(asked), tuple(sorted(identity.items())), draw)
    paths = [Path(one.file) for one in linted]
    texts = [read_spec(path, identity) for path in paths]
    prices = set_prices([asked])
    expected = [
        estimate_lint(without_marks(text), clauses(text), config, asked.batch, prices)
        for text in texts
    ]
    specs = [spec_stage(path.stem, path.resolve(), identity) for path in paths]
    stages = [lint_stage(spec, config) for spec in specs]
    if not build_with_llm(stages, together(expected), asked, [], store, plan, *most):
        return list(linted)
    merged = []
    for one, stage, text in zip(linted, stages, texts, strict=True):
        folder = stage.path(store.resolve())
        for problem in read_json(folder / "sections.json")["unread"]:
            say(f"{one.file}: a section could not be judged ({problem}).", err=True)
        merged.append(with_faults(one, folder, passages(text), asked.model))
    return merged


@spec_app.command("variants")
def spec_variants(
    specs: SpecFiles,
    out: Annotated[Path, typer.Option(help="Folder for the variants.")],
    seed: Annotated[int, typer.Option(help="Which clauses are cut, and swapped.")] = 0,
    tolerance: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share by which lengths may differ.")
    ] = 0.03,
    model_name: ModelName = "the assistant",
    provider_name: ProviderName = "its developer",
    teacher: TeacherName = None,
    draw: Draw = 0,
    temperature: Temperature = 1.0,
    reasoning_tokens: ReasoningTokens = 0,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    connections: Connections = 50,
    timeout: Timeout = 300.0,
    batch: Batch = False,
    price: Price = None,
    plan: PlanOnly = False,
    store: Store = Path("store"),
) -> None:
    """Derive specs to compare from one, or from several that share rules, by their marks."""
    from midspec.files import disk_errors
    from midspec.spec.manifest import MANIFEST, write_variants
    from midspec.spec.marks import passages
    from midspec.spec.read import read_spec
    from midspec.spec.variants import make_variants, merge

    _check_plan(plan, teacher)
    check_out(out, MANIFEST, "set of variants", store, *specs)
    marked = None
    found = merge([(str(path), passages(read_spec(path, {}), str(path))) for path in specs])
    if teacher:
        asked = asked_llm(
            teacher, temperature, reasoning_tokens, connections, timeout, batch, price
        )
        identity = {"model_name": model_name, "provider_name": provider_name}
        marked = _mark(specs, found, asked, identity, draw, (max_cost, max_tokens), plan, store)
        if marked is None:
            return
        found = passages(marked.read_text(encoding="utf-8"), str(marked))
    made = make_variants(found, seed, tolerance)
    if len(made.variants) < 2:
        why = "; ".join(f"{name}: {why}" for name, why in made.missing.items())
        raise ConfigError(
            f"{', '.join(map(str, specs))} gives nothing to compare ({why}). Mark its clauses as "
            "docs/spec-variants.md says, or have an LLM do it (--teacher MODEL)."
        )
    with disk_errors(out), made_whole(out) as folder:
        write_variants(
            made, found, specs, folder, seed=seed, tolerance=tolerance, marked_by=teacher or ""
        )
        if marked:
            shutil.copyfile(marked, folder / marked.name)
    _tell_variants(made, out)


def _mark(
    specs: Sequence[Path],
    found: "Sequence[Passage]",
    asked: "TeacherModel",
    identity: dict[str, str],
    draw: int,
    most: Most,
    plan: bool,
    store: Path,
) -> Path | None:
    """The spec as an LLM marked it and added to it; None if only the plan was asked for."""
    from midspec.make import set_prices, settings_of
    from midspec.part_checks import check_judge
    from midspec.spec.marked import MARKED, estimate_marks, mark_stage
    from midspec.spec.prompts import AskConfig

    if len(specs) > 1:
        raise ConfigError("--teacher marks one spec at a time. Name one.")
    check_judge(asked, "--teacher")
    config = AskConfig(settings_of(asked), tuple(sorted(identity.items())), draw)
    stage = mark_stage(specs[0].resolve(), config)
    takes = estimate_marks(found, config, asked.batch, set_prices([asked]))
    if not build_with_llm([stage], takes, asked, [], store, plan, *most):
        return None
    return stage.path(store.resolve()) / MARKED


def _tell_variants(made: "Made", out: Path) -> None:
    """A table of the variants, why others weren't made, and the lines for an experiment file."""
    from midspec.console import console
    from midspec.files import read_json
    from midspec.spec.manifest import MANIFEST
    from midspec.spec.variants import BROKEN

    rows = read_json(out / MANIFEST)["variants"]
    console.print(variants_table(rows))
    for row in rows:
        if (cut := row["matched"]) and not row["name"].endswith(BROKEN):
            say(
                f"{row['name']}: {cut['after']:,} words, {cut['difference']:+.1%} beside "
                f"{cut['to']}; of {cut['before']:,}, {len(cut['left_out'])} clauses left out and "
                f"{len(cut['shortened'])} shortened."
            )
    for name, why in made.missing.items():
        say(f"{name}: not made, since {why}.")
    say("specs:")
    for row in rows:
        say(f"  {row['name']}: {out / row['file']}")


def variants_table(rows: "Sequence[dict[str, Any]]") -> "Table":
    """The variants with their sizes."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for name in ("clauses", "words", "tokens"):
        table.add_column(name, justify="right")
    table.add_column("holds")
    for row in rows:
        sizes = (f"{row[key]:,}" for key in ("clauses", "words", "tokens"))
        table.add_row(escape(row["name"]), *sizes, escape(row["holds"]))
    return table
