// The visited states in order, with the duration of each.

import { drawn, element } from "./dom.js";
import { age, badge, duration } from "./format.js";

const WIDTH = 84;

export function drawSteps(run, chosen, onChoose) {
  const start = Date.parse(run.started_at);
  const whole = Math.max(1, (run.stopped_at ? Date.parse(run.stopped_at) : Date.now()) - start);
  const heads = ["State", "Status", "Attempts", "After", "Took", "Share"];
  return element("table", { class: "steps" }, [
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, run.visits.map((visit) => row(visit, start, whole, chosen, onChoose))),
  ]);
}

function row(visit, start, whole, chosen, onChoose) {
  const entered = Date.parse(visit.entered_at);
  const left = visit.exited_at ? Date.parse(visit.exited_at) : Date.now();
  const bar = drawn(
    "svg",
    { class: `share ${visit.status}`, width: WIDTH, height: 8, "aria-hidden": "true" },
    drawn("rect", { x: (WIDTH * (entered - start)) / whole, y: 0, width: Math.max(1.5, (WIDTH * (left - entered)) / whole), height: 8, rx: 1.5 }),
  );
  const open = { type: "button", class: "plain", "data-key": `step ${visit.number}`, "aria-pressed": String(visit.state === chosen), onclick: () => onChoose(visit.state) };
  return element("tr", { class: visit.state === chosen ? "chosen" : "" }, [
    element("td", { class: "name" }, element("button", open, visit.state), visit.redriven ? element("span", { class: "tag" }, "redriven") : ""),
    element("td", {}, badge(visit.status)),
    element("td", { class: "number" }, visit.attempts ? String(visit.attempts) : "–"),
    element("td", { class: "number" }, duration(entered - start)),
    element("td", { class: "number" }, visit.exited_at ? duration(left - entered) : age(visit.entered_at)),
    element("td", {}, bar),
  ]);
}
