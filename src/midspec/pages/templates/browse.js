// What pages to look through rows share: the list with its filters, its search and its pager.
// A page's own script follows and calls `browse` with what it knows of its rows.
const PAGE = 50;
const data = JSON.parse(document.getElementById("data").textContent);
const hasFailed = (row) => row.verdict.startsWith("failed");

function listOf(title, items, known) {
  if (!items?.length) return [];
  const lines = items.map((item) => known
    ? make("li", "", make("b", "", item), " ", known[item] ?? "(its text is not in this folder)")
    : make("li", "", item));
  return [make("h4", "", title), make("ul", "", ...lines)];
}

// The fields that have a title, then those that nobody named and that are not shown elsewhere.
function lineage(row, titles, shown) {
  const facts = make("dl", "");
  const add = (title, value) => {
    if (value === undefined || value === null || value === "") return;
    const text = typeof value === "object" ? JSON.stringify(value) : value;
    facts.append(make("dt", "", title), make("dd", "", text));
  };
  for (const [title, key] of titles) add(title, row[key]);
  const named = new Set([...titles.map(([, key]) => key), ...shown, "verdict", "group", "reason"]);
  for (const key of Object.keys(row)) {
    if (named.has(key) || key === "haystack") continue;
    add(`${key.charAt(0).toUpperCase()}${key.slice(1)}`.replaceAll("_", " "), row[key]);
  }
  return [make("h4", "", "Lineage"), facts];
}

// A row that was opened: what it says, with why it was not kept, and what is known of it.
function opened(row, text, side) {
  const left = make("div", "", ...text);
  if (row.reason) {
    left.prepend(make("p", "alert", `${hasFailed(row) ? "Failed" : "Set aside"}: ${row.reason}`));
  }
  return make("div", "opened", left, make("div", "side", ...side));
}

// tests: by filter, whether a row is of its value. words: what is searched in a row. title, chips:
// what the list shows of it. text, side: what opens, as elements.
function browse({ tests, words, title, chips, text, side }) {
  const KEYS = ["q", ...Object.keys(tests), "verdict"];
  const form = byId("filters");

  function haystack(row) {
    row.haystack ??= words(row).join("\n").toLowerCase();
    return row.haystack;
  }

  function filters() {
    const found = {};
    for (const key of KEYS) found[key] = form.elements[key].value;
    return found;
  }

  const matches = (row, want) =>
    (!want.q || haystack(row).includes(want.q.trim().toLowerCase())) &&
    Object.keys(tests).every((key) => !want[key] || tests[key](row, want[key]));

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

  function entry(row) {
    const shown = chips(row).filter(Boolean).map((name) => make("span", "chip", name));
    if (row.verdict !== "kept") {
      const why = row.group && `: ${row.group}`;
      shown.unshift(make("span", why ? "chip alert" : "chip", row.verdict + why));
    }
    const name = make("span", "title", title(row) || row.id);
    const made = make("details", "", make("summary", "", name, make("span", "chips", ...shown)));
    const open = () => made.append(opened(row, text(row), side(row)));
    made.addEventListener("toggle", open, { once: true });
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
      ? `${many(rows.length, data.noun)}${of}, ${first + 1} to ${first + here.length} shown.`
      : `No ${data.noun}${of} matches.`;
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

  const toList = () => form.closest("section").scrollIntoView();
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
    if (turn || link) toList();
  });
  addEventListener("hashchange", readHash);
  document.body.classList.add("live");
  readHash();
}
