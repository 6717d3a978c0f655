// The user's changes as corrections.toml, which the program reads on its next run.

const ANCHORS = 5; // faces that stand for a person: enough to be found again, few to read

function tomlString(text) {
  return `"${cleanName(text).replace(/["\\]/g, "\\$&")}"`;
}

function tomlFace(face) {
  const { sha256, name } = album.photos[face.photo];
  return `    { photo = "${sha256}", box = [${face.box.join(", ")}], file = ${tomlString(name)} },`;
}

function tomlEntry(table, lines, entryFaces) {
  return [`[[${table}]]`, ...lines, "faces = [", ...entryFaces.map(tomlFace), "]", ""].join("\n");
}

// What is done here is done knowing what earlier corrections made of the album.
const OVERRIDES = "overrides = true";

// Names that the program knew these people by.
function formerly(person) {
  const names = new Set(person.members.map((g) => album.people[g].name).filter((name) => name && name !== person.name));
  return names.size ? [`formerly = [${[...names].map(tomlString).join(", ")}]`] : [];
}

// The most typical faces of a group that were not taken out.
function anchors(g, most) {
  return foldFaces(album.people[g].faces.map((idx) => faces.get(idx)).filter((face) => !isOut(face))).slice(0, most);
}

// Faces that were drawn, in this page or before, come first: what follows may be about them.
function drawnEntries() {
  const entry = (face, lines) => {
    const { sha256, name } = album.photos[face.photo];
    return ["[[face]]", `photo = "${sha256}"`, `box = [${face.box.join(", ")}]`, `file = ${tomlString(name)}`, ...lines, ""].join("\n");
  };
  const before = [...faces.values()].filter((face) => face.drawn && !(face.idx in edits.ignored)).map((face) => entry(face, []));
  const now = edits.drawn.map((face) => {
    const name = nameOfDrawn(face);
    return entry(face, [...(name ? [`name = ${tomlString(name)}`] : []), OVERRIDES]);
  });
  // Whose group has no name is said by one of its faces.
  const links = edits.drawn.filter((face) => face.group !== null && !nameOfDrawn(face)).flatMap((face) => {
    const chosen = anchors(personOf(face.group).idx, 1);
    return chosen.length ? [tomlEntry("must_link", [OVERRIDES], [...chosen, face])] : [];
  });
  return [...before, ...now, ...links];
}

function correctionsFile() {
  const parts = [
    "# Made by the gallery page. Put it into the folder of the results, or name it with --corrections, and run again.",
    "# Where there is a corrections.toml already, add to its end what stands below the next line.",
    "version = 1", "", ...drawnEntries()];
  for (const person of everyone()) {
    const chosen = person.members.flatMap((g) => anchors(g, ANCHORS));
    if (person.name && chosen.length) parts.push(tomlEntry("person", [`name = ${tomlString(person.name)}`, ...formerly(person), OVERRIDES], chosen));
    else if (person.members.length > 1 && chosen.length > 1) parts.push(tomlEntry("must_link", [OVERRIDES], chosen));
  }
  for (const [a, b] of edits.apart) {
    const two = [...anchors(a, 1), ...anchors(b, 1)];
    if (two.length === 2 && rootOf[a] !== rootOf[b]) parts.push(tomlEntry("cannot_link", [], two));
  }
  const ignored = { ...edits.ignored };
  for (const idx of Object.keys(edits.rejected)) {
    const face = faces.get(Number(idx));
    const [other] = anchors(face.group, 1);
    if (!other) ignored[idx] = "stranger"; // nobody is left whom it could be told apart from
    else parts.push(tomlEntry("cannot_link", [OVERRIDES], [face, other]));
  }
  for (const reason of new Set(Object.values(ignored))) {
    const left = Object.keys(ignored).filter((idx) => ignored[idx] === reason);
    parts.push(tomlEntry("ignore", [`reason = ${tomlString(reason)}`, OVERRIDES], left.map((idx) => faces.get(Number(idx)))));
  }
  return parts.join("\n");
}

function downloadCorrections() {
  const url = URL.createObjectURL(new Blob([correctionsFile()], { type: "application/toml" }));
  const link = h("a", { href: url, download: "corrections.toml" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
