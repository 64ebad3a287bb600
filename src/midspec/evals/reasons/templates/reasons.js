const TITLES = [["Arm", "arm"], ["Condition", "condition"], ["Id", "id"]];
const SHOWN = ["passages", "outcome", "drivers", "unfounded"];

const whole = (row) => row.passages.map(([text]) => text).join("");
const named = (ids) => ids.map((id) => data.reasons[id]).filter(Boolean);

function opening(row) {
  const text = whole(row).trim();
  return text.length > 140 ? `${text.slice(0, 140).trimEnd()} …` : text;
}

// A passage that was quoted is marked; what it was quoted for shows when it is pointed at.
function passage([text, ids]) {
  if (!ids.length) return text;
  const marked = make("mark", "", text);
  marked.title = ids.map((id) => data.reasons[id] ?? id).join(", ");
  return marked;
}

function analysed(row) {
  const shown = [make("p", "text", ...row.passages.map(passage))];
  if (row.outcome) {
    const led = make("details", "", make("summary", "", "What it led to"), make("p", "text", row.outcome));
    shown.push(led);
  }
  return shown;
}

const tests = {
  arm: (row, arm) => row.arm === arm,
  driver: (row, id) => row.drivers.includes(id),
};
if (byId("filters").elements.condition) tests.condition = (row, name) => row.condition === name;

browse({
  tests,
  words: (row) => [row.id, whole(row), row.outcome],
  title: opening,
  chips: (row) => [row.arm, ...named(row.drivers)],
  text: analysed,
  side: (row) => [
    ...listOf("Drivers", named(row.drivers)),
    ...listOf("Quoted, but not there", Object.entries(row.unfounded).map(([id, quote]) => `${id}: ${quote}`)),
    ...lineage(row, TITLES, SHOWN),
  ],
});
