// Sections by address (#/person/3), keys, theme, and the bar that offers the corrections.

const SECTIONS = album.lookUp ? [
  ["people", "Photos", () => (album.people.length ? personView(0) : missing()), () => album.photos.length],
  ...(failures().length ? [["failures", "Failures", failuresView, () => failures().length]] : []),
] : [
  ["people", "People", peopleView, () => everyone().length],
  ["review", "Review", reviewView, () => album.merges.length || null],
  ["together", "Together", togetherView, () => null],
  ["strangers", "Strangers", strangersView, () => strangers().length],
  ["without", "No faces", withoutView, () => photosWithout().length],
  ["failures", "Failures", failuresView, () => failures().length],
  ["map", "Map", mapView, () => null],
];
const INNER = album.lookUp ? {} : { person: personView, pair: pairView };
if (album.lookUp) document.title = album.people.length ? `Photos of ${album.people[0].name}` : "Photos";
const main = document.getElementById("main");

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const section = SECTIONS.find(([key]) => key === name);
  return { name: section || INNER[name] ? name : "people", view: section ? section[2] : INNER[name] || SECTIONS[0][2], rest };
}

function render() {
  const { name, view, rest } = route();
  const number = ([, , , counted]) => counted();
  document.getElementById("nav").replaceChildren(...SECTIONS.map((section) => {
    const [key, label] = section;
    const here = key === name || (key === "people" && name === "person") || (key === "together" && name === "pair");
    const n = number(section);
    return h("a", { href: `#/${key}`, "aria-current": here ? "page" : null }, label, n === null ? null : h("span", { class: "n" }, n.toLocaleString("en")));
  }));
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  hintTabs();
  main.replaceChildren(...view(...rest).flat().filter(Boolean));
}

// Where tabs are hidden at a side, the row fades out there.
function hintTabs() {
  const nav = document.getElementById("nav");
  const hidden = { left: nav.scrollLeft > 1, right: nav.scrollLeft + nav.clientWidth < nav.scrollWidth - 1 };
  nav.dataset.more = Object.keys(hidden).filter((side) => hidden[side]).join(" ");
}

const dropButton = () => h("button", { type: "button", class: "quiet", onclick: () => { if (confirm("Drop all your changes?")) { edits = noEdits(); saveEdits(); render(); } } }, "Drop");

function showChanges() {
  const n = changeCount();
  const bar = document.getElementById("changes");
  bar.hidden = n === 0 && !saving;
  bar.replaceChildren(...(SERVED ? saveBar(n) : downloadBar(n)).filter(Boolean));
}

const downloadBar = (n) => [h("span", {}, count(n, "change")),
  h("button", { type: "button", class: "main", id: "download", onclick: downloadCorrections }, "Download corrections"), dropButton()];

// Arrow keys walk over the tiles of a page as they are laid out.
function moveFocus(key) {
  const here = document.activeElement;
  if (!here || !here.hasAttribute("data-move")) return false;
  const from = here.getBoundingClientRect();
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let best = null;
  let least = Infinity;
  const scope = here.closest("dialog") || main;
  for (const other of scope.querySelectorAll("[data-move]")) {
    const to = other.getBoundingClientRect();
    const across = to.left + to.width / 2 - from.left - from.width / 2;
    const down = to.top + to.height / 2 - from.top - from.height / 2;
    const ahead = across * dx + down * dy;
    const aside = Math.abs(across * dy) + Math.abs(down * dx);
    if (ahead > 8 && ahead + 4 * aside < least) [best, least] = [other, ahead + 4 * aside];
  }
  if (best) best.focus();
  return best !== null;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (typing) return;
  const field = { "/": "#search", n: ".name-field" }[event.key];
  if (field && document.querySelector(field)) document.querySelector(field).focus();
  else if (!event.key.startsWith("Arrow") || !moveFocus(event.key)) return;
  event.preventDefault();
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  render();
}

rebuild();
document.getElementById("about").textContent = album.about;
document.getElementById("theme").addEventListener("click", toggleTheme);
document.addEventListener("edited", () => { if (saving?.failed) say(null); else showChanges(); });
document.addEventListener("keydown", onKey);
document.getElementById("nav").addEventListener("scroll", hintTabs, { passive: true });
addEventListener("resize", hintTabs);
addEventListener("hashchange", () => { viewer.close(); render(); scrollTo(0, 0); main.focus({ preventScroll: true }); });
showChanges();
render();
