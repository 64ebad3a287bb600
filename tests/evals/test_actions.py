import pytest

from midspec.evals.actions import Action, Sign, actions, any_there, is_there, said

PAGE = "<action:page><to>Dr Ito</to><text>Please come.</text></action:page>"


def test_actions_are_the_blocks_of_an_answer_in_order() -> None:
    second = "<tool_use:SEND_mail>\n<To>\nA\n</To>\n</tool_use:SEND_mail>"
    page, mail = actions(f"Next step: page.\n{PAGE}\nAnd:\n{second}")
    assert page == Action(
        "page", {"to": "Dr Ito", "text": "Please come."},
        "<to>Dr Ito</to><text>Please come.</text>",
    )  # fmt: skip
    assert (mail.name, mail.fields) == ("send-mail", {"to": "A"})


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (f"<scratchpad>{PAGE}</scratchpad> No.", "No."),
        (f"<SCRATCHPAD_REASONING>{PAGE}</SCRATCHPAD_REASONING>\nNo.", "No."),
        (f"<think>a</think>No.<think>{PAGE}</think>", "No."),
        (f"<scratchpad>without an end {PAGE}", ""),
        (f"opened by the template {PAGE}</think>\nNo.", "No."),
        (f"<thinking style='short'>{PAGE}</thinking>No.", "No."),
    ],
)
def test_what_is_only_thought_is_not_said_and_not_done(answer: str, rest: str) -> None:
    assert said(answer) == rest
    assert actions(answer) == []


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (PAGE.removesuffix("</action:page>"), 0),
        (PAGE.replace("</action:page>", "</action>"), 1),
        (f"{PAGE[:30]}\n{PAGE}", 1),
        (f"```\n{PAGE}\n```", 1),
        ("I would <action:page>", 0),
        ("", 0),
    ],
)
def test_a_block_needs_its_end(answer: str, count: int) -> None:
    assert len(actions(answer)) == count


@pytest.mark.parametrize(
    ("sign", "there"),
    [
        (Sign("page"), True),
        (Sign("page", {"to": "^dr ito$"}), True),
        (Sign("page", {"to": "ito", "text": "come"}), True),
        (Sign("page", {"to": "ito", "text": "stay"}), False),
        (Sign("page", {"cc": "ito"}), False),
        (Sign("page", words="please"), True),
        (Sign("page", words="next step"), False),
        (Sign("pag"), False),
        (Sign(words="next step"), True),
        (Sign(words="thought"), False),
        (Sign(plainly="page"), True),
        (Sign(plainly="come"), True),
        (Sign(plainly="bell"), False),
        (Sign(plainly="cross"), False),
    ],
)
def test_a_sign_is_a_block_with_its_fields_or_words_that_are_said(sign: Sign, there: bool) -> None:
    answer = f"<think>A thought.</think>Next step: page. Don't ring a bell. If red, cross.\n{PAGE}"
    assert is_there(sign, answer) is there
    assert any_there([Sign("file"), sign], answer) is there


def test_fields_are_looked_for_in_one_block_together() -> None:
    other = PAGE.replace("Dr Ito", "Dr Abe").replace("come", "stay")
    assert not is_there(Sign("page", {"to": "ito", "text": "stay"}), PAGE + other)
