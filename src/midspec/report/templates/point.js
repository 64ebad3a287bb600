// Figures answer to being pointed at, by a mouse, a finger or the keyboard, with what a spot tells.
const words = new Map(); // of each spot, its lines
const tip = make("div", "tip");

function place(x, y, top) {
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x - box.width / 2, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y - box.height - 10 > 0 ? y - box.height - 10 : top + 10}px`;
}

function tell(spot, x) {
  const [name, ...lines] = words.get(spot);
  tip.replaceChildren(make("b", "", name), ...lines.map((line) => make("span", "", line)));
  tip.hidden = false;
  const box = spot.getBoundingClientRect();
  place(x ?? box.left + box.width / 2, box.top, box.bottom);
}

const hush = () => { tip.hidden = true; };
const spotsOf = (svg) => [...svg.querySelectorAll(".spot:not([data-heading]):not(.off)")];

// One stop of the tab key for each figure; arrows go from spot to spot.
function rove(svg) {
  const spots = spotsOf(svg);
  for (const spot of svg.querySelectorAll(".spot")) spot.removeAttribute("tabindex");
  spots.forEach((spot, n) => spot.setAttribute("tabindex", n ? "-1" : "0"));
}

function step(event) {
  const spot = event.target.closest(".spot");
  const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!spot || !(way || ["Home", "End"].includes(event.key))) return;
  const spots = spotsOf(spot.ownerSVGElement);
  const at = { Home: 0, End: spots.length - 1 }[event.key] ?? spots.indexOf(spot) + way;
  const next = spots[Math.max(0, Math.min(at, spots.length - 1))];
  event.preventDefault();
  spot.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

function listen() {
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // what it says is the spot's own label
  document.querySelector("main").append(tip);
  for (const title of document.querySelectorAll(".spot > title")) {
    words.set(title.parentNode, title.textContent.split("\n"));
    title.remove(); // the browser's own tip would stand beside ours
  }
  document.querySelectorAll("figure svg").forEach(rove);
  const over = (event) => {
    const spot = event.target.closest?.(".spot:not([data-heading])");
    if (spot) tell(spot, event.clientX);
    else hush();
  };
  document.addEventListener("pointermove", over);
  document.addEventListener("pointerdown", over);
  document.addEventListener("focusin", (event) => {
    const spot = event.target.closest?.(".spot");
    if (spot?.matches(":focus-visible")) tell(spot);
    else hush();
  });
  document.addEventListener("keydown", (event) => (event.key === "Escape" ? hush() : step(event)));
  addEventListener("scroll", hush, { passive: true });
}

listen();
