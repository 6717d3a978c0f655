from __future__ import annotations

import contextlib
import hashlib
import os
import random
import zipfile

import pytest
import torch

from backbone.errors import CheckpointError
from backbone.weights.checkpoint_file import clean_weights, verified_state_dict
from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Bomb:
    """Unpickling it runs a command."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return os.mkdir, (str(self.victim),)


def refusal(path, sha256=None) -> str:
    with pytest.raises(CheckpointError) as caught:
        verified_state_dict(path, sha256)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def same(state) -> bool:
    return state.keys() == TENSORS.keys() and all(torch.equal(state[k], TENSORS[k]) for k in state)


def test_missing_file_says_where_to_look(tmp_path):
    assert "no such weight file; see checkpoint/README.md" in refusal(tmp_path / "없는 파일.pth")


def test_folder_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path)


def test_empty_file(tmp_path):
    path = tmp_path / "empty.pth"
    path.touch()
    assert "empty" in refusal(path)


def test_git_lfs_pointer_says_to_pull(tmp_path):
    path = tmp_path / "pointer.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 174472765\n")
    assert "git lfs pull" in refusal(path)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
def test_truncated_file(tmp_path, legacy, share):
    path = tmp_path / "cut.pth"
    state = {f"layer{i}": torch.randn(50, 50) for i in range(20)}
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cut short" in refusal(path)


@pytest.mark.parametrize("content", [b"hello world", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\x80"])
def test_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    assert "not a PyTorch weight file" in refusal(path)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("place", ["beside", "inside"])
def test_malicious_pickle_is_refused_and_never_run(tmp_path, legacy, place):
    path, victim = tmp_path / "evil.pth", tmp_path / "ran"
    bomb = Bomb(victim)
    content = {"w": torch.zeros(1), "x": bomb} if place == "inside" else bomb
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert "could run code" in refusal(path)
    assert not victim.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damaged_bytes_never_raise_anything_else(tmp_path):
    """Wherever the damage is, it is a CheckpointError, or it only changed a number."""
    path = tmp_path / "damaged.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    legacy = path.read_bytes()
    torch.save(TENSORS, path)
    dice = random.Random(0)
    for original in (legacy, path.read_bytes()):
        for _ in range(150):
            damaged = bytearray(original)
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            path.write_bytes(damaged)
            with contextlib.suppress(CheckpointError):
                verified_state_dict(path)


def test_archive_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    assert "bytes that unpack to 50,000,000" in refusal(path)
    assert "cut short" not in refusal(path)


def test_mapping_that_contains_itself(tmp_path):
    content: dict[str, object] = {}
    content["model"] = content
    torch.save(content, tmp_path / "loop.pth")
    assert "no state dict" in refusal(tmp_path / "loop.pth")


def test_digest_is_compared_before_anything_is_unpickled(tmp_path):
    path, victim = tmp_path / "evil.pth", tmp_path / "ran"
    torch.save(Bomb(victim), path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"SHA-256 is {found}, expected {'0' * 64}" in refusal(path, "0" * 64)


def test_expected_digest_is_accepted_in_either_case():
    digest = hashlib.sha256(BUNDLED.read_bytes()).hexdigest()
    assert verified_state_dict(BUNDLED, digest.upper())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s, "optimizer": {"lr": 0.1}},
        lambda s: {"state_dict": {"model": s}},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {f"module.backbone.{k}": v for k, v in s.items()},
        lambda s: {**{f"model.{k}": v for k, v in s.items()}, "head.kernel": torch.zeros(512, 9)},
    ],
)
@pytest.mark.parametrize("legacy", [True, False])
def test_wrappers_of_trainers_are_taken_off(tmp_path, wrap, legacy):
    path = tmp_path / "wrapped.pth"
    torch.save(wrap(TENSORS), path, _use_new_zipfile_serialization=not legacy)
    assert same(verified_state_dict(path))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, torch.zeros(3), {"model": [1]}])
def test_file_without_a_state_dict(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    assert "no state dict" in refusal(path)


def test_safetensors(tmp_path):
    save = pytest.importorskip("safetensors.torch").save_file
    path = tmp_path / "weights.safetensors"
    save(TENSORS, path)
    assert same(verified_state_dict(path))
    path.write_bytes(path.read_bytes()[:-4])
    assert "cut short" in refusal(path)


def test_half_precision_weights_become_float32():
    state = clean_weights({"w": torch.tensor([0.5, 2.0], dtype=torch.float16)})
    assert state["w"].dtype == torch.float32
    assert state["w"].tolist() == [0.5, 2.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_name_the_tensor(bad):
    with pytest.raises(CheckpointError, match=r"weights of layer\.bias are not finite"):
        clean_weights({"layer.bias": torch.tensor([0.0, bad])})


@pytest.mark.parametrize(
    "odd",
    [
        torch.ones(2, dtype=torch.int8),
        torch.ones(2, dtype=torch.complex64),
        torch.eye(2).to_sparse(),
    ],
)
def test_weights_that_are_not_dense_floating_point_name_the_tensor(odd):
    with pytest.raises(CheckpointError, match=r"weights of w are .* not dense floating point"):
        clean_weights({"w": odd})


def test_denormal_weights_are_set_to_zero_and_outputs_stay(tmp_path):
    """Half of every tensor denormal, as in the bundled network before it was cleaned."""
    state = torch.load(BUNDLED, weights_only=True)
    dirty = {k: torch.where(v == 0, torch.full_like(v, 1e-39), v) for k, v in state.items()}
    assert sum(int(((v != 0) & (v.abs() < 2**-126)).sum()) for v in dirty.values()) > 300_000
    torch.save(dirty, tmp_path / "dirty.pth")
    loaded = load_weights(tmp_path / "dirty.pth").module
    cleaned = loaded.state_dict().values()
    assert not any(bool(((v != 0) & (v.abs() < 2**-126)).any()) for v in cleaned)
    x = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected = load_weights(BUNDLED).module.double()(x.double())
        assert torch.allclose(loaded.double()(x.double()), expected, atol=1e-12)


def test_only_weights_negligible_beside_their_tensor_go():
    large = clean_weights({"w": torch.tensor([1.0, 1e-10, 1e-13])})["w"]
    small = clean_weights({"w": torch.tensor([1e-10, 1e-13])})["w"]
    assert (large != 0).tolist() == [True, True, False]
    assert (small != 0).tolist() == [True, True]
