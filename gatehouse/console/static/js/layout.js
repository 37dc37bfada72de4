// Computes positions: the happy path goes straight down on the left; dagre places the other states to the right of it.
//
// An edge from the path to a side state runs right to that state's lane and down it; edges to one state share its lane. Jumps within
// the path run on its left. Units are SVG user units.

import dagre from "../vendor/dagre-3.1.3.esm.js";

export const NODE = { width: 152, height: 40 };
const PITCH = 60;
const GAP = 36;
const PORT = 12;
const LANE = 13;
const MARGIN = 14;

/**
 * @param graph what /api/graph returns
 * @returns {{width: number, height: number, nodes: Map<string, {x: number, y: number}>, paths: {x: number, y: number}[][]}}
 *   nodes by name, x and y of the middle; one path for each edge of the graph, in its order
 */
export function layOut(graph) {
  const path = graph.nodes.filter((node) => node.happy).map((node) => node.name);
  const row = new Map(path.map((name, number) => [name, number]));
  const nodes = new Map(path.map((name, number) => [name, { x: 0, y: number * PITCH }]));
  const beside = standBeside(graph, row);
  for (const [name, source] of beside) nodes.set(name, { x: NODE.width + GAP * 2, y: nodes.get(source).y });
  const side = layOutSide(graph, row, beside);
  const shift = { x: NODE.width / 2 + GAP - side.left, y: side.firstRow * PITCH };
  for (const [name, at] of side.nodes) nodes.set(name, { x: at.x + shift.x, y: at.y + shift.y });
  const moved = (points) => points.map((point) => ({ x: point.x + shift.x, y: point.y + shift.y }));

  const lanes = leftLanes(graph, row);
  const ports = rightPorts(graph, row, (name) => side.entries.get(name)?.[0].x ?? 0);
  const paths = graph.edges.map((edge, number) => {
    const from = nodes.get(edge.source);
    const to = nodes.get(edge.target);
    if (lanes.has(number)) return alongTheLeft(from, to, lanes.get(number));
    if (row.has(edge.source) && row.has(edge.target)) return [below(from), above(to)];
    if (beside.has(edge.target)) return [rightOf(from, 0), { x: to.x - NODE.width / 2, y: to.y }];
    if (row.has(edge.source)) {
      const way = moved(side.entries.get(edge.target));
      const exit = rightOf(from, ports.get(number));
      return [exit, { x: way[0].x, y: exit.y }, ...way];
    }
    return moved(side.ways.get(number));
  });
  return framed(nodes, paths);
}

/** End states that only one state of the path leads to: they are beside it, in its row, if the place is free. */
function standBeside(graph, row) {
  const found = new Map();
  const firstExit = Math.min(
    ...graph.edges
      .filter((edge) => row.has(edge.source) && !row.has(edge.target) && sourcesOf(graph, edge.target).length > 1)
      .map((edge) => row.get(edge.source)),
  );
  const taken = new Set();
  for (const node of graph.nodes) {
    const sources = sourcesOf(graph, node.name);
    if (node.happy || !node.end || sources.length !== 1 || !row.has(sources[0])) continue;
    const here = row.get(sources[0]);
    if (here >= firstExit || taken.has(here)) continue;
    taken.add(here);
    found.set(node.name, sources[0]);
  }
  return found;
}

function sourcesOf(graph, target) {
  return [...new Set(graph.edges.filter((edge) => edge.target === target).map((edge) => edge.source))];
}

/** dagre's layout of the side states. Each that the path leads to has an entry at the top, so that its lane is kept free. */
function layOutSide(graph, row, beside) {
  const laid = new dagre.graphlib.Graph({ multigraph: true });
  laid.setGraph({ rankdir: "TB", align: "DL", nodesep: 20, edgesep: 18, ranksep: PITCH - NODE.height });
  laid.setDefaultEdgeLabel(() => ({}));
  const names = graph.nodes.map((node) => node.name).filter((name) => !row.has(name) && !beside.has(name));
  const place = new Map(graph.nodes.map((node, number) => [node.name, number]));
  const top = "\u0000top";
  const entry = (name) => `\u0000entry ${name}`;
  laid.setNode(top, { width: 1, height: 1 });
  for (const name of names) laid.setNode(name, { ...NODE });
  const exits = graph.edges.filter((edge) => row.has(edge.source) && laid.hasNode(edge.target));
  const entered = names.filter((name) => exits.some((edge) => edge.target === name));
  for (const name of entered) {
    laid.setNode(entry(name), { width: 1, height: 1 });
    laid.setEdge(top, entry(name), {});
    laid.setEdge(entry(name), name, { weight: 10 });
  }
  graph.edges.forEach((edge, number) => {
    if (!laid.hasNode(edge.target) || row.has(edge.source)) return;
    if (place.get(edge.source) < place.get(edge.target)) {
      laid.setEdge(edge.source, edge.target, {}, String(number));
    } else {
      laid.setEdge(edge.target, edge.source, {}, String(number));
    }
  });
  if (names.length === 0) return { nodes: new Map(), entries: new Map(), ways: new Map(), left: 0, firstRow: 0 };
  dagre.layout(laid);
  const first = Math.min(...names.map((name) => laid.node(name).y));
  const at = (point) => ({ x: point.x, y: point.y - first });
  const entries = new Map();
  const ways = new Map();
  const bends = bendings(laid, (edge) => edge.v !== top);
  for (const edge of laid.edges()) {
    if (edge.v === top) continue;
    const points = bends(edge).map(at);
    if (edge.v === entry(edge.w)) entries.set(edge.w, points);
    else ways.set(Number(edge.name), graph.edges[Number(edge.name)].source === edge.w ? points.reverse() : points);
  }
  return {
    nodes: new Map(names.map((name) => [name, at(laid.node(name))])),
    entries,
    ways,
    left: Math.min(...names.map((name) => laid.node(name).x)) - NODE.width / 2,
    firstRow: Math.max(-1, ...exits.map((edge) => row.get(edge.source))) + 1,
  };
}

/**
 * dagre's slanting lines as upright and level ones. An edge crosses each row where dagre left room for it, and goes sideways
 * only between rows; where several leave or reach one state, each has a place of its own.
 */
function bendings(laid, counts) {
  const edges = laid.edges().filter(counts);
  const port = (name, side, edge) => {
    const others = side === "v" ? "w" : "v";
    const all = edges.filter((other) => other[side] === name);
    all.sort((one, other) => laid.node(one[others]).x - laid.node(other[others]).x || one.name - other.name);
    const middle = laid.node(name).width > 1 ? (all.indexOf(edge) - (all.length - 1) / 2) * PORT * 1.5 : 0;
    return laid.node(name).x + middle;
  };
  return (edge) => {
    const from = laid.node(edge.v);
    const to = laid.node(edge.w);
    const between = laid.edge(edge).points.slice(1, -1);
    const alone = edges.filter((other) => other.w === edge.w).length === 1;
    const end = from.width === 1 && alone ? from.x : port(edge.w, "w", edge);
    const points = [{ x: port(edge.v, "v", edge), y: from.y + from.height / 2 }];
    const stagger = (edges.indexOf(edge) % 3) * 4 - 4;
    for (let here = 0; here < between.length; here += 2) {
      const next = between[here + 1]?.x ?? end;
      const y = between[here].y + stagger;
      const x = points[points.length - 1].x;
      if (Math.abs(next - x) > 0.5) points.push({ x, y }, { x: next, y });
    }
    points.push({ x: end, y: to.y - to.height / 2 });
    return points;
  };
}

/** Which edges run on the path's left, how far out, and where they leave and arrive. */
function leftLanes(graph, row) {
  const jumps = [];
  graph.edges.forEach((edge, number) => {
    if (!row.has(edge.source) || !row.has(edge.target)) return;
    const rows = row.get(edge.target) - row.get(edge.source);
    if (rows !== 1 || edge.kind === "catch") jumps.push({ number, edge, rows });
  });
  jumps.sort((one, other) => Math.abs(one.rows) - Math.abs(other.rows));
  const ports = new Map();
  for (const { number, edge } of jumps) {
    for (const [here, there] of [[edge.source, edge.target], [edge.target, edge.source]]) {
      if (!ports.has(here)) ports.set(here, []);
      ports.get(here).push({ number, leans: row.get(there) - row.get(here) });
    }
  }
  const offset = (name, number) => {
    const all = ports.get(name).sort((one, other) => one.leans - other.leans || one.number - other.number);
    return (all.findIndex((port) => port.number === number) - (all.length - 1) / 2) * PORT;
  };
  const occupied = [];
  const found = new Map();
  for (const { number, edge } of jumps) {
    const [first, last] = [row.get(edge.source), row.get(edge.target)].sort((one, other) => one - other);
    let lane = 0;
    while (occupied.some((other) => other.lane === lane && other.first <= last && first <= other.last)) lane += 1;
    occupied.push({ lane, first, last });
    found.set(number, { lane, leave: offset(edge.source, number), arrive: offset(edge.target, number) });
  }
  return found;
}

/** Where edges leave a state of the path on its right: the farther the lane, the higher, so that they do not cross. */
function rightPorts(graph, row, middle) {
  const leaving = new Map();
  graph.edges.forEach((edge, number) => {
    if (!row.has(edge.source) || row.has(edge.target)) return;
    if (!leaving.has(edge.source)) leaving.set(edge.source, []);
    leaving.get(edge.source).push({ number, x: middle(edge.target) });
  });
  const found = new Map();
  for (const all of leaving.values()) {
    all.sort((one, other) => other.x - one.x || one.number - other.number);
    all.forEach(({ number }, place) => found.set(number, (place - (all.length - 1) / 2) * PORT));
  }
  return found;
}

function alongTheLeft(from, to, { lane, leave, arrive }) {
  const edge = -NODE.width / 2;
  const x = edge - LANE * (lane + 1.4);
  return [
    { x: edge, y: from.y + leave },
    { x, y: from.y + leave },
    { x, y: to.y + arrive },
    { x: edge, y: to.y + arrive },
  ];
}

const below = (at) => ({ x: at.x, y: at.y + NODE.height / 2 });
const above = (at) => ({ x: at.x, y: at.y - NODE.height / 2 });
const rightOf = (at, offset) => ({ x: at.x + NODE.width / 2, y: at.y + offset });

/** Moves everything so that it begins at the margin. */
function framed(nodes, paths) {
  const corners = [
    ...[...nodes.values()].flatMap((at) => [
      { x: at.x - NODE.width / 2, y: at.y - NODE.height / 2 },
      { x: at.x + NODE.width / 2, y: at.y + NODE.height / 2 },
    ]),
    ...paths.flat(),
  ];
  const left = Math.min(...corners.map((point) => point.x)) - MARGIN;
  const top = Math.min(...corners.map((point) => point.y)) - MARGIN;
  const moved = (point) => ({ x: point.x - left, y: point.y - top });
  return {
    width: Math.max(...corners.map((point) => point.x)) + MARGIN - left,
    height: Math.max(...corners.map((point) => point.y)) + MARGIN - top,
    nodes: new Map([...nodes].map(([name, at]) => [name, moved(at)])),
    paths: paths.map((points) => points.map(moved)),
  };
}
