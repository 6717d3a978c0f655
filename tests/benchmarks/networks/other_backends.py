"""OpenVINO and ONNX Runtime as functions, for bench_backends: neither is a requirement.

Each takes an ONNX file and gives a function of (n, 3, h, w) float32 that returns the outputs as
float32 arrays, on a number of threads. int8 comes from ONNX Runtime's static quantisation with
VNNI's types (unsigned activations, signed weights, a scale a channel), calibrated on the inputs
given; OpenVINO runs the same quantised file.
"""

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Float32 = npt.NDArray[np.float32]
Run = Callable[[Float32], list[Float32]]

PACKAGES = ("openvino", "onnxruntime", "onnx")
OPSET = 17


def missing_packages() -> list[str]:
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def write_onnx(network: nn.Module, example: Float32, path: Path) -> Path:
    """Write a network for inputs of any number and the size of the example's, (n, 3, h, w)."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the newer exporter needs a further package
        torch.onnx.export(
            network,
            (torch.from_numpy(example[:2]),),
            str(path),
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
            opset_version=OPSET,
        )
    return path


def quantised(path: Path, inputs: list[Float32]) -> Path:
    """Write the int8 form of an ONNX file beside it, calibrated on inputs (n, 3, h, w)."""
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ready = path.with_suffix(".ready.onnx")
    quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
    result = path.with_suffix(".int8.onnx")
    quantize_static(
        str(ready),
        str(result),
        _Reader(inputs),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    return result


class _Reader:
    """Inputs one after the other, as ONNX Runtime's calibration asks for them."""

    def __init__(self, inputs: list[Float32]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Float32] | None:
        found = next(self._inputs, None)
        return None if found is None else {"x": found}

    def set_range(self, start_index: int, end_index: int) -> None:
        """Called, and of no use here."""

    def __iter__(self):
        return self


def onnx_runtime(path: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})


def open_vino(path: Path, threads: int, precision: str) -> Run:
    """Precision is that of what is not quantised: ``f32`` or ``bf16``."""
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    model = openvino.Core().compile_model(str(path), "CPU", settings)
    request = model.create_infer_request()
    count = len(model.outputs)

    def run(x: Float32) -> list[Float32]:
        request.infer([x], share_inputs=True)
        return [request.get_output_tensor(i).data for i in range(count)]

    return run
