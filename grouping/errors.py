"""One tree of errors; every message is a single line that says what to do.

::

    GroupingError
    ├── ConfigError   (ValueError)  a setting out of its range
    ├── InputError    (ValueError)  an argument of the wrong type or shape
    │   └── NoFaceError             a photo without the face that it was asked for
    ├── SourceError   (OSError)     photos that cannot be listed: missing folder, bucket, list file
    ├── OutputError   (OSError)     results that cannot be written
    │   └── FolderInUseError        another run is writing there
    ├── ModelError    (ValueError)  a checkpoint or device that cannot be used
    ├── CacheError    (OSError)     a cache that cannot be opened
    ├── CorrectionsError (ValueError) a corrections file that cannot be applied
    ├── GraphTooLargeError (RuntimeError) more pairs of vectors are alike than memory is allowed for
    ├── FailureRateError (RuntimeError) too many photos failed; results were saved
    ├── ServiceError (RuntimeError) a service that was asked refused, or could not be reached
    └── PhotoError                  one photo; never ends a run
        ├── FetchError  (OSError)    its bytes could not be had
        │   └── ThrottledError       the server asks for a pause
        ├── DecodeError (ValueError) its bytes are not a usable image
        │   └── MemoryLimitError     they may be, with more memory
        └── PhotoTimeError           it took longer than one photo may take

Each is also the builtin it resembles, so that callers who know nothing of this module
still catch what they expect. Beside the tree stands ``Interrupted``, a ``KeyboardInterrupt``:
being asked to stop is no error.
"""


class GroupingError(Exception):
    """Root of every error that this package raises on purpose."""


class ConfigError(GroupingError, ValueError):
    """A setting out of its range."""


class InputError(GroupingError, ValueError):
    """An argument of the wrong type or shape."""


class NoFaceError(InputError):
    """A photo that shows no face, where the question was about one."""


class SourceError(GroupingError, OSError):
    """Photos that cannot be listed: a missing folder, bucket or list file."""


class OutputError(GroupingError, OSError):
    """Results that cannot be written."""


class FolderInUseError(OutputError):
    """A folder of results that another run is writing to; it may be free later."""


class ModelError(GroupingError, ValueError):
    """A checkpoint or device that cannot be used."""


class CacheError(GroupingError, OSError):
    """A cache that cannot be opened."""


class CorrectionsError(GroupingError, ValueError):
    """A corrections file that cannot be applied."""


class GraphTooLargeError(GroupingError, RuntimeError):
    """More pairs of vectors are alike than memory is allowed for."""


class FailureRateError(GroupingError, RuntimeError):
    """More photos failed than the run allows; what was done has been saved."""


class ServiceError(GroupingError, RuntimeError):
    """A service that was asked refused, or could not be reached; of its client.

    Attributes:
        status: of HTTP; None where there was no answer.
        code: one word for programs, as ``"not_found"``.
        request_id: what the log of the service has it under.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "unreachable",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class PhotoError(GroupingError):
    """One photo that could not be used; it is reported and never ends a run.

    Attributes:
        stage: ``"fetch"``, ``"decode"`` or ``"process"``.
        retryable: True where trying again later may help (a time-out, a 503).
    """

    stage = "process"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(" ".join(message.split()))
        self.retryable = retryable


class FetchError(PhotoError, OSError):
    """The bytes of a photo could not be had."""

    stage = "fetch"


class ThrottledError(FetchError):
    """The server asks for a pause.

    Attributes:
        retry_after: seconds, as the server said; 0 where it did not.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message, retryable=True)
        self.retry_after = retry_after


class DecodeError(PhotoError, ValueError):
    """The bytes of a photo are not a usable image."""

    stage = "decode"


class MemoryLimitError(DecodeError):
    """A photo takes more memory than the run may; nothing is wrong with the photo."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class PhotoTimeError(PhotoError):
    """A photo that took longer than one photo may take."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; photos in flight were finished and kept in the cache."""


def one_line(error: BaseException) -> str:
    """Return the kind and the message of an error that nobody foresaw, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
