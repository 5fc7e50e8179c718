// Small helpers for the page. Text is only ever set as text: nothing in a trace can become markup.

export function make(tag, look = "", attributes = {}, ...inside) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  if (look) element.setAttribute("class", look);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.filter(one => one !== null));
  return element;
}
const SVG = new Set(["svg", "path", "line", "circle", "g", "rect", "polygon"]);

// Set only what changed: an untouched page costs nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setLook(element, look) {
  if (element.getAttribute("class") !== look) element.setAttribute("class", look);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

const PATHS = {
  play: "M5 3 L14 8.5 L5 14 Z", pause: "M4 3 H7.2 V14 H4 Z M9.8 3 H13 V14 H9.8 Z",
  start: "M3 3 H5 V14 H3 Z M14 3 L6 8.5 L14 14 Z", back: "M11.5 3 L4 8.5 L11.5 14 Z M12 3 H14 V14 H12 Z",
  step: "M5.5 3 L13 8.5 L5.5 14 Z M3 3 H5 V14 H3 Z",
  next: "M2 3 L8 8.5 L2 14 Z M8 3 L14 8.5 L8 14 Z", previous: "M14 3 L8 8.5 L14 14 Z M8 3 L2 8.5 L8 14 Z",
  death: "M3.5 3.5 L13.5 13.5 M13.5 3.5 L3.5 13.5", back_up: "M8.5 3 L14 14 H3 Z", election: "M8.5 2.5 L14.5 8.5 L8.5 14.5 L2.5 8.5 Z",
  again: "M13.5 8.5 A5 5 0 1 1 11 4.2 M11 1.5 V4.6 H7.8", rebalance: "M2 6 H13 L10 3 M15 11 H4 L7 14",
  lost: "M3.5 8.5 H13.5", end: "M4 4 H13 V13 H4 Z",
};
const STROKED = new Set(["death", "again", "rebalance", "lost"]);

export function icon(name, look = "") {
  const path = make("path", "", STROKED.has(name)
    ? { d: PATHS[name], fill: "none", stroke: "currentColor", "stroke-width": 2.4 }
    : { d: PATHS[name], fill: "currentColor" });
  return make("svg", `sp-icon ${look}`, { viewBox: "0 0 17 17", "aria-hidden": "true" }, path);
}
