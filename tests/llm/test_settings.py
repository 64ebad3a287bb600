from pathlib import Path

import pytest

from midspec.llm.settings import BATCH_CALLS, Limits, Teacher, current_limits, limited


def test_outside_any_block_there_are_no_limits_to_speak_of() -> None:
    assert current_limits() == Limits()
    assert current_limits().max_cost is None


def test_limits_nest_and_end_with_their_block() -> None:
    outer, inner = Limits(max_cost=5.0), Limits(max_tokens=100, ledger=Path("ledger"))
    with limited(outer):
        assert current_limits() == outer
        with limited(inner):
            assert current_limits() == inner
        assert current_limits() == outer
    assert current_limits() == Limits()


def test_a_block_that_fails_leaves_no_limits_behind() -> None:
    with pytest.raises(RuntimeError), limited(Limits(max_cost=5.0)):
        raise RuntimeError
    assert current_limits() == Limits()


def test_no_llm_is_the_default() -> None:
    assert Teacher().offline
    assert not Teacher("hf/smollm2-135m").offline


def test_a_batch_holds_many_calls_and_none_where_the_provider_has_none() -> None:
    asked = Limits(batch=True, connections=7)
    found = asked.fitted("anthropic/claude-opus-4-6")
    assert (found.batch, found.connections) == (True, BATCH_CALLS)
    for limits, model in ((asked, "openai-api/vllm/x"), (Limits(connections=7), "openai/gpt-5")):
        found = limits.fitted(model)
        assert (found.batch, found.connections) == (False, 7)
