// Times, ages and names for people.

import { element } from "./dom.js";

const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

/** 93 784 000 → "1 d 2 h"; 12 345 → "12.3 s"; 87 → "87 ms". */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  let left = Math.floor(milliseconds / 1000);
  const parts = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

/** "2026-11-23 18:04:05" in this machine's time zone. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A time, shown as how long ago it was or how far ahead it is. `tickAges` keeps it up to date. */
export function age(text, { ahead = "in ", ago = "" } = {}) {
  if (!text) return "–";
  const made = element("time", { datetime: text, title: moment(text), "data-age": "", "data-ahead": ahead, "data-ago": ago });
  tick(made);
  return made;
}

/** Updates all ages on the page. */
export function tickAges() {
  document.querySelectorAll("time[data-age]").forEach(tick);
}

function tick(time) {
  const passed = Date.now() - Date.parse(time.dateTime);
  const words = passed < 0 ? time.dataset.ahead + whole(-passed) : whole(passed) + time.dataset.ago;
  if (time.textContent !== words) time.textContent = words;
}

/** Like `duration`, but without fractions, so that an age does not flicker. */
function whole(milliseconds) {
  return milliseconds < 60_000 ? `${Math.floor(milliseconds / 1000)} s` : duration(milliseconds);
}

/** The beginning of a hash. The whole hash is in its title. */
export function short(hash, digits = 16) {
  if (!hash) return "–";
  return element("span", { class: "hash", title: hash }, hash.slice(0, digits), hash.length > digits ? "…" : "");
}

const BADGES = {
  open: ["running", "open"],
  admitted: ["succeeded", "admitted"],
  refused: ["refused", "refused"],
  held: ["held", "held"],
  failed: ["failed", "failed"],
  RUNNING: ["running", "running"],
  SUCCEEDED: ["succeeded", "succeeded"],
  FAILED: ["failed", "failed"],
  TIMED_OUT: ["failed", "timed out"],
  ABORTED: ["aborted", "aborted"],
  PENDING_REDRIVE: ["running", "pending redrive"],
  PENDING: ["running", "pending"],
  APPROVED: ["succeeded", "approved"],
  REJECTED: ["refused", "rejected"],
  EXPIRED: ["held", "expired"],
  succeeded: ["succeeded", "succeeded"],
  running: ["running", "in progress"],
  caught: ["caught", "caught error"],
  aborted: ["aborted", "aborted"],
  timed_out: ["failed", "timed out"],
  good: ["succeeded", "counts"],
  problem: ["failed", "does not count"],
};

/** An outcome or status, as a word with a colour. */
export function badge(status) {
  const [kind, words] = BADGES[status] ?? ["aborted", status ?? "–"];
  return element("span", { class: `badge ${kind}` }, words);
}
