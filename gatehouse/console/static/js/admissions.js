// The list of admissions, and the funnel above it.

import { ask } from "./api.js";
import { element, show } from "./dom.js";
import { age, badge, duration, short } from "./format.js";

const OUTCOMES = ["open", "admitted", "refused", "held", "failed"];

export function admissions({ container }) {
  const funnel = element("section", { class: "funnel", "aria-label": "The fleet" });
  const words = element("input", {
    type: "search",
    id: "words",
    placeholder: "Device, or certificate id",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "200",
    oninput: () => search(),
  });
  const outcome = element("select", { id: "outcome", onchange: () => search() }, [
    element("option", { value: "" }, "every outcome"),
    OUTCOMES.map((name) => element("option", { value: name }, name)),
  ]);
  const total = element("p", { class: "found", role: "status" });
  const table = element("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Admissions" });
  show(container, [
    element("h1", {}, "Admissions"),
    funnel,
    element("form", { class: "search", role: "search", onsubmit: (event) => event.preventDefault() }, [
      element("label", { for: "words" }, "Search"),
      words,
      element("label", { for: "outcome" }, "Outcome"),
      outcome,
      total,
    ]),
    table,
  ]);
  let pause = null;
  let shown = null;
  let counted = null;

  function search() {
    clearTimeout(pause);
    pause = setTimeout(() => void look().catch(() => {}), 200);
  }

  function choose(name) {
    outcome.value = outcome.value === name ? "" : name;
    counted = null;
    search();
  }

  async function look() {
    const query = `${words.value}\n${outcome.value}`;
    const [fleet, answer] = await Promise.all([
      ask("fleet"),
      ask("admissions", { q: words.value.trim(), outcome: outcome.value }),
    ]);
    if (fleet !== counted) {
      counted = fleet;
      show(funnel, stages(fleet, outcome.value, choose));
    }
    if (answer === shown || query !== `${words.value}\n${outcome.value}`) return;
    shown = answer;
    const more = answer.complete ? "" : " · there may be more: search for the whole name or id";
    show(total, `${answer.admissions.length} ${answer.admissions.length === 1 ? "admission" : "admissions"}${more}`);
    show(table, answer.admissions.length ? rows(answer.admissions) : nothing(words.value.trim() || outcome.value));
  }

  return { look };
}

/** Knocks → certificates → outcomes. */
function stages(fleet, chosen, choose) {
  const least = fleet.complete ? "" : "+";
  const plain = (number, name, hint) =>
    element("div", { class: "stage" }, element("b", {}, `${number}${least}`), element("span", {}, name), element("small", {}, hint));
  const button = (name, hint) =>
    element(
      "button",
      { type: "button", class: `stage ${name}`, "aria-pressed": String(chosen === name), "data-key": `stage ${name}`, onclick: () => choose(name) },
      element("b", {}, `${fleet[name]}${least}`),
      element("span", {}, name),
      element("small", {}, hint),
    );
  const share = (number) => (fleet.claimed ? `${Math.round((100 * number) / fleet.claimed)} %` : "–");
  const arrow = () => element("span", { class: "arrow", "aria-hidden": "true" }, "›");
  return [
    plain(fleet.knocks, "knocked", fleet.not_started ? `${fleet.not_started} could not start` : "executions started"),
    arrow(),
    plain(fleet.claimed, "claimed", "certificates"),
    arrow(),
    button("open", `${fleet.waiting} ${fleet.waiting === 1 ? "waits" : "wait"} for people`),
    arrow(),
    ["admitted", "refused", "held", "failed"].map((name) => button(name, share(fleet[name]))),
  ];
}

function rows(found) {
  const heads = ["Device", "Certificate", "Outcome", "Why", "Knocks", "Age", "Took"];
  return element("table", {}, [
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, found.map(row)),
  ]);
}

function row(one) {
  const link = element(
    "a",
    { href: `#/execution/${encodeURIComponent(one.execution_arn)}`, "data-key": one.certificate_id, class: "cut", title: one.device ?? "" },
    one.device || one.subject || "not looked up",
  );
  const took = one.closed_at && one.claimed_at ? duration(Date.parse(one.closed_at) - Date.parse(one.claimed_at)) : "–";
  return element("tr", {}, [
    element("td", { class: "name" }, link),
    element("td", {}, short(one.certificate_id)),
    element("td", {}, [badge(one.outcome), one.trial ? " trial" : ""]),
    element("td", { class: "why" }, element("span", { title: one.reason ?? "" }, one.reason || "–")),
    element("td", { class: "number" }, String(one.knocks)),
    element("td", { class: "number" }, age(one.claimed_at)),
    element("td", { class: "number" }, took),
  ]);
}

function nothing(searched) {
  return element("p", { class: "empty" }, searched ? "No admission matches." : "No certificate has knocked yet. The first connection of a device appears here.");
}
