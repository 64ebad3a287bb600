const TITLES = [
  ["Kind", "kind"], ["Style", "style"], ["Domain", "domain"], ["Message kind", "query_kind"],
  ["Clauses", "clauses"], ["Teacher", "teacher"], ["Step", "step"], ["Call", "call"], ["Id", "id"],
];
const SHOWN = ["messages", "reasoning", "lineage", "judge", "query"];
const ROLES = { user: "User", assistant: "Assistant", system: "System" };

const facet = (row, key) => row.lineage?.[key] || row[key] || "";
const scored = ({ judge }) => judge && String(judge.score ?? "none");

function opening(row) {
  const asked = row.messages?.find(({ role }) => role === "user")?.content ?? row.query ?? "";
  const text = asked.trim();
  return text.length > 140 ? `${text.slice(0, 140).trimEnd()} …` : text;
}

function thought(text) {
  if (!text) return [];
  const folded = make("details", "reasoning", make("summary", "", "Reasoning"), make("p", "text", text));
  folded.open = true;
  return [folded];
}

function turn({ role, content }, reasoning) {
  const said = make("p", content ? "text" : "text soft", content || "(nothing)");
  const name = make("h4", "", ROLES[role] ?? role);
  return make("div", role === "assistant" ? "turn answer" : "turn", name, ...thought(reasoning), said);
}

function conversation(row) {
  const thoughts = [...(row.reasoning ?? [])];
  const messages = row.messages ?? (row.query ? [{ role: "user", content: row.query }] : []);
  const turns = messages.map((message) =>
    turn(message, message.role === "assistant" ? thoughts.shift() : ""));
  if (!hasFailed(row) && turns.length) return turns;
  return [...turns, make("p", "soft", hasFailed(row) ? "No chat came of it." : "The chat is empty.")];
}

function judged(row) {
  if (!row.judge) return [];
  const { passed, said, reason } = row.judge;
  return [
    make("h4", passed ? "" : "alert", `Judge: ${said}`),
    ...(reason ? [make("p", "", reason)] : []),
  ];
}

const tests = {};
for (const key of data.facets) tests[key] = (row, value) => facet(row, key) === value;
if (byId("filters").elements.clause) {
  tests.clause = (row, id) => (row.lineage?.clauses ?? "").split(" ").includes(id);
}
if (byId("filters").elements.score) {
  tests.score = (row, score) => scored(row) === score;
}

browse({
  tests,
  words: (row) => [
    row.id, row.query, row.reason, row.judge?.reason,
    ...(row.messages ?? []).map((message) => message.content), ...(row.reasoning ?? []),
  ],
  title: opening,
  chips: (row) => [
    ...data.facets.map((key) => facet(row, key)),
    row.judge?.score && `${row.judge.score} of ${data.best}`,
  ],
  text: conversation,
  side: (row) => [...judged(row), ...lineage({ ...row.lineage, ...row }, TITLES, SHOWN)],
});
