"""Weight files of any content: named tensors, or CheckpointError; never code, never all memory."""

import io

import pytest
import torch
from safetensors.torch import save

from backbone.errors import CheckpointError
from backbone.weights.checkpoint_file import verified_state_dict
from tests.helpers.fuzzing import assert_one_line, damaged, fuzz, short_and_long

STATE = {"conv.weight": torch.ones(2, 3, 3, 3), "bn.bias": torch.zeros(5, dtype=torch.float16)}


def pickled(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


FILES = {
    ".pth": [
        pickled(STATE),
        pickled({"state_dict": STATE, "epoch": 3}),
        pickled(STATE, _use_new_zipfile_serialization=False),
    ],
    ".safetensors": [save(STATE)],
}
WORDS = [
    *(
        b"cos\nsystem\n",
        b"\x80\x02",
        b"(S'id'\ntR.",
        b"\xff\xff\xff\x7f",
        b"\xff" * 8,
        b"PK\x01\x02",
    ),
    *(b"9" * 400, b'"shape":[99999999999]', b'"data_offsets":[0,', b"null", b"ctorch\n"),
]


@short_and_long
@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_tensors_or_refused(cases, suffix, tmp_path):
    path = tmp_path / f"network{suffix}"

    def check(data):
        path.write_bytes(data)
        try:
            state = verified_state_dict(path)
        except CheckpointError as error:
            assert_one_line(error)
            return "refused"
        assert all(isinstance(name, str) for name in state)
        assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
        assert sum(t.numel() * t.element_size() for t in state.values() if not t.is_meta) < 2**20
        return "tensors"

    fuzz(cases, check, "tensors", "refused", data=damaged(FILES[suffix], WORDS))
