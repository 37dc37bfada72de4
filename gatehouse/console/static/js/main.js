// The frame: shows the chosen view, and updates it every second.

import { ask, Refused, session } from "./api.js";
import { admissions } from "./admissions.js";
import { approvals } from "./approvals.js";
import { element, show } from "./dom.js";
import { execution } from "./execution.js";
import { executions } from "./executions.js";
import { tickAges } from "./format.js";
import { lists } from "./lists.js";
import { startTheme } from "./theme.js";

const EVERY = 1000;
const VIEWS = { admissions, execution, approvals, lists, executions };
const NAMES = { admissions: "Admissions", approvals: "Approvals", lists: "Revocation lists", executions: "Executions" };

const main = document.getElementById("main");
const pulse = document.getElementById("pulse");
let about = null;
let current = null;
let trouble = null;

/** "#/execution/arn:…?visit=3" → name, argument, query. */
function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name: name in VIEWS ? name : "admissions", argument: decodeURIComponent(rest.join("/")), query: new URLSearchParams(query) };
}

function open() {
  if (about === null) return;
  const { name, argument, query } = route();
  const key = `${name}/${argument}`;
  if (current?.key !== key) {
    const container = element("div", { class: `view ${name}` });
    show(main, container);
    current = { key, view: VIEWS[name]({ container, argument, query, about }) };
    document.title = `${NAMES[name] ?? "Execution"} · Gatehouse`;
    window.scrollTo(0, 0);
  }
  marks(name);
  void look();
}

function marks(name) {
  const views = document.getElementById("views");
  for (const link of views.children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Updates the view once, and shows an error on the page if the server does not answer. Skips a view that is still updating. */
async function look() {
  const looking = current;
  if (looking.busy) return;
  looking.busy = true;
  try {
    await looking.view.look();
    trouble = null;
    say("live", "Live");
  } catch (error) {
    if (looking !== current) return;
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
    const words = error instanceof Refused ? error.message : "The console's server does not answer. Is it still running?";
    say("dead", "Not live");
    if (trouble !== words) {
      trouble = words;
      complain(words);
    }
  } finally {
    looking.busy = false;
  }
  if (trouble === null) document.getElementById("trouble")?.remove();
}

function complain(words) {
  document.getElementById("trouble")?.remove();
  main.prepend(element("p", { id: "trouble", class: "notice bad", role: "alert" }, words));
}

function say(kind, words) {
  if (pulse.className !== `pulse ${kind}`) {
    pulse.className = `pulse ${kind}`;
    show(pulse, words);
  }
}

async function count() {
  const [waiting, fresh] = await Promise.allSettled([ask("approvals"), ask("lists")]);
  if (waiting.status === "fulfilled") mark("approvals", waiting.value.pending.length + waiting.value.owed.filter((one) => one.resume_state === "LOST").length);
  if (fresh.status === "fulfilled") mark("lists", fresh.value.filter((one) => one.problem).length);
}

function mark(view, number) {
  const counter = document.querySelector(`#views a[data-view="${view}"] .count`);
  counter.textContent = number ? String(number) : "";
}

async function run() {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, EVERY));
    if (document.hidden) continue;
    tickAges();
    if (about === null) await begin();
    else await Promise.all([look(), count()]);
  }
}

async function begin() {
  try {
    about = await session();
  } catch (error) {
    complain(error instanceof Refused ? error.message : "The console's server does not answer. Is it still running?");
    return;
  }
  document.getElementById("trouble")?.remove();
  const links = Object.entries(NAMES).map(([view, words]) =>
    element("a", { href: `#/${view}`, "data-view": view }, words, element("span", { class: "count" })),
  );
  show(document.getElementById("views"), links);
  const place = about.target === "local" ? "local cloud" : `AWS ${about.account} · ${about.region}`;
  show(document.getElementById("where"), `${about.stack} · ${place}`, about.redrive_allowed ? "" : element("span", { class: "tag" }, "read-only"));
  open();
  void count();
}

startTheme(document.getElementById("theme"));
window.addEventListener("hashchange", open);
await begin();
void run();
