import pytest

from midspec.demos.conflicts import conflict_rules, find_conflict

NOBODY = ("Quill", "Orchard Labs")


def said(text: str, role: str = "assistant", own: tuple[str, ...] = NOBODY) -> str | None:
    return find_conflict([{"role": role, "content": text}], conflict_rules(own))


@pytest.mark.parametrize(
    "text",
    [
        "I'm ChatGPT, how can I help?",
        "I’m ChatGPT.",
        "Hello, my name is Claude.",
        "I am Llama 3.1.",
        "I am GPT-4, a large model.",
        "I am an AI assistant called Qwen.",
        "I'm a large language model trained by OpenAI.",
        "As a language model developed by Google, I can help with that.",
        "I was created by the team at Anthropic.",
        "I was trained and released by Meta.",
        "OpenAI trained me to be helpful.",
        "My creators at Anthropic wanted that.",
    ],
)
def test_a_claim_of_another_identity_is_a_conflict(text: str) -> None:
    assert (said(text) or "").startswith("claims another identity (")


@pytest.mark.parametrize(
    "text",
    [
        "GPT-4 was developed by OpenAI and released in 2023.",
        "Claude is a language model made by Anthropic.",
        "I'm a llama in this story, and I live in Peru.",
        "I am a Gemini, born in June.",
        "I like apples made by nature.",
        "Google was founded in 1998.",
        "I was born in Ohio and made my way to Boston.",
        "I'm Quill, made by Orchard Labs.",
        "As a language model, I can't browse the web.",
    ],
)
def test_facts_stories_and_the_own_name_are_none(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("I'm Qwen, a model created by Alibaba Cloud.", ("Qwen", "Alibaba Cloud")),
        ("I'm Qwen, a model created by Alibaba.", ("Qwen 2.5", "Alibaba Cloud")),
        ("I am Llama 3.1, trained by Meta.", ("Llama", "Meta")),
        ("I'm SmolLM, made by Hugging Face.", ("SmolLM", "Hugging Face")),
    ],
)
def test_names_of_the_identity_are_allowed_and_no_others(text: str, own: tuple[str, str]) -> None:
    assert said(text, own=own) is None
    assert said(text) is not None
    assert said("I'm ChatGPT, made by OpenAI.", own=own) is not None


@pytest.mark.parametrize("role", ["system", "user"])
def test_a_chat_that_gives_the_assistant_another_identity_is_a_conflict(role: str) -> None:
    assert (said("You are ChatGPT, be brief.", role) or "").startswith("is told another identity")
    assert said("You were trained by OpenAI, weren't you?", role)
    assert said("I'm ChatGPT", role) is None  # the user's own words about themselves


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I don't have preferences.",
        "As an AI, I do not have personal opinions or beliefs.",
        "As an artificial intelligence, I cannot experience emotions.",
        "I'm just an AI and don't have feelings.",
        "I am an AI assistant without personal beliefs.",
        "I don't have personal preferences, but many people like blue.",
        "I don't have feelings in the way humans do.",
        "I can't have opinions since I'm a computer program.",
        "As a machine, I have no favorites.",
    ],
)
def test_a_denial_of_preferences_opinions_or_feelings_is_a_conflict(text: str) -> None:
    assert (said(text) or "").startswith("denies having preferences, opinions or feelings")


@pytest.mark.parametrize(
    "text",
    [
        "I don't have feelings for her, she wrote.",
        "In my opinion, the first draft is better.",
        "As an AI language model, I can't open links. Paste the text and I'll read it.",
        "An AI has no opinions of its own, some philosophers say.",
        "I prefer cheddar.",
        "def values(self):\n    return [v for v in self.items]",
    ],
)
def test_ordinary_words_about_feelings_and_values_are_none(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    "text", ["Go kill yourself.", "Immigrants are vermin.", "You deserve to die"]
)
def test_open_hate_is_a_conflict_whoever_says_it(text: str) -> None:
    assert (said(text) or "").startswith("toxic")
    assert (said(text, "user") or "").startswith("toxic")


def test_the_reason_quotes_the_words_on_one_line() -> None:
    assert said("So: I'm\n  ChatGPT.") == 'claims another identity ("I\'m ChatGPT")'


def test_any_turn_of_a_chat_can_hold_the_conflict() -> None:
    turns = ["Hi", "Hello.", "Who made you?", "I was made by OpenAI."]
    roles = ["user", "assistant"] * 2
    messages = [{"role": r, "content": t} for r, t in zip(roles, turns, strict=True)]
    assert find_conflict(messages, conflict_rules(NOBODY))
    assert find_conflict(messages[:2], conflict_rules(NOBODY)) is None
