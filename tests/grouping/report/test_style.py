"""The look of people in pictures."""

from grouping.report.style import COLOURS, MARKERS, colour_of, marker_of


def test_sixty_three_people_look_different_and_strangers_are_grey():
    looks = {(colour_of(g), marker_of(g)) for g in range(len(COLOURS) * len(MARKERS))}
    assert len(looks) == 63
    assert len(set(bytes.fromhex(colour_of(-1)[1:]))) == 1
