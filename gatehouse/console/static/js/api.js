// Requests to the server. It does not send an answer again that has not changed.

const answers = new Map();
const MOST_ANSWERS = 200;
let csrf = "";

/** The server refused a request; `message` is its text. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The answer to /api/<name>; the same object as before if it has not changed. */
export async function ask(name, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const address = `/api/${name}?${new URLSearchParams(given)}`;
  const before = answers.get(address);
  const response = await fetch(address, {
    cache: "no-store",
    headers: before ? { "If-None-Match": before.tag } : {},
  });
  if (response.status === 304 && before) return before.answer;
  const answer = await read(response);
  if (answers.size >= MOST_ANSWERS) answers.delete(answers.keys().next().value);
  answers.set(address, { tag: response.headers.get("ETag"), answer });
  return answer;
}

/** The stack, and what is allowed. */
export async function session() {
  const answer = await ask("session");
  csrf = answer.csrf;
  return answer;
}

/** Redrives an execution. */
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
    throw new Refused(response.status, `The console's server returned ${response.status} without a reason.`);
  }
  if (!response.ok) throw new Refused(response.status, answer.error ?? `The server returned ${response.status}.`);
  return answer;
}
