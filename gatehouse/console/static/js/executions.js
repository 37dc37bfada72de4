// All executions, also those without an admission: duplicates, and those of events that are not registration events.

import { ask } from "./api.js";
import { element, show } from "./dom.js";
import { age, badge, duration } from "./format.js";

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

export function executions({ container }) {
  const status = element("select", { id: "status", onchange: () => void look().catch(() => {}) }, [
    element("option", { value: "" }, "every status"),
    STATUSES.map((name) => element("option", { value: name }, name.toLowerCase().replace("_", " "))),
  ]);
  const table = element("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Executions" });
  show(container, [
    element("h1", {}, "Executions"),
    element("p", { class: "lead" }, "The newest 100 executions, also those without an admission: duplicates, and those of events that are not registration events."),
    element("form", { class: "search", onsubmit: (event) => event.preventDefault() }, element("label", { for: "status" }, "Status"), status),
    table,
  ]);
  let shown = null;

  async function look() {
    const answer = await ask("executions", { status: status.value });
    if (answer === shown) return;
    shown = answer;
    show(table, answer.length ? rows(answer) : element("p", { class: "empty" }, "No execution matches."));
  }

  return { look };
}

function rows(found) {
  const heads = ["Execution", "Status", "Started", "Took", "Redrives"];
  return element("table", {}, [
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, found.map((one) =>
      element("tr", {}, [
        element("td", { class: "name" }, element("a", { href: `#/execution/${encodeURIComponent(one.arn)}`, "data-key": one.arn, class: "hash" }, one.name)),
        element("td", {}, badge(one.status)),
        element("td", { class: "number" }, age(one.started_at, { ago: " ago" })),
        element("td", { class: "number" }, one.stopped_at ? duration(Date.parse(one.stopped_at) - Date.parse(one.started_at)) : "–"),
        element("td", { class: "number" }, String(one.redrives)),
      ]),
    )),
  ]);
}
