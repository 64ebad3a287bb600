"""Corpora that leave documents of another one out, as an experiment file writes them."""

from collections.abc import Callable
from typing import Any

import pytest

from midspec.errors import ConfigError
from midspec.experiment import Plan
from midspec.run.build import graph
from tests.plans import Values

Make = Callable[..., Plan]


def _portion(**values: Any) -> Callable[[Values], None]:
    def edit(experiment: Values) -> None:
        experiment["corpora"]["less"] = {"from": "old", **values}
        experiment["arms"]["less"] = [{"midtrain": "less"}]

    return edit


def test_a_portion_is_a_filter_of_the_corpus_that_is_written_anyway(planned: Make) -> None:
    plan = planned(_portion(without={"types": ["memo"], "clauses": ["s2.p1"]}))
    stages = graph([plan.report]).values()
    assert [s.name for s in stages].count("corpus") == 1
    (portion,) = [s for s in stages if s.name == "portion"]
    assert portion.config.without == (("clause", ("s2.p1",)), ("type", ("memo",)))
    assert portion.inputs["corpus"].name == "corpus"
    assert plan.experiment.corpora["less"].spec == "old"


def test_the_leak_check_reads_the_corpus_in_its_place(planned: Make) -> None:
    assert planned(_portion(drop=0.5)).leaks.fingerprint() == planned().leaks.fingerprint()


def test_ready_made_arms_are_of_whole_corpora(planned: Make) -> None:
    def edit(values: Values) -> None:
        values["corpora"]["less"] = {"from": "old", "drop": 0.5}
        values["arms"] = {"paper": {"reasoning": None, "placebo": None}}
        values["contrasts"] = []

    arms = planned(edit).experiment.arms
    assert "msm+mix" in arms
    assert not any("less" in name for name in arms)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "nothing is left out; name without, drop, tokens or matched"),
        ({"drop": 0.1, "tokens": 500}, "tokens and drop each say how large it is to be"),
        ({"drop": 1.5}, "corpora.less.drop"),
        ({"without": {"typs": ["memo"]}}, "without.typs is not a known key; did you mean 'types'?"),
        (
            {"wihout": {"types": ["memo"]}},
            "less.wihout is not a known key; did you mean 'without'?",
        ),
        ({"from": "older", "drop": 0.1}, "is from 'older', which is not defined; did you mean"),
        ({"tokens": 1_501}, "corpora.less: 1,501 tokens of old are wanted, which is to have 1,500"),
        ({"drop": 0.1, "spec": "new"}, "spec is 'new', but its documents are about old"),
    ],
)
def test_what_makes_no_sense_is_told(planned: Make, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        planned(_portion(**values))
    assert words in str(error.value)


def test_a_portion_of_a_portion_is_refused(planned: Make) -> None:
    def edit(values: Values) -> None:
        _portion(drop=0.1)(values)
        values["corpora"]["least"] = {"from": "less", "drop": 0.1}

    with pytest.raises(ConfigError, match=r"from less, which is itself from old\. Say from: old"):
        planned(edit)
