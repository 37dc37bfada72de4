// The chosen state: its purpose, input and output, and the transitions from it.

import { ask } from "./api.js";
import { element, show } from "./dom.js";
import { badge, duration, moment } from "./format.js";

const PARTS = { input: "Input", arguments: "Arguments", result: "Result", output: "Output", variables: "Variables", cause: "Cause" };

export function drawState(place, arn) {
  const head = element("div");
  const parts = element("div", { class: "parts", role: "group", "aria-label": "Part of the state" });
  const text = element("pre", { tabindex: "0", "aria-label": "JSON" });
  const ways = element("div");
  show(place, [head, parts, text, ways]);
  let wanted = null;
  let payload = null;
  let part = "output";

  function update(graph, run, name) {
    const node = graph.nodes.find((one) => one.name === name);
    const visits = run.visits.filter((visit) => visit.state === name);
    const visit = visits[visits.length - 1];
    show(head, about(node, visit, visits.length));
    show(ways, waysOut(graph, run, name));
    const key = visit ? `${visit.number} ${visit.last_event}` : null;
    if (key === wanted?.key) return;
    const same = wanted !== null && visit !== undefined && wanted.number === visit.number;
    wanted = visit ? { key, number: visit.number } : null;
    if (!same) payload = null;
    render();
    void look().catch(() => {}); // the page's own update shows the error
  }

  async function look() {
    if (wanted === null) return;
    const visit = wanted;
    const answer = await ask("visit", { arn, number: visit.number });
    if (visit !== wanted || answer === payload) return;
    payload = answer;
    render();
  }

  function render() {
    const there = payload ? Object.keys(PARTS).filter((name) => payload[name] !== null && payload[name] !== undefined) : [];
    const shown = there.includes(part) ? part : there.includes("cause") ? "cause" : there[0];
    show(parts, there.map((name) =>
      element("button", { type: "button", class: "quiet", "aria-pressed": String(name === shown), "data-key": `part ${name}`, onclick: () => { part = name; render(); } }, PARTS[name]),
    ));
    text.hidden = shown === undefined;
    text.textContent = shown === undefined ? "" : written(payload[shown]) + (payload.cut ? "\n\n(AWS has shortened this.)" : "");
  }

  return { update, look };
}

function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function about(node, visit, visits) {
  const facts = visit
    ? [
        ["Entered", moment(visit.entered_at)],
        ["Took", visit.exited_at ? duration(Date.parse(visit.exited_at) - Date.parse(visit.entered_at)) : "still there"],
        ["Attempts", visit.attempts ? String(visit.attempts) : "–"],
        ["Visits", String(visits)],
      ]
    : [];
  return [
    element("h2", {}, node?.name ?? "–", " ", element("small", {}, node?.type ?? ""), " ", visit ? badge(visit.status) : element("span", { class: "badge aborted" }, "not reached")),
    element("p", { class: "lead" }, node?.comment ?? ""),
    visit?.error ? element("p", { class: "notice bad" }, element("b", {}, visit.error), visit.status === "running" ? ": the last attempt failed; it will be retried" : "") : "",
    facts.length ? element("dl", { class: "facts small" }, facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))) : "",
  ];
}

function waysOut(graph, run, name) {
  const out = graph.edges.filter((edge) => edge.source === name);
  if (out.length === 0) return null;
  const taken = (edge) => run.taken.some((step) => step.source === name && step.target === edge.target && step.caught === (edge.kind === "catch"));
  return [
    element("h3", {}, "Next states"),
    element("ul", { class: "ways" }, out.map((edge) =>
      element("li", { class: taken(edge) ? "taken" : "" }, [
        element("b", {}, `→ ${edge.target}`),
        taken(edge) ? element("span", { class: "tag" }, "taken") : "",
        edge.condition ? element("code", {}, `${edge.kind === "catch" ? "on " : ""}${edge.condition}`) : "",
      ]),
    )),
  ];
}
