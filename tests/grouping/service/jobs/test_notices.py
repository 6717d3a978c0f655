"""Notices of albums: kept with the job, taken once, delivered to a real receiver over https."""

import hashlib
import hmac
import json
import threading
import time

import pytest
from sqlalchemy import insert

from grouping.api import HttpOptions
from grouping.service.app import create_app
from grouping.service.jobs.notices import Notices
from grouping.service.safety import webhooks
from grouping.service.safety.webhooks import WebhookSender, webhook_secret
from grouping.service.settings import ServiceSettings
from grouping.service.store.notices import NoticeStore
from grouping.service.store.store import Store
from grouping.service.store.tables import notices
from tests.helpers.paths import PHOTOS
from tests.helpers.services.albums import ended, upload
from tests.helpers.services.servers import FaultyServer, first, sends
from tests.helpers.services.serving import client_of, serving
from tests.helpers.services.tls import tls_server

SECRET = bytes(range(32))
LOCAL = HttpOptions(allowed=("127.0.0.1",), total_timeout=2.0)


def add(store, id, due=0.0, url="https://x.example/", tries=0):
    row = {"id": id, "album": "a", "key_id": "k", "url": url, "body": b"{}"}
    with store.writing() as connection:
        connection.execute(insert(notices).values({**row, "tries": tries, "due": due}))


def left(store):
    with store.reading() as connection:
        return {row.id: row for row in connection.execute(notices.select())}


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_what_is_due_is_taken_once_the_oldest_first(database):
    store = Store(database)
    add(store, "later", due=time.time() + 3600)
    add(store, "second", due=2.0)
    add(store, "first", due=1.0)
    kept = NoticeStore(store)
    assert [kept.claim().id for _ in range(2)] == ["first", "second"]
    assert kept.claim() is None


def test_processes_share_them(database):
    stores = [Store(database) for _ in range(3)]
    for number in range(30):
        add(stores[0], f"n{number:02}")
    taken, lock = [], threading.Lock()

    def work(store):
        while (notice := NoticeStore(store).claim()) is not None:
            with lock:
                taken.append(notice.id)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [f"n{number:02}" for number in range(30)]


def test_tries_are_counted_and_one_whose_process_died_comes_back(database):
    store = Store(database)
    add(store, "n")
    kept = NoticeStore(store)
    kept.again(kept.claim(), 3600)
    assert (left(store)["n"].tries, kept.claim()) == (1, None)
    with store.writing() as connection:
        connection.execute(notices.update().values(due=0.0, lease_until=1.0))
    assert kept.claim().tries == 1
    kept.done("n")
    assert left(store) == {}


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 's.sqlite'}")


@pytest.mark.parametrize("status", [500, 410])
def test_what_was_not_taken_waits_or_is_given_up(store, status):
    with FaultyServer() as server:
        server.answers["/hook"] = sends(b"", status)
        add(store, "n", url=server.url("/hook"))
        sender = Notices(NoticeStore(store), WebhookSender(LOCAL, allow_http=True), SECRET, 0.05)
        sender.start()
        until(lambda: all(row.tries == 1 for row in left(store).values()))
        sender.stop()
        assert len(left(store)) == (status == 500)
        assert server.requests["/hook"] == 1


def test_one_that_waits_forever_does_not_stop_the_others(store):
    with FaultyServer() as server:
        server.answers["/slow"] = lambda handler: time.sleep(1.5)
        server.answers["/hook"] = sends(b"")
        add(store, "slow", url=server.url("/slow"), due=0.0)
        for number in range(20):
            add(store, f"n{number}", url=server.url("/hook"), due=1.0)
        sender = Notices(NoticeStore(store), WebhookSender(LOCAL, allow_http=True), SECRET, 0.05)
        sender.start()
        until(lambda: server.requests["/hook"] == 20, 1.4)
        sender.stop()


def test_the_end_of_a_job_is_told_over_https(tmp_path, monkeypatch):
    """The whole way: asked for over HTTP, signed with the key's secret, tried again, told once."""
    monkeypatch.setattr(webhooks, "PAUSES", (0.2, *webhooks.PAUSES[1:]))
    taken = []
    server, _ = tls_server(tmp_path, "localhost")

    def receiver(handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        signed = f"{handler.headers['Webhook-Timestamp']}.".encode() + body
        taken.append((handler.headers["Webhook-Signature"], signed, json.loads(body)))
        handler.answer(b"")

    settings = ServiceSettings(
        data=tmp_path / "data",
        allowed_hosts=("127.0.0.1",),
        ca_file=str(tmp_path / "cert.pem"),
    )
    app = create_app(settings)
    with server, serving(app) as url:
        server.answers["/hook"] = first(1, sends(b"", 503), receiver)
        client = client_of(app, url, "read", "write")
        hook = {"url": server.url("/hook", host="localhost", scheme="https")}
        answer = upload(client, [PHOTOS / "rocket.jpg"], webhook=hook)
        assert answer.status == 202, answer.body
        id = answer.json["id"]
        ended(client, id)
        until(lambda: taken)
        until(lambda: not left(app.state.context.store))
    key = hashlib.sha256(client.key.encode()).hexdigest()[:16]
    secret = webhook_secret(app.state.context.secret, key)
    ((signature, signed, body),) = taken
    assert signature == "v1=" + hmac.digest(secret.encode(), signed, "sha256").hex()
    assert (body["event"], body["album_id"]) == ("album.done", id)
    assert set(body) == {"id", "event", "album_id", "counts"}


@pytest.mark.parametrize(
    "address",
    ["http://x.example/", "https://user:pw@x.example/", "https://[::1", "ftp://x.example"],
)
def test_webhooks_that_are_refused_at_once(tmp_path, address):
    app = create_app(ServiceSettings(data=tmp_path, jobs_at_once=0))
    with serving(app) as url:
        client = client_of(app, url, "write")
        photos = [{"id": "a", "url": "https://x.example/a.jpg"}]
        sent = {"photos": photos, "webhook": {"url": address}}
        assert client.post_json("/v1/albums", sent).status == 422
