"""`midspec attribute`: which documents, clauses and document types made the difference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from midspec.cli_build import build_all, open_plan, write_page
from midspec.cli_engine import command, home, planning
from midspec.cli_options import HALVES, ExperimentFile, Store, check_known

if TYPE_CHECKING:
    from midspec.attribute.plan import Wanted
    from midspec.experiment import Plan


def attribute(
    experiment: ExperimentFile,
    arm: Annotated[str, typer.Option(help="A trained arm.")],
    eval_: Annotated[str, typer.Option("--eval", help="An eval by likelihood.")],
    by: Annotated[str, typer.Option(help="clause, section, type, domain or genre.")] = "type",
    half: Annotated[str, typer.Option(help="Of its items: development, held-out or all.")] = (
        "development"
    ),
    seed: Annotated[
        list[int] | None, typer.Option(help="Which seed's model; may be named again.")
    ] = None,
    documents: Annotated[int | None, typer.Option(min=2, help="At most so many.")] = None,
    items: Annotated[int | None, typer.Option(min=2, help="At most so many.")] = None,
    preconditioner: Annotated[
        str, typer.Option(help="adam: parameters count as in AdamW's steps; or none.")
    ] = "adam",
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("attribution.html"),
    store: Store = Path("store"),
) -> None:
    """Attribute an arm's margin on an eval to the documents it was trained on."""
    from midspec.attribute.browse import attribution_page
    from midspec.attribute.plan import attribution
    from midspec.files import read_json
    from midspec.make import judges_of
    from midspec.teach import limits_of

    planned = open_plan(experiment)
    wanted = _wanted(planned, store, arm, eval_, by, half, seed, documents, items, preconditioner)
    known = planning(planned.evals.values(), store.resolve())
    stage = attribution(planned, wanted, known)
    teacher, judges = planned.experiment.teacher, judges_of(planned.experiment)
    build_all([stage], store, limits_of(teacher, judges, store.resolve(), home()))
    folder = stage.path(store.resolve())
    found, again = read_json(folder / "attribution.json"), command("run", experiment, store)
    _tell(found, planned, wanted, again, known)
    write_page(attribution_page(folder), out)


def _wanted(
    planned: "Plan",
    store: Path,
    arm: str,
    eval_: str,
    by: str,
    half: str,
    seeds: list[int] | None,
    documents: int | None,
    items: int | None,
    preconditioner: str,
) -> "Wanted":
    """What was asked for, checked; the arm must be trained."""
    from midspec.attribute.gradient_stage import Preconditioner
    from midspec.attribute.plan import Wanted
    from midspec.experiment import find_arm
    from midspec.portions import By

    check_known("--by", by, get_args(By))
    check_known("--half", half, HALVES)
    check_known("--preconditioner", preconditioner, get_args(Preconditioner))
    named: list[int | None] = [*seeds] if seeds else [None]
    chosen = tuple(dict.fromkeys(find_arm(planned, arm, s, store)[0] for s in named))
    return Wanted(arm, eval_, by, chosen, half, items, documents, preconditioner)  # type: ignore[arg-type]


def _tell(
    found: dict[str, Any], planned: "Plan", wanted: "Wanted", again: str, store: Path
) -> None:
    """The table, the agreement, and what is missing for it."""
    from midspec.attribute.browse import groups_table, sentences
    from midspec.attribute.plan import missing_of
    from midspec.console import console

    console.print(groups_table(found))
    for sentence in sentences(found):
        console.print(sentence, soft_wrap=True, markup=False)
    missing, whole = missing_of(planned, wanted, store)
    if missing:
        console.print(
            f"Of the leave-out set {missing} of {whole} evaluations aren't done, so there is no "
            f"agreement to tell. Run: {again}, then this again.",
            soft_wrap=True,
            markup=False,
        )
    if not whole:
        console.print(
            f"The experiment leaves nothing out of {wanted.arm} by {wanted.by}, so this estimate "
            "stands alone: see leave_out in docs/attribution.md.",
            soft_wrap=True,
            markup=False,
        )
