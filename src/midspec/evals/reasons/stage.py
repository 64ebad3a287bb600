"""The stage: an analysis of the reasons that drive what arms do in their transcripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from midspec import progress
from midspec.errors import DataError, TeacherError
from midspec.evals.reasons.classify import Classified, classify
from midspec.evals.reasons.extract import extract
from midspec.evals.reasons.merge import Driver, find_canonical, merge_overlapping
from midspec.evals.reasons.reader import PROMPT_VERSION, Reader
from midspec.evals.reasons.shares import differences, shares, with_kinds
from midspec.evals.reasons.taxonomy import Reason, read_taxonomy, write_taxonomy
from midspec.evals.reasons.transcripts import Transcript, read_transcripts, spread
from midspec.files import digest_file, write_json, write_rows
from midspec.llm.asker import Asker, asked_of, ledger_of
from midspec.llm.settings import Teacher, current_limits
from midspec.run.stage import Source, Stage, Summary

MERGE_OVER = 0.75  # the paper's (D.5)
EXTRACT_FROM = 200
EMPTY = "no text"


@dataclass(frozen=True)
class ReasonsConfig:
    """Whose transcripts, read by which judge, and how.

    arms: their names as they are reported; differences are from the first. max_transcripts: at most
    so many of each arm. extract_from: so many of each arm are read for reasons, where no taxonomy
    names them; 0 with one. merge_over: reasons that overlap by more than this share are merged.
    per_call: reasons that one call decides on, None for all of them.
    """

    arms: tuple[str, ...]
    judge: Teacher
    max_transcripts: int | None = None
    extract_from: int = 0
    merge_over: float = MERGE_OVER
    per_call: int | None = None
    draw: int = 0
    prompt_version: int = PROMPT_VERSION


def reasons_stage(
    title: str,
    config: ReasonsConfig,
    transcripts: Mapping[str, Stage | Source],
    taxonomy: Source | None,
) -> Stage:
    """The stage that reads each arm's transcripts: a log, a folder of logs or a JSONL file, from
    outside or from a stage. Without a taxonomy, reasons are found in the transcripts first."""
    inputs: dict[str, Stage | Source] = {f"arm/{arm}": transcripts[arm] for arm in config.arms}
    if taxonomy:
        inputs["taxonomy"] = taxonomy
    return Stage("reasons", _analyse, config, inputs, title=title)


def take_transcripts(config: ReasonsConfig, places: Mapping[str, Path]) -> list[Transcript]:
    """The transcripts of all arms that are read; an arm without any text is a DataError."""
    taken: list[Transcript] = []
    for arm in config.arms:
        found = read_transcripts(arm, places[arm])
        if not any(transcript.text for transcript in found):
            raise DataError(
                f"{places[arm]} has no transcript with text in it. An analysis needs the answers "
                "of a generated eval."
            )
        taken += spread(found, config.max_transcripts)
    return taken


def _analyse(config: ReasonsConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write transcripts.jsonl, the taxonomy.yaml that was used, verdicts.jsonl with a row for every
    transcript, and reasons.json; of reasons that were found also extracted and canonical.jsonl."""
    given = read_taxonomy(inputs["taxonomy"]) if "taxonomy" in inputs else None
    places = {arm: inputs[f"arm/{arm}"] for arm in config.arms}
    transcripts = take_transcripts(config, places)
    write_rows(out / "transcripts.jsonl", transcripts)
    readable = [transcript for transcript in transcripts if transcript.text]
    named = digest_file(inputs["taxonomy"]) if given else "extracted"
    # One ledger for a taxonomy and a judge: an arm that is added is all that is asked about.
    ledger = ledger_of(out, "reasons", "taxonomy" if given else "found", named, config.judge)

    async def work(asker: Asker) -> tuple[list[Reason], list[Classified], Summary]:
        reader = Reader(asker, config.draw, current_limits().min_yield)
        reasons: list[Reason] = given or []
        told: Summary = {}
        if given is None:
            reasons, told = await _find(reader, config, readable, out)
        write_taxonomy(out / "taxonomy.yaml", reasons)
        return reasons, await classify(reader, reasons, readable, config.per_call), told

    (reasons, classified, told), figures = asked_of(config.judge, ledger, work)
    verdicts = _with_empty(transcripts, classified)
    drivers = merge_overlapping(reasons, classified, config.merge_over)
    write_rows(out / "verdicts.jsonl", verdicts)
    write_json(out / "reasons.json", _results(config.arms, drivers, verdicts))
    return {
        "transcripts": len(verdicts),
        "classified": sum(not verdict.problem for verdict in verdicts),
        "unreadable": sum(bool(one.problem) for one in classified),
        "empty": len(transcripts) - len(readable),
        "unfounded": sum(len(verdict.unfounded) for verdict in verdicts),
        "reasons": len(drivers),
        **told,
        **figures,
    }


async def _find(
    reader: Reader, config: ReasonsConfig, readable: Sequence[Transcript], out: Path
) -> tuple[list[Reason], Summary]:
    """The reasons that transcripts are to be classified for, from some of each arm's."""
    chosen: list[Transcript] = []
    for arm in config.arms:
        chosen += spread([one for one in readable if one.arm == arm], config.extract_from)
    extracted = await extract(reader, chosen)
    write_rows(out / "extracted.jsonl", extracted)
    progress.say(f"Merging {sum(len(one.reasons) for one in extracted)} reasons.")
    canonical, unread = await find_canonical(reader, extracted)
    write_rows(out / "canonical.jsonl", canonical)
    reasons = [one.reason for one in canonical if not one.left_out]
    if not reasons:
        raise TeacherError(
            f"No reason was seen in two of {len(chosen)} transcripts or more. Give more of them "
            "(--extract-from), another judge, or a taxonomy (--reasons taxonomy)."
        )
    return reasons, {
        "extracted_from": len(chosen),
        "extraction_unreadable": sum(bool(one.problem) for one in extracted),
        "extracted": sum(len(one.reasons) for one in extracted),
        "canonical": len(canonical),
        "merges_unreadable": unread,
    }


def _with_empty(
    transcripts: Sequence[Transcript], classified: Sequence[Classified]
) -> list[Classified]:
    """A row for every transcript, in order: one without text has no verdict either."""
    left = iter(classified)
    return [
        next(left) if one.text else Classified(one.id, one.arm, one.group, problem=EMPTY)
        for one in transcripts
    ]


def _results(
    arms: Sequence[str], drivers: Sequence[Driver], verdicts: Sequence[Classified]
) -> dict[str, object]:
    """What reasons.json holds."""
    reported = with_kinds(drivers)
    counts = []
    for arm in arms:
        own = [verdict for verdict in verdicts if verdict.arm == arm]
        empty = sum(verdict.problem == EMPTY for verdict in own)
        classified = sum(not verdict.problem for verdict in own)
        counts.append(
            {
                "arm": arm,
                "transcripts": len(own),
                "classified": classified,
                "unreadable": len(own) - classified - empty,
                "empty": empty,
                "unfounded": sum(len(verdict.unfounded) for verdict in own),
                "conditions": len({verdict.group for verdict in own}),
            }
        )
    return {
        "arms": counts,
        "reasons": [asdict(driver) for driver in reported],
        "shares": [asdict(share) for share in shares(reported, verdicts)],
        "differences": [asdict(one) for one in differences(reported, verdicts, arms[0])],
    }
