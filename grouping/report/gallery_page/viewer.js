// The photo viewer and the dialog that asks which person is meant.

const viewer = document.getElementById("viewer");
const picker = document.getElementById("picker");
const COPIES_NAMED = 3;
let viewed = { list: [], at: 0, marked: [] };

function openViewer(list, at, marked) {
  viewed = { list, at: Math.max(0, at), marked };
  showPhoto();
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  const to = viewed.at + by;
  if (to < 0 || to >= viewed.list.length) return;
  viewed.at = to;
  showPhoto();
}

function showPhoto() {
  const photo = viewed.list[viewed.at];
  const { name, link } = album.photos[photo];
  const keys = drawing ? { tabindex: "0", role: "application", "aria-label": "Draw a face", "aria-describedby": "how-to-draw" } : {};
  const stage = h("div", { class: drawing ? "stage drawing" : "stage", ...keys }, gone(photo)
    ? h("p", { class: "gone" }, gone(photo))
    : [h("img", { src: preview(photo), alt: name, width: enlarged(photo), draggable: "false" }),
      facesOfPhoto[photo].map((face) => faceBox(face)), drawnIn(photo).map((face) => drawnBox(face))]);
  if (drawing) drawOn(stage);
  const place = viewed.list.length > 1 ? `${viewed.at + 1} of ${viewed.list.length}` : "";
  viewer.replaceChildren(h("figure", {}, stage,
    h("figcaption", {}, name, copiesLine(photo), h("br"), place),
    drawing ? drawingBar() : h("div", { class: "bar" },
      h("button", { type: "button", disabled: viewed.at === 0, onclick: () => step(-1) }, "← Previous"),
      h("button", { type: "button", disabled: viewed.at === viewed.list.length - 1, onclick: () => step(1) }, "Next →"),
      canDraw(photo) ? h("button", { type: "button", id: "draw", title: "A face that was not found ( d )", onclick: startDrawing }, "Draw a face") : null,
      link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, h("button", { type: "button", tabindex: "-1" }, "Original")) : null,
      h("button", { type: "button", class: "main", onclick: () => viewer.close() }, "Close"))));
}

// Which other photos are this picture.
function copiesLine(photo) {
  if (isCopy(photo)) return ` · copy of ${album.photos[originalOf(photo)].name}`;
  const names = (allCopies.get(photo) || []).map((copy) => album.photos[copy].name);
  return names.length ? ` · ${count(names.length, "copy", "copies")}: ${names.slice(0, COPIES_NAMED).join(", ")}${names.length > COPIES_NAMED ? " …" : ""}` : "";
}

// Small previews are shown larger, but never so large that the photo leaves the window.
function enlarged(photo) {
  const { w, h: height } = album.photos[photo];
  return Math.round(Math.min(1100, innerWidth * 0.94, (innerHeight * 0.74 * w) / height));
}

function faceBox(face) {
  const person = personOfFace(face);
  const mine = viewed.marked.includes(face);
  const label = person ? titleOf(person) : "no group";
  const box = frame(face.photo, face.box, mine ? "box mine" : "box");
  const button = h("button", { type: "button", class: box.className, "aria-label": person ? `Go to ${label}` : label, disabled: !person,
    onclick: () => { viewer.close(); location.hash = `#/person/${person.idx}`; } }, h("span", {}, label));
  button.style.cssText = box.style.cssText;
  return button;
}

viewer.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (drawing) { if (!drawingKey(event)) return; } else if (event.key === "d") startDrawing();
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

viewer.addEventListener("cancel", (event) => { if (drawing) { event.preventDefault(); stopDrawing(); } });
viewer.addEventListener("close", () => { drawing = null; });

function openPicker(person) {
  const grid = h("div", { class: "cards" });
  const choose = (other) => { picker.close(); merge(person.idx, other.idx); location.hash = `#/person/${personOf(person.idx).idx}`; render(); };
  const show = (text) => {
    const found = everyone().filter((p) => p !== person && titleOf(p).toLowerCase().includes(text.toLowerCase()));
    grid.replaceChildren();
    fill(grid, found, (p) => h("button", { type: "button", class: "choice", "data-move": "", onclick: () => choose(p) }, smallPicture(p), titleOf(p)), 60);
  };
  picker.replaceChildren(h("h1", {}, `${titleOf(person)} is the same person as …`),
    h("div", { class: "tools" }, h("input", { type: "search", placeholder: "Search names", "aria-label": "Search names", oninput: (event) => show(event.target.value) }),
      h("button", { type: "button", onclick: () => picker.close() }, "Cancel")), grid);
  show("");
  picker.showModal();
}

for (const dialog of [viewer, picker]) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog && !drawing) dialog.close(); });
}
