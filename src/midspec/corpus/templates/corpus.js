"use strict";
{
  const PAGE = 50;
  const KEYS = ["q", "clause", "domain", "type", "genre", "verdict"];
  const FIELDS = [
    ["Document type", "document_type"], ["Genre", "genre"], ["Domain", "domain"],
    ["Subdomain", "subdomain"], ["Viewpoint", "viewpoint"], ["Framing", "framing"],
    ["Prefix", "prefix"], ["Spec", "spec"], ["Teacher", "teacher"],
    ["Prompt version", "prompt_version"], ["Seed", "seed"], ["Tokens", "tokens"],
    ["Step", "step"], ["Call", "call"], ["Id", "id"],
  ];
  const SHOWN = new Set([
    ...FIELDS.map(([, key]) => key),
    "text", "idea", "clauses", "assertions", "verdict", "group", "reason", "judge",
  ]);
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const form = byId("filters");
  const many = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  // All text of a corpus enters the page here, as text and never as markup.
  function make(tag, name, ...inner) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...inner.map((part) => (part instanceof Node ? part : String(part))));
    return made;
  }

  function haystack(row) {
    row.haystack ??= [row.id, row.idea, row.reason, row.text].join("\n").toLowerCase();
    return row.haystack;
  }

  function filters() {
    const found = {};
    for (const key of KEYS) found[key] = form.elements[key].value;
    return found;
  }

  const matches = (row, want) =>
    (!want.q || haystack(row).includes(want.q.trim().toLowerCase())) &&
    (!want.clause || (row.clauses ?? []).includes(want.clause)) &&
    (!want.domain || row.domain === want.domain) &&
    (!want.type || row.document_type === want.type) &&
    (!want.genre || row.genre === want.genre);

  const isVerdict = (row, want) =>
    want === "any" || row.verdict === want || `${row.verdict}: ${row.group}` === want;

  function hash(want, page) {
    const params = new URLSearchParams();
    for (const key of KEYS) {
      if (want[key] && !(key === "verdict" && want[key] === "kept")) params.set(key, want[key]);
    }
    if (page) params.set("page", page + 1);
    return `#${params}`;
  }

  function listOf(title, items, known) {
    if (!items?.length) return [];
    const lines = items.map((item) => known
      ? make("li", "", make("b", "", item), " ", known[item] ?? "(its text is not in this corpus)")
      : make("li", "", item));
    return [make("h4", "", title), make("ul", "", ...lines)];
  }

  function verdictOf(row) {
    if (!row.judge) return [];
    const { faithful, reason, contradictions, inventions } = row.judge;
    return [
      make("h4", faithful ? "" : "alert", faithful ? "Judge: faithful" : "Judge: not faithful"),
      ...(reason ? [make("p", "", reason)] : []),
      ...listOf("Contradictions", contradictions),
      ...listOf("Inventions", inventions),
    ];
  }

  function lineage(row) {
    const facts = make("dl", "");
    const add = (title, value) => {
      if (value === undefined || value === null || value === "") return;
      facts.append(make("dt", "", title), make("dd", "", value));
    };
    for (const [title, key] of FIELDS) add(title, row[key]);
    for (const key of Object.keys(row)) {
      if (SHOWN.has(key) || key === "haystack") continue;
      const value = row[key];
      add(key.replaceAll("_", " "), typeof value === "object" ? JSON.stringify(value) : value);
    }
    return facts;
  }

  function opened(row) {
    const failed = row.verdict.startsWith("failed");
    const missing = failed ? "No document came of it." : "The document is empty.";
    const left = make("div", "", make("p", row.text ? "text" : "text soft", row.text || missing));
    if (row.reason) {
      left.prepend(make("p", "alert", `${failed ? "Failed" : "Set aside"}: ${row.reason}`));
    }
    const right = make("div", "side", ...verdictOf(row),
      ...listOf("Clauses", row.clauses, data.clauses),
      ...listOf("Assertions", row.assertions, data.assertions),
      make("h4", "", "Lineage"), lineage(row));
    return make("div", "opened", left, right);
  }

  function entry(row) {
    const chips = [row.document_type, row.genre, row.domain].filter(Boolean)
      .map((name) => make("span", "chip", name));
    if (row.verdict !== "kept") {
      const why = row.group && `: ${row.group}`;
      chips.unshift(make("span", why ? "chip alert" : "chip", row.verdict + why));
    }
    const title = row.idea || (row.text ?? "").trim().slice(0, 90) || row.id;
    const summary = make("summary", "", make("span", "title", title), make("span", "chips", ...chips));
    const made = make("details", "", summary);
    made.addEventListener("toggle", () => made.append(opened(row)), { once: true });
    return made;
  }

  function tellOthers(want, counts) {
    const parts = data.verdicts
      .filter((verdict) => counts[verdict] && !isVerdict({ verdict }, want.verdict))
      .map((verdict) => {
        const link = make("a", "filter", `${counts[verdict].toLocaleString("en")} ${verdict}`);
        link.href = hash({ ...want, verdict }, 0);
        return link;
      });
    byId("others").replaceChildren(
      ...(parts.length ? ["The same filters match "] : []),
      ...parts.flatMap((link, n) => (n ? [", ", link] : [link])),
      ...(parts.length ? ["."] : []),
    );
  }

  let page = 0;

  function show() {
    const want = filters();
    const counts = Object.fromEntries(data.verdicts.map((verdict) => [verdict, 0]));
    const rows = [];
    for (const row of data.rows) {
      if (!matches(row, want)) continue;
      counts[row.verdict] += 1;
      if (isVerdict(row, want.verdict)) rows.push(row);
    }
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    page = Math.min(Math.max(0, page), pages - 1);
    const first = page * PAGE;
    const here = rows.slice(first, first + PAGE);
    byId("list").replaceChildren(...here.map(entry));
    const of = data.sampled ? " of the sample" : "";
    byId("matches").textContent = rows.length
      ? `${many(rows.length, "document")}${of}, ${first + 1} to ${first + here.length} shown.`
      : `No document${of} matches.`;
    tellOthers(want, counts);
    for (const pager of document.querySelectorAll(".pager")) {
      pager.hidden = pages === 1;
      pager.querySelector(".back").disabled = page === 0;
      pager.querySelector(".on").disabled = page === pages - 1;
      pager.querySelector("span").textContent = `Page ${page + 1} of ${pages}`;
    }
    byId("clear").disabled = hash(want, 0) === "#";
  }

  function change(how) {
    show();
    history[how](null, "", hash(filters(), page));
  }

  function readHash() {
    const params = new URLSearchParams(location.hash.slice(1));
    for (const key of KEYS) {
      const field = form.elements[key];
      const standard = key === "verdict" ? "kept" : "";
      field.value = params.get(key) ?? standard;
      if (field.selectedIndex === -1) field.value = standard;
    }
    page = (Number.parseInt(params.get("page"), 10) || 1) - 1;
    show();
  }

  let timer;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    page = 0;
    if (event.target.name === "q") timer = setTimeout(change, 150, "replaceState");
    else change("pushState");
  });
  byId("clear").addEventListener("click", () => {
    form.reset();
    page = 0;
    change("pushState");
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const turn = event.target.closest(".pager button");
    if (turn) {
      page += turn.classList.contains("on") ? 1 : -1;
      change("pushState");
    } else if (link && !link.classList.contains("filter")) {
      event.preventDefault(); // the hash is the filters'
      document.querySelector(link.hash).scrollIntoView();
      return;
    }
    if (turn || link) byId("documents").scrollIntoView();
  });
  addEventListener("hashchange", readHash);
  document.body.classList.add("live");
  readHash();
}
