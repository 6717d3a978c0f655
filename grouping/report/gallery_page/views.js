// One function a section; each gives the elements of the page.

const SORTS = {
  size: ["Most photos", (a, b) => b.pictures.size - a.pictures.size || a.idx - b.idx],
  unnamed: ["Without a name", (a, b) => !!a.name - !!b.name || b.pictures.size - a.pictures.size || a.idx - b.idx],
  name: ["Name", (a, b) => !a.name - !b.name || a.name.localeCompare(b.name) || a.idx - b.idx],
  review: ["To review first", (a, b) => a.purity - b.purity || a.idx - b.idx],
};
let sortBy = "size";
let searched = "";

function summary() {
  const parts = [count(everyone().length, "person", "people"), countPhotos([...album.photos.keys()]), count(faces.size, "face")];
  return parts.join(" · ");
}

// An album of nobody: what there is instead, and what can be done.
function nobodyView() {
  const link = (key, text) => h("a", { href: `#/${key}` }, text);
  const drawn = [" If a face was missed, open the photo under ", link("without", "No faces"), " and draw it."];
  const found = faces.size
    ? ["Nobody is in two photos or more. The faces are under ", link("strangers", "Strangers"), "."]
    : ["No faces were found, so there is nobody to name.", ...(photosWithout().length ? drawn : [])];
  const unread = failures().length;
  return [
    h("h1", {}, "Nobody yet"), h("p", { class: "lead" }, `${summary()}.`),
    h("p", { id: "nobody" }, found),
    unread ? h("p", {}, `${count(unread, "photo")} could not be read or shown: see `, link("failures", "Failures"), ".") : null,
  ];
}

function remarksOnPeople() {
  return [
    album.changes ? h("p", { class: "lead" }, `Since the run before: ${album.changes}.`) : null,
    album.optedOut ? h("p", { class: "lead", id: "opted-out" }, `${count(album.optedOut, "face")} of people who asked to be left out ${album.optedOut === 1 ? "is" : "are"} not shown.`) : null,
    album.notFound.length ? h("p", { class: "lead", id: "not-found" }, `Known beforehand and not found: ${album.notFound.join(", ")}.`) : null,
  ];
}

function peopleView() {
  if (!album.people.length) return [...nobodyView(), ...remarksOnPeople()];
  const grid = h("div", { class: "cards" });
  const show = () => {
    const wanted = searched.trim().toLowerCase();
    const found = everyone().filter((p) => titleOf(p).toLowerCase().includes(wanted)).sort(SORTS[sortBy][1]);
    grid.replaceChildren();
    if (found.length) fill(grid, found, personCard);
    else grid.append(h("p", { class: "lead" }, "Nobody of that name."));
  };
  show();
  return [
    h("h1", {}, "People"), h("p", { class: "lead" }, `${summary()}. Give each person a name; open a person to correct the group.`),
    ...remarksOnPeople(),
    album.anyKnown ? h("p", { class: "lead", id: "unclaimed" }, `${count(everyone().filter((p) => !p.name).length, "person is", "people are")} nobody of those known; order them by “Without a name”.`) : null,
    h("div", { class: "tools" },
      h("input", { type: "search", id: "search", placeholder: "Search names ( / )", "aria-label": "Search names", value: searched,
        oninput: (event) => { searched = event.target.value; show(); } }),
      h("select", { "aria-label": "Order", onchange: (event) => { sortBy = event.target.value; show(); } },
        Object.entries(SORTS).map(([key, [label]]) => h("option", { value: key, selected: key === sortBy }, label)))),
    grid,
  ];
}

function personView(number) {
  const person = personOf(Number(number));
  if (!person) return missing();
  const list = [...person.pictures.keys()];
  const { cohesion, purity } = person;
  const known = [
    countPhotos(person.photos), count(person.kept.length, "face"),
    cohesion === null ? null : `cohesion ${cohesion.toFixed(2)}`,
    album.people[person.idx].purity === null ? null : `expected purity ${Math.round(100 * purity)} %`,
  ].filter(Boolean).join(" · ");
  const others = pairs().filter((p) => p.a === person.idx || p.b === person.idx);
  return [
    h("div", { class: "who", style: { "--person": colourOf(person.idx) } }, picture(person),
      h("div", { class: "about-person" }, h("h1", { class: album.lookUp ? null : "unseen" }, titleOf(person)),
        album.lookUp ? null : nameInput(person, "name-field"),
        h("p", { class: "small" }, known),
        album.lookUp ? null : h("div", { class: "tools" },
          h("button", { type: "button", id: "merge", onclick: () => openPicker(person) }, "Same person as …"),
          person.members.length > 1 ? h("button", { type: "button", onclick: () => { undoMerges(person); render(); } },
            `Undo merge of ${person.members.map(numberOf).join(", ")}`) : null,
          person.kept.length
            ? h("button", { type: "button", id: "leave-out", title: "A stranger, a poster, a statue: no group is made of these faces",
              onclick: () => { ignore(person.kept, "stranger"); render(); } }, "Leave out")
            : h("button", { type: "button", id: "leave-out", onclick: () => { takeBack(person.all); render(); } }, "Take back")))),
    others.length ? [h("h2", {}, "Together with"), h("div", { class: "chips" }, others.slice(0, 24).map((p) => {
      const other = personOf(p.a === person.idx ? p.b : p.a);
      return h("a", { class: "chip", href: `#/pair/${p.a}/${p.b}` }, smallPicture(other), h("span", {}, `${titleOf(other)} · ${countPhotos(p.photos)}`));
    }))] : [],
    h("h2", {}, "Photos"), photoGrid(person.photos, person.kept),
    h("h2", {}, "Faces"), h("p", { class: "lead" }, `The most typical first.${album.lookUp ? "" : " Mark what is somebody else with ✕, and what is not a face with ⊘."}`),
    fill(h("div", { class: "faces" }), foldFaces(person.all), (face) => faceTile(face, list, !album.lookUp)),
  ].flat();
}

function reviewView() {
  const open = album.merges.filter(({ pair: [a, b] }) => rootOf[a] !== rootOf[b] && !edits.apart.some(samePair(a, b)));
  const doubtful = everyone().filter((p) => p.kept.length).sort(SORTS.review[1]);
  const children = doubtful.filter((p) => p.childOf !== null);
  return [
    h("h1", {}, "Review"),
    h("p", { class: "lead" }, "Start here: groups that may be one person, then the groups that are least certain."),
    h("h2", {}, `Same person? (${open.length})`),
    open.length ? h("div", {}, open.map(mergePanel)) : h("p", { class: "lead" }, "No open question."),
    children.length ? [h("h2", { id: "children" }, `Children (${children.length})`),
      h("p", { class: "lead" }, "These people seem to be under 13. Children are confused more often: look here."),
      fill(h("div", {}), children, doubtPanel, 12)] : [],
    h("h2", {}, "Least certain groups"),
    fill(h("div", {}), doubtful, doubtPanel, 12),
  ].flat();
}

function mergePanel({ pair: [a, b], similarity, faces: alike, closest, shared }) {
  const answer = (action) => () => { action(a, b); render(); };
  const evidence = [
    similarity === null ? null : `similarity ${similarity.toFixed(2)}`,
    closest === null ? null : `closest two faces ${closest.toFixed(2)}, shown first`,
    shared ? `both in ${count(shared, "photo")}` : null,
  ].filter(Boolean).join(" · ");
  const side = (g) => {
    const typical = album.people[g].faces.filter((idx) => !alike.includes(idx));
    const first = album.people[g].faces.filter((idx) => alike.includes(idx));
    const mine = foldFaces([...first, ...typical].map((idx) => faces.get(idx))).slice(0, 8);
    return h("div", {}, h("p", {}, chip(personOf(g), nameOfGroup(g) || `Person ${numberOf(g)}`)),
      h("div", { class: "faces" }, mine.map((face) => faceTile(face, mine.map((f) => f.photo), false))));
  };
  return h("section", { class: "panel", "aria-label": `Are ${numberOf(a)} and ${numberOf(b)} one person?` },
    h("header", {}, h("div", { class: "grow" }, h("strong", {}, "These may be one person"), h("div", { class: "small" }, evidence)),
      h("button", { class: "main", type: "button", onclick: answer(merge) }, "Same person"),
      h("button", { type: "button", onclick: answer(keepApart) }, "Different people")),
    h("div", { class: "sides" }, side(a), side(b)));
}

function doubtPanel(person) {
  const doubted = foldFaces(person.all).sort((p, q) => p.similarity - q.similarity).slice(0, 12);
  const child = person.childOf === null ? "" : `seems ${person.childOf} years old`;
  const purity = album.people[person.idx].purity === null ? "" : `expected purity ${Math.round(100 * person.purity)} %`;
  return h("section", { class: "panel" },
    h("header", {}, chip(person), h("span", { class: "small grow" }, [child, purity, "least typical faces first"].filter(Boolean).join(" · "))),
    h("div", { class: "faces" }, doubted.map((face) => faceTile(face, [...person.pictures.keys()], true))));
}

function togetherView() {
  const all = pairs();
  return [
    h("h1", {}, "Together"),
    h("p", { class: "lead" }, all.length ? "Who appears with whom, most often first." : "No two people share a photo."),
    fill(h("div", { class: "pairs" }), all, ({ a, b, photos }) => h("a", { class: "pair", href: `#/pair/${a}/${b}`, "data-move": "" },
      h("span", { class: "two" }, smallPicture(personOf(a)), smallPicture(personOf(b))),
      h("span", {}, h("strong", {}, `${titleOf(personOf(a))} and ${titleOf(personOf(b))}`), h("br"),
        h("span", { class: "small" }, countPhotos(photos))))),
  ];
}

function pairView(first, second) {
  const [a, b] = [personOf(Number(first)), personOf(Number(second))];
  const pair = a && b && pairs().find(samePairOf(a.idx, b.idx));
  if (!pair) return missing();
  return [
    h("h1", {}, `${titleOf(a)} and ${titleOf(b)}`),
    h("div", { class: "chips" }, chip(a), chip(b)), h("h2", {}, countPhotos(pair.photos)),
    photoGrid(pair.photos, [...a.kept, ...b.kept]),
  ];
}

const samePairOf = (a, b) => (pair) => samePair(a, b)([pair.a, pair.b]);
const strangers = () => foldFaces([...faces.values()].filter((face) => face.group === STRANGER));
const photosWithout = () => album.photos.flatMap((p, i) => (p.failed || facesOfPhoto[i].length ? [] : [i]));
const failures = () => album.photos.flatMap((p, i) => (p.problem ? [i] : []));

function strangersView() {
  const list = strangers();
  const photos = [...new Set(list.map((face) => face.photo))];
  return [h("h1", {}, "Strangers"), h("p", { class: "lead" }, `${count(list.length, "face")} that could not be placed with anybody.`),
    fill(h("div", { class: "faces" }), list, (face) => faceTile(face, photos, false))];
}

function withoutView() {
  const list = photosWithout();
  return [h("h1", {}, "No faces"), h("p", { class: "lead" }, `${countPhotos(list)} in which no face was found.`),
    photoGrid(list)];
}

function failuresView() {
  const list = failures();
  return [h("h1", {}, "Failures"), h("p", { class: "lead" }, `${count(list.length, "photo")} that could not be read or shown.`),
    fill(h("ul", { class: "failures" }), list, (photo) => h("li", {}, album.photos[photo].name,
      h("span", { class: "why" }, album.photos[photo].problem))),
    ...remarks()];
}

function remarks() {
  const noted = album.photos.filter((photo) => photo.remark);
  if (!noted.length) return [];
  return [h("h2", {}, "Read, but with a remark"), fill(h("ul", { class: "failures" }), noted, (photo) => h("li", {}, photo.name,
    h("span", { class: "small" }, ` ${photo.remark}`)))];
}

const missing = () => [h("h1", {}, "Nothing here"), h("p", { class: "lead" }, h("a", { href: "#/people" }, "All people"))];
