"""The arms of a grid: every combination of corpora, fine-tuning sets, doses, orders and models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from midspec.arms import PLACEBO, Both, Names, Step, listed
from midspec.errors import ConfigError, known
from midspec.parts import Demos, Strict, Use, read_use
from midspec.portions import AnyCorpus

NONE, MIX = "none", "mix"
Dose = Annotated[int, Field(gt=0, strict=True)] | Literal["all"]
Doses = Annotated[list[Dose], Field(min_length=1), BeforeValidator(listed)]
Order = Literal["msm-aft", "aft-msm", "interleaved"]
Orders = Annotated[list[Order], Field(min_length=1), BeforeValidator(listed)]


class DoseAxis(Strict):
    """How much of each corpus (tokens by the model's tokenizer) and of each fine-tuning set
    (chats); `all` is the whole of it."""

    msm: Doses | None = None
    """Tokens of each corpus, by the model's tokenizer."""
    aft: Doses | None = None
    """Chats of each fine-tuning set."""


class Axes(Strict):
    """The axes of a grid, each a value or a list; one that isn't named has its first value only."""

    msm: Names | None = None
    """Corpora; `none`: arms without midtraining."""
    aft: Names | None = None
    """Fine-tuning sets; `none`; `mix`: those under `with` alone."""
    dose: DoseAxis = DoseAxis()
    """How much of each."""
    order: Orders | None = None
    """Which training comes first."""
    model: Names | None = None
    """Base models; unset, the experiment's."""


class Grid(Axes):
    """All combinations of the axes, less those that a row of `exclude` matches, and those of each
    row of `include` besides.

    msm: corpora, and `none` for arms without midtraining. aft: fine-tuning sets as `finetune:`
    writes them, `none` for arms without fine-tuning, and `mix` for those that are fine-tuned on the
    sets under `with` alone, which stand beside every fine-tuning set.
    """

    beside: Annotated[list[str], BeforeValidator(listed)] = Field([], alias="with")
    """Sets beside every fine-tuning set."""
    exclude: list[Axes] = Field(default_factory=list)
    """Combinations to take out."""
    include: list[Axes] = Field(default_factory=list)
    """Small grids of their own to add."""


@dataclass(frozen=True)
class Cell:
    """One combination, in the words of the axes; None where an axis has no meaning for it."""

    msm: str
    msm_dose: Dose | None
    aft: str
    aft_dose: Dose | None
    order: Order | None
    model: str | None

    @property
    def told(self) -> Use | None:
        """The corpus that it is midtrained on, and how much of it."""
        return None if self.msm == NONE else _use(self.msm, self.msm_dose)

    @property
    def shown(self) -> Use | None:
        """The set that it is fine-tuned on, and how much of it."""
        return None if self.aft in (NONE, MIX) else _use(self.aft, self.aft_dose)


def grid_arms(
    grid: Grid, corpora: Mapping[str, AnyCorpus], demos: Mapping[str, Demos], where: str
) -> dict[str, list[Step]]:
    """The arms of a grid by name, as the paper's ready-made arms are named; whatever of the grid
    can't be meant is a ConfigError."""
    _check_names(grid, corpora, demos, where)
    cells, all_cells = _kept(grid, where)
    told = list(dict.fromkeys(cell.told for cell in all_cells if cell.told))
    shown = list(dict.fromkeys(cell.shown for cell in all_cells if cell.shown))
    models = {cell.model for cell in all_cells}
    names: dict[str, Cell] = {}
    for cell in cells:
        name = _name(cell, told, shown) + (_model(cell) if len(models) > 1 else "")
        if name in names:
            raise ConfigError(
                f"{where}: two arms would be called {name!r}: {_words(names[name])}; and "
                f"{_words(cell)}. Rename one of the parts."
            )
        names[name] = cell
    return {name: _steps(cell, grid.beside) for name, cell in names.items()}


def _cells(axes: Axes, models: Sequence[str | None]) -> Iterator[Cell]:
    """All combinations; those that differ in what has no meaning for them are one."""
    whole: list[Dose] = ["all"]
    every = product(
        axes.model or models,
        axes.aft or [NONE],
        axes.dose.aft or whole,
        axes.msm or [NONE],
        axes.dose.msm or whole,
        axes.order or get_args(Order)[:1],
    )
    found = (
        Cell(
            msm=msm,
            msm_dose=None if msm == NONE or read_use(msm).dose else msm_dose,
            aft=aft,
            aft_dose=None if aft in (NONE, MIX) or read_use(aft).dose else aft_dose,
            order=None if msm == NONE or aft in (NONE, MIX) else order,
            model=model,
        )
        for model, aft, aft_dose, msm, msm_dose, order in every
    )
    yield from dict.fromkeys(found)


def _kept(grid: Grid, where: str) -> tuple[list[Cell], list[Cell]]:
    """The combinations that are left with those that come on top, and these with all there were,
    so that to exclude one renames no other."""
    if not (grid.msm or grid.aft or grid.include):
        raise ConfigError(f"{where} is empty. Name corpora under msm, fine-tuning sets under aft.")
    models: Sequence[str | None] = grid.model or [None]
    every = list(_cells(grid, models)) if grid.msm or grid.aft else []
    cells = every
    for number, row in enumerate(grid.exclude):
        _check_values(row, cells, f"{where}.exclude[{number}]")
        left = [cell for cell in cells if not _matches(row, cell)]
        if len(left) == len(cells):
            raise ConfigError(
                f"{where}.exclude[{number}] matches no arm of the grid. Take it out, or change it."
            )
        cells = left
    for number, row in enumerate(grid.include):
        added = [cell for cell in _cells(row, models) if cell not in cells]
        if not added:
            raise ConfigError(
                f"{where}.include[{number}] adds no arm: the grid has it already. Take it out."
            )
        cells = cells + added
    if not cells:
        raise ConfigError(f"{where}: exclude leaves no arm. Exclude less.")
    return cells, list(dict.fromkeys([*every, *cells]))


def _given(row: Axes) -> dict[str, Sequence[object]]:
    """The axes that a row names, by the field of a cell that they are about."""
    axes = {
        "msm": row.msm,
        "msm_dose": row.dose.msm,
        "aft": row.aft,
        "aft_dose": row.dose.aft,
        "order": row.order,
        "model": row.model,
    }
    return {axis: values for axis, values in axes.items() if values is not None}


def _matches(row: Axes, cell: Cell) -> bool:
    return all(getattr(cell, axis) in values for axis, values in _given(row).items())


def _check_values(row: Axes, cells: Sequence[Cell], where: str) -> None:
    """Each value of a row must be one of its axis."""
    given = _given(row)
    if not given:
        raise ConfigError(f"{where} names no axis, so it would match every arm. Name one.")
    for axis, values in given.items():
        there = {str(v): v for c in cells if (v := getattr(c, axis)) is not None}
        for value in values:
            if value not in there.values():
                key = axis.removesuffix("_dose")
                at = f"dose.{key}" if key != axis else axis
                raise ConfigError(
                    f"{where}.{at}: {value!r} is in no arm of the grid{known(str(value), there)}"
                )


def _check_names(
    grid: Grid, corpora: Mapping[str, AnyCorpus], demos: Mapping[str, Demos], where: str
) -> None:
    """Each corpus and each set must be one that the experiment defines."""
    for word, taken in ((NONE, [*corpora, *demos]), (MIX, [*demos])):
        if word in taken:
            raise ConfigError(
                f"{where}: {word!r} has a meaning of its own in a grid. Give what is defined under "
                "that name another one."
            )
    rows = [("", grid), *((f".include[{n}]", row) for n, row in enumerate(grid.include))]
    for at, row in rows:
        named = [("msm", "corpus", name) for name in row.msm or [] if name != NONE]
        named += [("aft", "demos", name) for name in row.aft or [] if name not in (NONE, MIX)]
        if not at:
            named += [("with", "demos", name) for name in grid.beside]
        for axis, kind, name in named:
            defined = [*corpora] if kind == "corpus" else [*demos]
            if read_use(name).name not in defined:
                raise ConfigError(
                    f"{where}{at}.{axis} names the {kind} {name!r}, which is not defined"
                    + known(name, defined)
                )
        if MIX in (row.aft or []) and not grid.beside:
            raise ConfigError(
                f"{where}{at}.aft: {MIX} is the sets under with: alone, and there are none. Name "
                "some, or leave it out."
            )


def _use(written: str, dose: Dose | None) -> Use:
    use = read_use(written)
    return use._replace(dose=dose) if isinstance(dose, int) else use


def _steps(cell: Cell, beside: Sequence[str]) -> list[Step]:
    documents = [cell.told.written] if cell.told else []
    chats = [*([cell.shown.written] if cell.shown else []), *beside] if cell.aft != NONE else []
    first = [Step(model=cell.model)] if cell.model else []
    if cell.order == "interleaved":
        return [*first, Step(interleave=Both(midtrain=documents, finetune=chats))]
    midtrain = [Step(midtrain=documents)] if documents else []
    finetune = [Step(finetune=chats)] if chats else []
    both = [*finetune, *midtrain] if cell.order == "aft-msm" else [*midtrain, *finetune]
    return [*first, *both]


def _name(cell: Cell, all_told: Sequence[Use], all_shown: Sequence[Use]) -> str:
    """An arm's name but for its model; what all cells have alike isn't in it."""
    told, shown = cell.told, cell.shown
    msm = _label("msm", told, [use for use in all_told if use.name != PLACEBO]) if told else ""
    if told and told.name == PLACEBO:
        msm = PLACEBO + _dose(told, all_told)
    alike = [use for use in all_shown if shown and use.reasoning == shown.reasoning]
    kind = "aft-reasoning" if shown and shown.reasoning else "aft"
    aft = _label(kind, shown, alike) if shown else ""
    parts = [part for part in (msm, aft or (MIX if cell.aft == MIX else "")) if part]
    name = "+".join(reversed(parts) if cell.order == "aft-msm" else parts) or "base"
    return f"{name}:interleaved" if cell.order == "interleaved" else name


def _model(cell: Cell) -> str:
    return f":{Path(cell.model).name}" if cell.model else ""


def _label(kind: str, use: Use, among: Sequence[Use]) -> str:
    several = len({one.name for one in among}) > 1
    return (f"{kind}-{use.name}" if several else kind) + _dose(use, among)


def _dose(use: Use, among: Sequence[Use]) -> str:
    several = len({one.dose for one in among}) > 1
    return f"@{use.dose}" if use.dose and several else ""


def _words(cell: Cell) -> str:
    """A combination spelled out, for who must tell two apart."""
    told, shown = cell.told, cell.shown
    said = [f"msm {told.written}" if told else "", f"aft {shown.written}" if shown else cell.aft]
    said += [cell.order or "", cell.model or ""]
    return ", ".join(part for part in said if part)
