"""Reading photos that may fail."""

from grouping.errors import FetchError


def read_or_reason(photo) -> bytes | str:
    """The bytes of a photo, or the line that says why there are none; nothing else comes out."""
    try:
        return photo.read()
    except FetchError as error:
        reason = str(error)
    assert reason
    assert "\n" not in reason
    return reason
