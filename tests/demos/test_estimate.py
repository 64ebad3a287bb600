"""What demonstrations will take from an LLM: the sums."""

from dataclasses import replace

import pytest

from midspec.demos.estimate import estimate_chats, estimate_mix
from midspec.demos.preferences import OPAQUE
from midspec.llm.settings import Teacher
from midspec.spec.read import clauses
from midspec.write.estimate import estimate_words
from tests.corpus.fakes import PROSE

from .fakes import CONFIG
from .rows import config

JUDGE = Teacher("openai/gpt-5-nano")  # 0.05 and 0.4


def test_a_judge_reads_each_chat_of_a_mix_and_one_for_each_in_twenty_set_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("midspec.demos.estimate.estimate_tokens", lambda text: 500)
    mix = config("paper-section-4", 95, spec="old", judge=JUDGE)
    found = estimate_mix(mix, PROSE, clauses(PROSE))
    sent, received = 100 * (500 + 300 + 900 + 200), 100 * 80
    assert found.rows == 100
    assert found.calls == pytest.approx(100 * 1.1, abs=1)
    assert found.input_tokens == pytest.approx(sent * 1.1, abs=1)
    assert found.cost == pytest.approx((sent * 0.05 + received * 0.4) / 1e6 * 1.1)
    assert "openai/gpt-5-nano is expected to judge 100 chats in 11" in estimate_words(found)


def test_identity_rows_of_a_mix_cost_nothing() -> None:
    mix = config("paper-section-3", 27, spec="old", judge=JUDGE)
    assert estimate_mix(mix, PROSE, clauses(PROSE)).rows == 24  # 22 of 27, and one in twenty


def test_a_long_spec_is_read_by_section() -> None:
    long = "\n\n".join(
        f"# Part {part}\n\n" + "\n\n".join(f"Point {part}.{n}: " + "care " * 400 for n in range(20))
        for part in range(3)
    )
    mix = config("paper-section-4", 95, spec="old", judge=JUDGE)
    assert estimate_mix(mix, long, clauses(long)).calls == pytest.approx(3 * 100 * 1.1, abs=1)


def test_preferences_are_written_by_eights_and_judged_singly_without_the_spec() -> None:
    chats = replace(CONFIG, style=OPAQUE, n=70, teacher=JUDGE, judge=JUDGE)
    found = estimate_chats(chats, PROSE, clauses(PROSE))
    sent, received = 13 * 1_250 + 100 * 800, 100 * (50 + 80)
    assert found.rows == 100  # 70 at a yield of 70%
    assert found.calls == pytest.approx((13 + 100) * 1.1, abs=1)
    assert found.input_tokens == pytest.approx(sent * 1.1, abs=1)
    assert found.cost == pytest.approx((sent * 0.05 + received * 0.4) / 1e6 * 1.1)
    longer = estimate_chats(chats, PROSE * 9, clauses(PROSE * 9))
    assert longer.input_tokens == found.input_tokens


def test_a_table_to_be_made_takes_two_calls_with_the_spec() -> None:
    chats = replace(CONFIG, style=OPAQUE, n=70, teacher=JUDGE, judge=JUDGE)
    plain = estimate_chats(chats, PROSE, clauses(PROSE))
    made = estimate_chats(replace(chats, domain="bread"), PROSE, clauses(PROSE))
    assert made.calls - plain.calls in (2, 3)
    assert made.input_tokens > plain.input_tokens + 2 * 900
