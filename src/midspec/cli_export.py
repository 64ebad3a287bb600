"""`midspec export`: an experiment as an archive, or an arm as a folder for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from midspec.cli_archive import write_run
from midspec.cli_build import check_out, made_whole, open_plan
from midspec.cli_options import DEMO, Store
from midspec.errors import ConfigError


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT.yaml|ARM",
            help="A finished experiment, for an archive; or one of its arms, for a folder.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The archive to write, else NAME.tar.gz; of an arm, the folder."),
    ] = None,
    adapters: Annotated[
        list[str] | None,
        typer.Option(help="Of an archive: none, final, all, or an arm's (once for each)."),
    ] = None,
    experiment: Annotated[
        Path | None, typer.Option("--experiment", "-e", help="Of an arm: its experiment file.")
    ] = None,
    adapter_only: Annotated[
        bool, typer.Option("--adapter-only", help="Of an arm: what PEFT adds to the base model.")
    ] = False,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Of an arm: bfloat16, float16, float32; else the first, of an adapter the last."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of an arm: which seed's model.")] = None,
    store: Store = Path("store"),
) -> None:
    """Write an experiment's archive, which midspec import takes in on another machine; or an arm's
    weights and a model card, for transformers, vLLM, llama.cpp or PEFT."""
    if Path(what).suffix in (".yaml", ".yml"):
        if experiment or adapter_only or dtype or seed is not None:
            raise ConfigError(
                f"{what} is an experiment, and --experiment, --adapter-only, --dtype and --seed "
                "are for an arm. An archive's weights are chosen with --adapters."
            )
        write_run(Path(what), out, adapters or ["none"], store)
        return
    if adapters:
        raise ConfigError(f"--adapters is for an archive, and {what} is no experiment file.")
    if out is None:
        raise ConfigError(f"Name the folder to write the arm {what} to, with --out.")
    _write_arm(what, out, experiment or DEMO, adapter_only, dtype, seed, store)


def _write_arm(
    arm: str,
    out: Path,
    experiment: Path,
    adapter_only: bool,
    dtype: str | None,
    seed: int | None,
    store: Path,
) -> None:
    """Write an arm's weights and a model card to a folder."""
    from midspec.console import console
    from midspec.export.folder import MARK, write_arm
    from midspec.export.weights import DTYPES

    wanted = dtype or ("float32" if adapter_only else "bfloat16")
    kind = next((known for known in DTYPES if known == wanted), None)
    if kind is None:
        raise ConfigError(f"--dtype {dtype} is not known. Use {', '.join(DTYPES)}.")
    out = out.resolve()
    check_out(out, MARK, "exported model", store)
    planned = open_plan(experiment)
    with made_whole(out) as made:
        write_arm(planned, arm, seed, store, adapter_only, kind, made)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    what = "adapter" if adapter_only else "model"
    told = f"{out}  ({what} in {kind}, {size / 1e6:,.0f} MB)"
    console.print(told, markup=False, soft_wrap=True)
