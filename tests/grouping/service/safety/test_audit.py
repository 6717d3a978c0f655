"""The audit log: what is in it, and what never is."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from grouping.service.safety.audit import AuditLog

SECRET = bytes(32)
ALBUM = "Zk3vYw0Qm1n8rT5uXp2aLA"


class Now:
    at = datetime(2026, 11, 27, 23, 59, 59, 123456, UTC)

    def __call__(self):
        return self.at


def lines(folder):
    return [json.loads(line) for p in sorted(folder.iterdir()) for line in p.open()]


def test_a_line(tmp_path):
    log = AuditLog(tmp_path / "audit", SECRET, Now())
    log.write(
        "album.delete",
        204,
        key="9f86d081884c7d65",
        album=ALBUM,
        request="5f2c9d01a7b3c4d8",
        photos=12,
    )
    (path,) = (tmp_path / "audit").iterdir()
    assert path.name == "audit-2026-11-27.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(tmp_path / "audit") == [
        {
            "at": "2026-11-27T23:59:59.123Z",
            "action": "album.delete",
            "status": 204,
            "key": "9f86d081884c7d65",
            "album": ALBUM,
            "request": "5f2c9d01a7b3c4d8",
            "photos": 12,
        }
    ]


def test_of_an_address_there_is_a_hash_that_changes_every_day(tmp_path):
    now = Now()
    log = AuditLog(tmp_path, SECRET, now)
    for caller in ("203.0.113.7", "203.0.113.7", "203.0.113.8"):
        log.write("find", 200, caller=caller)
    now.at = datetime(2026, 11, 28, 0, 0, 1, tzinfo=UTC)
    log.write("find", 200, caller="203.0.113.7")
    AuditLog(tmp_path, b"1" * 32, now).write("find", 200, caller="203.0.113.7")
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "203.0.113" not in text
    first, same, other, tomorrow, elsewhere = (line["caller"] for line in lines(tmp_path))
    assert first == same
    assert len({first, other, tomorrow, elsewhere}) == 4


@pytest.mark.parametrize(
    "personal",
    ["Maria Müller", "me.jpg", "https://x.example/a.jpg", "a\nb", "x" * 65, "maria", "../etc", ""],
)
def test_what_looks_like_no_id_is_left_out(tmp_path, personal):
    AuditLog(tmp_path, SECRET).write("find", 200, key=personal, album=personal, request=personal)
    (line,) = lines(tmp_path)
    assert set(line) == {"at", "action", "status"}


def test_only_words_and_numbers(tmp_path):
    log = AuditLog(tmp_path, SECRET)
    for action in ("Find Maria", "", "x" * 41, "find\n"):
        with pytest.raises(ValueError, match="word"):
            log.write(action, 200)
    for value in ("Maria", 0.25, [0.1], True, None):
        with pytest.raises(ValueError, match="whole numbers"):
            log.write("find", 200, photos=value)  # type: ignore[arg-type]
    assert lines(tmp_path) == []


def test_lines_of_many_threads_stay_whole(tmp_path):
    logs = [AuditLog(tmp_path, SECRET) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: logs[n % 4].write("find", 200, photos=n), range(2000)))
    assert sorted(line["photos"] for line in lines(tmp_path)) == list(range(2000))


def test_old_days_are_forgotten_and_nothing_else(tmp_path):
    now = Now()
    log = AuditLog(tmp_path, SECRET, now)
    for day in (1, 2, 27):
        now.at = datetime(2026, 11, day, tzinfo=UTC)
        log.write("find", 200)
    (tmp_path / "audit-notes.txt").write_text("kept")
    assert log.forget_before(date(2026, 11, 27)) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "audit-2026-11-27.jsonl",
        "audit-notes.txt",
    ]


def test_the_first_line_of_a_day_deletes_what_is_too_old(tmp_path):
    now = Now()
    for day in (1, 10, 11, 12):
        now.at = datetime(2026, 11, day, tzinfo=UTC)
        log = AuditLog(tmp_path, SECRET, now, keep_days=2)
        log.write("find", 200)
    assert [p.name[-8:-6] for p in sorted(tmp_path.iterdir())] == ["10", "11", "12"]
    now.at = datetime(2026, 11, 20, tzinfo=UTC)
    log.write("find", 200)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_gone_ends_no_request(tmp_path, caplog):
    log = AuditLog(tmp_path / "audit", SECRET)
    (tmp_path / "audit").rmdir()
    log.write("find", 200)
    assert "cannot be written" in caplog.text
