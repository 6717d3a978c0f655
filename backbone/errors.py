"""What can go wrong between a file of weights and a network that runs.

::

    BackboneError
    ├── CheckpointError (ValueError)   a weight file that is missing, damaged, hostile or unknown
    └── DeviceError     (RuntimeError) a device or precision that this machine does not have

Every message is one line and says what to do. No torch is imported here, so that the
command line can catch these before it has paid for that import.
"""


class BackboneError(Exception):
    """Root of the errors of this package."""


class CheckpointError(BackboneError, ValueError):
    """A weight file that is missing, damaged, hostile or of an unknown architecture."""


class DeviceError(BackboneError, RuntimeError):
    """A device or precision that this machine does not have."""
