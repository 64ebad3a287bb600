"""Corpora made of others by leaving documents out, and whole sets of them with their controls."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from midspec.errors import ConfigError, known
from midspec.parts import Corpus, Strict

By = Literal["clause", "section", "type", "domain", "genre"]


class Without(Strict):
    """Which documents are left out: all that carry one of these labels. A document has one type,
    domain and genre, but most often several clauses and sections (`s2` of clause `s2.p3`)."""

    clauses: list[str] = Field(default_factory=list)
    """Ids of clauses."""
    sections: list[str] = Field(default_factory=list)
    """Ids of sections."""
    types: list[str] = Field(default_factory=list)
    """Document types."""
    domains: list[str] = Field(default_factory=list)
    """Domains of the plan."""
    genres: list[str] = Field(default_factory=list)
    """`show` or `describe`."""

    def labels(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The labels by what they are: clause, section, type, domain or genre."""
        return tuple(
            (key.removesuffix("s"), tuple(values))
            for key, values in self.model_dump().items()
            if values
        )


def without(by: By, values: list[str]) -> Without:
    """The documents with one of these labels, as what is left out."""
    return Without.model_validate({f"{by}s": values})


class Portion(Strict):
    """A corpus that is `from` another one, with some of its documents left out; nothing is written
    anew.

    `without` names labels whose documents go. What stays is cut at random, by `draw`, to a size:
    to `tokens`, by the share `drop` of the whole corpus, or to what the largest of the `matched`
    leave-outs leaves, so that a whole comparison has one size. A portion without `without` is a
    random control. `spec` is that of the corpus it's from, which needn't be said.
    """

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    """The corpus that it is made of."""
    without: Without | None = None
    """Whose documents are left out."""
    tokens: Annotated[int, Gt(0)] | None = None
    """Cut at random to this size."""
    drop: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Or by this share of the whole."""
    matched: list[Without] = Field(default_factory=list)
    """Or to what the largest of these leave-outs leaves."""
    draw: int = 0
    """Another number, another order of what is cut."""
    spec: str = ""
    """That of `from`; needn't be said."""

    @model_validator(mode="after")
    def _one_size(self) -> "Portion":
        given = [key for key in ("tokens", "drop", "matched") if getattr(self, key)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say how large it is to be; keep one")
        if not given and not self.without:
            raise ValueError("nothing is left out; name without, drop, tokens or matched")
        return self


def _which(value: object) -> str:
    from_another = isinstance(value, Portion) or (isinstance(value, dict) and "from" in value)
    return "portion" if from_another else "written"


AnyCorpus = Annotated[
    Annotated[Corpus, Tag("written")] | Annotated[Portion, Tag("portion")], Discriminator(_which)
]


# What can be said of a corpus, written or made of another.
KEYS = [*Corpus.model_fields, "from", "without", "drop", "matched"]


class LeaveOut(Strict):
    """Arms like `arm`, each midtrained without one group of its `corpus`'s documents, and as many
    `controls` without as many tokens drawn at random; all of them have equally many tokens.

    groups: labels by the group's name; or how many groups the labels are put into, in their order;
    each label is its own where nothing is said. Which labels there are is known of the spec's
    clauses and sections, and of what the offline teacher writes.
    """

    arm: str
    """The arm to train again."""
    by: By
    """What the groups are made of."""
    corpus: str = ""
    """Which of the arm's corpora, where it has several."""
    groups: (
        Annotated[int, Ge(2)]
        | Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=2)]
        | None
    ) = None
    """Labels by group, or a number of groups; unset, each label alone."""
    controls: Annotated[int, Ge(1)] = 2
    """Arms without as many tokens drawn at random."""


def with_specs(corpora: dict[str, Any], where: str) -> dict[str, Any]:
    """The corpora, each portion with the spec of the corpus that it's made of; one that isn't
    there, or is a portion itself, is a ConfigError."""
    found = dict(corpora)
    for name, portion in corpora.items():
        if not isinstance(portion, Portion):
            continue
        at, source = f"{where}: corpora.{name}", corpora.get(portion.source)
        if source is None:
            written = [n for n, c in corpora.items() if isinstance(c, Corpus)]
            raise ConfigError(
                f"{at} is from {portion.source!r}, which is not defined"
                + known(portion.source, written)
            )
        if isinstance(source, Portion):
            raise ConfigError(
                f"{at} is from {portion.source}, which is itself from {source.source}. Say from: "
                f"{source.source}, and name all that is left out."
            )
        if portion.spec not in ("", source.spec):
            raise ConfigError(
                f"{at}.spec is {portion.spec!r}, but its documents are about {source.spec}."
            )
        wanted, has = portion.tokens or 0, source.tokens
        if wanted > has and not source.documents:
            raise ConfigError(
                f"{at}: {wanted:,} tokens of {portion.source} are wanted, which is to have "
                f"{has:,}. Name a number from 1 to that, or make it larger."
            )
        found[name] = portion.model_copy(update={"spec": source.spec})
    return found
