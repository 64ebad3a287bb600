// The answers behind every number: packed eval by eval, and unpacked when somebody looks.
const PAGE = 25;
const packed = new Map([...document.querySelectorAll(".packed")].map((one) => [one.dataset.name, one]));
const unpacked = new Map();
const list = make("div", "");
const found = make("p", "found");
const pager = make("p", "pager");
const controls = make("form", "controls");
let page = 0;
let built; // whose answers the controls are for

async function unpack(name) {
  if (!unpacked.has(name)) {
    const letters = atob(packed.get(name).textContent);
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked.set(name, JSON.parse(await new Response(stream).text()));
  }
  return unpacked.get(name);
}

function choice(key, label, options, first) {
  const select = make("select", "");
  select.name = key;
  for (const [value, text] of [...(first ? [["", first]] : []), ...options.map((o) => [o, o])]) {
    const option = make("option", "", text || "(none)");
    option.value = value;
    select.append(option);
  }
  select.value = view.get(key) ?? select.options[0]?.value ?? "";
  if (select.selectedIndex === -1) select.selectedIndex = 0;
  const made = make("label", "", label);
  made.append(select);
  return made;
}

// As everywhere on the page: a true minus sign, and none where a number rounds to nothing.
function number(value, digits) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = value.toFixed(digits);
  return Number(text) ? text.replace("-", "−") : text.replace("-", "");
}
const signed = (value, digits) => `${Number(value.toFixed(digits)) > 0 ? "+" : ""}${number(value, digits)}`;
const mean = (values) => {
  const there = values.filter((value) => value !== null && value !== undefined);
  return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : NaN;
};
const unique = (values) => [...new Set(values)];

function build(data) {
  const arms = unique(data.columns.map((column) => column.arm));
  const field = make("input", "");
  Object.assign(field, { type: "search", name: "q", value: view.get("q") ?? "", placeholder: "words of an item or an answer" });
  const text = make("label", "grow", "Text");
  text.append(field);
  const held = controls.contains(document.activeElement) && document.activeElement.name;
  const several = data.measures.length > 1
    ? [choice("measure", "Measure", data.measures.map((one) => one.name))] : [];
  controls.replaceChildren(
    choice("answers", "Answers to", [...packed.keys()]),
    choice("arm", "Arm", arms), choice("against", "Against", arms, "no other arm"), ...several,
    choice("domain", "Domain", unique(data.items.domain).sort(), "any"),
    choice("tier", "Tier", unique(data.items.tier), "any"),
    choice("decided", "Decided", ["decided", "undecided", "written out"], "any"),
    choice("sort", "Order", ["telling first", "as asked", "largest difference", "highest", "lowest"]),
    text,
  );
  controls.elements.answers.value = built = current();
  if (held) controls.elements[held]?.focus();
}

const current = () => [view.get("answers"), view.get("eval")].find((name) => packed.has(name)) ??
  packed.keys().next().value;

// The columns of an arm for the chosen measure, and for the chosen seed where there is one.
function columnsOf(data, arm) {
  const measure = Math.max(0, data.measures.findIndex((one) => one.name === view.get("measure")));
  const mine = data.columns.filter((one) => one.arm === arm && one.measure === measure);
  const seed = mine.filter((one) => String(one.seed) === view.get("seed"));
  return seed.length ? seed : mine; // an arm that is not trained was asked once
}

const valueOf = (columns, n) => mean(columns.map((column) => column.values[n]));
const marginOf = (columns, n) => mean(columns.map((column) => column.margins?.[n])) / 1000;

function pick(data) {
  const want = Object.fromEntries(new FormData(controls));
  const ours = columnsOf(data, want.arm);
  const theirs = want.against ? columnsOf(data, want.against) : [];
  const words = want.q.trim().toLowerCase();
  const open = new Set(ours.flatMap((column) => column.undecided));
  const written = new Set(data.said.map((one) => one.item));
  const { id, domain, tier, question, wanted, other } = data.items;
  const said = words && data.said.filter((one) => one.answer.toLowerCase().includes(words));
  const hit = new Set(said ? said.map((one) => one.item) : []);
  const fitting = [];
  for (let n = 0; n < id.length; n += 1) {
    if (Number.isNaN(valueOf(ours, n))) continue;
    if (want.domain && domain[n] !== want.domain) continue;
    if (want.tier && tier[n] !== want.tier) continue;
    if (want.decided === "written out" ? !written.has(n)
      : want.decided && open.has(n) !== (want.decided === "undecided")) continue;
    if (words && !hit.has(n) &&
      ![id[n], question[n], wanted[n], other[n]].join("\n").toLowerCase().includes(words)) continue;
    fitting.push(n);
  }
  const rank = new Map(data.telling.map((n, place) => [n, place]));
  const gap = (n) => Math.abs(valueOf(ours, n) - valueOf(theirs, n)) || 0;
  const orders = {
    "telling first": (a, b) => (rank.get(a) ?? Infinity) - (rank.get(b) ?? Infinity) || a - b,
    "largest difference": (a, b) => gap(b) - gap(a) || a - b,
    highest: (a, b) => valueOf(ours, b) - valueOf(ours, a) || a - b,
    lowest: (a, b) => valueOf(ours, a) - valueOf(ours, b) || a - b,
  };
  if (orders[want.sort]) fitting.sort((a, b) => orders[want.sort](a, b) || a - b);
  return { fitting, ours, theirs, want };
}

function told(data, columns, n) {
  const { digits, change } = data.measures[columns[0]?.measure ?? 0];
  const value = (change ? signed : number)(valueOf(columns, n), digits);
  const margin = marginOf(columns, n);
  return Number.isNaN(margin) ? value : `${value}, margin ${signed(margin, 2)}`;
}

function entry(data, n, { ours, theirs, want }) {
  const { id, wanted, other, question } = data.items;
  const title = wanted[n]
    ? make("span", "title", make("b", "", wanted[n]), " or ", other[n])
    : make("span", "title", question[n].slice(0, 160) || id[n]);
  const marks = [make("span", "mark", `${want.arm} ${told(data, ours, n)}`)];
  if (theirs.length) marks.push(make("span", "mark soft", `${want.against} ${told(data, theirs, n)}`));
  const made = make("details", "", make("summary", "", title, ...marks));
  made.addEventListener("toggle", () => made.append(opened(data, n)), { once: true });
  return made;
}

function opened(data, n) {
  const { id, domain, tier, group, question, wanted, other } = data.items;
  const line = [id[n], domain[n], tier[n], group[n]].filter(Boolean).join(" · ");
  const inner = [make("p", "lineage", line)];
  if (question[n]) inner.push(make("p", "text", question[n]));
  if (wanted[n]) inner.push(make("p", "text", make("b", "", wanted[n]), ` or ${other[n]}`));
  inner.push(scores(data, n));
  for (const one of data.said.filter((said) => said.item === n && fits(said.arm))) {
    if (view.get("seed") && String(one.seed) !== view.get("seed")) continue;
    const head = [one.arm, `seed ${one.seed}`, one.form, one.repeat > 1 ? `answer ${one.repeat}` : ""];
    inner.push(make("p", "lineage", head.filter(Boolean).join(" · ")), make("p", "text", one.answer));
    for (const [name, value, why] of one.verdicts) {
      inner.push(make("p", "verdictline", `${name}: ${value}${why ? `. ${why}` : ""}`));
    }
  }
  return make("article", "row", ...inner);
}

// Every arm that the filter shows, seed by seed.
function scores(data, n) {
  const arms = unique(data.columns.map((column) => column.arm)).filter(fits);
  const seeds = unique(data.columns.map((column) => column.seed)).sort((a, b) => a - b);
  const head = make("tr", "", ...["Arm", ...seeds.map((seed) => `seed ${seed}`)].map((name) => make("th", "", name)));
  const rows = arms.map((arm) => make("tr", "", make("th", "", arm), ...seeds.map((seed) => {
    const mine = columnsOf({ ...data, columns: data.columns.filter((one) => one.seed === seed) }, arm);
    return make("td", "", mine.length ? told(data, mine, n) : "");
  })));
  for (const cell of head.children) cell.scope = "col";
  for (const row of rows) row.firstChild.scope = "row";
  const table = make("table", "compact", make("thead", "", head), make("tbody", "", ...rows));
  const wide = make("div", "wide", table);
  Object.assign(wide, { tabIndex: 0, role: "region", ariaLabel: "This item by arm and seed" });
  return wide;
}

function turn(by) {
  const button = make("button", "", by > 0 ? "Later" : "Earlier");
  button.type = "button";
  button.addEventListener("click", () => {
    page += by;
    showAnswers();
    byId("browser").scrollIntoView();
  });
  return button;
}

const [earlier, pageOf, later] = [turn(-1), make("span", ""), turn(1)];
pager.append(earlier, pageOf, later);

async function showAnswers() {
  const name = current();
  const data = await unpack(name);
  if (name !== current()) return; // another was chosen meanwhile
  if (built !== name) build(data);
  const chosen = pick(data);
  const pages = Math.max(1, Math.ceil(chosen.fitting.length / PAGE));
  page = Math.max(0, Math.min(page, pages - 1));
  const first = page * PAGE;
  const here = chosen.fitting.slice(first, first + PAGE);
  list.replaceChildren(...here.map((n) => entry(data, n, chosen)));
  const folders = unique(chosen.ours.map((column) => column.folder)).join(", ");
  found.textContent = here.length
    ? `${many(chosen.fitting.length, "item")}, ${first + 1} to ${first + here.length} shown. In the store: ${folders}`
    : "No item matches.";
  earlier.disabled = page === 0;
  later.disabled = page === pages - 1;
  pageOf.textContent = `Page ${page + 1} of ${pages}`;
  pager.hidden = pages === 1;
}

function openBrowser() {
  if (!packed.size || typeof DecompressionStream === "undefined") return;
  const browser = byId("browser");
  browser.hidden = false;
  document.body.classList.add("browsing");
  controls.setAttribute("aria-label", "Answers");
  found.setAttribute("aria-live", "polite");
  browser.append(controls, found, list, pager);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", ({ target }) => {
    page = 0;
    const kept = { [target.name]: target.value };
    if (target.name === "answers") Object.assign(kept, { arm: "", against: "", measure: "", domain: "", tier: "" });
    setView(kept);
  });
  // The address was changed by other means than these controls, which follow it.
  addEventListener("popstate", () => { built = undefined; page = 0; });
  // Unpacking takes a moment, so it waits until the answers come near.
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    near.disconnect();
    watchers.push(showAnswers);
    showAnswers();
  }, { rootMargin: "600px" });
  near.observe(byId("answers"));
}

openBrowser();
