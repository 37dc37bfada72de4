// The revocation lists of each CA, and how fresh they are.

import { ask } from "./api.js";
import { element, show } from "./dom.js";
import { age, badge, moment, short } from "./format.js";

export function lists({ container }) {
  const place = element("div");
  show(container, [
    element("h1", {}, "Revocation lists"),
    element("p", { class: "lead" }, "No device is admitted without a list that counts. A list counts from thisUpdate to nextUpdate, and no longer than config/limits.toml allows."),
    place,
  ]);
  let shown = null;

  async function look() {
    const answer = await ask("lists");
    if (answer === shown) return;
    shown = answer;
    show(place, answer.length ? answer.map(ca) : element("p", { class: "card empty" }, "No CA is registered: gatehouse ca register"));
  }

  return { look };
}

function ca(one) {
  return element("section", { class: "card" }, [
    element("h2", { class: "cut" }, one.subject),
    element("p", { class: "lead" }, [
      "CA ",
      short(one.ca_certificate_id),
      ` · ${one.status.toLowerCase()} · automatic registration ${one.auto_registration ? "on" : "off"} · valid until ${moment(one.valid_until)}`,
    ]),
    one.revocation ? element("p", { class: "notice bad" }, one.revocation) : "",
    one.problem ? element("p", { class: "notice bad" }, one.problem) : "",
    one.lists.length ? element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Lists of ${one.subject}` }, rows(one.lists)) : "",
  ]);
}

function rows(found) {
  const heads = ["Number", "Kind", "Entries", "Age", "Goes stale", "Lifetime", "Counts", "SHA-256"];
  return element("table", {}, [
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, found.map((list) =>
      element("tr", {}, [
        element("td", { class: "number" }, list.number),
        element("td", {}, list.delta ? "delta" : "complete"),
        element("td", { class: "number" }, String(list.entries)),
        element("td", { class: "number" }, age(list.this_update)),
        element("td", { class: "number" }, age(list.goes_stale_at, { ago: " ago" })),
        element("td", {}, lifetime(list)),
        element("td", { class: "why" }, [
          badge(list.problem ? "problem" : "good"),
          list.problem ? ` ${list.problem}` : "",
          list.sweep_owed ? element("span", { class: "tag warn" }, "sweep not finished") : "",
        ]),
        element("td", {}, short(list.sha256)),
      ]),
    )),
  ]);
}

/** How much of a list's lifetime has passed. */
function lifetime(list) {
  const [from, to] = [Date.parse(list.this_update), Date.parse(list.goes_stale_at)];
  const over = Math.min(1, Math.max(0, (Date.now() - from) / (to - from)));
  const words = `${Math.round(over * 100)} %`;
  return element("span", { class: "lifetime" }, element("meter", { min: 0, max: 1, high: 0.8, low: 0.8, optimum: 0, value: over, "aria-label": `${words} of its lifetime has passed` }), words);
}
