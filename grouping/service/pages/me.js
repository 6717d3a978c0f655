// The guest page: one selfie goes out, made small; one's own photos come back by signed addresses.
"use strict";

(() => {
  const LONGEST_SIDE = 1600; // px of what is sent: more says nothing more of one face
  const QUALITY = 0.9;
  const at = (id) => document.getElementById(id);
  const token = new URLSearchParams(location.search).get("t") || "";
  const status = at("status");
  const viewer = at("viewer");

  const BETTER = "A photo from the front, in good light and without sunglasses helps.";
  const WORDS = {
    nobody: `No photo of you was found in this album. ${BETTER}`,
    unsure: `It cannot be told from this photo who you are. ${BETTER}`,
    no_face: `No face was found in this photo. ${BETTER}`,
    several_faces: "There are several faces in this photo. Please use one that shows only you.",
    photo_unusable: "This photo cannot be read. Please use another one.",
    invalid: "This photo cannot be read. Please use another one.",
    link_expired: "This link has expired. Please ask whoever sent it for a new one.",
    link_invalid: "This link does not work. Open it again from the message it came in, or ask for a new one.",
    not_found: "This album is not there any more.",
    not_ready: "The photos of this album are not ready yet. Please come back in a while.",
    too_large: "This photo is too large. Please use a smaller one.",
    unavailable: "Many photos are looked for at the moment. Please try again in a minute.",
    timeout: "That took too long. Please try again, where the connection is better.",
    offline: "There is no answer. Is there a connection? Please try again.",
    failed: "Something went wrong, and it is not your fault. Please try again later.",
  };

  // The photos shown, in their order on the page, and which of them is large.
  let shown = [];
  let large = 0;

  function say(text, working = false) {
    status.textContent = text;
    status.classList.toggle("working", working);
    for (const button of [at("take"), at("choose")]) button.disabled = working;
  }

  // The picture upright and small, as a JPEG without anything that its file tells besides; the file itself
  // where this browser cannot read it.
  async function shrunk(file) {
    let picture;
    try {
      picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      return file;
    }
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // behind what is transparent
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise((done) => { canvas.toBlob(done, "image/jpeg", QUALITY); }) || file;
  }

  async function ask(file) {
    at("found").hidden = true;
    say("Looking for your photos …", true);
    const body = new FormData();
    body.append("selfie", await shrunk(file), "selfie");
    const answer = await fetch(`me/find?t=${encodeURIComponent(token)}`, { method: "POST", body }).catch(() => null);
    if (!answer) return say(WORDS.offline);
    const said = await answer.json().catch(() => null);
    if (answer.ok && said) return show(said);
    return say(answer.status === 429 ? patience(answer) : WORDS[said?.error?.code] || WORDS.failed);
  }

  function patience(answer) {
    const seconds = Number(answer.headers.get("Retry-After")) || 60;
    return `Many photos were looked for just now. Please try again in ${seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
  }

  function show({ outcome, photos }) {
    if (!photos.length) return say(WORDS[outcome] || WORDS.nobody);
    const sure = photos.filter((photo) => photo.sure);
    const perhaps = photos.filter((photo) => !photo.sure);
    shown = [...sure, ...perhaps];
    const title = at("found-title");
    const photosOf = (n) => (n === 1 ? "1 photo" : `${n.toLocaleString("en")} photos`);
    title.textContent = sure.length ? `You are in ${photosOf(sure.length)}` : "No photo is certain";
    at("sure").replaceChildren(...sure.map((photo, i) => tile(photo, i)));
    at("perhaps").replaceChildren(...perhaps.map((photo, i) => tile(photo, sure.length + i)));
    at("perhaps-part").hidden = !perhaps.length;
    at("found").hidden = false;
    say("");
    title.focus();
    return title.scrollIntoView({ block: "start" });
  }

  const nameOf = (i) => `Photo ${i + 1} of ${shown.length}`;

  function tile(photo, i) {
    const image = document.createElement("img");
    Object.assign(image, { alt: nameOf(i), loading: "lazy", decoding: "async", src: `${photo.address}?size=small` });
    // A square shows the part of the photo where the face is.
    image.style.objectPosition = photo.focus.map((share) => `${100 * share}%`).join(" ");
    const button = document.createElement("button");
    button.type = "button";
    button.append(image);
    button.addEventListener("click", () => enlarge(i));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  function enlarge(i) {
    large = i;
    const { address } = shown[i];
    const image = at("large");
    at("caption").textContent = nameOf(i);
    image.alt = nameOf(i);
    image.style.visibility = "";
    at("save").hidden = false;
    image.src = address;
    at("save").href = address;
    at("save").download = `photo-${String(i + 1).padStart(3, "0")}.jpg`;
    at("previous").disabled = i === 0;
    at("next").disabled = i === shown.length - 1;
    if (!viewer.open) {
      viewer.showModal();
      at("save").focus();
    }
  }

  // A button that is out of use loses the focus, and with it the keys.
  function step(by) {
    const to = large + by;
    if (to < 0 || to >= shown.length) return;
    enlarge(to);
    if (!viewer.contains(document.activeElement) || document.activeElement.disabled) at("save").focus();
  }

  // A selfie is taken or chosen only by somebody who agreed.
  const opens = (input) => () => {
    if (at("consent").checked) return input.click();
    say("Please tick first that the photo shows you and that you agree.");
    return at("consent").focus();
  };
  at("take").addEventListener("click", opens(at("camera")));
  at("choose").addEventListener("click", opens(at("file")));
  for (const input of [at("camera"), at("file")]) {
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = ""; // the same photo may be chosen again
      if (file) ask(file);
    });
  }
  at("consent").addEventListener("change", () => say(""));
  at("ask").addEventListener("submit", (event) => event.preventDefault());
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("close").addEventListener("click", () => viewer.close());
  // There is nothing to save then but the words of the service, under the name of a photo.
  at("large").addEventListener("error", () => {
    at("large").style.visibility = "hidden";
    at("save").hidden = true;
    at("caption").textContent = "This photo cannot be shown any more. Close it, and look for your photos again.";
    at("close").focus();
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  viewer.addEventListener("close", () => {
    at("large").removeAttribute("src");
    document.querySelectorAll(".photos button")[large]?.focus();
  });
})();
