"""Who speaks: a text about the assistant's acts, written once, is said of it, to it and by it.

Such a text has the assistant in the first person and in braces, with the verb that hangs on it:
`{I}`, `{me}`, `{my}`, `{mine}`, `{myself}`, `{I find}`, and `{and tell}` for a further verb.
"""

import re
from typing import Literal

from midspec.text import upper_first

Person = Literal["I", "you", "it"]

SLOT = re.compile(r"\{(?:(I|me|my|mine|myself)|(I|and|or) (\w+))\}")
BEGINS = re.compile(r"(?:^|[.!?][\"”]? )[\"“]?$")  # before a word that begins a sentence
PRONOUNS: dict[Person, dict[str, str]] = {
    "I": {"I": "I", "me": "me", "my": "my", "mine": "mine", "myself": "myself"},
    "you": {"I": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself"},
    "it": {"I": "it", "me": "it", "my": "its", "mine": "its own", "myself": "itself"},
}
VERBS: dict[Person, dict[str, str]] = {
    "I": {},
    "you": {"am": "are", "was": "were"},
    "it": {"am": "is", "have": "has", "do": "does"},
}
NO_ENDING = ("was", "can", "could", "may", "might", "must", "shall", "should", "will", "would")


def said(text: str, person: Person, name: str = "") -> str:
    """The text in one voice. Of `it`, the first mention is the name, unless that stands before."""
    parts, end = [], 0
    for slot in SLOT.finditer(text):
        parts.append(text[end : slot.start()])
        end, before = slot.end(), "".join(parts)
        words = _words(slot, person, name if person == "it" and name not in before else "")
        parts.append(upper_first(words) if BEGINS.search(before) else words)
    return "".join(parts) + text[end:]


def _third_person(verb: str) -> str:
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "o")) else f"{verb}s"


def _words(slot: re.Match[str], person: Person, name: str) -> str:
    """What stands in place of a slot; `name` where the assistant is to be called by it."""
    pronoun, subject, verb = slot.groups()
    if verb:
        if person == "it" and verb not in VERBS["it"] and verb not in NO_ENDING:
            verb = _third_person(verb)
        verb = VERBS[person].get(verb, verb)
        return f"{subject if subject != 'I' else name or PRONOUNS[person]['I']} {verb}"
    if name:
        return {"my": f"{name}'s", "mine": f"{name}'s", "myself": f"{name} itself"}.get(
            pronoun, name
        )
    return PRONOUNS[person][pronoun]
