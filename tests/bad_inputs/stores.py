"""Stores that can't be used, or whose files were changed, and what who opens them is told."""

from tests.bad_inputs.row import Row

FILE = "experiment.yaml"
NEWER = {"old/store.json": '{"format": 99, "midspec": "9.9"}'}
ARM = f"msm -e {FILE} --store store"
CHANGED = "was changed since its stage finished"
OPENING = (
    f"plan {FILE}",
    f"run {FILE}",
    f"report {FILE}",
    f"show {FILE}",
    f"analyze {FILE}",
    f"watch {FILE} --once",
    f"chat msm -e {FILE}",
    f"eval base -e {FILE} --tasks sense",
    f"attribute {FILE} --arm msm --eval preference/items.jsonl",
    f"export {FILE}",
    "corpus spec.md --teacher offline --out new",
    "doctor",
    "demo",
)


def changed(command: str, file: str, text: str | bytes, *says: str) -> Row:
    """A command on a finished store in which a file holds something else."""
    return Row(command, says, copies={"store": "."}, files={f"store/{file}": text})


def copied(command: str, found: str, file: str, text: str, *says: str) -> Row:
    """A command on the copy of one finished folder, `copy`, likewise."""
    return Row(command, says, copies={"copy": found}, files={f"copy/{file}": text})


NO_STORES = [
    *(Row(f"{verb} --store spec.md", ("spec.md is not a folder", "--store")) for verb in OPENING),
    *(
        Row(f"{verb} --store old", ("written by midspec 9.9", "Upgrade midspec"), files=NEWER)
        for verb in OPENING
    ),
    Row(f"plan {FILE} --store spec.md/store", ("spec.md/store is not a folder",)),
    Row(f"run {FILE} --store {'s' * 300}", ("can't be used: File name too long",)),
    Row(f"run {FILE} --store old", ("is not a store's marker",), files={"old/store.json": '{"f'}),
    Row(f"run {FILE} --store old", ("is not a store's marker",), files={"old/store.json": "[]"}),
    Row(f"run {FILE} --store s3://", ("names no place", "s3://BUCKET/FOLDER")),
    Row(f"run {FILE} --store ftpx://a/b", ("ftpx://a/b can't be used: Protocol not known",)),
    Row(f"plan {FILE} --store http://[a", ("http://[a can't be used: Invalid IPv6 URL",)),
]

SPOILT = [
    changed(f"show {FILE}", "report-*/results.json", '{"', CHANGED),
    changed(f"show {FILE}", "report-*/results.json", "{}", "results.json", CHANGED),
    changed(f"analyze {FILE}", "choices-*/choices.jsonl", "{}\n", "choices.jsonl", CHANGED),
    changed(f"chat {ARM}", "midtrain-*/adapter/adapter_config.json", "{}", CHANGED),
    changed(f"chat {ARM}", "midtrain-*/adapter/adapter_model.safetensors", b"x" * 99, CHANGED),
    changed(f"export {ARM} --out new", "midtrain-*/adapter/adapter_config.json", "{}", CHANGED),
    changed(f"eval {ARM} --tasks sense", "midtrain-*/adapter/adapter_config.json", "{}", CHANGED),
    copied("corpus show copy", "corpus-*", "documents.jsonl", '{"text": ', "line 1: not JSON"),
    copied("corpus show copy", "corpus-*", "documents.jsonl", "[1]\n", "expected an object"),
    copied("corpus show copy", "corpus-*", "documents.jsonl", '{"text": 3}\n', "row 1: has no"),
    copied("corpus show copy", "corpus-*", "coverage.json", "[]", "holds no JSON object"),
    copied("corpus show copy", "corpus-*", "manifest.json", "[]", "holds no JSON object"),
    copied("demos show copy", "corpus-*", "x", "", "copy is not the folder of a set of chats"),
    copied("corpus show copy --out .", "corpus-*", "x", "", ". is a folder", "--out"),
]

ROWS = [*NO_STORES, *SPOILT]
