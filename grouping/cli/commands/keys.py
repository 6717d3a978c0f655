"""``keys``: who may call the service."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grouping.cli.command import Command
from grouping.cli.commands.serve import add_data, settings_from
from grouping.cli.display.logs import terminal_line
from grouping.cli.options import add_common
from grouping.errors import InputError

if TYPE_CHECKING:
    from grouping.service.store.keys import ApiKeyStore

SCOPES = "read,write,find"


def add_keys_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``keys``."""
    add = parser.add_argument
    add("action", choices=("create", "list", "revoke", "secret"), help="what to do")
    add("name", nargs="?", metavar="NAME", help="create: for people; others: the id of the key")
    add(
        "--scopes",
        default=SCOPES,
        metavar="WORDS",
        help="create: read (albums), write (make and erase them), find (questions by a face); "
        "default %(default)s",
    )
    add_data(parser)
    add_common(parser)


def run_keys(arguments: argparse.Namespace) -> None:
    """Make, list or revoke API keys, or show what notices of their albums are signed with.

    Raises:
        InputError: there is no such key, or it lacks a name.
        OutputError: the store cannot be opened.
    """
    store = _keys(arguments)
    if arguments.action == "list":
        listed = store.keys()
        for key in listed:
            state = "" if key.revoked is None else "  revoked"
            scopes = ",".join(sorted(key.scopes))
            print(terminal_line(f"{key.id}  {key.created:%Y-%m-%d}  {scopes}  {key.name}{state}"))
        return
    if not arguments.name:
        raise InputError(f"keys {arguments.action} needs a name; see keys --help")
    if arguments.action == "create":
        _create(store, arguments)
    elif arguments.action == "secret":
        _show_secret(store, arguments)
    elif not store.revoke_key(arguments.name, datetime.now(UTC)):
        raise InputError("there is no key of that id; 'keys list' shows them")


def _create(store: ApiKeyStore, arguments: argparse.Namespace) -> None:
    from grouping.service.safety.api_keys import new_key

    text, key = new_key(arguments.name, arguments.scopes.split(","))
    store.add_key(key)
    print(terminal_line(f"key        {text}   (shown once)"))
    print(terminal_line(f"id         {key.id}"))
    _show_secret(store, arguments, key.id)


def _show_secret(store: ApiKeyStore, arguments: argparse.Namespace, id: str = "") -> None:
    from grouping.service.safety.secret_file import load_secret
    from grouping.service.safety.webhooks import webhook_secret

    if not id and store.key(arguments.name) is None:
        raise InputError("there is no key of that id; 'keys list' shows them")
    secret = webhook_secret(load_secret(arguments.data), id or arguments.name)
    print(terminal_line(f"webhooks   {secret}   (signs notices on its albums)"))


def _keys(arguments: argparse.Namespace) -> ApiKeyStore:
    settings = settings_from(arguments)
    from grouping.service.store.keys import ApiKeyStore
    from grouping.service.store.store import Store

    if arguments.action == "create" and settings.database is None:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ApiKeyStore(Store(settings.database_url))


COMMAND = Command(
    "keys",
    "{create NAME | list | revoke ID | secret ID} [--data DIR]",
    "make, list and revoke the API keys of a service",
    "Make, list and revoke the API keys of a service. A key is shown once; its hash is "
    "kept. 'secret' shows what notices to webhooks are signed with.",
    add_keys_options,
    run_keys,
)
