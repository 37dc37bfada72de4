// Elements, and the text in them. Text is only ever set as text: names and subjects are a stranger's words.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children. `on…` attributes are listeners; false, null and undefined ones are left out; strings
 * among the children become text.
 */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Puts `children` in place of what is there; whoever had the focus keeps it, if its `data-key` is still there. */
export function show(container, ...children) {
  const held = container.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  container.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
  if (held !== undefined) {
    [...container.querySelectorAll("[data-key]")].find((other) => other.dataset.key === held)?.focus({ preventScroll: true });
  }
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}
