"""``serve``: the whole program as an HTTP service."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.command import Command
from grouping.cli.display.logs import note, terminal_line
from grouping.cli.options import add_common, add_sources, source_options_from
from grouping.config import AUTO
from grouping.cores import usable_cores
from grouping.errors import ModelError, OutputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from grouping.service.settings import ServiceSettings

DATA = Path("service")
PORT = 8000
DATABASE_VARIABLE = "GROUPING_DATABASE"  # a password is no word of a command line
STOP_SECONDS = 15  # that requests may take once the service stops
LACKING = "the service needs the extra 'service': pip install '.[service]' in the clone"


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``serve``."""
    add = parser.add_argument
    add_data(parser)
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=PORT, help="port (default %(default)s; 0: any free one)")
    add("--public-url", metavar="URL", help="how browsers reach the service, for links to guests")
    add(
        "--proxy",
        action="append",
        metavar="ADDRESS",
        help="address or network of the proxy before the service, whose X-Forwarded-For says who "
        "calls; repeatable (default: this machine)",
    )
    add("--device", default=AUTO, help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add("--checkpoint", type=Path, metavar="FILE", help="weights (see checkpoint/README.md)")
    _add_jobs(parser)
    _add_limits(parser)
    _add_places(parser)
    add_common(parser)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add where everything of a service is."""
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        default=DATA,
        metavar="DIR",
        help="folder of albums, results and store, for its owner alone (default ./%(default)s)",
    )
    add(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE_VARIABLE),
        help="postgresql+psycopg://user:password@host/name, for several services on one store; "
        f"better named by the variable {DATABASE_VARIABLE} (default: SQLite in DIR)",
    )


def run_serve(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM; jobs at work are put back into the queue.

    Raises:
        ModelError: the extra is not installed.
        ConfigError: an option is out of its range.
        OutputError: the data folder, the store or the port cannot be used.
    """
    settings = settings_from(arguments)
    app = _app(settings)
    logging.getLogger("grouping").setLevel(logging.INFO)
    listening = _listening(arguments.host, arguments.port)
    first = _first_key(app)  # only now: a key that is made and not shown is of no use to anybody
    port = listening.getsockname()[1]
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    if first:
        print(terminal_line(f"key        {first}   (shown once; the only one so far)"), flush=True)
    place = f"http://{host}:{port}"
    print(terminal_line(f"serving    {place}   (described in {place}/openapi.json)"), flush=True)
    _warn_of_the_open(arguments.host)
    _serve(app, listening, settings.proxies)


def settings_from(arguments: argparse.Namespace) -> ServiceSettings:
    """Return the settings that options name.

    Raises:
        ModelError, ConfigError: as of :func:`run_serve`.
    """
    try:
        from grouping.service.settings import ServiceSettings
    except ImportError as error:
        raise ModelError(f"{LACKING} ({error.name} is missing)") from None
    given = vars(arguments)
    names = set(ServiceSettings.__dataclass_fields__)
    values: dict[str, Any] = {name: given[name] for name in names if name in given}
    if "allow_host" in given:  # 'keys' fetches nothing
        sources = source_options_from(arguments)
        values |= {"allowed_hosts": sources.http.allowed, "s3": sources.s3}
        values |= {"buckets": tuple(arguments.s3_bucket)}
        values |= {"proxies": tuple(arguments.proxy or ServiceSettings.proxies)}
    return ServiceSettings(**values)


def _app(settings: ServiceSettings) -> FastAPI:
    try:
        from grouping.service.app import create_app
    except ImportError as error:
        raise ModelError(f"{LACKING} ({error.name} is missing)") from None
    return create_app(settings)


def _first_key(app: FastAPI) -> str | None:
    """Make a key where there is none, so that somebody can call; returned once, None later."""
    from grouping.service.safety.api_keys import Scope, new_key

    keys = app.state.context.keys
    if keys.keys():
        return None
    text, key = new_key("first", list(Scope))
    keys.add_key(key)
    return text


def _listening(host: str, port: int) -> Any:
    """A socket that is bound, so that a port in use is found before the networks are loaded."""
    from grouping.service.web.listening import bound_socket

    try:
        return bound_socket(host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot listen on {host} port {port}: {reason}; name another with --port"
        ) from None


def _warn_of_the_open(host: str) -> None:
    """Keys and faces travel as they are: beyond this machine TLS has to be in front."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        note("the service speaks http; put a proxy with TLS before it", logging.WARNING)


def _serve(app: FastAPI, listening: Any, proxies: Sequence[str]) -> None:
    import uvicorn

    from grouping.service.web.listening import allow_open_files, impatient_protocol, server_of

    allow_open_files()
    config = uvicorn.Config(
        app,
        http=impatient_protocol(),
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    try:
        server_of(config, app.state.stopping.begin).run([listening])
    except KeyboardInterrupt:  # uvicorn raises the signal again once all is tidied up
        note("stopped; jobs go on at the next start")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("jobs").add_argument
    add(
        "--jobs-at-once",
        type=int,
        default=1,
        metavar="N",
        help="albums this process groups at a time; 0: none, others on the store do (default 1)",
    )
    add(
        "--workers",
        type=int,
        default=usable_cores(),
        metavar="N",
        help="processes that look at the photos of an album (default: the cores, %(default)s)",
    )
    add(
        "--lease-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="after which a job is taken over from a process that died (default %(default)g)",
    )
    add(
        "--keep-days",
        type=_days,
        metavar="N",
        help="erase albums so many days after they last changed (default: kept until deleted)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    from grouping.service.settings import ServiceSettings

    usual = ServiceSettings
    add = parser.add_argument_group("limits").add_argument
    for name, default, text in (
        ("--photos-a-job", usual.photos_a_job, "photos an album may have"),
        ("--queue-length", usual.queue_length, "albums that may wait; more are answered 429"),
        ("--requests-a-minute", usual.requests_a_minute, "that one key may make"),
        ("--refusals-a-minute", usual.refusals_a_minute, "without a key, of one address"),
        (
            "--questions-at-once",
            usual.questions_at_once,
            "photos that are looked at for questions at a time",
        ),
    ):
        add(name, type=int, default=default, metavar="N", help=f"{text} (default %(default)s)")


def _add_places(parser: argparse.ArgumentParser) -> None:
    add_sources(parser)
    add = parser.add_argument_group("where callers may have photos, and results go").add_argument
    add("--ca-file", metavar="FILE", help="certificates to trust in place of the system's")
    add(
        "--s3-bucket",
        action="append",
        default=[],
        metavar="NAME",
        help="bucket that callers may name; repeatable (default: none, and https alone)",
    )
    add(
        "--results",
        metavar="URL",
        help="s3://bucket/prefix that results are brought to as well, a folder an album",
    )


def _days(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return value


COMMAND = Command(
    "serve",
    "[--data DIR] [options]",
    "the program as an HTTP service: albums as jobs, questions, pages",
    "Serve albums as jobs, questions about faces, and pages for people, over HTTP. The first start "
    "prints an API key, once; 'keys' makes others. Ctrl-C finishes the photos in flight, and jobs "
    "go on at the next start. Needs the extra: pip install '.[service]'",
    add_serve_options,
    run_serve,
)
