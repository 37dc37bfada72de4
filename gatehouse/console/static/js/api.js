// Questions to the server. What has not changed since the last time is not sent again.

const kept = new Map();
const MOST_KEPT = 200;
let csrf = "";

/** What the server said no with, in its own words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The answer to /api/<name>; the very same object as long as nothing changed. */
export async function ask(name, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const address = `/api/${name}?${new URLSearchParams(given)}`;
  const before = kept.get(address);
  const response = await fetch(address, {
    cache: "no-store",
    headers: before ? { "If-None-Match": before.tag } : {},
  });
  if (response.status === 304 && before) return before.answer;
  const answer = await read(response);
  if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value);
  kept.set(address, { tag: response.headers.get("ETag"), answer });
  return answer;
}

/** Who we are talking to, and what may be done. */
export async function session() {
  const answer = await ask("session");
  csrf = answer.csrf;
  return answer;
}

/** Has an execution go on from where it stopped. */
export async function redrive(arn, reason) {
  const response = await fetch("/api/redrive", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Gatehouse-Csrf": csrf },
    body: JSON.stringify({ execution_arn: arn, reason }),
  });
  return read(response);
}

async function read(response) {
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused(response.status, `The console's server answered ${response.status} without saying why.`);
  }
  if (!response.ok) throw new Refused(response.status, answer.error ?? `The server answered ${response.status}.`);
  return answer;
}
