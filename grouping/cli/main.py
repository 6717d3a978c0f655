"""The command line: parse, call, exit code."""

from __future__ import annotations

import argparse
import atexit
import gc
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from backbone.runtime.memory import keep_freed_memory
from grouping.cli.command import Command
from grouping.cli.commands import (
    analyze,
    clear_cache,
    extract,
    find,
    group,
    keys,
    report,
    represent,
    serve,
    verify,
)
from grouping.cli.display.logs import set_up_logging, terminal_line
from grouping.cli.display.profile import profiled
from grouping.cli.interruption import stop_as_ctrl_c
from grouping.cli.options import VERSION
from grouping.config import PHOTO_SECONDS
from grouping.errors import FailureRateError, GroupingError, Interrupted
from grouping.faces.time_limit import seconds_a_photo
from grouping.storage.atomic_files import share_results

DONE, KNOWN_ERROR, USAGE, TOO_MANY_FAILURES, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130

# The first is done where none is named.
COMMANDS = (
    group.COMMAND,
    find.COMMAND,
    report.COMMAND,
    extract.COMMAND,
    represent.COMMAND,
    verify.COMMAND,
    analyze.COMMAND,
    serve.COMMAND,
    keys.COMMAND,
    clear_cache.FORGET,
    clear_cache.ERASE,
)

DESCRIPTION = "Find out who is in which photo: faces are detected, compared and grouped by person."
EXAMPLES = """\
examples:
  {program} ~/Pictures/wedding --out result
  {program} party/ extra.jpg list.csv https://example.org/p.jpg --out result
  {program} s3://bucket/event --out s3://bucket/people --cache event.sqlite
  {program} album --out result --corrections corrections.toml
  {program} report result --folders link
  {program} find me.jpg --in result --copy-to mine
  {program} verify a.jpg b.jpg --picture pair.png
  {program} represent album --out vectors.npz
  {program} analyze photo.jpg --json
  {program} serve --data service
  {program} forget party/me.jpg --out result
  {program} ./report --out result      a folder that is called like a command

exit codes: 0 done (photos that failed are listed), 1 known error, 2 usage, 3 more photos
failed than --max-failures (group, represent; results are saved), 4 a bug of ours, 130 interrupted.
find, extract, analyze and verify, which look at photos one by one: 1 where there is no answer, for
no photo could be read, or shows the face that find and verify ask about; "nobody" is an answer
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _main(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(_with_command(sys.argv[1:] if argv is None else argv))
    try:
        name = command_of(arguments)
    except ValueError as error:
        arguments.usage_error(str(error))
    # This process is ours; a program that imports the package is not.
    keep_freed_memory()
    atexit.register(gc.freeze)  # else all of torch is searched for garbage when it ends: 0.2 s
    _show_everything()
    stop_as_ctrl_c()
    share_results(share=arguments.share)
    run = next(command.run for command in COMMANDS if command.name == name)
    if not arguments.profile:
        return _guarded(run, arguments)
    with profiled():
        return _guarded(run, arguments)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, one sub-parser each."""
    program = _program_name()
    parser = _Overview(
        prog=program,
        usage=f"{program} [group] SOURCE... --out DIR [options]\n       {program} COMMAND ...",
        description=DESCRIPTION,
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", parser_class=argparse.ArgumentParser
    )
    parser.default_command, *_ = [_add_command(commands, command, program) for command in COMMANDS]
    return parser


def command_of(arguments: argparse.Namespace) -> str:
    """Return the command that was meant: ``--forget`` and ``--erase`` are older than commands.

    Raises:
        ValueError: the arguments do not go together; the message is for the user.
    """
    if arguments.command != "group":
        return str(arguments.command)
    old = "erase" if arguments.erase else "forget" if arguments.photos else None
    if old and arguments.sources:
        raise ValueError("--forget and --erase take no SOURCE")
    if not old and not arguments.sources:
        raise ValueError("name at least one SOURCE; a folder called like a command is ./COMMAND")
    return old or "group"


class _Overview(argparse.ArgumentParser):
    """Shows with its help the options of the command that is done where none is named."""

    default_command: argparse.ArgumentParser | None = None

    def format_help(self) -> str:
        """See :meth:`argparse.ArgumentParser.format_help`."""
        options = self.default_command.format_help() if self.default_command else ""
        return f"{super().format_help()}\n{options}\n{EXAMPLES.format(program=self.prog)}"


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command, program: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        command.name,
        prog=f"{program} {command.name}",
        usage=f"%(prog)s {command.usage}",
        help=command.help,
        description=command.description,
    )
    command.add_options(parser)
    parser.set_defaults(usage_error=parser.error)
    return parser


def _program_name() -> str:
    """How the program was called, so that what the help shows can be typed."""
    called = Path(sys.argv[0]).name
    return f"python {called}" if called == "run_grouping.py" else "group-faces"


def _with_command(words: Sequence[str]) -> list[str]:
    """Put ``group`` in front where no command is named.

    Example: ``album --out result`` becomes ``group album --out result``.
    """
    named = {command.name for command in COMMANDS} | {"-h", "--help", "--version"}
    return [*words] if words and words[0] in named else [COMMANDS[0].name, *words]


def _show_everything() -> None:
    """Have letters that the terminal does not know written as escapes; they end no run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _keeps(arguments: argparse.Namespace) -> bool:
    """Whether what was done is in a cache: ``group`` has one unless told, others where named."""
    return not getattr(arguments, "no_cache", getattr(arguments, "cache", None) is None)


def _guarded(run: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    """Call, and turn whatever comes back into an exit code and one line."""
    set_up_logging(as_json=arguments.log_json, verbose=arguments.verbose)
    if not arguments.verbose:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    try:
        with seconds_a_photo(getattr(arguments, "photo_seconds", PHOTO_SECONDS)):
            run(arguments)
    except Interrupted:
        hint = "" if not _keeps(arguments) else "; the same command again goes on from here"
        print(f"interrupted{hint}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except GroupingError as error:
        if arguments.verbose:
            traceback.print_exc()
        print(terminal_line(f"error: {error}"), file=sys.stderr)
        return TOO_MANY_FAILURES if isinstance(error, FailureRateError) else KNOWN_ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return KNOWN_ERROR
    except Exception:  # noqa: BLE001 - the last resort: say that it is our fault
        traceback.print_exc()
        print("error: this is a bug of the program; please report the lines above", file=sys.stderr)
        return BUG
    return DONE
