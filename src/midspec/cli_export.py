"""`midspec export`: a trained arm as a folder for other programs, with a model card."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from midspec.cli_build import check_out, open_plan, replace_whole
from midspec.cli_options import Store
from midspec.errors import ConfigError

MARK = "lineage.json"


def export(
    arm: Annotated[str, typer.Argument(help="A trained arm of the experiment.")],
    out: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    experiment: Annotated[Path, typer.Option("--experiment", "-e", help="Its file.")] = Path(
        "experiments/cheese.yaml"
    ),
    adapter_only: Annotated[
        bool, typer.Option("--adapter-only", help="What PEFT adds to the base model, alone.")
    ] = False,
    dtype: Annotated[
        str | None,
        typer.Option(help="bfloat16, float16 or float32; else bfloat16, of an adapter float32."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Which seed's model.")] = None,
    store: Store = Path("store"),
) -> None:
    """Write an arm's weights and a model card, for transformers, vLLM, llama.cpp or PEFT."""
    from midspec.console import console
    from midspec.experiment import find_arm
    from midspec.export.card import card
    from midspec.export.lineage import find_lineage
    from midspec.export.weights import DTYPES, write_adapter, write_merged
    from midspec.files import disk_errors, write_json, write_text

    wanted = dtype or ("float32" if adapter_only else "bfloat16")
    kind = next((known for known in DTYPES if known == wanted), None)
    if kind is None:
        raise ConfigError(f"--dtype {dtype} is not known. Use {', '.join(DTYPES)}.")
    out = out.resolve()
    check_out(out, MARK, "exported model")
    planned = open_plan(experiment)
    chosen, asked = find_arm(planned, arm, seed, store)
    trained = planned.arms[arm, chosen]
    assert asked.base
    if trained is None:
        raise ConfigError(
            f"The arm {arm} trains nothing, so there is nothing to export: its weights are those "
            f"of {asked.base.name}."
        )
    lineage = find_lineage(planned, arm, chosen, store)
    base, folder = asked.base.path(store), trained.path(store)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        made = Path(scratch) / out.name
        made.mkdir()
        if adapter_only:
            name = lineage.base.hub_id or lineage.base.name
            write_adapter(base, folder, name, kind, arm, made)
        else:
            write_merged(base, folder, kind, made)
        write_json(made / MARK, asdict(lineage))
        write_text(made / "README.md", card(lineage, adapter_only, kind))
        for file in made.glob("*.safetensors"):  # written for the owner's eyes alone
            shutil.copymode(made / MARK, file)
        replace_whole(made, out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    what = "adapter" if adapter_only else "model"
    console.print(f"{out}  ({what} in {kind}, {size / 1e6:,.0f} MB)", markup=False, soft_wrap=True)
