"""The answer of a look-up as a document: the person and his photos, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from grouping.lookup.answers import FoundPhoto, LookUp
from grouping.results.album import Album
from grouping.results.schema import Document, FaceEntry, GroupEntry, ImageEntry

LOOK_UP_ID = "look-up"  # the group_id of somebody who has no group in the album


def found_document(look_up: LookUp, album: Album) -> Document:
    """Return a document that reports and pages can show like that of a whole album.

    Photos keep their ids, digests and places and faces their numbers. Faces of other people in
    the photos are left out, and with them all that is computed over the whole album.

    Args:
        look_up: an answer of that album.
        album: what was asked.
    """
    found = sorted(look_up.photos, key=lambda photo: photo.photo)
    place = {photo.photo: number for number, photo in enumerate(found)}
    document = {
        **{key: album.document.get(key) for key in ("version", "created", "model", "settings")},
        "groups": [_group(look_up, album, found)] if found else [],
        "images": [_image(album, photo, place) for photo in found],
        "merge_suggestions": [],
        "changes": None,
        "corrections": [],
    }
    return cast(Document, document)


def _group(look_up: LookUp, album: Album, found: list[FoundPhoto]) -> GroupEntry:
    person, faces = look_up.person, [photo.face_idx for photo in found]
    images = [album.images[photo.photo] for photo in found]
    best = max(found, key=lambda photo: (photo.in_group, photo.similarity or 0.0))
    if person is not None:
        known = album.groups[person.group_idx]
        usual = known["representative_face_idx"]
        representative = usual if usual in faces else best.face_idx
        cohesion, purity = known.get("cohesion", 0.0), known.get("purity", 0.0)
    else:
        representative, cohesion, purity = best.face_idx, 0.0, 0.0
    return {
        "group_idx": 0,
        "group_id": LOOK_UP_ID if person is None else person.group_id,
        "name": "Look-up" if person is None else album.person(person.group_idx),
        "image_ids": [image["id"] for image in images],
        "pictures": len({str(image.get("copy_of", image["id"])) for image in images}),
        "original_images_idx_list": list(range(len(found))),
        "face2_idx_list": faces,
        "face1_idx_list": [[] for _ in faces],
        "cosine_similarity_list": [-1.0 for _ in faces],
        "face_list": [],
        "crop_path_list": [],
        "representative_face_idx": representative,
        "cohesion": cohesion,
        "purity": purity,
    }


def _image(album: Album, found: FoundPhoto, place: Mapping[int, int]) -> ImageEntry:
    image = dict(album.images[found.photo])
    original = album.original(found.photo)
    if original not in place:
        image.pop("copy_of", None)
    face: FaceEntry = {
        **album.faces[found.face_idx].entry,
        "group_idx": 0,
        "similarity": found.similarity,
        "evidence": [],
    }
    return cast(ImageEntry, {**image, "group_idx": [0], "faces": [face]})
