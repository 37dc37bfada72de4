// The head of an execution: its device, its status, and the facts.

import { element } from "./dom.js";
import { age, badge, duration, moment, short } from "./format.js";
import { safe, votes } from "./approvals.js";

/** @param found what /api/admission returns; null if the execution has no admission */
export function drawHead(run, found, about) {
  const admission = found?.admission;
  const ours = admission?.execution_arn === run.arn;
  const request = found?.approvals.find((one) => one.execution_arn === run.arn);
  const waiting = request?.status === "PENDING" ? request : null;
  const title = admission?.device || request?.device || admission?.subject || run.name;
  return [
    element("p", { class: "crumbs" }, element("a", { href: "#/admissions", "data-key": "back" }, "Admissions"), " / ", element("span", {}, run.name)),
    element("h1", { class: "cut" }, title, " ", ours ? badge(admission.outcome) : badge(run.status), ours && admission.trial ? " trial" : ""),
    admission && !ours ? element("p", { class: "notice" }, "This is not the present admission of the certificate: ", element("a", { href: link(admission.execution_arn), "data-key": "present" }, "open the present one"), ".") : "",
    waiting ? waits(waiting, about) : "",
    run.error ? element("p", { class: "notice bad" }, element("b", {}, run.error), run.cause ? `: ${cause(run.cause)}` : "") : "",
  ];
}

export function drawFacts(run, found) {
  return element("dl", { class: "facts" }, facts(run, found).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function waits(request, about) {
  const needed = request.ruling.requirements.map((one) => `${one.count} of ${one.group}`).join(" and ");
  const address = `${(about.approvals_url ?? "").replace(/\/$/, "")}/approvals/${request.approval_id}`;
  return element("p", { class: "notice waits" }, [
    element("b", {}, "Waits for people"),
    " for ",
    age(request.requested_at),
    `: rule ${request.ruling.rule_id} needs ${needed}; ${votes(request)} have approved; it expires `,
    age(request.decide_by, { ago: " ago" }),
    ". ",
    safe(address) ? element("a", { href: address, rel: "noreferrer", target: "_blank", "data-key": "decide" }, "Open the request") : "",
  ]);
}

function facts(run, found) {
  const admission = found?.admission;
  const ours = admission?.execution_arn === run.arn;
  const ended = run.stopped_at ? duration(Date.parse(run.stopped_at) - Date.parse(run.started_at)) : age(run.started_at);
  const rows = [
    ["Execution", badge(run.status)],
    ["Started", moment(run.started_at)],
    [run.stopped_at ? "Took" : "Has taken", ended],
  ];
  if (run.redrives) rows.push(["Redriven", run.redrives === 1 ? "once" : `${run.redrives} times`]);
  if (run.certificate_id) rows.push(["Certificate", short(run.certificate_id, 64)]);
  if (!admission) return rows;
  rows.push(["Knocks", String(admission.knocks)], ["Subject", admission.subject || "–"], ["Serial", short(admission.serial, 40)]);
  if (ours && admission.reason) rows.push(["Why", admission.reason]);
  if (ours && admission.evidence_key) rows.push(["Evidence", element("span", { class: "hash" }, admission.evidence_key)]);
  const others = found.sealed.filter((arn) => arn !== run.arn);
  if (others.length) rows.push(["Other admissions", others.slice(0, 5).map((arn) => element("a", { href: link(arn), class: "hash", "data-key": arn }, arn.split(":").pop()))]);
  if (safe(found.aws_console)) rows.push(["In AWS", element("a", { href: found.aws_console, rel: "noreferrer", target: "_blank" }, "Step Functions console")]);
  return rows;
}

function link(arn) {
  return `#/execution/${encodeURIComponent(arn)}`;
}

/** The message in the JSON with which Lambda reports an error. */
function cause(text) {
  try {
    return JSON.parse(text).errorMessage ?? text;
  } catch {
    return text;
  }
}
