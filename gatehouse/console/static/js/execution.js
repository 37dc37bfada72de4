// One execution: its facts, the graph, the steps, the chosen state, the events.

import { ask, Refused } from "./api.js";
import { element, show } from "./dom.js";
import { drawEvents } from "./events.js";
import { drawFacts, drawHead } from "./facts.js";
import { drawGraph } from "./graph.js";
import { redriveForm } from "./redrive.js";
import { drawState } from "./state.js";
import { drawSteps } from "./steps.js";

const ZOOMS = [0.5, 0.65, 0.8, 1, 1.25, 1.5];

export function execution({ container, argument: arn, about }) {
  const head = element("div");
  const facts = element("section", { class: "card", "aria-label": "Facts" });
  const redrive = redriveForm(arn, about);
  const canvas = element("div", { class: "canvas", tabindex: "0", role: "region", "aria-label": "State graph, scrollable" });
  const steps = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Steps" });
  const chosen = element("section", { class: "card", "aria-label": "Chosen state" });
  const events = drawEvents(arn);
  const zoomed = element("span", { class: "zoomed" });
  show(container, [
    head,
    element("div", { class: "halves" }, [
      element("section", { class: "card drawing", "aria-labelledby": "graph-title" }, [
        element("div", { class: "title" }, [
          element("h2", { id: "graph-title" }, "Graph"),
          legend(),
          element("div", { class: "zoom" }, [
            element("button", { type: "button", class: "quiet", "aria-label": "Smaller", onclick: () => zoom(-1) }, "−"),
            zoomed,
            element("button", { type: "button", class: "quiet", "aria-label": "Larger", onclick: () => zoom(1) }, "+"),
            element("button", { type: "button", class: "quiet", onclick: () => fit() }, "Fit"),
          ]),
        ]),
        canvas,
      ]),
      element("div", { class: "column" }, [
        redrive.form,
        facts,
        element("section", { class: "card", "aria-labelledby": "steps-title" }, element("h2", { id: "steps-title" }, "Steps"), steps),
        chosen,
        element("section", { class: "card", "aria-labelledby": "events-title" }, element("h2", { id: "events-title" }, "Events"), events.place),
      ]),
    ]),
  ]);
  const state = drawState(chosen, arn);
  let graph = null;
  let picture = null;
  let scale = 1;
  let shownRun = null;
  let shownAdmission = null;
  let pick = null;
  let followed = true;

  function zoom(by) {
    const nearest = ZOOMS.reduce((best, one) => (Math.abs(one - scale) < Math.abs(best - scale) ? one : best));
    rescale(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(nearest) + by))]);
  }

  function fit() {
    rescale(Math.min(1.1, (canvas.clientWidth - 4) / picture.size.width));
  }

  function rescale(to) {
    scale = to;
    const svg = canvas.firstChild;
    svg.setAttribute("width", picture.size.width * scale);
    svg.setAttribute("height", picture.size.height * scale);
    show(zoomed, `${Math.round(scale * 100)} %`);
  }

  function choose(name) {
    followed = false;
    pick = name;
    if (shownRun !== null) render(shownRun); // otherwise the first look renders it when its answer has come
  }

  function render(run) {
    const latest = run.visits[run.visits.length - 1];
    if (followed) pick = latest?.state ?? graph.start;
    picture.mark(run);
    picture.choose(pick);
    show(steps, drawSteps(run, pick, choose));
    events.update(run);
    state.update(graph, run, pick);
    redrive.update(run);
  }

  /** Scrolls the drawing, not the page, to the chosen state. */
  function reveal() {
    const box = picture.boxOf(pick)?.getBoundingClientRect();
    const frame = canvas.getBoundingClientRect();
    if (box) canvas.scrollTop += box.top + box.height / 2 - frame.top - frame.height / 2;
  }

  async function look() {
    const run = await ask("execution", { arn });
    const first = graph === null;
    if (first) {
      graph = await ask("graph", { arn });
      picture = drawGraph(canvas, graph, choose);
      fit();
    }
    const admission = await admissionOf(run);
    if (run !== shownRun || admission !== shownAdmission) {
      const moved = run.visits.length !== shownRun?.visits.length;
      shownRun = run;
      shownAdmission = admission;
      show(head, drawHead(run, admission, about));
      show(facts, drawFacts(run, admission));
      render(run);
      if (first || (followed && moved)) reveal();
    } else {
      await state.look();
    }
  }

  /** The certificate's admission; null for an execution that has none. */
  async function admissionOf(run) {
    if (!run.certificate_id) return null;
    try {
      return await ask("admission", { certificate: run.certificate_id });
    } catch (error) {
      if (error instanceof Refused && (error.status === 404 || error.status === 400)) return null;
      throw error;
    }
  }

  return { look };
}

function legend() {
  const kinds = [
    ["succeeded", "succeeded"],
    ["running", "in progress"],
    ["caught", "caught"],
    ["failed", "failed"],
    ["idle", "not reached"],
  ];
  return element("ul", { class: "legend", "aria-label": "Colours" }, kinds.map(([kind, words]) => element("li", { class: kind }, words)));
}
