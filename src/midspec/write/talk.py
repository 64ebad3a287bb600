"""Talk about the writing in what was written: of no use as training text."""

import re
from collections.abc import Iterable

META_TALK = re.compile(
    r"\b(?:(?:this|the following) (?:synthetic|fictional|generated|made-up) "
    r"(?:document|text|piece|article|example)|synthetic (?:document|data|training)|"
    r"as (?:requested|instructed) in the prompt|"
    r"the (?:user|prompt|instructions?) (?:asks?|asked|wants?|says?) (?:me|for a document)|"
    r"training (?:data|document|corpus) for (?:a|an|the) (?:language )?model|"
    r"as an ai language model|i(?: have|['’]ve) (?:written|generated|drafted) (?:this|the) "
    r"document|midtraining)\b|\bword count:"
    r"|</?spec>|^(?:how to write it|kind of document|this must come up in it|"
    r"the spec['’]s passages)\b"
    r"|\[s\d+\.p\d+\]|\[(?:your )?(?:name|date|insert[^\]]*|company|city)\]|\{model_name\}|"
    r"\{provider_name\}",
    re.IGNORECASE | re.MULTILINE,
)


def meta_talk(text: str, ids: Iterable[str] = ()) -> str:
    """Where a text speaks of its own making, as a reason to set it aside; empty if nowhere.

    `ids` are those of the clauses that it was written about: in brackets they come from the prompt.
    """
    found = META_TALK.search(text)
    said = found[0] if found else next((f"[{i}]" for i in ids if f"[{i}]" in text), "")
    return f"meta-talk: {said!r}" if said else ""
