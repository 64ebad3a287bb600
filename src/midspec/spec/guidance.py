"""What a spec's guidance lacks, by rules: reasons, measure, use, and agreement with itself.

Each check takes the clauses and yields a line, what is wrong there, and what mends it. The patterns
are narrow on purpose; what they miss is for an LLM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from midspec.spec.conflicts import Told, stem
from midspec.spec.marks import Passage
from midspec.spec.read import table_rows
from midspec.text import plain_words
from midspec.write.material import SENTENCE_END

REASON = re.compile(
    r"\b(?:since|otherwise|lest|therefore|hence|that is why|the reason is|which is why)\b"
    r"|(?:[,;:—(] ?)?\b(?:because|so that|for the sake of)\b|[,;:—] so\b"
    r"|[,;:—] for (?:it|they|the(?! sake)|no|someone|people|those|what|who|whoever)\b",
    re.IGNORECASE,
)
ENDS = ("because", "so that", "for the sake of")
NEGATED = re.compile(  # "does not keep it because it is useful" gives no reason for the rule
    r"(?:\b(?:not|no|never|nor|nobody|nothing|cannot)\b|n['’]t\b)[^;:—]*$", re.IGNORECASE
)
PRESCRIBES = re.compile(
    r"\b(?:must|never|always|shall|should|may not|is not to|is required to|is forbidden to|has to|"
    r"do not|don['’]t|does not|doesn['’]t|will not|won['’]t|refuses to|declines to)\b",
    re.IGNORECASE,
)
JUDGED = (
    r"(?:reasonabl[ey]|appropriate(?:ly)?|sensibl[ey]|responsibl[ey]|prudent(?:ly)?|suitabl[ey])"
)
VAGUE = re.compile(
    r"\bas (?:is |it (?:finds|sees|deems|thinks) )?(?:appropriate|necessary|needed|required|fit)\b"
    r"(?! (?:by|in|to|for|from|under)\b)"
    r"|\b(?:if|when|whenever|where|wherever|unless) (?:it is |they are |deemed )?"
    r"(?:appropriate|necessary|needed|required|applicable|feasible|reasonable|warranted)\b"
    r"(?! (?:by|in|to|for|from|under)\b)"
    r"|\bwithin reason\b|\bto a reasonable (?:degree|extent)\b"
    r"|\bin (?:an?|the) (?:appropriate|suitable|reasonable|proper) (?:way|manner|fashion)\b"
    r"|\b(?:use|uses|using|exercise|exercises|apply|applies) (?:its |your |their |his |her )?"
    r"(?:good |best |common |sound |own )*(?:judgment|judgement|sense|discretion)\b"
    r"|\bat its (?:own |sole )?discretion\b|\bmak\w+ (?:every |all )?reasonable efforts?\b"
    rf"|(?:^|\b(?:should|must|shall|will|is to|aims? to|tries to|try to) )"
    rf"(?:always )?(?:be|act|behave|respond|answer|react|proceed) {JUDGED}"
    r"(?=[.,;!?]|$| (?:and|at) )",
    re.IGNORECASE,
)
SAYS_WHEN = re.compile(
    r"\b(?:for (?:example|instance)|such as|e\.g\.|i\.e\.|that is|namely|meaning|which means|in "
    r"particular|say|like when|because|asks? (?:what|how|who|whether|itself)|unless|whenever|"
    r"rather than)\b|[:—]|\b(?:if|when|where)\b(?! (?:it is |they are |deemed )?"
    r"(?:appropriate|necessary|needed|required|applicable|feasible|reasonable|warranted)\b)",
    re.IGNORECASE,
)
QUOTED = re.compile(r"[\"“][^\"”]*[\"”]|[*_][^*_]+[*_]")
MIN_RULES = 3  # clauses that prescribe, before a spec without any mark is taken for rules
MARKS_RULE = ("subrule", "example")


def unreasoned(clauses: Sequence[Passage], text: str) -> Told:
    """Rules without a reason, whether one is marked or a word such as "because" gives it; without
    marks, list items that prescribe, where their section gives none either.

    Paragraphs of prose are not taken one by one: a reason may stand anywhere around them. Rows of
    the table of preferences need their third cell.
    """
    rules = [passage for passage in clauses if passage.kind == "rule"]
    if not rules:
        rules = [c for c in clauses if c.kind != "general" and PRESCRIBES.search(c.text)]
        bare = [rule for rule in rules if rule.listed and not _explained(rule, clauses)]
        if len(rules) >= MIN_RULES and not any(map(_gives_reason, clauses)):
            bare = rules
    else:
        bare = [rule for rule in rules if not _supported(rule, clauses)]
    if len(bare) == len(rules) > 1:
        yield (
            bare[0].line,
            f"none of the {len(rules)} rules gives a reason.",
            "Say why each holds; midtraining on reasons is what lets a value generalise.",
        )
    else:
        for passage in bare:
            yield passage.line, "it gives no reason.", "Say why it holds, there or right below."
    for row in table_rows(text):
        if not re.search(r"\w", row.reason or ""):
            liked = row.kind.removesuffix("s")
            yield row.line, f"{row.thing} is {liked}d for no reason.", "Fill the third cell."


def _supported(rule: Passage, clauses: Sequence[Passage]) -> bool:
    """Whether a marked rule, what belongs to it, or what belongs to the whole gives a reason."""
    return _gives_reason(rule) or any(
        _gives_reason(other) if other.rule == rule.id else other.kind == "reason" and not other.rule
        for other in clauses
    )


def _explained(rule: Passage, clauses: Sequence[Passage]) -> bool:
    """Whether an unmarked list item, or a paragraph of its section, gives a reason."""
    return _gives_reason(rule) or any(
        _gives_reason(other)
        for other in clauses
        if other.heading == rule.heading and not other.listed
    )


def _gives_reason(passage: Passage) -> bool:
    """Whether it is one, or a sentence of it gives one; "not because" doesn't."""
    return passage.kind == "reason" or any(
        found[0].lower() not in ENDS or not NEGATED.search(sentence[: found.start()])
        for sentence in SENTENCE_END.split(passage.text)
        for found in REASON.finditer(sentence)
    )


def vague(clauses: Sequence[Passage]) -> Told:
    """Guidance that leaves open what it asks for: "as appropriate", "be reasonable", where neither
    the sentence, the next one, nor a sub-rule or example says when or how."""
    detailed = {passage.rule for passage in clauses if passage.kind in MARKS_RULE}
    for passage in clauses:
        if passage.id in detailed:
            continue
        sentences = SENTENCE_END.split(QUOTED.sub(" ", passage.text))
        for sentence, after in zip(sentences, [*sentences[1:], ""], strict=True):
            found = VAGUE.search(sentence.strip())
            if found and not SAYS_WHEN.search(f"{sentence.replace(found[0], ' ')} {after}"):
                yield (
                    passage.line,
                    f"{found[0].strip()!r} doesn't say when or how.",
                    "Name the cases, or what to weigh, or give an example.",
                )


def idle_values(clauses: Sequence[Passage], text: str, identity: Mapping[str, str]) -> Told:
    """Values that a sentence lists ("values honesty, courage, and thrift") and that are taken up
    nowhere, where at least as many of the list are: a value can be applied without being named, so
    it counts only in a spec that names its values where it applies them."""
    who = "|".join(re.escape(name) for name in (identity.get("model_name", "it"), "it"))
    named = re.compile(
        rf"\b(?:{who}) (?:values|cherishes|prizes|holds dear|is guided by|stands for|is committed "
        r"to)((?: [\w-]+,)+(?: and)? [\w-]+| [\w-]+ and [\w-]+| [\w-]+)(?=[.;:])",
        re.IGNORECASE,
    )
    tables = [line for line in text.split("\n") if line.lstrip().startswith("|")]
    for passage in clauses:
        for found in named.finditer(passage.text):
            others = [other.text for other in clauses if other.id != passage.id] + tables
            said = {stem(word) for other in others for word in plain_words(other)}
            rest = passage.text.replace(found[0], " ")
            here = {stem(word) for word in plain_words(rest)}
            values = [value for value in re.findall(r"[\w-]+", found[1]) if value != "and"]
            idle = [value for value in values if stem(value) not in said | here]
            for value in idle if 2 * len(idle) <= len(values) else []:
                yield (
                    passage.line,
                    f"{value} is named as a value and never applied to a case.",
                    "Show a case that it decides, or leave it out.",
                )
