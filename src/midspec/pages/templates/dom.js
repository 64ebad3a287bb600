"use strict";
// What the scripts of all pages share.
const byId = (id) => document.getElementById(id);
const many = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// All text of rows enters a page here, as text and never as markup.
function make(tag, name, ...inner) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inner.map((part) => (part instanceof Node ? part : String(part))));
  return made;
}
