// What the page shows, by eval, arm and seed; the address holds it, so that a view can be linked.
const about = JSON.parse(byId("about").textContent);
const form = byId("filter");
const ROW = 21; // of a figure, in its own units
const filtered = [...document.querySelectorAll("[data-arm], [data-eval], [data-seed]")];
const banded = [...document.querySelectorAll("svg")].filter((svg) => svg.querySelector("[data-band]"));
const heads = [...document.querySelectorAll("tr")].filter((row) => row.querySelector("[scope=colgroup]"));
const watchers = []; // called when the view changes, whoever changed it
let view = new URLSearchParams();
let narrowed = false;

const readView = () => new URLSearchParams(
  location.hash.includes("=") ? location.hash.slice(1) : { at: location.hash.slice(1) },
);

// Sets or, with an empty value, clears parts of the view.
function setView(changes, how = "replaceState") {
  for (const [key, value] of Object.entries(changes)) {
    if (value) view.set(key, value);
    else view.delete(key);
  }
  const hash = `${view}`;
  history[how](null, "", hash ? `#${hash}` : location.pathname + location.search);
  watchers.forEach((watcher) => watcher());
}

function fits(arm) {
  const wanted = (view.get("arms") ?? "").toLowerCase().split(",").map((part) => part.trim());
  const named = wanted.filter(Boolean);
  const kind = view.get("kind");
  return (!kind || about.arms[arm] === kind) &&
    (!named.length || named.some((part) => arm.toLowerCase().includes(part)));
}

function shows(element, arms) {
  const { eval: name, arm, against, seed } = element.dataset;
  if (name && view.get("eval") && name !== view.get("eval")) return false;
  if (seed && view.get("seed") && seed !== view.get("seed")) return false;
  return arm === undefined || arms.has(arm) || arms.has(against);
}

// Rows of a figure that are not shown go, those below them move up, and the axis with them.
function shut(svg) {
  svg.whole ??= svg.getAttribute("viewBox").split(" ").map(Number);
  const spots = [...svg.querySelectorAll(".spot[data-band]")];
  const plain = !view.get("seed") && !spots.some((spot) => spot.classList.contains("off"));
  if (plain && !svg.changed) return;
  svg.changed = !plain;
  let heading;
  let left = 0;
  for (const spot of spots) {
    if ("heading" in spot.dataset) {
      heading = spot;
      heading.classList.add("off");
    } else if (!spot.classList.contains("off")) {
      heading?.classList.remove("off");
      left += 1;
    }
  }
  const up = (element, rows) => element.setAttribute("transform", `translate(0 ${-rows * ROW})`);
  let gone = 0;
  for (const spot of spots) {
    const off = spot.classList.contains("off");
    for (const part of svg.querySelectorAll(`[data-band="${spot.dataset.band}"]`)) {
      const other = part.dataset.seed && view.get("seed") && part.dataset.seed !== view.get("seed");
      part.classList.toggle("off", off || Boolean(other));
      up(part, gone);
    }
    if (off) gone += Number(spot.dataset.rows);
  }
  const axes = svg.querySelector("[aria-hidden] [data-band]").parentNode;
  for (const part of axes.children) if (!("band" in part.dataset)) up(part, gone);
  const [x, y, width, height] = svg.whole;
  svg.setAttribute("viewBox", `${x} ${y} ${width} ${height - gone * ROW}`);
  svg.classList.toggle("closed", gone > 0);
  svg.closest(".panel").classList.toggle("empty", !left);
  rove(svg);
}

// A heading over columns spans those that are shown, and goes with the last of them.
function spanHeads(row) {
  const columns = [...row.nextElementSibling.querySelectorAll("th")].slice(1); // the first has none
  let from = 0;
  for (const head of row.querySelectorAll("th")) {
    head.whole ??= head.colSpan;
    const mine = columns.slice(from, from + head.whole);
    const left = mine.filter((column) => !column.classList.contains("off")).length;
    head.classList.toggle("off", !left);
    if (left) head.colSpan = left;
    from += head.whole;
  }
}

function apply() {
  const keys = ["eval", "arms", "kind", "seed"];
  const narrow = keys.some((key) => view.get(key));
  const arms = new Set(Object.keys(about.arms).filter(fits));
  if (narrow || narrowed) { // a page has thousands of these, and opens with all of them shown
    for (const element of filtered) element.classList.toggle("off", !shows(element, arms));
    banded.forEach(shut);
    heads.forEach(spanHeads);
  }
  narrowed = narrow;
  const all = Object.keys(about.arms).length;
  const number = arms.size === all ? many(all, "arm") : `${arms.size} of ${many(all, "arm")}`;
  const seed = view.get("seed") ? "; means and intervals are of all seeds" : "";
  byId("shown").textContent = number + seed;
  const parts = ["eval", "seed"].filter((key) => view.get(key)).map((key) => `${key} ${view.get(key)}`);
  byId("narrowed").textContent = narrow ? `Not all is shown: ${[number + seed, ...parts].join(", ")}.` : "";
  byId("all").disabled = !narrow;
  for (const key of keys) {
    const field = form.elements[key];
    if (!field || document.activeElement === field) continue;
    field.value = view.get(key) ?? "";
    if (field.selectedIndex === -1) field.value = "";
  }
}

function goTo(id) {
  const section = id && byId(id);
  if (!section) return;
  const inside = section.closest("details");
  if (inside) inside.open = true;
  section.scrollIntoView();
}

function start() {
  form.hidden = false;
  document.body.classList.add("live");
  watchers.push(apply);
  let timer;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    clearTimeout(timer);
    const change = () => setView({ [target.name]: target.value.trim() });
    if (target.name === "arms") timer = setTimeout(change, 120);
    else change();
  });
  byId("all").addEventListener("click", () => setView({ eval: "", arms: "", kind: "", seed: "" }));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    event.preventDefault(); // the address keeps the view
    setView({ at: link.hash.slice(1) }, "pushState");
    goTo(link.hash.slice(1));
  });
  addEventListener("hashchange", () => {
    view = readView();
    watchers.forEach((watcher) => watcher());
    goTo(view.get("at"));
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
  view = readView();
  apply();
  goTo(view.get("at"));
}

start();
