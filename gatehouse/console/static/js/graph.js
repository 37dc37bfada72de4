// The state graph as SVG: drawn once, then only its classes change.

import { drawn, show } from "./dom.js";
import { layOut, NODE } from "./layout.js";

const FONT = 12;
const LINE = 14;
const CORNER = 6;
const ROOM = { Choice: NODE.width - 24, Other: NODE.width - 14 };
const SIGNS = {
  succeeded: "M-4 0.5l2.8 2.8l5 -6",
  running: "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0",
  caught: "M0 -4.5v5M0 3.4v0.4",
  failed: "M-3.2 -3.2l6.4 6.4M3.2 -3.2l-6.4 6.4",
  timed_out: "M0 -4v4h3",
  aborted: "M-3 0h6",
};
const SAID = {
  succeeded: "succeeded",
  running: "in progress",
  caught: "error caught",
  failed: "failed",
  timed_out: "timed out",
  aborted: "aborted",
};

/**
 * Draws `graph` (what /api/graph returns) into `container`.
 * @returns {{mark: (execution: object) => void, choose: (state: string) => void, boxOf: (state: string) => Element}}
 */
export function drawGraph(container, graph, onChoose) {
  const laid = layOut(graph);
  const idle = drawn("g", {});
  const lit = drawn("g", {});
  const states = drawn("g", {});
  const ways = graph.edges.map((edge, number) => drawWay(edge, laid.paths[number]));
  const boxes = new Map(graph.nodes.map((node) => [node.name, drawBox(node, laid.nodes.get(node.name), onChoose)]));
  idle.append(...ways.map((way) => way.group));
  states.append(...[...boxes.values()].map((box) => box.group));
  const svg = drawn(
    "svg",
    { class: "graph", viewBox: `0 0 ${laid.width} ${laid.height}`, width: laid.width, height: laid.height, role: "group", "aria-label": "State graph" },
    heads(),
    idle,
    lit,
    states,
  );
  show(container, svg);

  function mark(execution) {
    const last = new Map(execution.visits.map((visit) => [visit.state, visit]));
    const count = new Map();
    for (const visit of execution.visits) count.set(visit.state, (count.get(visit.state) ?? 0) + 1);
    for (const [name, box] of boxes) box.mark(last.get(name), count.get(name) ?? 0);
    const taken = new Set(execution.taken.map((step) => `${step.source}\n${step.target}\n${step.caught}`));
    graph.edges.forEach((edge, number) => {
      const was = taken.has(`${edge.source}\n${edge.target}\n${edge.kind === "catch"}`);
      ways[number].mark(was);
      (was ? lit : idle).append(ways[number].group);
    });
  }

  function choose(state) {
    for (const [name, box] of boxes) box.choose(name === state);
  }

  return { mark, choose, boxOf: (state) => boxes.get(state)?.group, size: laid };
}

function heads() {
  const head = (kind) =>
    drawn(
      "marker",
      { id: `head-${kind}`, class: `head ${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" },
      drawn("path", { d: "M0 0.5L7.5 4L0 7.5z" }),
    );
  return drawn("defs", {}, ["idle", "taken", "caught"].map(head));
}

function drawWay(edge, points) {
  const line = drawn("path", { d: rounded(points), "marker-end": "url(#head-idle)" });
  const words = edge.condition ? `${edge.source} → ${edge.target}: ${edge.kind === "catch" ? "on " : ""}${edge.condition}` : `${edge.source} → ${edge.target}`;
  const group = drawn("g", { class: `way ${edge.kind}` }, line, drawn("title", {}, words), wayLabel(edge, points));
  const mark = (was) => {
    const kind = !was ? "idle" : edge.kind === "catch" ? "caught" : "taken";
    group.setAttribute("class", `way ${edge.kind} ${kind}`);
    line.setAttribute("marker-end", `url(#head-${kind})`);
  };
  return { group, mark };
}

/** The label of an edge, at its start, or at its end if the edge bends. The whole condition is in the title. */
function wayLabel(edge, points) {
  if (edge.kind !== "choice") return null;
  const [from, to] = points;
  const end = points[points.length - 1];
  const sideways = to.x - from.x;
  const room = sideways < 0 ? -sideways - 6 : 84;
  const text = cut(edge.label, room, "400 10px");
  if (sideways > 0) return drawn("text", { class: "label", x: from.x + 5, y: from.y - 2.5 }, text);
  if (sideways < 0) return drawn("text", { class: "label leftwards", x: from.x - 4, y: from.y - 2.5 }, text);
  if (points.length === 2) return drawn("text", { class: "label", x: from.x + 5, y: from.y + 13 }, text);
  const side = end.x < from.x ? -1 : 1; // on the side away from its start
  return drawn("text", { class: side < 0 ? "label leftwards" : "label", x: end.x + side * 7, y: end.y - 3 }, text);
}

function drawBox(node, at, onChoose) {
  const left = at.x - NODE.width / 2;
  const lines = wrapped(node.name, ROOM[node.type] ?? ROOM.Other);
  const sign = drawn("g", { class: "sign", transform: `translate(${left + 4} ${at.y - NODE.height / 2 + 2})` }, drawn("circle", { r: 8 }), drawn("path", { d: "" }));
  const times = drawn("g", { class: "times", transform: `translate(${left + NODE.width - 6} ${at.y - NODE.height / 2 + 1})` }, drawn("rect", { x: -15, y: -8, width: 30, height: 16, rx: 8 }), drawn("text", { y: 3.5 }));
  const group = drawn(
    "g",
    {
      class: "state",
      role: "button",
      tabindex: "0",
      "data-key": `state ${node.name}`,
      "data-state": node.name,
      onclick: () => onChoose(node.name),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onChoose(node.name);
      },
    },
    drawn("title", {}, node.comment ? `${node.name}: ${node.comment}` : node.name),
    shape(node, at),
    sign,
    drawn(
      "text",
      { class: "name", x: at.x, y: at.y + 4.2 - ((lines.length - 1) * LINE) / 2 },
      lines.map((line, number) => drawn("tspan", { x: at.x, dy: number ? LINE : 0 }, line)),
    ),
    times,
  );

  function mark(visit, visits) {
    const status = visit?.status ?? "idle";
    group.dataset.status = status;
    sign.lastChild.setAttribute("d", SIGNS[status] ?? "");
    const tries = visit?.attempts ?? 0;
    const words = tries > 1 ? `${tries}×` : visits > 1 ? `↻${visits}` : "";
    times.lastChild.textContent = words;
    times.toggleAttribute("hidden", words === "");
    const heard = [node.name, visit ? SAID[status] : "not reached"];
    if (tries > 1) heard.push(`${tries} attempts`);
    if (visits > 1) heard.push(`entered ${visits} times`);
    group.setAttribute("aria-label", heard.join(", "));
  }

  function choose(chosen) {
    group.setAttribute("aria-pressed", String(chosen));
  }

  mark(undefined, 0);
  choose(false);
  return { group, mark, choose };
}

/** Choices have pointed sides, ends are round. */
function shape(node, at) {
  const [w, h] = [NODE.width / 2, NODE.height / 2];
  if (node.type === "Choice") {
    const d = `M${at.x - w} ${at.y}l9 ${-h}h${2 * w - 18}l9 ${h}l-9 ${h}h${-(2 * w - 18)}z`;
    return drawn("path", { class: "box", d });
  }
  return drawn("rect", { class: "box", x: at.x - w, y: at.y - h, width: NODE.width, height: NODE.height, rx: node.end ? h : 5 });
}

/** A line through `points`, with its corners rounded. */
function rounded(points) {
  let d = `M${points[0].x} ${points[0].y}`;
  for (let here = 1; here < points.length - 1; here += 1) {
    const corner = points[here];
    const before = towards(corner, points[here - 1]);
    const after = towards(corner, points[here + 1]);
    d += `L${before.x} ${before.y}Q${corner.x} ${corner.y} ${after.x} ${after.y}`;
  }
  const end = points[points.length - 1];
  return `${d}L${end.x} ${end.y}`;
}

function towards(from, to) {
  const [x, y] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(x, y) || 1;
  const step = Math.min(CORNER, length / 2) / length;
  return { x: from.x + x * step, y: from.y + y * step };
}

const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

/** `text`, shortened until it fits. */
function cut(text, room, font) {
  if (widthOf(text, font) <= room) return text;
  let end = text.length - 1;
  while (end > 1 && widthOf(`${text.slice(0, end)}…`, font) > room) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

/** A state's name in at most two lines that fit its box. */
function wrapped(name, room) {
  const font = `600 ${FONT}px`;
  if (widthOf(name, font) <= room) return [name];
  const words = name.split(" ");
  let first = words.shift();
  while (words.length > 0 && widthOf(`${first} ${words[0]}`, font) <= room) first += ` ${words.shift()}`;
  if (words.length === 0) return [cut(first, room, font)];
  return [cut(first, room, font), cut(words.join(" "), room, font)];
}
