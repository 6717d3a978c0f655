"""List files in four formats, well and badly formed."""

import json
import os

import pytest

from grouping.errors import FetchError, SourceError
from grouping.sources.list_files import read_list
from grouping.sources.listing import list_sources

URLS = ["https://a.example/가족.jpg", "s3://bucket/b c.jpg", "sub/사진.jpg"]


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding, newline="")
    return path


def test_every_format_names_the_same_photos(tmp_path):
    entries = [{"id": f"n{i}", "url": url, "more": 1} for i, url in enumerate(URLS)]
    files = [
        write(tmp_path, "a.txt", "# a comment\n\n" + "\r\n".join(URLS)),
        write(tmp_path, "a.csv", "url,when\n" + "".join(f'"{url}",x\n' for url in URLS)),
        write(tmp_path, "a.json", json.dumps(URLS)),
        write(tmp_path, "a.jsonl", "\n\n".join(map(json.dumps, URLS))),
    ]
    named = [
        write(tmp_path, "b.csv", "id,url\n" + "".join(f"n{i},{u}\n" for i, u in enumerate(URLS))),
        write(tmp_path, "b.JSON", json.dumps(entries), "utf-8-sig"),
        write(tmp_path, "b.jsonl", "\n".join(map(json.dumps, entries))),
    ]
    for path in files + named:
        listed = list(read_list(path))
        assert [entry.url for entry in listed] == URLS, path.name
    for path in named:
        assert [entry.id for entry in read_list(path)] == ["n0", "n1", "n2"], path.name
    assert next(read_list(files[0])).id == "https://a.example/%EA%B0%80%EC%A1%B1.jpg"


def test_local_paths_start_from_the_list(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(b"a")
    path = write(tmp_path, "list.txt", f"sub/a.jpg\n{tmp_path}/sub/a.jpg\ngone.jpg\n")
    relative, absolute, gone = list_sources([path])
    assert relative.id == "sub/a.jpg"
    assert relative.read() == absolute.read() == b"a"
    with pytest.raises(FetchError):
        gone.read()


def test_ids_need_not_be_text(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"id": 7, "url": "http://a.example/x"}')
    assert [photo.id for photo in list_sources([path])] == [7]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "address\nx.jpg\n", "'url'"),
        ("a.csv", "", "'url'"),
        ("a.csv", "id,url\n1,\n", "entry 2"),
        ("a.json", '{"groups": []}', "array"),
        ("a.json", "[1]", "entry 1"),
        ("a.json", '["x.jpg", {"id": 1}]', "entry 2"),
        ("a.json", "[", "cannot be read"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.jsonl", '"x.jpg"\nnot json\n', "line 2"),
        ("a.txt", "# nothing\n", "holds no photos"),
    ],
)
def test_lists_of_another_form_say_where(tmp_path, name, text, message):
    with pytest.raises(SourceError, match=message) as caught:
        list_sources([write(tmp_path, name, text)])
    assert "\n" not in str(caught.value)


def test_a_list_in_another_encoding(tmp_path):
    with pytest.raises(SourceError, match="UTF-8"):
        list_sources([write(tmp_path, "a.txt", "가족.jpg", "euc-kr")])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.json", "list.jsonl"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match="pipe"):
        list_sources([tmp_path / name])


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.json", "list.jsonl"])
def test_a_list_without_end_is_refused_unread(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)  # of zeros, which take no room on the disk
    with pytest.raises(SourceError, match="larger than"):
        list_sources([tmp_path / name])


@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "[-1e999]"])
def test_numbers_that_json_does_not_know_are_refused(tmp_path, name, word):
    entry = f'{{"id": {word}, "url": "https://example.org/a.jpg"}}'
    (tmp_path / name).write_text(f"[{entry}]" if name.endswith("json") else entry)
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_list(tmp_path / name))
