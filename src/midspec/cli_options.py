"""The options that the verbs that have an LLM write share, and the LLM that they describe."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_engine import find_store
from midspec.errors import ConfigError

if TYPE_CHECKING:
    from midspec.parts import TeacherModel

DEMO = Path("experiments/cheese.yaml")  # where a command names no experiment
HALVES = ("held-out", "development", "all")
ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", show_default=False)]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC.md", show_default=False)]
ModelName = Annotated[str, typer.Option(help="Fills {model_name}.")]
ProviderName = Annotated[str, typer.Option(help="Fills {provider_name}.")]
Items = Annotated[Path | None, typer.Option(help="Item file, offline only.")]
Avoid = Annotated[list[Path] | None, typer.Option(help="Eval items that must not be given away.")]
Draw = Annotated[int, typer.Option(help="Another number, another sample.")]
Temperature = Annotated[float, typer.Option(help="Of the teacher.")]
ReasoningTokens = Annotated[int, typer.Option(help="Room to think, per answer.")]
MaxCost = Annotated[float | None, typer.Option(help="Stop before so many dollars in all.")]
MaxTokens = Annotated[str | None, typer.Option(help="Or so many tokens.")]
Connections = Annotated[int, typer.Option(help="Calls at once.")]
Timeout = Annotated[float, typer.Option(help="Seconds for one call.")]
Batch = Annotated[bool, typer.Option("--batch", help="Use the batch API.")]
Price = Annotated[str | None, typer.Option(help="Dollars a million tokens: 3,15.")]
MinYield = Annotated[float, typer.Option(help="Share of the first rows to be kept.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Only the estimate.")]
Store = Annotated[
    Path,
    typer.Option(
        "--store",
        parser=find_store,
        metavar="FOLDER|URL",
        help="Finished stages: a folder, or s3://… or gs://….",
    ),
]


def check_known(flag: str, value: str | None, known: Sequence[str]) -> None:
    """What is given to a flag must be one of the values that it knows."""
    if value is not None and value not in known:
        raise ConfigError(f"{flag} {value} is not known. Use {', '.join(known)}.")


def asked_llm(
    model: str,
    temperature: float,
    reasoning_tokens: int,
    connections: int,
    timeout: float,
    batch: bool,
    price: str | None,
    min_yield: float = 0.5,
) -> "TeacherModel":
    """The LLM of the options and how it is asked."""
    from midspec.parts import TeacherModel, checked
    from midspec.teach import price as read_price

    return checked(
        TeacherModel,
        {
            "model": model,
            "temperature": temperature,
            "reasoning_tokens": reasoning_tokens,
            "connections": connections,
            "timeout": timeout,
            "batch": batch,
            "price": read_price(price) if price else None,
            "min_yield": min_yield,
        },
    )
