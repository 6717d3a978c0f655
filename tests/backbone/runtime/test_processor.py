"""What is told of a machine without loading torch."""

from backbone.runtime import processor


def test_a_gpu_is_told_by_its_driver(monkeypatch, tmp_path):
    monkeypatch.setattr(processor.sys, "platform", "linux")
    monkeypatch.setattr(processor, "GPU_DRIVERS", (str(tmp_path / "driver"),))
    assert not processor.may_have_gpu()
    (tmp_path / "driver").touch()
    assert processor.may_have_gpu()
    monkeypatch.setattr(processor.sys, "platform", "darwin")
    (tmp_path / "driver").unlink()
    assert processor.may_have_gpu()
