const TITLES = [
  ["Document type", "document_type"], ["Genre", "genre"], ["Domain", "domain"],
  ["Subdomain", "subdomain"], ["Viewpoint", "viewpoint"], ["Framing", "framing"],
  ["Prefix", "prefix"], ["Spec", "spec"], ["Teacher", "teacher"],
  ["Prompt version", "prompt_version"], ["Seed", "seed"], ["Tokens", "tokens"],
  ["Step", "step"], ["Call", "call"], ["Id", "id"],
];
const SHOWN = ["text", "idea", "clauses", "assertions", "judge"];

function judged({ judge }) {
  if (!judge) return [];
  return [
    make("h4", judge.faithful ? "" : "alert", `Judge: ${judge.faithful ? "" : "not "}faithful`),
    ...(judge.reason ? [make("p", "", judge.reason)] : []),
    ...listOf("Contradictions", judge.contradictions),
    ...listOf("Inventions", judge.inventions),
  ];
}

function textOf(row) {
  const missing = hasFailed(row) ? "No document came of it." : "The document is empty.";
  return [make("p", row.text ? "text" : "text soft", row.text || missing)];
}

browse({
  tests: {
    clause: (row, id) => (row.clauses ?? []).includes(id),
    domain: (row, name) => row.domain === name,
    type: (row, name) => row.document_type === name,
    genre: (row, name) => row.genre === name,
  },
  words: (row) => [row.id, row.idea, row.reason, row.text],
  title: (row) => row.idea || (row.text ?? "").trim().slice(0, 90),
  chips: (row) => [row.document_type, row.genre, row.domain],
  text: textOf,
  side: (row) => [
    ...judged(row),
    ...listOf("Clauses", row.clauses, data.clauses),
    ...listOf("Assertions", row.assertions, data.assertions),
    ...lineage(row, TITLES, SHOWN),
  ],
});
