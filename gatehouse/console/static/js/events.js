// The history's events. The details of one are fetched when it is opened.

import { ask, Refused } from "./api.js";
import { element, show } from "./dom.js";
import { duration, moment } from "./format.js";

export function drawEvents(arn) {
  const place = element("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Events" });
  const open = new Map();
  let run = null;

  async function toggle(id) {
    if (open.has(id)) {
      open.delete(id);
    } else {
      try {
        open.set(id, JSON.stringify(await ask("event", { arn, number: id }), null, 2));
      } catch (error) {
        if (!(error instanceof Refused || error instanceof TypeError)) throw error;
        open.set(id, error.message);
      }
    }
    render();
  }

  function render() {
    const heads = ["#", "Event", "State", "After", "Took", "Time"];
    show(place, element("table", { class: "events" }, [
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, run.lines.map((line) => [row(line), open.has(line.id) ? said(line) : null])),
    ]));
  }

  function row(line) {
    const button = { type: "button", class: "plain", "data-key": `event ${line.id}`, "aria-expanded": String(open.has(line.id)), onclick: () => void toggle(line.id) };
    return element("tr", { class: line.error ? "wrong" : "" }, [
      element("td", { class: "number" }, String(line.id)),
      element("td", {}, element("button", button, line.type), line.error ? element("span", { class: "tag warn" }, line.error) : ""),
      element("td", {}, line.state ?? "–"),
      element("td", { class: "number" }, duration(line.after)),
      element("td", { class: "number" }, line.took === null ? "–" : duration(line.took)),
      element("td", { class: "number" }, moment(line.at)),
    ]);
  }

  function said(line) {
    return element("tr", { class: "said" }, element("td", { colspan: "6" }, element("pre", { tabindex: "0", "aria-label": `Details of event ${line.id}` }, open.get(line.id))));
  }

  function update(to) {
    if (run?.lines.length === to.lines.length && run?.lines.at(-1)?.id === to.lines.at(-1)?.id) return;
    run = to;
    render();
  }

  return { place, update };
}
