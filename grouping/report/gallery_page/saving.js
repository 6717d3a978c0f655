// Where the page comes from the service: corrections are saved there, not downloaded, and the album is
// grouped again. The service says so by a meta element that names where to; from disk there is none.

const SERVED = /^https?:$/.test(location.protocol) && document.querySelector('meta[name="corrections"]');
const STATE_EVERY = 1500; // ms between two questions how far the grouping is
const UNANSWERED = 20; // questions without an answer, one after another, before the page gives up
const LINK_ENDED = "Your link to this page has ended; your changes are kept in this browser. Open a new link, and save.";
const UNSAVED = {
  401: LINK_ENDED,
  403: LINK_ENDED,
  404: "The album is not there any more.",
  409: "Not saved: somebody changed the album since this page was loaded. Download your corrections if you want to keep them, then load the page again.",
  413: "These are more changes than can be saved at once. Download them, and hand them in by the API.",
  429: "Too many requests. Wait a little, and save again.",
};

// What the bar says while changes are saved and after; null while there is nothing to say.
let saving = null;

function say(text, failed = false) {
  const working = Boolean(text) && !failed;
  saving = text ? { text, failed, working } : null;
  document.getElementById("main").inert = working; // a change made now would be lost with the old groups
  showChanges();
}

function saveBar(n) {
  const said = h("span", { id: "saved", class: saving?.failed ? "bad" : null }, saving ? saving.text : count(n, "change"));
  return saving?.working ? [said] : [said,
    h("button", { type: "button", class: "main", id: "save", onclick: saveCorrections }, "Save"),
    saving ? h("button", { type: "button", id: "download", onclick: downloadCorrections }, "Download corrections") : null,
    dropButton()];
}

async function saveCorrections() {
  const bar = document.getElementById("changes");
  bar.tabIndex = -1;
  say("Saving …");
  bar.focus(); // the button that had it is gone
  const answer = await fetch(SERVED.content, { method: "PUT", headers: { "Content-Type": "application/toml" }, body: correctionsFile() }).catch(() => null);
  if (!answer) return say("The service does not answer; your changes are kept in this browser. Is there a connection?", true);
  if (!answer.ok) return say(UNSAVED[answer.status] || await messageOf(answer), true);
  localStorage.removeItem(storeKey); // names are the service's now
  return showWhenGrouped();
}

async function messageOf(answer) {
  const said = await answer.json().catch(() => null);
  return `Not saved: ${said?.error?.message || `the service answered ${answer.status}`}`;
}

async function showWhenGrouped() {
  const place = new URL("state", new URL(SERVED.content, location.href));
  say("Saved. The album is grouped again …");
  for (let lost = 0; lost < UNANSWERED;) {
    await new Promise((wake) => { setTimeout(wake, STATE_EVERY); });
    const answer = await fetch(place, { cache: "no-store" }).catch(() => null);
    const job = answer?.ok ? await answer.json().catch(() => null) : null;
    lost = job ? 0 : lost + 1;
    if (job?.state === "done") return location.reload();
    if (job && job.state !== "queued" && job.state !== "running") return say(`Saved, but the album could not be grouped again: ${job.error || job.state}.`, true);
  }
  return say("Saved. The album is grouped again; load this page anew in a while.");
}
