"""The document: what ``groups.json`` holds, key by key, and the numbers that stand for nobody.

``groups`` and ``images`` are the client's words; no other folder of this package spells them out.
Boxes are ``[x1, y1, x2, y2]`` and landmarks ``[x, y]``, in pixels of the upright photo.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

# In place of a group: a face without one, a photo without a face, a photo that was not read.
NO_GROUP, NO_FACE, NOT_READ = -1, -2, -3
OPTED_OUT = "left out: somebody opted out"  # ends the warning of a photo that shows them


class PoseEntry(TypedDict):
    """How a head is turned, in degrees; None where its landmarks are implausible.

    Keys:
        yaw: positive to image-right.
        pitch: positive looking up.
        roll: positive tilted clockwise.
    """

    yaw: float | None
    pitch: float | None
    roll: float | None


class FaceAttributesEntry(TypedDict):
    """What a face seems to be; None where its photo could not be read again.

    Keys:
        age: years.
        gender: ``"female"`` or ``"male"``.
        gender_score: in [0.5, 1], what the network says for it, not how often it is right.
    """

    age: float | None
    gender: str | None
    gender_score: float | None


class MeasuresEntry(TypedDict):
    """What is said of a face beside its quality; None where it is not known.

    Documents of version 0.1.0 have none of these.

    Keys:
        pose: of the head.
        size: side of the box, pixels.
        sharpness: of the aligned crop, see :mod:`grouping.faces.quality`.
        visible: share of the aligned crop that lies inside of the photo.
        recognisable: in [0, 1], what the network makes of it.
        attributes: what it seems to be; absent where nobody asked.
    """

    pose: PoseEntry
    size: float | None
    sharpness: float | None
    visible: float | None
    recognisable: float | None
    attributes: NotRequired[FaceAttributesEntry]


class PersonAttributesEntry(TypedDict):
    """What a person seems to be, over all faces: keys as in
    :class:`grouping.people.description.ages.PersonAttributes`.
    """

    age: float | None
    age_range: list[float] | None
    gender: str | None
    gender_agreement: float | None
    faces: int
    seems_child: bool


class DetectedEntry(MeasuresEntry):
    """What one photo tells of a face.

    Keys:
        box: four numbers.
        landmarks: five points.
        score: the detector's, in [0, 1].
        quality: in [0, 1].
    """

    box: list[float]
    landmarks: list[list[float]]
    score: float
    quality: float


class FaceEntry(DetectedEntry):
    """One face: an item of ``images[i]["faces"]``.

    Keys:
        face_idx: its number, counted over all photos.
        group_idx: its group, ``NO_GROUP`` for none.
        similarity: cosine to the mean of its group; None without a group.
        evidence: the faces of its group it resembles most, as ``[face_idx, similarity]``.
        drawn: True for a face that no detector found: a person drew its box, or another program
            wrote it. Its score is what the detector's last network makes of the box, 0 for nothing.
            Absent for all others.
    """

    face_idx: int
    group_idx: int
    similarity: float | None
    evidence: list[list[float]]
    drawn: NotRequired[bool]


class ImageEntry(TypedDict):
    """One photo: an item of ``images``. Keys that a caller gave besides are kept.

    Keys:
        id: the caller's.
        url: where it is; None where it came in memory.
        width, height: pixels, upright; 0 where it was not read.
        sha256: of its bytes; None where it was not read.
        copy_of: ``id`` of the photo of the same picture that is shown in its place; absent for
            all others.
        opted_out: how many of its faces were left out, since somebody asked for that; absent where
            none was.
        rotation: degrees by which it has to be turned clockwise to be upright; absent where 0.
        group_idx: the groups seen, ascending; ``[NO_GROUP]`` faces but no group, ``[NO_FACE]``
            no face, ``[NOT_READ]`` not read.
        faces: in the detector's order.
        error: why it could not be used.
        warnings: remarks on its file, and on the side it lies on.
    """

    id: Any
    url: str | None
    width: int
    height: int
    sha256: str | None
    copy_of: NotRequired[Any]
    opted_out: NotRequired[int]
    rotation: NotRequired[int]
    group_idx: list[int]
    faces: list[FaceEntry]
    error: NotRequired[str]
    warnings: NotRequired[list[str]]


class GroupEntry(TypedDict):
    """One person: an item of ``groups``, the largest first.

    Keys:
        group_idx: its number, its place in ``groups``.
        group_id: survives the next run.
        name: as corrected, as known beforehand, or as in the run before; None without one.
        known_id: what a list of known people calls them; absent without one.
        image_ids: of the photos, each once.
        pictures: how many different pictures these are; copies of one count once. Absent in
            documents of version 0.1.0.
        original_images_idx_list: position of the photo of each face.
        face2_idx_list: ``face_idx`` of each face.
        face1_idx_list: for each face the most similar one that came before it; ``[]`` for the
            first.
        cosine_similarity_list: how similar that one is; -1 for the first.
        face_list: aligned crops, (112, 112, 3) uint8 RGB each; always empty in a file.
        crop_path_list: paths of the crops, where they were saved.
        representative_face_idx: the most typical face.
        cohesion: average similarity of the faces.
        purity: expected share of right faces.
        attributes: what the person seems to be; absent where nobody asked.
    """

    group_idx: int
    group_id: str
    name: str | None
    known_id: NotRequired[str]
    image_ids: list[Any]
    pictures: int
    original_images_idx_list: list[int]
    face2_idx_list: list[int]
    face1_idx_list: list[int | list[int]]
    cosine_similarity_list: list[float]
    face_list: list[Any]
    crop_path_list: list[str]
    representative_face_idx: int
    cohesion: float
    purity: float
    attributes: NotRequired[PersonAttributesEntry]


class SuggestionEntry(TypedDict):
    """Two groups that may be one person: an item of ``merge_suggestions``.

    Keys as in :class:`grouping.people.description.review.MergeSuggestion`.
    """

    groups: list[int]
    similarity: float
    faces: list[int]
    face_similarity: float
    shared_photos: int


class KnownEntry(TypedDict):
    """Somebody known beforehand: an item of ``known_people``.

    Keys:
        name: different for each.
        id: what the list calls them; None where it does not.
        group_idx: their group; ``NO_GROUP`` where they were not found.
    """

    name: str
    id: str | None
    group_idx: int


class TsneEntry(TypedDict):
    """Places of faces in the map: ``plots["tsne"]``; the three lists are of one length."""

    perplexity: float
    face_idx: list[int]
    x: list[float]
    y: list[float]


class HistogramEntry(TypedDict):
    """Pairs of faces by similarity: ``plots["histogram"]``.

    Keys:
        edges: of the bins, one more than there are bins, from -1 to 1.
        same, different: numbers of pairs in one group and in two.
    """

    edges: list[float]
    same: list[int]
    different: list[int]


class MatrixEntry(TypedDict):
    """Similarities in the order of the groups: ``plots["matrix"]``.

    Keys:
        side: rows and columns.
        group_idx: the group of each row.
        int8: base64 of side x side signed bytes, 127 times the cosine similarity.
    """

    side: int
    group_idx: list[int]
    int8: str


class PlotsEntry(TypedDict):
    """What the pictures of embeddings are drawn from: ``plots``.

    Keys:
        faces_total: of the run; a sample is drawn of many.
        threshold: cosine similarity at which faces were joined.
        seed: of the sample and of t-SNE.
    """

    faces_total: int
    threshold: float
    seed: int
    tsne: TsneEntry
    histogram: HistogramEntry
    matrix: MatrixEntry


class Document(TypedDict):
    """All of ``groups.json``.

    Keys:
        version: of this program.
        created: when, in ISO 8601, UTC.
        model: see :class:`grouping.faces.embedding.embedder.ModelInfo`.
        settings: of the run, with the ``threshold`` used and, where there was one, the
            ``calibration``.
        left_out: how many files of the sources are no photos, by kind (``{"video": 3}``). Absent
            in documents of version 0.1.0; ``failures.csv`` names the files.
        merge_suggestions: for a person to decide.
        changes: see :class:`grouping.results.person_ids.Changes`; None for a first run.
        corrections: one line for each correction that was not found again.
        known_people: who was known beforehand, found or not; absent where nobody was.
        reference_problems: one line for each photo of them that could not be used, or only with a
            remark; absent where nobody was.
        attributes: which networks said what faces seem to be; absent where nobody asked.
        plots: absent where no pictures were wanted.
    """

    version: str
    created: str
    model: dict[str, Any]
    settings: dict[str, Any]
    groups: list[GroupEntry]
    images: list[ImageEntry]
    left_out: NotRequired[dict[str, int]]
    merge_suggestions: list[SuggestionEntry]
    changes: dict[str, Any] | None
    corrections: list[str]
    known_people: NotRequired[list[KnownEntry]]
    reference_problems: NotRequired[list[str]]
    attributes: NotRequired[dict[str, str]]
    plots: NotRequired[PlotsEntry]
