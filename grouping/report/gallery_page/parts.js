// Pieces of page. Text always goes in as text, never as markup.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, v] of Object.entries(value)) element.style.setProperty(name, v);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
// Of photos: how many, and how many of these show a picture again.
function countPhotos(photos) {
  const again = photos.length - fold(photos).size;
  return count(photos.length, "photo") + (again ? ` (${count(again, "copy", "copies")})` : "");
}
const lazyImage = (src, alt) => h("img", { src, alt, loading: "lazy", decoding: "async" });

// Append in batches as the end of the list comes into view: thousands of items stay smooth.
function fill(container, items, make, batch = 90) {
  let next = 0;
  const end = h("div", { "aria-hidden": "true", style: { height: "1px", width: "100%" } });
  const more = () => {
    end.before(...items.slice(next, next + batch).map(make));
    next += batch;
    if (next >= items.length) { watcher.disconnect(); end.remove(); }
  };
  const watcher = new IntersectionObserver((seen) => seen.some((e) => e.isIntersecting) && more(), { rootMargin: "1200px" });
  container.append(end);
  more();
  if (end.isConnected || next < items.length) watcher.observe(end);
  return container;
}

const picture = (person) => (gone(person.face.photo)
  ? h("span", { class: "portrait", role: "img", "aria-label": `${titleOf(person)}, no picture` })
  : h("img", { class: "portrait", src: portrait(person.face), alt: titleOf(person), loading: "lazy", decoding: "async" }));

function smallPicture(person) {
  const image = gone(person.face.photo) ? null : crop(person.face);
  return image ? lazyImage(image, "") : h("img", { alt: "", src: "data:," });
}

function nameInput(person, className) {
  const input = h("input", {
    class: className, type: "text", value: person.name, maxlength: "200", autocomplete: "off", spellcheck: "false",
    placeholder: `Person ${numberOf(person.idx)}`, "aria-label": `Name of person ${numberOf(person.idx)}`,
    onchange: () => { rename(personOf(person.idx), input.value); input.value = personOf(person.idx).name; },
    onkeydown: (event) => {
      if (event.key === "Enter") input.blur();
      if (event.key === "Escape") { input.value = personOf(person.idx).name; input.blur(); }
    },
  });
  return input;
}

function personCard(person) {
  const counts = person.kept.length ? `${countPhotos(person.photos)} · ${count(person.kept.length, "face")}` : "left out";
  return h("article", { class: "card" },
    h("a", { href: `#/person/${person.idx}`, "data-move": "" }, picture(person)),
    h("div", { class: "text" }, nameInput(person, "name"), h("div", { class: "small" }, counts,
      album.people[person.idx].isNew ? h("span", { class: "new" }, "new") : null)));
}

const chip = (person, text) => h("a", { class: "chip", href: `#/person/${person.idx}` },
  smallPicture(person), h("span", {}, text ?? titleOf(person)));

function frame(photo, box, className = "frame") {
  const { w, h: height } = album.photos[photo];
  const [x1, y1, x2, y2] = box;
  return h("div", { class: className, style: {
    left: `${(100 * x1) / w}%`, top: `${(100 * y1) / height}%`,
    width: `${(100 * (x2 - x1)) / w}%`, height: `${(100 * (y2 - y1)) / height}%` } });
}

// Photos, each picture once; its copies come out from behind it.
function photoGrid(photos, marked = []) {
  const folded = fold(photos);
  const list = [...folded.keys()];
  return fill(h("div", { class: "photos" }), list, (photo) => {
    const copies = folded.get(photo);
    const tile = photoTile(photo, list, marked);
    return copies.length ? withItsCopies(tile, photo, copies, marked) : tile;
  });
}

function withItsCopies(tile, photo, copies, marked) {
  const all = [photo, ...copies];
  const label = () => (open ? "Hide" : `+${count(copies.length, "copy", "copies")}`);
  let open = false;
  let shown = [];
  const button = h("button", { class: "copies", type: "button", "aria-expanded": "false", onclick: () => {
    open = !open;
    shown.forEach((copy) => copy.remove());
    shown = open ? copies.map((copy) => photoTile(copy, all, marked, "photo copy")) : [];
    stack.after(...shown);
    button.textContent = label();
    button.setAttribute("aria-expanded", `${open}`);
  } }, label());
  const stack = h("div", { class: "stack" }, tile, button);
  stack.style.cssText = tile.style.cssText;
  tile.style.cssText = "";
  return stack;
}

// A photo at its own proportions with some faces framed; opens the viewer.
function photoTile(photo, list, marked = [], className = "photo") {
  const { name, w, h: height } = album.photos[photo];
  const aspect = Math.min(Math.max(w / (height || 1) || 1.4, 0.5), 2.6);
  const size = { "flex": `${aspect * 100} 1 ${aspect * 190}px`, "aspect-ratio": `${aspect}`, "max-width": `${aspect * 380}px` };
  const whole = Math.abs(aspect - w / height) < 0.01;
  return h("button", { class: className, type: "button", style: size, title: name, "data-move": "",
    onclick: () => openViewer(list, list.indexOf(photo), marked) },
  gone(photo) ? h("span", { class: "gone" }, `${name}: ${gone(photo)}`) : lazyImage(preview(photo), name),
  gone(photo) || !whole ? null : marked.filter((face) => face.photo === photo).map((face) => frame(photo, face.box)),
  className === "photo" ? null : h("span", { class: "tag" }, "copy"));
}

function faceTile(face, list, canReject) {
  const name = album.photos[face.photo].name;
  const value = face.similarity === null ? "" : face.similarity.toFixed(2);
  const again = (change) => () => { change(face); tile.replaceWith(faceTile(face, list, true)); };
  const button = (label, sign, change) => h("button", {
    class: "not", type: "button", "aria-label": `${label}, face in ${name}`, title: label, onclick: again(change) }, sign);
  const buttons = isOut(face) ? [button("Take back", "undo", () => takeBack([face]))]
    : [button("Not a face", "⊘", () => ignore([face], "not a face")), button("Not this person", "✕", reject)];
  const tile = h("div", { class: isOut(face) ? "face rejected" : "face" },
    h("button", { class: "see", type: "button", title: name, "data-move": "", onclick: () => openViewer(list, list.indexOf(face.photo), [face]) },
      gone(face.photo) ? h("span", { class: "gone" }, "no picture") : lazyImage(crop(face), `Face in ${name}`)),
    h("div", { class: "below" }, h("span", { title: "similarity to the group" }, value), canReject ? h("span", {}, buttons) : null));
  return tile;
}
