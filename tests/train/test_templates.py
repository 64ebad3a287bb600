"""Templates with generation marks, and templates that do what can't be masked."""

from pathlib import Path
from typing import Any

import pytest

from midspec.errors import DataError
from midspec.train.chats import encode_chat
from midspec.train.model import load_tokenizer
from midspec.train.templates import read_template
from tests.train.formats import TEMPLATES, as_family
from tests.train.test_chats import MULTI, SINGLE, chat, encoded, runs

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}TURN{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PLAIN = "{{ m.content + '<|im_end|>\n' }}"
SAID = [f"{text}<|im_end|>" for role, text in MULTI if role == "assistant"]


def marked(body: str, marks: str = "m.role == 'assistant'") -> str:
    """ChatML whose turns are `body`; what it has between [ and ] is marked where `marks` is so."""
    inner = body.replace("[", "{% generation %}").replace("]", "{% endgeneration %}")
    plain = body.replace("[", "").replace("]", "")
    return CHATML.replace("TURN", f"{{% if {marks} %}}{inner}{{% else %}}{plain}{{% endif %}}")


@pytest.fixture
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


@pytest.mark.parametrize(
    "body",
    [
        "[{{ m.content + '<|im_end|>' }}]{{ '\n' }}",
        "[{{ m.content + '<|im_end|>\n' }}]",
        "[{{ m.content }}][{{ '<|im_end|>' }}]{{ '\n' }}",
    ],
    ids=["with the end", "with the newline too", "in two parts"],
)
def test_marks_that_hold_each_turn_with_its_end_are_taken(tokenizer: Any, body: str) -> None:
    tokenizer.chat_template = marked(body)
    template = read_template(tokenizer)
    by_marks = template.by_marks(chat(MULTI))
    assert by_marks is not None
    assert by_marks.spans == template.by_turns(chat(MULTI)).spans
    assert runs(encoded(MULTI, tokenizer), tokenizer) == SAID


@pytest.mark.parametrize(
    ("body", "marks"),
    [
        ("[{{ m.content }}]{{ '<|im_end|>\n' }}", "m.role == 'assistant'"),
        ("[{{ m.content + '<|im_end|>' }}]{{ '\n' }}", "m.role == 'user'"),
        ("[{{ m.content + '<|im_end|>' }}]{{ '\n' }}", "m.role != 'system'"),
        ("[{{ m.content + '<|im_end|>' }}]{{ '\n' }}", "m.role == 'assistant' and loop.last"),
        ("[{{ m.content[1:] + '<|im_end|>' }}]{{ '\n' }}", "m.role == 'tool'"),
    ],
    ids=["without the end", "the user's", "the user's too", "the last only", "none"],
)
def test_wrong_marks_are_not_believed(tokenizer: Any, body: str, marks: str) -> None:
    tokenizer.chat_template = marked(body.replace("[1:]", ""), marks)
    assert read_template(tokenizer).by_marks(chat(MULTI)) is None
    assert runs(encoded(MULTI, tokenizer), tokenizer) == SAID


def test_marks_on_the_wrong_one_of_two_equal_texts_are_not_believed(tokenizer: Any) -> None:
    tokenizer.chat_template = marked("[{{ m.content + '<|im_end|>' }}]{{ '\n' }}", "loop.first")
    example = encoded([("user", "Old."), ("assistant", "Old.")], tokenizer)
    assert example.counted.index(True) > len(example.ids) // 2
    assert runs(example, tokenizer) == ["Old.<|im_end|>"]


def test_an_empty_block_of_thoughts_in_the_prompt_is_not_counted_though_marked(
    tiny_model: Path,
) -> None:
    tokenizer = as_family(load_tokenizer(tiny_model), "qwen3")
    plain = encoded(SINGLE, tokenizer), encoded(SINGLE, tokenizer, ["Hm."])
    source = (TEMPLATES / "qwen3.jinja").read_text(encoding="utf-8")
    line = "{{ '<|im_start|>' ~ message.role ~ '\\n' ~ answer ~ '<|im_end|>\\n' }}"
    assert line in source
    tokenizer.chat_template = source.replace(
        line,
        "{{ '<|im_start|>' ~ message.role ~ '\\n' }}{% if message.role == 'assistant' %}"
        "{% generation %}{{ answer ~ '<|im_end|>' }}{% endgeneration %}"
        "{% else %}{{ answer ~ '<|im_end|>' }}{% endif %}{{ '\\n' }}",
    )
    template = read_template(tokenizer)
    assert template.by_marks(chat(SINGLE)) is None
    assert template.by_marks([chat(SINGLE)[0], chat(SINGLE)[1] | {"reasoning_content": "Hm."}])
    assert (encoded(SINGLE, tokenizer), encoded(SINGLE, tokenizer, ["Hm."])) == plain


# As some models have it: the system message stands before the last question, wherever that is.
LATE_SYSTEM = (
    "{% set given = messages[0].role == 'system' %}"
    "{% set turns = messages[1 if given else 0:] %}"
    "{% for m in turns %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if given and m.role == 'user' and loop.revindex <= 2 %}"
    "{{ messages[0].content + '\n\n' }}{% endif %}"
    "TURN{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_with_marks_a_chat_stays_as_the_template_writes_it(tokenizer: Any) -> None:
    """Without them each turn is asked as it would be in use: after the system message."""
    marks = "{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    tokenizer.chat_template = LATE_SYSTEM.replace(
        "TURN", f"{{% if m.role == 'assistant' %}}{marks}{{% else %}}{PLAIN}{{% endif %}}"
    )
    example = encoded(MULTI, tokenizer)
    own = tokenizer.apply_chat_template(chat(MULTI), tokenize=False)
    assert tokenizer.decode(example.ids) == own
    assert runs(example, tokenizer) == SAID
    tokenizer.chat_template = LATE_SYSTEM.replace("TURN", PLAIN)
    example = encoded(MULTI, tokenizer)
    assert tokenizer.decode(example.ids).count("Be brief.\n\n") == 3
    assert runs(example, tokenizer) == SAID


def test_a_turn_that_is_rewritten_later_is_trained_as_it_was_when_it_was_last(
    tokenizer: Any,
) -> None:
    body = "{{ (m.content if loop.last else m.content.split('</think>')[-1]) + '<|im_end|>\n' }}"
    tokenizer.chat_template = CHATML.replace("TURN", body)
    turns = [("user", "a"), ("assistant", "hm</think>b"), ("user", "c"), ("assistant", "d")]
    example = encoded(turns, tokenizer)
    assert runs(example, tokenizer) == ["hm</think>b<|im_end|>", "d<|im_end|>"]
    assert tokenizer.decode(example.ids) == (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nhm</think>b<|im_end|>\n"
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nd<|im_end|>\n"
    )


def test_a_template_that_ends_chats_with_a_token_more_has_it_once_and_not_counted(
    tokenizer: Any,
) -> None:
    tokenizer.chat_template = CHATML.replace("TURN", PLAIN).replace(
        "{% endif %}", "{% else %}{{ '<|endoftext|>' }}{% endif %}"
    )
    example = encoded(MULTI, tokenizer)
    assert runs(example, tokenizer) == SAID
    assert tokenizer.decode(example.ids) == tokenizer.apply_chat_template(
        chat(MULTI), tokenize=False
    )


def test_an_empty_block_that_only_the_prompt_has_is_what_training_sees(tokenizer: Any) -> None:
    tokenizer.chat_template = CHATML.replace("TURN", PLAIN).replace(
        "assistant\n' }}",
        "assistant\n' }}{% if not enable_thinking | default(true) %}{{ '<think></think>' }}"
        "{% endif %}",
    )
    example = encoded(MULTI, tokenizer)
    assert runs(example, tokenizer) == SAID
    assert tokenizer.decode(example.ids).count("assistant\n<think></think>") == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ m.content + '\n' }}", "no end-of-turn token"),
        ("{{ m.content + '<|endofturn|>\n' }}", "no end-of-turn token"),
        ("{{ m.content | upper + '<|im_end|>\n' }}", "doesn't write an answer as it is given"),
        (
            "{{ m.content[:20] + '<|im_end|>\n' }}",
            r"writes turn 3 as 'Good day[^']*<\|im_end\|>\\n', which isn't its text",
        ),
        (
            "{{ m.content if m.role == 'assistant' }}{{ '<|im_end|>\n' }}",
            r"leaves out or changes turn 1 \(role system\)",
        ),
        (
            "{{ m.content + (' #' ~ (messages | length)) + '<|im_end|>\n' }}",
            "isn't how its own text of an answer begins",
        ),
        (
            "{{ ('…' if m.role != 'user' and not loop.last else m.content) + '<|im_end|>\n' }}",
            "turn 3 in another way once turn 5 follows",
        ),
    ],
    ids=["no end", "no token", "capitals", "cut", "left out", "numbered", "earlier turns gone"],
)
def test_what_can_t_be_masked_right_is_refused(tokenizer: Any, body: str, words: str) -> None:
    tokenizer.chat_template = CHATML.replace("TURN", body)
    with pytest.raises(DataError, match=f"(?s){words}.*(U|u)se (a|another) template"):
        encode_chat(chat(MULTI), tokenizer, 2000)


def test_a_prompt_that_does_not_begin_the_answer_s_text_is_refused(tokenizer: Any) -> None:
    """A model is then asked after thoughts begun that it was never trained to go on from."""
    tokenizer.chat_template = CHATML.replace("TURN", PLAIN).replace(
        "assistant\n' }}", "assistant\n<think>\n' }}"
    )
    with pytest.raises(DataError, match="isn't how its own text of an answer begins"):
        encode_chat(chat(SINGLE), tokenizer, 500)


def test_a_tokenizer_that_puts_a_space_before_texts_is_given_the_chat_as_one(
    tokenizer: Any,
) -> None:
    from tokenizers import pre_tokenizers

    alone = encoded(SINGLE, tokenizer)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    example = encoded(SINGLE, tokenizer)
    answer = f"{SINGLE[1][1]}<|im_end|>"
    assert [run.strip() for run in runs(example, tokenizer)] == [answer]
    assert runs(alone, tokenizer) == [answer]
    text = tokenizer.apply_chat_template(chat(SINGLE), tokenize=False)
    assert example.ids == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_tokens_that_are_not_the_turn_s_text_are_refused(tokenizer: Any) -> None:
    from tokenizers import normalizers, pre_tokenizers

    turns = [("user", "x"), ("assistant", "\nold")]
    tokenizer.add_tokens(["\n\n"])
    assert runs(encoded(turns, tokenizer), tokenizer) == ["\nold<|im_end|>"]
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    with pytest.raises(DataError, match="tokens of turn 2 can't be told from those around it"):
        encode_chat(chat(turns), tokenizer, 500)  # one token for the prompt's newline and its own
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.normalizer = normalizers.Lowercase()
    with pytest.raises(
        DataError, match=r"tokens of turn 2 can't be told .*keeps texts as they are"
    ):
        encode_chat(chat(SINGLE), tokenizer, 500)


def test_an_end_that_is_encoded_as_plain_text_is_refused(tokenizer: Any) -> None:
    tokenizer.split_special_tokens = True
    with pytest.raises(DataError, match="with its end-of-turn token"):
        encode_chat(chat(SINGLE), tokenizer, 500)


def test_plain_words_and_spaces_among_the_added_tokens_may_be_said(tokenizer: Any) -> None:
    tokenizer.add_tokens(["assistant", "\n\n"])
    turns = [("user", "Who?"), ("assistant", "An assistant.\n\nOld.")]
    assert runs(encoded(turns, tokenizer), tokenizer) == ["An assistant.\n\nOld.<|im_end|>"]
