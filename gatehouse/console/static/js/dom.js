// Makes elements. Text is always set as text, since strangers may have chosen names and subjects.

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

/** Replaces the content by `children`. The focus stays on the element with the same `data-key`, if there is one. */
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
