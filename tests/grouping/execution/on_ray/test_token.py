"""Who can read the token of clusters that are started here."""

import logging

import pytest

from grouping.execution.on_ray.token import make_token_private


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    tmp_path.chmod(0o755)
    return tmp_path


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_token_that_is_made_is_its_owners_alone(home):
    make_token_private()
    token = home / ".ray" / "auth_token"
    assert mode(token) == 0o600
    assert mode(token.parent) == 0o700
    assert len(bytes.fromhex(token.read_text())) == 32
    make_token_private()
    assert mode(token) == 0o600


def test_each_user_gets_another(home, tmp_path_factory, monkeypatch):
    make_token_private()
    other = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("HOME", str(other))
    make_token_private()
    assert (other / ".ray/auth_token").read_text() != (home / ".ray/auth_token").read_text()


def test_one_that_is_there_is_kept_and_others_who_can_read_it_are_told_of(home, caplog):
    caplog.set_level(logging.WARNING)
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("mine")
    token.chmod(0o644)
    make_token_private()
    assert token.read_text() == "mine"
    assert mode(token) == 0o644
    assert f"chmod 600 {token}" in caplog.text
    caplog.clear()
    home.chmod(0o700)  # closed to them
    make_token_private()
    token.chmod(0o600)
    home.chmod(0o755)
    make_token_private()
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_TOKEN", "ab"), ("RAY_AUTH_TOKEN_PATH", "/etc/a")],
)
def test_nothing_is_made_where_the_user_has_settled_it(home, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    make_token_private()
    assert not (home / ".ray").exists()


def test_a_home_that_cannot_be_written_is_left_to_ray(home, monkeypatch):
    (home / ".ray").write_text("no folder")
    make_token_private()
    monkeypatch.setenv("HOME", str(home / "nowhere"))
    make_token_private()
