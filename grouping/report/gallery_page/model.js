// The album as the page sees it: what the program found, and what the user has changed.

const album = JSON.parse(document.getElementById("data").textContent);
const STRANGER = -1;
const COLOURS = album.colours;

// A face is a row of numbers in the data, an object here.
const faces = new Map(album.faces.map(([idx, photo, x1, y1, x2, y2, group, similarity, drawn]) =>
  [idx, { idx, photo, box: [x1, y1, x2, y2], group, similarity, drawn: Boolean(drawn) }]));
const facesOfPhoto = album.photos.map(() => []);
for (const face of faces.values()) facesOfPhoto[face.photo].push(face);

// Small pictures are named by the beginning of the photo's digest, where it was read.
for (const photo of album.photos) photo.key ??= photo.sha256.slice(0, 20);
const preview = (photo) => `thumbs/${album.photos[photo].key}.jpg`;
const cropFile = (face) => {
  const box = face.box.map((v) => Math.max(0, v)).join("-");
  return `thumbs/${album.photos[face.photo].key}-${box}`;
};
const crop = (face) => `${cropFile(face)}.jpg`;
const portrait = (face) => `${cropFile(face)}-portrait.jpg`;
const gone = (photo) => album.photos[photo].problem;

// Photos of one picture are shown as one: the original, or the first where that is not among them.
const originalOf = (photo) => album.photos[photo].copyOf ?? photo;
const isCopy = (photo) => originalOf(photo) !== photo;

// For each picture among some photos: the photo shown, and the others of the same picture.
function fold(photos) {
  const same = new Map();
  for (const photo of photos) {
    const original = originalOf(photo);
    if (!same.has(original)) same.set(original, []);
    same.get(original).push(photo);
  }
  return new Map([...same].map(([original, all]) => {
    const shown = all.includes(original) ? original : all[0];
    return [shown, all.filter((photo) => photo !== shown)];
  }));
}

// Where the same person is in the other photos of the same picture. What is said of a face holds there.
const SAME_PLACE = 0.15; // of the photo's sides, between middles of boxes
const allCopies = fold(album.photos.keys());
function sameInCopies(face) {
  const place = ({ photo, box: [x1, y1, x2, y2] }) => [(x1 + x2) / 2 / album.photos[photo].w, (y1 + y2) / 2 / album.photos[photo].h];
  const [x, y] = place(face);
  const away = (other) => Math.hypot(place(other)[0] - x, place(other)[1] - y);
  const photos = [originalOf(face.photo), ...(allCopies.get(originalOf(face.photo)) || [])];
  return photos.filter((photo) => photo !== face.photo).flatMap((photo) => {
    const near = facesOfPhoto[photo].filter((other) => other.group === face.group).sort((p, q) => away(p) - away(q));
    return near.length && away(near[0]) < SAME_PLACE ? [near[0]] : [];
  });
}
const withCopies = (some) => [...new Set(some.flatMap((face) => [face, ...sameInCopies(face)]))];

// The faces of pictures, each picture once.
function foldFaces(some) {
  const shown = fold(new Set(some.map((face) => face.photo)));
  return some.filter((face) => shown.has(face.photo));
}

// names: group id -> name; rejected: face -> group it is not in; ignored: face -> why it is left out
// of every group; merged, apart: pairs of groups; drawn: faces that were not found, with photo, box in
// pixels, and the name or the group of whom they show.
const noEdits = () => ({ names: {}, rejected: {}, ignored: {}, merged: [], apart: [], drawn: [] });
const isOut = (face) => face.idx in edits.rejected || face.idx in edits.ignored;
const storeKey = `people-edits:${album.created}:${album.faces.length}${location.protocol === "file:" ? "" : location.pathname}`;
let edits = loadEdits();
let people = [];
let rootOf = [];

function loadEdits() {
  try {
    return { ...noEdits(), ...JSON.parse(localStorage.getItem(storeKey) || "{}") };
  } catch {
    return noEdits(); // a browser that keeps nothing for pages from disk
  }
}

function saveEdits() {
  try {
    localStorage.setItem(storeKey, JSON.stringify(edits));
  } catch {
    // the edits live as long as the page does
  }
  rebuild();
  document.dispatchEvent(new Event("edited"));
}

function changeCount() {
  const pictured = (some) => foldFaces(Object.keys(some).map((idx) => faces.get(Number(idx)))).length;
  return Object.keys(edits.names).length + pictured(edits.rejected) + pictured(edits.ignored) + edits.merged.length + edits.apart.length + edits.drawn.length;
}

// People after the merges: the largest group of each stands for all.
function rebuild() {
  rootOf = album.people.map((_, g) => g);
  const find = (g) => { while (rootOf[g] !== g) g = rootOf[g]; return g; };
  for (const [a, b] of edits.merged) {
    const [x, y] = [find(a), find(b)];
    rootOf[Math.max(x, y)] = Math.min(x, y);
  }
  rootOf = rootOf.map((_, g) => find(g));
  people = album.people.map((person, g) => (rootOf[g] === g ? gather(g) : null));
}

function gather(root) {
  const members = rootOf.flatMap((r, g) => (r === root ? [g] : []));
  const all = members.flatMap((g) => album.people[g].faces).map((idx) => faces.get(idx));
  const kept = all.filter((face) => !isOut(face));
  const named = members.find((g) => nameOfGroup(g));
  const photos = [...new Set(kept.map((face) => face.photo))];
  return {
    idx: root, members, all, kept, photos,
    name: named === undefined ? "" : nameOfGroup(named),
    pictures: fold(photos),
    purity: Math.min(...members.map((g) => album.people[g].purity ?? 1)),
    cohesion: album.people[root].cohesion,
    childOf: members.map((g) => album.people[g].childOf).find((years) => years !== null) ?? null,
    face: faces.get(album.people[root].representative),
  };
}

function nameOfGroup(g) {
  const id = album.people[g].id;
  return id in edits.names ? edits.names[id] : album.people[g].name || "";
}

const everyone = () => people.filter(Boolean);
const personOf = (g) => people[rootOf[g]];
const personOfFace = (face) =>
  (face.group === STRANGER || isOut(face) ? null : personOf(face.group));
const numberOf = (g) => String(g).padStart(3, "0"); // as files and folders have it
const titleOf = (person) => person.name || `Person ${numberOf(person.idx)}`;
const colourOf = (g) => (g === STRANGER ? "#9a9aa4" : COLOURS[g % COLOURS.length]);

// One line of visible characters and joiners, which is what a corrections file may hold.
const cleanName = (text) => text.normalize("NFC").replace(/\s+/gu, " ").replace(/(?![\u200c\u200d])\p{C}/gu, "").trim();

// No name takes the user's one back: one that the program was told is in its corrections file.
function rename(person, text) {
  const name = cleanName(text);
  if (name === person.name) return;
  for (const g of person.members) {
    const { id, name: original } = album.people[g];
    if (!name || name === original) delete edits.names[id];
    else edits.names[id] = name;
  }
  saveEdits();
}

function reject(face) {
  for (const one of withCopies([face])) edits.rejected[one.idx] = one.group;
  saveEdits();
}

// Leave faces out of every group. Reasons are those of the corrections file.
function ignore(some, reason) {
  for (const face of withCopies(some)) {
    delete edits.rejected[face.idx];
    edits.ignored[face.idx] = reason;
  }
  saveEdits();
}

function takeBack(some) {
  for (const face of withCopies(some)) {
    delete edits.rejected[face.idx];
    delete edits.ignored[face.idx];
  }
  saveEdits();
}

const samePair = (a, b) => (pair) => (pair[0] === a && pair[1] === b) || (pair[0] === b && pair[1] === a);

function merge(a, b) {
  edits.apart = edits.apart.filter((pair) => !samePair(a, b)(pair));
  if (rootOf[a] !== rootOf[b]) edits.merged.push([a, b]);
  saveEdits();
}

function keepApart(a, b) {
  edits.merged = edits.merged.filter((pair) => !samePair(a, b)(pair));
  if (!edits.apart.some(samePair(a, b))) edits.apart.push([a, b]);
  saveEdits();
}

function undoMerges(person) {
  edits.merged = edits.merged.filter(([a]) => rootOf[a] !== person.idx);
  saveEdits();
}

// Pairs of people with the photos they share, the most first.
function pairs() {
  const shared = new Map();
  facesOfPhoto.forEach((inPhoto, photo) => {
    const here = [...new Set(inPhoto.map(personOfFace).filter(Boolean).map((p) => p.idx))].sort((a, b) => a - b);
    here.forEach((a, i) => here.slice(i + 1).forEach((b) => {
      const key = `${a} ${b}`;
      if (!shared.has(key)) shared.set(key, { a, b, photos: [] });
      shared.get(key).photos.push(photo);
    }));
  });
  for (const pair of shared.values()) pair.pictures = fold(pair.photos).size;
  return [...shared.values()].sort((p, q) => q.pictures - p.pictures || p.a - q.a || p.b - q.b);
}
