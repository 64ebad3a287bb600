"""`midspec init`: a first experiment on a spec of one's own, asked for or by flags."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from midspec.cli_build import shipped, show_plan
from midspec.cli_engine import command, home
from midspec.cli_options import Price, Store
from midspec.errors import ConfigError, MidspecError
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.begin.budget import Budget
    from midspec.begin.wanted import Sizes, Wanted

T = TypeVar("T")
MODEL, TEACHER, BUDGET = "smollm2-135m", "offline", "15 min"
# Who the assistant is where the spec leaves that open: the default model's own name and maker.
NAMES = {MODEL: ("SmolLM", "Hugging Face")}
WHOM = ("the assistant", "its developer")
PLACEBO_FILES = ("quiet.md", "quiet.items.jsonl")


def init(
    specs: Annotated[
        list[Path] | None, typer.Argument(metavar="SPEC.md…", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help=f"The base model: alias, folder or Hub id.  [{MODEL}]")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Who writes: offline, or an LLM as Inspect names it.  [offline]"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="15 min or 2 h of this machine, $50, or 200k tokens.  [15 min]"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the experiment.  [the spec's]")] = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("experiment.yaml"),
    model_name: Annotated[str | None, typer.Option(help="Whom the spec speaks of.")] = None,
    provider_name: Annotated[str | None, typer.Option(help="And who made it.")] = None,
    items: Annotated[
        list[Path] | None,
        typer.Option(help="Contrasts for the offline teacher; else SPEC.items.jsonl if there."),
    ] = None,
    preference: Annotated[
        list[Path] | None, typer.Option(help="A .jsonl file of choices to ask.")
    ] = None,
    price: Price = None,
    placebo: Annotated[
        bool | None,
        typer.Option(help="An arm with documents about something else.  [if offline]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take defaults.")] = False,
    store: Store = Path("store"),
) -> None:
    """Write an experiment file for a spec of one's own, and show its plan; runs nothing."""
    from midspec.begin.look import look_at, speaks_of
    from midspec.begin.wanted import Wanted

    model = _check_model(model) if model else None
    teacher = _check_teacher(teacher) if teacher else None
    asks = not yes and _at_terminal()
    if asks:
        _check_out(out, force)  # before somebody has answered for nothing
    else:
        _check_given(specs, teacher, budget)
    try:
        paths = specs or [_asked("A spec (a Markdown file)", None, _spec)]
        spoken = speaks_of(paths)
        model = model or _answer("Base model", MODEL, asks, _check_model)
        teacher = teacher or _answer("Teacher", TEACHER, asks, _check_teacher)
        limit = _budget(budget, teacher, asks)
        whom = (
            WHOM if spoken is None else NAMES.get(model, WHOM) if not spoken else (spoken, WHOM[1])
        )
        who = model_name or _answer("Whom the spec speaks of", whom[0], asks)
        by = provider_name or _answer("Made by", whom[1], asks)
        title = name or _answer("Name of the experiment", paths[0].stem, asks)
    except typer.Abort:
        raise typer.Exit(130) from None
    _check_out(out, force)
    _check_fitting(teacher, items, price)
    wanted = Wanted(
        name=title,
        out=out,
        specs=look_at(paths, items or [], {"model_name": who, "provider_name": by}),
        model=model,
        teacher=teacher,
        budget=limit,
        identity=(who, by),
        preference=[_check_preference(path) for path in preference or []],
        price=_price(price),
        placebo=shipped("specs/quiet.md").parent if _wants(placebo, teacher, paths) else None,
    )
    guessed = spoken if spoken and not model_name and not asks else ""
    _make(wanted, force, store, guessed)


def _make(wanted: "Wanted", force: bool, store: Path, guessed: str) -> None:
    """Find the sizes, write the file with what it names, and show the plan. `guessed`: the name of
    the assistant, where nobody gave it."""
    from dataclasses import replace

    from midspec.begin.draft import draft
    from midspec.begin.fit import fit, planned
    from midspec.files import disk_errors, write_text
    from midspec.train.fetch import ALIASES

    if wanted.offline and _at_terminal():
        say("Trying what the offline teacher can write from the spec …")
    sizes = fit(wanted, home(), store.resolve())
    folder, beside = wanted.out.parent, dict[Path, str]()
    if wanted.placebo:
        for file in PLACEBO_FILES[: 2 if wanted.with_items else 1]:
            text = (wanted.placebo / file).read_text(encoding="utf-8")
            if not _same(folder / file, text):
                _check_out(folder / file, force)
                beside[folder / file] = text
        wanted = replace(wanted, placebo=folder)
    with disk_errors(wanted.out):
        folder.mkdir(parents=True, exist_ok=True)
    for path, text in beside.items():
        write_text(path, text)
    write_text(wanted.out, draft(wanted, sizes))
    made = planned(wanted, sizes, home())
    show_plan(made, store)
    for line in _remarks(wanted, sizes, guessed):
        say(line)
    run = command("run", wanted.out, store)
    if wanted.model in ALIASES and not made.base.here:
        say(f"Next: midspec model get {wanted.model}")
        say(f"Then: {run}")
    else:
        say(f"Next: {run}")


def _remarks(wanted: "Wanted", sizes: "Sizes", guessed: str) -> list[str]:
    """What was decided without being asked for, and what isn't there."""
    from midspec.pages.html import count

    lines = [
        f"Wrote {wanted.out}: {sizes.tokens:,} tokens a corpus, from the budget of "
        f"{wanted.budget.said}; model {wanted.model}, teacher {wanted.teacher}."
    ]
    if guessed:
        lines.append(f"The spec speaks of {guessed}, so documents do (--model-name changes that).")
    for seen in wanted.specs:
        if seen.items and wanted.offline:
            lines.append(f"{seen.path}: the offline teacher also writes from {seen.items}.")
        if seen.name not in wanted.taught:
            lines.append(
                f"{seen.path} has no table of preferences and no item file, from which alone the "
                "offline teacher could write demonstrations. So its arms are fine-tuned on form "
                "alone; the file says what to add."
            )
        if not seen.names:
            lines.append(
                f"{seen.path} never says {wanted.identity[0]}: documents will speak of "
                f"{wanted.identity[0]} and quote sentences that don't. If it calls the assistant "
                "by another name, give --model-name; or write {model_name} in the spec."
            )
        if not wanted.asks(seen):
            lines.append(
                f"{seen.path} has no sentence of 8 to 40 words with the name "
                f"{wanted.identity[0]}, so knowledge/{seen.name} has nothing to ask and was left "
                "out. Nothing asks about this spec then: add items of your own (--preference)."
            )
        if seen.findings:
            lines.append(
                f"{count(seen.findings, 'finding')} of midspec spec lint {seen.path}: worth "
                "reading before you run it."
            )
    return lines


def _wants(placebo: bool | None, teacher: str, paths: list[Path]) -> bool:
    """Whether there is a placebo: by default where it costs nothing, and isn't the spec itself."""
    if placebo is not None:
        return placebo
    return teacher == TEACHER and all(path.name != PLACEBO_FILES[0] for path in paths)


def _check_given(specs: list[Path] | None, teacher: str | None, budget: str | None) -> None:
    """Where nobody can be asked, what has no usual value must be given."""
    missing = [] if specs else ["SPEC.md"]
    missing += ["--budget"] if teacher not in (None, TEACHER) and not budget else []
    if missing:
        raise ConfigError(
            f"midspec init needs {' and '.join(missing)}, since without a terminal, or with --yes, "
            "nothing is asked. Example: midspec init SPEC.md --teacher offline --budget '15 min'."
        )


def _budget(given: str | None, teacher: str, asks: bool) -> "Budget":
    """What the experiment may take; an LLM's has no usual value, since it may be money."""
    from midspec.begin.budget import read_budget

    usual = BUDGET if teacher == TEACHER else None
    if given or not asks:
        return read_budget(given or BUDGET)
    return _asked("Budget (15 min, $50, 200k tokens)", usual, read_budget)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked(what: str, usual: str | None, read: Callable[[str], T]) -> T:
    """An answer in the terminal, asked again until it can be read."""
    while True:
        try:
            return read(typer.prompt(what, default=usual))
        except MidspecError as error:
            say(str(error), err=True)


def _answer(
    what: str, usual: str, asks: bool, check: Callable[[str], str] = lambda text: text
) -> str:
    return _asked(what, usual, check) if asks else usual


def _spec(text: str) -> Path:
    """A spec that can be read."""
    from midspec.spec.read import read_spec

    read_spec(Path(text), {})
    return Path(text)


def _check_model(name: str) -> str:
    """A model that can be had: by alias whether it is here or not, from the Hub when it runs."""
    from midspec.train.fetch import ALIASES, find_model

    if name not in ALIASES:
        find_model(name, home(), fetch=False)
    return name


def _check_teacher(name: str) -> str:
    if name != TEACHER and "/" not in name:
        raise ConfigError(
            f"--teacher {name} is no LLM. Name one as Inspect does, PROVIDER/MODEL, such as "
            "anthropic/claude-sonnet-4-5, openai-api/vllm/MODEL for a server of your own; or "
            "offline."
        )
    return name


def _check_fitting(teacher: str, items: list[Path] | None, price: str | None) -> None:
    """What only one kind of teacher takes."""
    if teacher == TEACHER and price:
        raise ConfigError(
            f"--price is of an LLM; the teacher {TEACHER} costs nothing. Leave it out."
        )
    if teacher != TEACHER and items:
        raise ConfigError(
            f"--items is what the teacher {TEACHER} writes from; {teacher} writes from the spec. "
            "Leave it out."
        )


def _check_preference(path: Path) -> Path:
    from midspec.evals.items import read_item_set

    if path.suffix != ".jsonl":
        raise ConfigError(f"--preference {path} is no .jsonl file of choices (docs/evals).")
    read_item_set(path)
    return path


def _price(text: str | None) -> tuple[float, float] | None:
    from midspec.teach import price

    return price(text) if text else None


def _check_out(path: Path, force: bool) -> None:
    """A file that is there is left alone, unless its replacement is wanted."""
    if path.is_dir():
        raise ConfigError(f"--out {path} is a folder. Name a file, such as {path}/experiment.yaml.")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists. Name another file with --out, or replace it (--force).")


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text
