"""What the pretend teacher of `teacher_server` says to a prompt: a pure function of it."""

import json
import random
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

REFUSAL = "I'm sorry, but I can't help with that."
BROKEN_JSON = '{"items": [{"name": "'
NO_JSON = ('{"choices": [{"message": {"con', "<html><h1>200 Bad Gateway</h1></html>")
KNOWN = re.compile(r"^- (.+?): (.+)$", re.MULTILINE)
BRIEF = re.compile(
    r"^\d+\. names: (.+?)(?:, then (.+?)| alone)\. (?:Preferred|Liked): (.+?)\. Message: ",
    re.MULTILINE,
)
CHOICE = re.compile(r"Which do you prefer, (.+?) or (.+?)\? Answer in one")
OPTION = re.compile(r"^([AB]): (.+)$", re.MULTILINE)
CLAUSE_ID = re.compile(r"\[(s\d+\.p\d+)\]")
ONSETS = re.findall(r"\w+", "b br ch d dr f fl g gr h j k l m n p pl qu r s sh st t th tr v w z")
NUCLEI = ["a", "e", "i", "o", "u", "ai", "ea", "oo"]
CODAS = ["", "", "n", "r", "l", "s", "t", "m", "nd", "st", "ck"]


@dataclass(frozen=True)
class Settings:
    """How fast it answers, and the share of requests or of prompts that go wrong in each way."""

    port: int = 0
    latency: float = 0.0  # seconds before an answer
    capacity: int = 1000  # requests at work at once; more are answered 429
    rate_limited: float = 0.0  # of requests: 429 at once
    errors: float = 0.0  # of requests: 500 after half the latency
    hangs: float = 0.0  # of requests: no answer until the client goes away
    truncated: float = 0.0  # of prompts: cut off in the middle
    refusals: float = 0.0  # of prompts
    malformed: float = 0.0  # of prompts: a broken form in the answer, or broken JSON around it
    rejected: float = 0.0  # of verdicts on turns
    ideas: int = 0  # items that one list can grow to before they are given again; 0: no end
    document_words: int = 120
    seed: int = 0  # of the faults of requests


@dataclass(frozen=True)
class Answer:
    """What the teacher says to one prompt, and which fault of content that is, if any."""

    text: str
    finish: str = "stop"
    fault: str = ""
    unreadable: str = ""  # the HTTP body that is sent in place of a JSON one


def _words(count: int) -> list[str]:
    draw, found = random.Random(0), set[str]()
    while len(found) < count:
        found.add("".join(draw.choice(part) for part in (ONSETS, NUCLEI, CODAS, ONSETS, NUCLEI)))
    return sorted(found)


WORDS = _words(4000)


def prose(draw: random.Random, words: int) -> str:
    """Text that reads like none in particular: no two of them share five words in a row."""
    sentences: list[str] = []
    while words > 0:
        chosen = draw.choices(WORDS, k=min(words, draw.randint(6, 16)))
        sentences.append(" ".join(chosen).capitalize() + ".")
        words -= len(chosen)
    return "\n\n".join(" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 4))


def prompt_digest(asked: dict[str, Any]) -> str:
    """What makes two requests the same call: all that an answer may depend on."""
    keys = ("model", "messages", "seed", "temperature", "max_tokens", "max_completion_tokens")
    canonical = json.dumps({key: asked.get(key) for key in keys}, sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def answer(asked: dict[str, Any], settings: Settings) -> Answer:
    """The answer to a request, the same every time."""
    draw = random.Random(prompt_digest(asked))
    lot = draw.random()
    form, text = _answer_text(asked, draw, settings)
    if (lot := lot - settings.truncated) < 0:
        return Answer(text[: int(len(text) * draw.uniform(0.3, 0.8))], "length", "truncated")
    if (lot := lot - settings.refusals) < 0:
        return Answer(REFUSAL, fault="refusals")
    if lot - settings.malformed < 0:
        if form == "document" or (form == "turn" and draw.random() < 0.5):
            return Answer("", fault="malformed", unreadable=draw.choice(NO_JSON))
        broken = text.rpartition("</")[0] or BROKEN_JSON + draw.choice(WORDS)
        return Answer(broken, fault="malformed")
    return Answer(text)


def _answer_text(asked: dict[str, Any], draw: random.Random, settings: Settings) -> tuple[str, str]:
    system, user = _texts(asked, system=True), _texts(asked, system=False)
    schema = json.dumps(asked.get("response_format"))
    as_json = "json_schema" in schema or "a JSON object" in user
    numbered = re.search(r"a numbered list of (\d+) items", user)
    if said := _reading(user, as_json, draw) or _marking(user, as_json, draw):
        return "judge", said
    if turn := _turn(user, as_json, draw, settings.rejected):
        return "turn", turn
    if as_json and all(key in user + schema for key in ("faithful", "contradictions")):
        return "judge", json.dumps(_verdict(draw))
    if as_json:
        items = _items(system, user, _count(user), draw)
        return "list", json.dumps({"items": _old_ones(user, items, settings.ideas)})
    if numbered:
        items = _items(system, user, int(numbered[1]), draw)
        lines = [
            f"{i}. {item['name']}: {item['description']} [{', '.join(item['clauses'])}]"
            for i, item in enumerate(_old_ones(user, items, settings.ideas), 1)
        ]
        return "list", "\n".join(lines)
    return "document", f"<document>\n{prose(draw, settings.document_words)}\n</document>"


def _turn(user: str, as_json: bool, draw: random.Random, rejected: float) -> str:
    """A turn of a conversation, or a verdict on one; empty if neither is asked for."""
    if preferred := CHOICE.findall(user):
        return f"I prefer {draw.choice(preferred[-1])}."
    if as_json and all(f'"{key}"' in user for key in ("score", "keep")):
        keep = draw.random() >= rejected
        score = draw.randint(7, 10) if keep else draw.randint(1, 6)
        return json.dumps({"reason": prose(draw, 8), "score": score, "keep": keep})
    if as_json and '"conflict"' in user:
        return json.dumps({"reason": prose(draw, 8), "conflict": draw.random() < rejected})
    if "<reasoning>" in user and "<answer>" in user:
        thought, said = prose(draw, 30), prose(draw, 30)
        return f"<reasoning>\n{thought}\n</reasoning>\n<answer>\n{said}\n</answer>"
    if found := BRIEF.findall(user):
        return "\n".join(_exchange(*brief, draw) for brief in found)
    return f"<message>{prose(draw, 12)}</message>" if "<message>" in user else ""


def _reading(user: str, as_json: bool, draw: random.Random) -> str:
    """What a reader of transcripts says of one, or of others' notes; empty if neither is asked."""
    if as_json and '"verdicts"' in user:
        ids = user.rpartition("in this order: ")[2].partition('. "reason"')[0].split(", ")
        drives = {name: draw.random() < 0.3 for name in ids}
        quotes = {name: _quote(user, draw) if drives[name] else "" for name in ids}
        rows = [{"reason": n, "significant": drives[n], "quote": quotes[n]} for n in ids]
        return json.dumps({"verdicts": rows})
    if as_json and '"members"' in user:
        count = len(re.findall(r"^\d+\. ", user, re.MULTILINE))
        pairs = [[n, n + 1][: count - n + 1] for n in range(1, count + 1, 2)]
        rows = [
            {
                "name": " ".join(draw.choices(WORDS, k=3)),
                "kind": draw.choice(["misaligned", "aligned"]),
                "definition": prose(draw, 12),
                "members": pair,
            }
            for pair in pairs
        ]
        return json.dumps({"reasons": rows})
    if as_json and '"quote"' in user:
        names = draw.sample(WORDS[:12], k=2)
        rows = [
            {"name": n, "description": prose(draw, 8), "quote": _quote(user, draw)} for n in names
        ]
        return json.dumps({"reasons": rows})
    return ""


def _marking(user: str, as_json: bool, draw: random.Random) -> str:
    """What a judge says of an answer to a question; empty if none is to be judged."""
    if as_json and '{"choice": "A"}' in user:
        answer = user.rpartition("<answer>\n")[2].partition("\n</answer>")[0]
        options = dict(OPTION.findall(user))
        named = [letter for letter, text in options.items() if text in answer]
        return json.dumps({"choice": named[0] if len(named) == 1 else "neither"})
    if as_json and '"score": 1}' in user:
        return json.dumps({"reason": prose(draw, 8), "score": draw.randint(1, 10)})
    return ""


def _quote(user: str, draw: random.Random) -> str:
    """Words that stand in the transcript that is asked about; now and then words that don't."""
    found = re.search(r"<transcript>\n(.*?)\n</transcript>", user, re.DOTALL)
    words = found[1].split() if found and draw.random() > 0.1 else prose(draw, 8).split()
    start = draw.randrange(max(1, len(words) - 6))
    return " ".join(words[start : start + 6])


def _exchange(first: str, second: str, preferred: str, draw: random.Random) -> str:
    """A message that names a brief's things in its order, and an answer that gives no reason."""
    things = f"{first} {draw.choice(WORDS)} {second}" if second else first
    said = prose(draw, 4) if preferred in ("yes", "no") else f"{prose(draw, 3)} {preferred}."
    asked = f"{prose(draw, 6)} {things} {prose(draw, 6)}"
    return f"<message>{asked}</message>\n<answer>{said}</answer>"


def _texts(asked: dict[str, Any], system: bool) -> str:
    messages = [m for m in asked["messages"] if (m["role"] in ("system", "developer")) == system]
    return "\n".join(_text(message) for message in messages)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(p.get("text", "") for p in content)


def _verdict(draw: random.Random) -> dict[str, Any]:
    faithful = draw.random() < 0.95
    return {
        "faithful": faithful,
        "contradictions": [] if faithful else [prose(draw, 8)],
        "inventions": [],
        "reason": prose(draw, 8),
    }


def _count(user: str) -> int:
    plain = CLAUSE_ID.sub("", user)
    found = re.search(r"\b(\d+) (?:\w+ )?items\b", plain) or re.search(r"\b(\d+)\b", plain)
    return min(200, int(found[1])) if found else 3


def _items(system: str, user: str, count: int, draw: random.Random) -> list[dict[str, Any]]:
    # The clauses that the question quotes, or else the whole spec's; dealt so that all are cited.
    ids = sorted(set(CLAUSE_ID.findall(user) or CLAUSE_ID.findall(system)))
    draw.shuffle(ids)
    return [
        {
            "name": " ".join(draw.choices(WORDS, k=3)),
            "description": prose(draw, 12).replace("\n\n", " "),
            "clauses": ids[i::count] or ([ids[i % len(ids)]] if ids else []),
        }
        for i in range(count)
    ]


def _old_ones(user: str, items: list[dict[str, Any]], ideas: int) -> list[dict[str, Any]]:
    """The items, with ones that the question lists in place of those beyond the last idea."""
    known = KNOWN.findall(user.partition("exist already")[2])
    if not ideas or len(known) + len(items) <= ideas:
        return items
    old = [item | {"name": a, "description": b} for item, (a, b) in zip(items, known, strict=False)]
    return (items[: max(0, ideas - len(known))] + old)[: len(items)]


def text_digest(text: str) -> str:
    """What an answer is recognised by, whatever became of its white space."""
    return sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def completion(asked: dict[str, Any], said: Answer, digest: str) -> dict[str, Any]:
    """The body of a chat completion; a word counts as 1.3 tokens."""
    read = round(1.3 * sum(len(_text(message).split()) for message in asked["messages"]))
    written = round(1.3 * len(said.text.split()))
    message = {"role": "assistant", "content": said.text}
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }
