// Requests that wait for people, oldest first, and decisions that are not carried out.

import { ask } from "./api.js";
import { element, show } from "./dom.js";
import { age, short } from "./format.js";

export function approvals({ container, about }) {
  const lost = element("div");
  const table = element("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Approvals" });
  show(container, [
    element("h1", {}, "Approvals"),
    element("p", { class: "lead" }, [
      "People decide in the approvers' inbox, signed in as themselves",
      safe(about.approvals_url) ? [": ", element("a", { href: about.approvals_url, rel: "noreferrer", target: "_blank" }, "open the inbox")] : "",
      ". This page shows how long each request has waited.",
    ]),
    lost,
    table,
  ]);
  let shown = null;

  async function look() {
    const answer = await ask("approvals");
    if (answer === shown) return;
    shown = answer;
    show(lost, answer.owed.map(notCarriedOut));
    show(table, answer.pending.length ? rows(answer.pending, about) : element("p", { class: "empty" }, "No request waits for people."));
  }

  return { look };
}

/** How many of the votes that a request needs are there: "1 of 2". */
export function votes(request) {
  const yes = request.votes.filter((vote) => vote.decision === "approve" && vote.basis_sha256 === request.basis_sha256);
  return `${yes.length} of ${request.ruling.requirements.reduce((sum, one) => sum + one.count, 0)}`;
}

/** Whether an address may become a link. Anything else stays text. */
export function safe(address) {
  return /^https?:\/\//.test(address ?? "");
}

function notCarriedOut(request) {
  const never = request.resume_state === "LOST";
  return element("p", { class: never ? "notice bad" : "notice" }, [
    element("a", { href: link(request), "data-key": `owed ${request.approval_id}` }, request.device),
    `: ${request.status.toLowerCase()} `,
    age(request.decided_at, { ago: " ago" }),
    never ? `; cannot be carried out: ${request.lost_because ?? "its execution no longer waits"}` : "; being carried out",
  ]);
}

function link(request) {
  return `#/execution/${encodeURIComponent(request.execution_arn)}`;
}

function rows(found) {
  const heads = ["Device", "Age", "Decide by", "Votes", "Needs", "Rule", "Certificate"];
  return element("table", {}, [
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, found.map(row)),
  ]);
}

function row(request) {
  const passed = (Date.now() - Date.parse(request.requested_at)) / 1000;
  const { escalate_after: escalate, remind_after: remind } = request.ruling;
  const late = Date.parse(request.decide_by) < Date.now();
  const mark = late ? "overdue" : escalate && passed > escalate ? "escalated" : remind && passed > remind ? "reminded" : null;
  const needed = request.ruling.requirements.map((one) => `${one.count} × ${one.group}`).join(", ");
  return element("tr", {}, [
    element("td", { class: "name" }, element("a", { href: link(request), "data-key": request.approval_id, class: "cut" }, request.device)),
    element("td", { class: "number" }, age(request.requested_at), mark ? element("span", { class: "tag warn" }, mark) : ""),
    element("td", { class: "number" }, age(request.decide_by, { ago: " ago" })),
    element("td", { class: "number" }, votes(request)),
    element("td", {}, needed),
    element("td", {}, request.ruling.rule_id),
    element("td", {}, short(request.certificate_id)),
  ]);
}

