// Updates the status on the page. It only reads: decisions are sent by forms, which work without this script.
const status = document.querySelector("[data-live]");
const EVERY = 5000;
const MOST = 360; // half an hour; then it stops
let first = null;
let asked = 0;

async function ask() {
  asked += 1;
  try {
    const answer = await fetch(status.dataset.live, { credentials: "same-origin", redirect: "error" });
    if (answer.status === 401) {
      tell("Your session has ended. Reload the page to sign in again.");
      return;
    }
    if (answer.ok) {
      const now = await answer.json();
      document.getElementById("sentence").textContent = now.sentence;
      if (first !== null && first !== now.state) {
        if (status.dataset.reload === "yes") {
          location.reload();
          return;
        }
        tell("Something has changed. Reload the page before you decide.");
        return;
      }
      first = now.state;
      tell("");
    }
  } catch {
    tell("The status cannot be read at the moment.");
  }
  if (asked < MOST) setTimeout(ask, EVERY);
}

function tell(text) {
  status.querySelector(".live").textContent = text;
}

ask();
