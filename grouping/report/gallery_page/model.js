// The album as the page sees it: what the program found, and what the user has changed.

const album = JSON.parse(document.getElementById("data").textContent);
const STRANGER = -1;
const COLOURS = album.colours;

// A face is a row of numbers in the data, an object here.
const faces = new Map(album.faces.map(([idx, photo, x1, y1, x2, y2, group, similarity]) =>
  [idx, { idx, photo, box: [x1, y1, x2, y2], group, similarity }]));
const facesOfPhoto = album.photos.map(() => []);
for (const face of faces.values()) facesOfPhoto[face.photo].push(face);

const preview = (photo) => `thumbs/${album.photos[photo].key}.jpg`;
const cropFile = (face) => {
  const box = face.box.map((v) => Math.max(0, v)).join("-");
  return `thumbs/${album.photos[face.photo].key}-${box}`;
};
const crop = (face) => `${cropFile(face)}.jpg`;
const portrait = (face) => `${cropFile(face)}-portrait.jpg`;
const gone = (photo) => album.photos[photo].problem;

// names: group id -> name; rejected: face -> group it is not in; ignored: face -> why it is left out
// of every group; merged, apart: pairs of groups.
const noEdits = () => ({ names: {}, rejected: {}, ignored: {}, merged: [], apart: [] });
const isOut = (face) => face.idx in edits.rejected || face.idx in edits.ignored;
const storeKey = `people-edits:${album.created}:${album.faces.length}`;
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
  return Object.keys(edits.names).length + Object.keys(edits.rejected).length
    + Object.keys(edits.ignored).length + edits.merged.length + edits.apart.length;
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
  return {
    idx: root, members, all, kept,
    name: named === undefined ? "" : nameOfGroup(named),
    photos: [...new Set(kept.map((face) => face.photo))],
    purity: Math.min(...members.map((g) => album.people[g].purity ?? 1)),
    cohesion: album.people[root].cohesion,
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
const titleOf = (person) => person.name || `Person ${person.idx}`;
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
  edits.rejected[face.idx] = face.group;
  saveEdits();
}

// Leave faces out of every group. Reasons are those of the corrections file.
function ignore(some, reason) {
  for (const face of some) {
    delete edits.rejected[face.idx];
    edits.ignored[face.idx] = reason;
  }
  saveEdits();
}

function takeBack(some) {
  for (const face of some) {
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
  return [...shared.values()].sort((p, q) => q.photos.length - p.photos.length || p.a - q.a || p.b - q.b);
}
