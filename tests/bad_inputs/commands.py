"""Commands that can't be carried out as they are given, and what each is told."""

from tests.bad_inputs.row import Row

FILE = "experiment.yaml"
BINARY = bytes(range(256))
TWICE = "# A\n\nIt is old. {#sp1 .rule}\n\nIt mends. {#sp1 .value}\n"
CORPUS = "corpus spec.md --teacher offline --out new"
DEMOS = "demos spec.md --kind opaque --n 5 --teacher offline --out new"
INIT = "init spec.md --yes --model MODEL --out new.yaml"
REASONS = "--judge openai/x --out new"


def row(command: str, *says: str, **files: str | bytes) -> Row:
    """A command, what it is told, and files: `a__md` is a.md."""
    return Row(command, says, files={name.replace("__", "."): text for name, text in files.items()})


COMMAND_LINE = [
    row("rnu experiment.yaml", "No such command 'rnu'. Did you mean 'run'? See: midspec --help"),
    row("run", "Missing argument 'EXPERIMENT.yaml'. See: midspec run --help"),
    row(f"run {FILE} other.yaml", "unexpected extra argument", "other.yaml"),
    row(f"run {FILE} --sotre x", "No such option: --sotre", "--store"),
    row(f"run {FILE} --max-cost cheap", "'--max-cost'", "should be a valid number"),
    row(f"run {FILE} --max-cost -3", "--max-cost -3.0 is no amount of dollars. Write it as 50"),
    row(f"run {FILE} --max-cost nan", "--max-cost nan is no amount of dollars"),
    row(f"run {FILE} --max-tokens many", "--max-tokens many is no amount. Write it as 8M"),
    row(f"run {FILE} --device tpu", "--device tpu: input should be 'auto', 'cpu'"),
    row(f"run {FILE} --host a:port --machines 2", "--host a:port: 'port' is no port"),
    row(f"run {FILE} --engine slurm", "--engine slurm is not known. Use local or ray"),
    row(f"run {FILE} --address x", "--address and --cores are for --engine ray"),
    row(f"run {FILE} --track excel", "--track excel is not known. Use trackio, wandb, tensorboard"),
    row(f"analyze {FILE} --json --csv new", "--json and --csv are two forms of the same numbers"),
    row(f"analyze {FILE} --csv spec.md", "--csv spec.md is a file, or lies in one. Name a folder"),
    row("join spec.md --machine 1", "spec.md is not a folder"),
    row("join store --machine 0", "'--machine'", "greater than or equal to 1"),
    row("watch gone.yaml", "gone.yaml is no experiment file, no store and no stage of one"),
    row("watch .", ". is no experiment file, no store"),
]

ARMS = [
    row(f"chat mms -e {FILE}", "no arm 'mms'. Its arms: base, msm, reference"),
    row(f"chat msm -e {FILE} --seed 3", "no seed 3. Its seeds: [0]"),
    row(f"chat msm -e {FILE}", "The arm msm, seed 0 isn't trained yet. Run the experiment"),
    row(f"eval msm -e {FILE}", "--tasks names no eval", "midspec eval --list"),
    row(f"eval msm --model x -e {FILE} --tasks sense", "one of the two"),
    row(f"eval mms -e {FILE} --tasks sense", "no arm 'mms'"),
    row(f"eval base -e {FILE} --tasks capabilty", "'capabilty' is not known. Use preference/"),
    row(f"eval base -e {FILE} --tasks sense --half both", "--half both is not known"),
    row(f"eval base -e {FILE} --tasks manners --judge gpt", "the judge 'gpt' is no LLM"),
    row(f"eval base -e {FILE} --tasks open-qa/old", "there is no judge. Name one: judge (--judge)"),
    row("eval --model ./gone --tasks sense", "The model './gone' is unknown"),
    row("eval --model openai/x --tasks sense", "openai/x"),
    row(f"attribute {FILE} --arm mms --eval preference/items.jsonl", "no arm 'mms'"),
    row(f"attribute {FILE} --arm msm --eval x --by hue", "--by hue is not known. Use clause"),
    row(f"export mms -e {FILE} --out new", "no arm 'mms'"),
    row(f"export msm -e {FILE} --out new", "isn't trained yet. Run the experiment"),
    row(f"export msm -e {FILE} --out .", "holds something that is no exported model"),
    row(f"export msm -e {FILE} --out spec.md/x", "spec.md/x is a file, or lies in one"),
    row(f"export {FILE}", "stages aren't done, the first being", "midspec run experiment.yaml"),
    row(f"show {FILE}", "no results yet. Run it with midspec run"),
    row(f"report {FILE}", "3 of 3 evaluations aren't done", "Run: midspec run experiment.yaml"),
    row(f"analyze {FILE}", "3 of 3 evaluations aren't done"),
]

TEXTS = [
    row("spec lint gone.md", "The spec gone.md does not exist"),
    row("spec lint .", "The spec . is a folder. Name a Markdown file"),
    row("spec lint b.md", "b.md is not UTF-8", b__md=BINARY),
    row("spec lint b.md", "b.md is empty", b__md=" \n"),
    row("spec lint b.md", "b.md, line 5: the id sp1 stands at line 3 already", b__md=TWICE),
    row("spec lint spec.md --ignore x", "--ignore x is no check. The checks are"),
    row("spec lint spec.md --plan", "Name one with --teacher MODEL"),
    row("spec lint spec.md --context 3", "'--context'", "greater than or equal to 2048"),
    row("spec lint spec.md --teacher openai/x --price a", "--price a is no price", "3,15"),
    row("spec variants gone.md --out new", "gone.md does not exist"),
    row("spec variants spec.md --out items.jsonl", "--out items.jsonl is a file"),
    row("spec variants spec.md --out .", "holds something that is no set of variants"),
    row(CORPUS.replace("spec.md", "gone.md"), "gone.md does not exist"),
    row(f"{CORPUS} --tokens lots", "--tokens lots is no amount. Write it as 8M"),
    row(f"{CORPUS} --form poem", "--form poem: input should be 'documents', 'qa' or 'both'"),
    row(f"{CORPUS} --items gone.jsonl", "gone.jsonl does not exist"),
    row(f"{CORPUS} --mix gone.txt", "gone.txt does not exist"),
    row(f"{CORPUS} --mix spec.md --mix-share 3", "--mix-share 3.0: input should be less than 1"),
    row(f"{CORPUS} --avoid gone.jsonl", "gone.jsonl does not exist"),
    row(CORPUS.replace("new", "spec.md"), "--out spec.md is a file"),
    row(CORPUS.replace("new", "spec.md/new"), "--out spec.md/new is a file, or lies in one"),
    row(CORPUS.replace("new", "."), "--out . holds something that is no corpus"),
    row(CORPUS.replace("new", "n" * 300), "can't be used: File name too long"),
    row(CORPUS.replace("offline", "gpt"), "the teacher 'gpt' is no LLM"),
    row("corpus spec.md --teacher openai/x --out new --temperature -1", "--temperature -1.0"),
    row("corpus show gone", "gone is not a folder. Name the folder of a corpus"),
    row("corpus show .", ". is not the folder of a corpus", "documents.jsonl"),
    row(DEMOS.replace("opaque", "opake"), "--kind opake is not known. Use aligned"),
    row(DEMOS.replace("--n 5", "--n -5"), "--n -5: input should be greater than 0"),
    row(DEMOS.replace("--n 5", "--n five"), "'--n'", "should be a valid integer"),
    row("demos spec.md --kind aligned --n 5 --out new", "--kind aligned takes --teacher"),
    row("demos spec.md --kind mix --mix nope --n 5 --out new", "no mix 'nope'. The mixes are"),
    row("demos show gone", "gone is not a folder"),
    row(f"reasons gone {REASONS}", "gone does not exist. Name an Inspect log"),
    row(f"reasons a.jsonl {REASONS}", "a.jsonl, line 1: not JSON", a__jsonl='{"'),
    row(
        f"reasons a.jsonl {REASONS}", "a.jsonl, row 1: has a; a transcript has", a__jsonl='{"a": 1}'
    ),
    row(f"reasons a.eval {REASONS}", "a.eval can't be read as an Inspect log", a__eval="no zip"),
    row(f"reasons a.jsonl --reasons b.yaml {REASONS}", "b.yaml", a__jsonl="", b__yaml="a: ["),
    row("reasons spec.md --judge gpt --out new", "the judge 'gpt' is no LLM"),
    row("reasons show gone", "gone"),
]

MODELS_AND_RUNS = [
    row("model get smolm2", "The model 'smolm2' is unknown: not an alias (smollm2-135m)"),
    row("model get ../../etc/passwd", "The model '../../etc/passwd' is unknown"),
    row("model get ''", "The model '' is unknown"),
    row("model get 'a b/c;d'", "The model a b/c;d can't be had from the Hub"),
    row("model get --source ftp", "--source ftp is not known. Use auto, hub or wheel"),
    row("model get a/b --template gone.jinja", "The chat template gone.jinja does not exist"),
    row("init --yes", "midspec init needs SPEC.md", "nothing is asked"),
    row("init gone.md --yes", "gone.md does not exist"),
    row("init spec.md --yes", "experiment.yaml exists. Name another file with --out"),
    row(f"{INIT} --budget lots", "--budget 'lots' is no budget. Write it as 15 min"),
    row(f"{INIT} --teacher gpt", "--teacher gpt is no LLM"),
    row(f"{INIT} --items gone.jsonl", "gone.jsonl does not exist"),
    row(INIT.replace("new.yaml", "spec.md/new.yaml"), "spec.md"),
    row("why gone gone", "gone/manifest.json is missing"),
    row("why spec.md spec.md", "spec.md/manifest.json can't be read: Not a directory"),
    row("why . .", "tells of no stage", manifest__json='{"config": 3}'),
    row("why . .", "holds no JSON object", manifest__json="[]"),
    row("why . .", "is not readable JSON", manifest__json='{"'),
    row("compare", "Missing argument"),
    row("compare spec.md", "spec.md is no run. Name an experiment file"),
    row("compare gone spec.md", "gone is no run. Name an experiment file"),
    row("compare a.json a.json", "is no results.json of a report", a__json="{}"),
    row("compare a.json a.json", "is not readable JSON", a__json=BINARY),
    row("import gone.tar.gz", "The archive gone.tar.gz does not exist"),
    row("import gone.tar.gz --max-gb nan", "The archive gone.tar.gz does not exist"),
    row("import .", "The archive . can't be read: Is a directory"),
    row("import spec.md", "spec.md is no archive of midspec export"),
    row("import a.tar.gz", "a.tar.gz is no archive", a__tar__gz=""),
    row(f"push corpus gone -e {FILE} --to me/x", "gone"),
]

ROWS = [*COMMAND_LINE, *ARMS, *TEXTS, *MODELS_AND_RUNS]
