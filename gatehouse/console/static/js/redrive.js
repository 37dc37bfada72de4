// Redriving, with a reason for the audit trail.

import { redrive, Refused } from "./api.js";
import { element, show } from "./dom.js";

/** A form that is shown while the execution can be redriven. Its text stays when the page is updated. */
export function redriveForm(arn, about) {
  const reason = element("input", { type: "text", id: "reason", required: true, maxlength: String(about.longest_reason), autocomplete: "off", placeholder: "What was corrected, so that it works now" });
  const button = element("button", { type: "submit", class: "strong" }, "Redrive");
  const said = element("p", { role: "status" });
  const asking = element("div", {}, [
    element("p", {}, "AWS can continue this execution from the state that failed. States that succeeded do not run again. The audit trail says who redrove it and why."),
    about.redrive_allowed
      ? element("div", { class: "search" }, element("label", { for: "reason" }, "Reason"), reason, button)
      : element("p", { class: "notice" }, "This console is read-only. Start it with --allow-redrive to redrive from here."),
  ]);
  const pointless = element("p", { hidden: true }, "The workflow ended this execution in a Fail state, after it had rolled back. A redrive would only end it again. The device's next knock starts a new admission.");
  const form = element("form", { class: "card redrive", hidden: true, onsubmit: send }, asking, pointless, said);

  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    show(said, "Redriving …");
    try {
      await redrive(arn, reason.value);
      reason.value = "";
      show(said, "");
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      show(said, error instanceof Refused ? error.message : "The console's server does not answer.");
    } finally {
      button.disabled = false;
    }
  }

  function update(run) {
    form.hidden = !run.redrivable;
    pointless.hidden = run.visits[run.visits.length - 1]?.type !== "Fail";
    asking.hidden = !pointless.hidden;
  }

  return { form, update };
}
