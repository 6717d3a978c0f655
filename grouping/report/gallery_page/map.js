// The t-SNE map: a canvas, the face under the pointer shown beside it.

const MAP_MARGIN = 36;
const HOVER_DISTANCE = 14;

function mapView() {
  const { face: numbers, x, y } = album.map;
  const heading = [h("h1", {}, "Map"), h("p", { class: "lead" }, "Every dot is a face; alike faces lie together. Point at a dot to see it, click to open its photo.")];
  if (!numbers.length) return [heading[0], h("p", { class: "lead" }, "The result has no map.")];
  const canvas = h("canvas", { role: "img", "aria-label": `Map of ${count(numbers.length, "face")} of ${count(everyone().length, "person", "people")}` });
  const hint = h("div", { class: "hint", hidden: true });
  const box = h("div", { class: "map" }, canvas, hint);
  const points = numbers.map((idx, i) => ({ face: faces.get(idx), x: x[i], y: y[i] }));
  const draw = () => drawMap(canvas, points);
  new ResizeObserver(draw).observe(box);
  const nearest = (event) => {
    const at = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - at.left, event.clientY - at.top];
    let best = null;
    let gap = HOVER_DISTANCE ** 2;
    for (const point of points) {
      const d = (point.px - px) ** 2 + (point.py - py) ** 2;
      if (d < gap) [best, gap] = [point, d];
    }
    return best;
  };
  canvas.addEventListener("pointermove", (event) => showHint(hint, box, nearest(event), canvas));
  canvas.addEventListener("pointerleave", () => { hint.hidden = true; });
  canvas.addEventListener("click", (event) => {
    const found = nearest(event);
    if (found) openViewer([found.face.photo], 0, [found.face]);
  });
  return [...heading, box];
}

function showHint(hint, box, point, canvas) {
  canvas.style.cursor = point ? "pointer" : "default";
  hint.hidden = !point;
  if (!point) return;
  const person = personOfFace(point.face);
  const image = gone(point.face.photo) ? null : h("img", { src: crop(point.face), alt: "" });
  const value = point.face.similarity === null ? "" : `similarity ${point.face.similarity.toFixed(2)}`;
  hint.replaceChildren(...[image, h("span", {}, h("strong", {}, person ? titleOf(person) : "no group"), h("br"),
    album.photos[point.face.photo].name, h("br"), value)].filter(Boolean));
  const left = Math.min(point.px + 14, box.clientWidth - hint.offsetWidth - 4);
  const top = Math.min(point.py + 14, box.clientHeight - hint.offsetHeight - 4);
  hint.style.left = `${Math.max(0, left)}px`;
  hint.style.top = `${Math.max(0, top)}px`;
}

function drawMap(canvas, points) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const range = (key) => points.reduce(([low, high], p) => [Math.min(low, p[key]), Math.max(high, p[key])], [Infinity, -Infinity]);
  const [x1, x2] = range("x");
  const [y1, y2] = range("y");
  // A faint rim, so that dark colours show on a dark page too.
  pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--faint");
  pen.lineWidth = 0.8;
  const radius = Math.max(2.2, Math.min(6, 90 / Math.sqrt(points.length)));
  for (const p of points) {
    p.px = MAP_MARGIN + ((p.x - x1) / (x2 - x1 || 1)) * (width - 2 * MAP_MARGIN);
    p.py = height - MAP_MARGIN - ((p.y - y1) / (y2 - y1 || 1)) * (height - 2 * MAP_MARGIN);
    const person = personOfFace(p.face);
    pen.beginPath();
    pen.arc(p.px, p.py, person ? radius : radius * 0.75, 0, 2 * Math.PI);
    pen.fillStyle = colourOf(person ? person.idx : STRANGER);
    pen.fill();
    pen.stroke();
  }
  drawNames(pen, points);
}

function drawNames(pen, points) {
  const style = getComputedStyle(document.body);
  const mine = new Map();
  for (const p of points) {
    const person = personOfFace(p.face);
    if (person) mine.set(person, [...(mine.get(person) || []), p]);
  }
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  pen.font = "600 12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.lineWidth = 3;
  pen.strokeStyle = style.getPropertyValue("--card");
  pen.fillStyle = style.getPropertyValue("--ink");
  for (const [person, list] of [...mine].slice(0, 80)) {
    const text = person.name.length > 24 ? `${person.name.slice(0, 23)}…` : person.name || String(person.idx);
    const at = [median(list.map((p) => p.px)), Math.min(...list.map((p) => p.py)) - 9];
    pen.strokeText(text, ...at);
    pen.fillText(text, ...at);
  }
}
