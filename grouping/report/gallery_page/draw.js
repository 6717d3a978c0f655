// Drawing a face that was not found: a box by mouse, finger or keys, and whose face it is.

const SMALLEST_DRAWN = 8; // px of the photo, below which the program takes no face
const KEY_STEP = 0.01; // of the photo's sides, that an arrow key moves the box
const FIRST_BOX = [0.4, 0.35, 0.6, 0.65];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// While a face is drawn: its photo, the box as [x1, y1, x2, y2] in shares of the photo's sides, or null.
let drawing = null;

const canDraw = (photo) => !gone(photo) && album.photos[photo].sha256;
const drawnIn = (photo) => edits.drawn.filter((face) => face.photo === photo);
const within = (share) => Math.min(1, Math.max(0, share));

function startDrawing() {
  const photo = viewed.list[viewed.at];
  if (drawing || !canDraw(photo)) return;
  drawing = { photo, box: null };
  showPhoto();
  viewer.querySelector(".stage").focus();
}

function stopDrawing() {
  drawing = null;
  showPhoto();
  viewer.querySelector("#draw").focus();
}

function pixels([x1, y1, x2, y2]) {
  const { w, h: height } = album.photos[drawing.photo];
  return [x1 * w, y1 * height, x2 * w, y2 * height].map(Math.round);
}

const bigEnough = ([x1, y1, x2, y2]) => Math.min(x2 - x1, y2 - y1) >= SMALLEST_DRAWN;

function setBox(box) {
  drawing.box = box;
  const stage = viewer.querySelector(".stage");
  stage.querySelector(".box.sketch")?.remove();
  if (box) stage.append(frame(drawing.photo, pixels(box), "box sketch"));
  viewer.querySelector("#save-face").disabled = !box || !bigEnough(pixels(box));
}

// The photo takes the pointer while a face is drawn on it.
function drawOn(stage) {
  let from = null;
  const place = (event) => {
    const at = stage.querySelector("img").getBoundingClientRect();
    return [within((event.clientX - at.left) / at.width), within((event.clientY - at.top) / at.height)];
  };
  const between = ([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    from = place(event);
  });
  stage.addEventListener("pointermove", (event) => { if (from && event.isPrimary) setBox(between(from, place(event))); });
  const end = (event) => {
    if (!from || !event.isPrimary) return;
    from = null;
    if (!drawing.box) return;
    if (bigEnough(pixels(drawing.box))) viewer.querySelector(".draw-name").focus();
    else setBox(null); // a click, no drag
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
}

function moveBox([dx, dy], resize) {
  const [x1, y1, x2, y2] = drawing.box || FIRST_BOX;
  if (!drawing.box) return setBox(FIRST_BOX);
  const right = within(x2 + KEY_STEP * dx);
  const bottom = within(y2 + KEY_STEP * dy);
  if (resize) return setBox([x1, y1, Math.max(x1 + KEY_STEP, right), Math.max(y1 + KEY_STEP, bottom)]);
  const left = within(Math.min(x1 + KEY_STEP * dx, 1 - (x2 - x1)));
  const top = within(Math.min(y1 + KEY_STEP * dy, 1 - (y2 - y1)));
  return setBox([left, top, left + x2 - x1, top + y2 - y1]);
}

// Keys while a face is drawn; true where one was meant for it.
function drawingKey(event) {
  if (event.key === "Escape") stopDrawing();
  else if (event.target.tagName === "INPUT") return false;
  else if (event.key === "Enter" && event.target.className.includes("stage") && drawing.box) viewer.querySelector(".draw-name").focus();
  else if (event.key in ARROWS) moveBox(ARROWS[event.key], event.shiftKey);
  else return false;
  return true;
}

// In the place of the viewer's buttons: whose face it is.
function drawingBar() {
  const known = everyone().map(titleOf);
  const others = edits.drawn.filter((face) => face.group === null && face.name).map((face) => face.name);
  const input = h("input", { class: "draw-name", type: "text", list: "known-names", maxlength: "200", autocomplete: "off", spellcheck: "false",
    placeholder: "Name, if you know it", "aria-label": "Whose face it is" });
  const save = () => { if (drawing.box && bigEnough(pixels(drawing.box))) keepDrawn(input.value); };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); save(); } });
  return [
    h("p", { class: "how", id: "how-to-draw" }, "Drag a box around the face.",
      h("span", { class: "keys" }, " Keys: arrows move it, with Shift they size it, Enter goes to the name.")),
    h("div", { class: "bar" }, input,
      h("datalist", { id: "known-names" }, [...new Set([...known, ...others])].map((name) => h("option", { value: name }))),
      h("button", { type: "button", class: "main", id: "save-face", disabled: true, onclick: save }, "Save face"),
      h("button", { type: "button", onclick: stopDrawing }, "Cancel"))];
}

function keepDrawn(text) {
  const name = cleanName(text);
  const person = everyone().find((p) => titleOf(p) === name);
  edits.drawn.push({ photo: drawing.photo, box: pixels(drawing.box), name: person ? "" : name, group: person ? person.idx : null });
  saveEdits();
  stopDrawing();
}

const nameOfDrawn = (face) => (face.group === null ? face.name : personOf(face.group).name);
const titleOfDrawn = (face) => (face.group === null ? face.name || "new face" : titleOf(personOf(face.group)));

// The box of a face drawn since the program ran; pressing it takes it back.
function drawnBox(face) {
  const label = titleOfDrawn(face);
  const box = frame(face.photo, face.box, "box drawn");
  const button = h("button", { type: "button", class: box.className, "aria-label": `Take back the face of ${label}`, title: "Take back",
    onclick: () => { edits.drawn = edits.drawn.filter((other) => other !== face); saveEdits(); showPhoto(); } }, h("span", {}, `${label} ✕`));
  button.style.cssText = box.style.cssText;
  return button;
}
