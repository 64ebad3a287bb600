"""The report of a tiny experiment, from its folders to its page."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import DataError
from midspec.grid import Point
from midspec.records import Metric, Score
from midspec.report.stage import ReportConfig, report_stage

from .conftest import EVAL, RATE, Folders, chat, document, outcomes, scores

ATTACK = "<script>alert(1)</script>"
HIDDEN = r"<style.*?</style>|<script.*?</script>|<title>.*?</title>|<[^>]+>"

Make = Callable[..., ReportConfig]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def evaluate(folders: Folders, msm: float = 1.0, aft: float = 0.25, apart: int = 0) -> None:
    """Three arms; the trained ones with two seeds, and with `apart` aligned on other items."""
    folders.evaluate("base", outcomes(0.5))
    for seed in (0, 1):
        folders.evaluate("aft", outcomes(aft, seed=seed), seed)
        folders.evaluate("msm+aft", outcomes(msm, seed=seed + apart), seed)


def page(config: ReportConfig, folders: Folders, out: Path) -> str:
    report_stage(config, folders.inputs, out)
    return (out / "report.html").read_text(encoding="utf-8")


def text(html: str) -> str:
    """What a reader sees: no tags, single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(HIDDEN, " ", html, flags=re.S)))


def test_the_numbers_are_those_of_the_choices(config: Make, folders: Folders, out: Path) -> None:
    evaluate(folders)
    summary = report_stage(config(), folders.inputs, out)
    told = json.loads((out / "results.json").read_text(encoding="utf-8"))
    rates = {(r["arm"], r["tier"], r["seed"]): r["rate"] for r in told["results"]}
    assert rates["base", "all", 0] == 0.5
    assert rates["aft", "all", "all"] == 0.25
    assert rates["msm+aft", "direct", 1] == 1.0
    assert told["contrasts"][0]["difference"] == 0.75
    assert summary == {"rows": len(told["results"])}
    html = text((out / "report.html").read_text(encoding="utf-8"))
    assert "The claim is shown: On preference/america, msm+aft is above aft by 0.75 [" in html
    assert "(24 items, 2 seeds)" in html


def test_a_null_is_worded_as_a_null(config: Make, folders: Folders, out: Path) -> None:
    evaluate(folders, msm=0.5, aft=0.5, apart=2)
    html = text(page(config(), folders, out))
    assert "The claim is not shown" in html
    assert "no difference between msm+aft and aft is shown: 0.00 [" in html
    assert "24 items and 2 seeds are too few to show any difference four times out of five" in html


def test_the_paper_s_figures_have_a_sign_for_each_of_their_models(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    for arm in ("base", "aft", "msm+aft"):
        folders.score(arm, "agentic", [RATE], scores(outcomes(0.5)))
    base = Point((), None, (), None, "", "smollm2", None)
    aft = replace(base, aft=("detail",))
    points = {"base": base, "aft": aft, "msm+aft": replace(aft, msm=("why",), order="msm-aft")}
    specs = {"corpus/why": ("values",), "demos/detail": ("sub-rules",)}
    html = text(page(config(points=points, specs_of=specs), folders, out))
    assert "◇ published, Qwen2.5-32B-Instruct" in html
    assert "▽ published, Qwen3-14B, Figures 7 and 14" in html


def test_time_and_cost_are_summed_over_folders_each_once(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)  # five folders of 10 s
    folders.add("train/aft", {}, title="aft, seed 0", seconds=810.0, summary=TRAINED)
    folders.inputs["train/msm+aft"] = folders.inputs["train/aft"]
    folders.add("demos/cheese", {"chats.jsonl": [chat()]}, seconds=0.0, summary={"cost": 1.5})
    html = text(page(config(), folders, out))
    assert "14 min 20 s" in html
    assert "$1.50 for LLMs" in html
    assert json.loads((out / "results.json").read_text(encoding="utf-8"))["seconds"] == 860.0


TRAINED = {"updates": 40, "tokens": 6400, "first_loss": 3.0, "last_loss": 0.9, "seconds": 64.0}


def test_training_is_told_by_stage(config: Make, folders: Folders, out: Path) -> None:
    evaluate(folders)
    folders.add("train/aft", {}, title="finetune cheese", summary=TRAINED)
    folders.add("train/placebo", {}, summary={**TRAINED, "last_loss": 3.5})
    html = text(page(config(), folders, out))
    assert "finetune cheese 40 6,400 3.00 0.90 1 min 04 s 100" in html
    assert "placebo: the loss did not fall (3.00 to 3.50)" in html


def test_spikes_and_held_out_losses_are_told_where_there_are_any(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    folders.add("train/aft", {}, title="finetune cheese", summary=TRAINED)
    plain = text(page(config(), folders, out))
    assert "Held out" not in plain and "Loss spikes" not in plain
    held_out = dict(zip(("first", "lowest", "last"), (3.1, 2.0, 2.5), strict=True))
    read = {f"{which}_held_out_loss": loss for which, loss in held_out.items()}
    folders.add("train/msm", {}, title="midtrain old", summary={**TRAINED, **read, "spikes": 2})
    html = text(page(config(), folders, out))
    assert "Last loss Held out: first, lowest, last Loss spikes Time" in html
    assert "midtrain old 40 6,400 3.00 0.90 3.10, 2.00, 2.50 2 1 min 04 s 100" in html
    assert "finetune cheese 40 6,400 3.00 0.90 0 1 min 04 s 100" in html
    assert "midtrain old: the loss on texts that were held out rose from 2.00 to 2.50" in html


def test_a_corpus_is_told_with_what_was_set_aside_and_rows_from_all_of_it(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    files = {
        "documents.jsonl": [document(i, f"Document number {i}.") for i in range(60)],
        "set_aside.jsonl": [{"reason": "near-duplicate"}, {"reason": "near-duplicate"}],
        "diversity.json": {"distinct_3": 0.41999, "types": 48},
    }
    folders.add("corpus/america", files)
    html = text(page(config(), folders, out))
    assert "documents 60 tokens 6,000 set aside 2 distinct 3 0.420 types 48" in html
    assert "Set aside from america: near-duplicate (2)." in html
    assert re.findall(r"Document number (\d+)\.", html) == ["0", "10", "20", "30", "40", "50"]
    assert "The offline teacher wrote the corpora by filling templates" in html


def test_answers_stand_side_by_side_and_come_from_the_first_seed(
    config: Make, folders: Folders, out: Path
) -> None:
    folders.evaluate("aft", outcomes(0.5), 1, Hello="second seed")
    folders.evaluate("aft", outcomes(0.5), 0, Hello="first seed")
    folders.evaluate("msm+aft", outcomes(0.5), 0, Hello="midtrained")
    html = text(page(config(), folders, out))
    assert "Hello aft first seed msm+aft midtrained" in html
    assert "second seed" not in html


def test_hostile_text_is_shown_and_never_run(config: Make, folders: Folders, out: Path) -> None:
    arms = ("base", "aft", ATTACK)
    folders.evaluate("aft", outcomes(0.25))
    folders.evaluate(ATTACK, outcomes(1.0), 0, **{f"Prompt {ATTACK}": f"Answer {ATTACK}"})
    files = {
        "documents.jsonl": [document(0, f"Document {ATTACK}")],
        "set_aside.jsonl": [{"reason": ATTACK}],
        "diversity.json": {ATTACK: 1},
    }
    folders.add(f"corpus/{ATTACK}", files)
    folders.add("demos/cheese", {"chats.jsonl": [chat(f"Demonstration {ATTACK}")]})
    folders.add(f"train/{ATTACK}", {}, summary=TRAINED)
    html = page(
        config(
            name=ATTACK,
            arms=arms,
            contrasts=((EVAL, ATTACK, "aft"),),
            corpora_of={EVAL: (ATTACK,)},
            config_yaml=ATTACK,
            command=ATTACK,
        ),
        folders,
        out,
    )
    scripts = re.findall(r"<script[^>]*>", html, flags=re.I)
    assert scripts == [
        f'<script type="text/plain" class="packed" data-name="{EVAL}">',
        '<script type="application/json" id="about">',
        "<script>",
    ]
    assert html.lower().count("</script") == len(scripts)
    for what in ("Document", "Demonstration", "Prompt", "Answer"):
        assert f"{what} {ATTACK}" in text(html)


def test_the_page_loads_nothing(config: Make, folders: Folders, out: Path) -> None:
    evaluate(folders)
    folders.add("demos/cheese", {"chats.jsonl": [chat("See https://example.org/a.png")]})
    html = page(config(), folders, out)
    references = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]*)""", html)
    assert references
    assert all(reference.startswith(("#", "data:,")) for reference in references)
    assert "@import" not in html


def test_the_same_inputs_give_the_same_page(config: Make, folders: Folders, tmp_path: Path) -> None:
    evaluate(folders)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        written.append(page(config(), folders, tmp_path / name))
    assert written[0] == written[1]


def test_only_the_chosen_half_counts(config: Make, folders: Folders, out: Path) -> None:
    both = scores([True] * 6) + scores([False] * 6, half="development")
    for arm in ("aft", "msm+aft"):
        folders.score(arm, EVAL, [RATE], both)
    html = text(page(config(), folders, out))
    assert "Rates are over the held-out half" in html
    assert "There is one seed" in html
    told = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert {(row["rate"], row["n"]) for row in told["results"] if row["tier"] == "all"} == {
        (1.0, 6)
    }


def test_an_eval_that_has_only_the_other_half_is_reported_and_said_so(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    html = text(page(config(half="development"), folders, out))
    assert f"{EVAL} has no development half; it is reported whole." in html


def test_a_comparison_with_an_arm_that_was_not_evaluated_is_an_error(
    config: Make, folders: Folders, out: Path
) -> None:
    folders.evaluate("aft", outcomes(0.5))
    with pytest.raises(DataError, match=r"msm\+aft was not evaluated on it"):
        report_stage(config(), folders.inputs, out)


@pytest.mark.parametrize("key", ["eval/nobody/preference/america/0", f"eval/aft/{EVAL}/last"])
def test_an_input_that_does_not_fit_is_an_error(
    key: str, config: Make, folders: Folders, out: Path
) -> None:
    folders.add(key, {"scores.jsonl": scores([True])})
    with pytest.raises(DataError, match="is not eval/<arm>/<eval>/<seed>"):
        report_stage(config(), folders.inputs, out)


def test_an_arm_whose_name_begins_like_another_s_is_not_mistaken_for_it(
    config: Make, folders: Folders, out: Path
) -> None:
    folders.evaluate("aft", outcomes(0.25))
    folders.evaluate("aft/long", outcomes(1.0))
    settings = config(arms=("aft", "aft/long"), contrasts=((EVAL, "aft/long", "aft"),))
    report_stage(settings, folders.inputs, out)
    told = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert {row["arm"] for row in told["results"]} == {"aft", "aft/long"}
    assert {row["eval"] for row in told["results"]} == {EVAL}


def told_json(out: Path) -> dict[str, Any]:
    """What the report tells programs."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def test_everything_is_told_to_programs_too(config: Make, folders: Folders, out: Path) -> None:
    evaluate(folders)
    report_stage(config(base="base"), folders.inputs, out)
    told = told_json(out)
    assert set(told) == {
        "metrics", "results", "contrasts", "guardrails", "power", "conditions", "gaps", "analyses",
        "seconds",
    }  # fmt: skip
    assert {(row["eval"], row["measure"], row["name"]) for row in told["metrics"]} == {
        (EVAL, "", "value-aligned rate")
    }
    row = told["results"][0]
    assert (row["measure"], row["role"], row["readable"], row["gap_closed"]) == (
        "",
        "result",
        True,
        None,
    )
    (difference,) = [row for row in told["contrasts"] if row["tier"] == "all"]
    assert 0 < difference["p"] == difference["p_holm"] < 0.05
    assert told["power"][0]["groups"] == 24


COMPETENCE = Metric("trivial pairs answered", "control", floor=0.65)
CAPABILITY = Metric("right answers", "guardrail")


def test_an_arm_that_fails_the_control_has_no_rate_anywhere_on_the_page(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    for arm, share in (("base", 0.9), ("aft", 0.5), ("msm+aft", 0.9)):
        folders.score(arm, "competence", [COMPETENCE], scores(outcomes(share)))
    html = text(page(config(base="base"), folders, out))
    assert "The claim can’t be judged: no paired difference rests on readable answers" in html
    assert "aft not readable – – –" in html  # in place of rate, decided and margin
    why = "aft (trivial pairs answered 0.50, under 0.65)"
    assert f"Not readable on preference/america: {why}" in html
    assert "0.25" not in re.sub(r"0 0\.25 0\.5 0\.75 1", "", html)  # aft's rate, but for the axis
    results = [row for row in told_json(out)["results"] if row["eval"] == EVAL]
    found = {row["arm"]: row["readable"] for row in results}
    assert found == {"base": True, "aft": False, "msm+aft": True}


def test_guardrails_stand_beside_each_arm_and_what_is_worse_is_marked(
    config: Make, folders: Folders, out: Path
) -> None:
    evaluate(folders)
    for arm, share in (("base", 0.9), ("aft", 0.9), ("msm+aft", 0.5)):
        folders.score(arm, "capability", [CAPABILITY], scores(outcomes(share, 60)))
    html = page(config(base="base"), folders, out)
    assert re.search(r'class="stack worse" data-eval="capability">0\.50', html)
    assert html.count('class="stack worse"') == 1
    row = r"Arm preference/america right answers base 0\.50 \[.*?\] 0\.90 \["
    assert re.search(row, text(html))


def test_the_gap_closed_is_told_where_there_is_a_reference_arm(
    config: Make, folders: Folders, out: Path
) -> None:
    for arm, share in (("base", 0.25), ("aft", 0.5), ("reference", 1.0)):
        folders.evaluate(arm, outcomes(share, 60))
    settings = config(
        arms=("base", "aft", "reference"),
        contrasts=((EVAL, "aft", "base"),),
        base="base",
        references={EVAL: "reference"},
    )
    html = text(page(settings, folders, out))
    (row,) = [
        row for row in told_json(out)["results"] if (row["arm"], row["tier"]) == ("aft", "all")
    ]
    assert row["gap_closed"] == pytest.approx(1 / 3)
    assert f"{row['gap_closed']:.2f} [{row['gap_low']:.2f}, {row['gap_high']:.2f}]" in html
    assert told_json(out)["gaps"] == {EVAL: ["base", "reference"]}


def test_repeats_are_told_by_condition_and_measures_side_by_side(
    config: Make, folders: Folders, out: Path
) -> None:
    metrics = [
        Metric("verdict", chance=None, better="lower"),
        Metric("executed", chance=None, better="lower", measure="executed"),
    ]

    def grid(rate: float) -> list[Score]:
        return [
            Score(
                f"c{c}#{n}",
                "murder",
                "",
                "held-out",
                float(n < rate * 10),
                group=f"c{c}",
                measure=m,
            )
            for c in range(6)
            for n in range(10)
            for m in ("", "executed")
        ]

    folders.score("aft", "am", metrics, grid(0.8))
    folders.score("msm+aft", "am", metrics, grid(0.1))
    html = text(page(config(contrasts=(("am", "msm+aft", "aft"),)), folders, out))
    assert "am : 60 answers to 6 conditions; lower is better" in html
    assert "Arm Verdict Executed aft 0.80 [" in html
    assert "am by condition: verdict" in html
    assert "msm+aft is below aft by 0.70" in html
    assert "The claim is shown" in html


def test_the_table_of_differences_has_both_p_values(
    config: Make, folders: Folders, out: Path
) -> None:
    for arm, share in (("base", 0.3), ("aft", 0.4), ("msm+aft", 0.45)):
        folders.evaluate(arm, outcomes(share, 60))
    wanted = ((EVAL, "msm+aft", "base"), (EVAL, "aft", "base"))
    html = text(page(config(contrasts=wanted), folders, out))
    for row in told_json(out)["contrasts"]:
        p, adjusted = (f"{row[key]:.3f}" if row[key] is not None else "" for key in ("p", "p_holm"))
        if row["tier"] == "all":
            assert p != adjusted or row["arm"] == "aft"
            assert f"] {p} {adjusted} {'yes' if row['p_holm'] < 0.05 else 'no'} " in html
        else:
            assert f"] {p} " in html and adjusted == ""
