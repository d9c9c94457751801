"""``callscope``: finds the command, and turns what goes wrong into one line and an exit code.

A command's module is imported when it is called, so that ``callscope --version`` does not load what only
``show`` needs. The table of commands is also what ``--help`` prints.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from callscope.cli import plain_signs
from callscope.errors import CallscopeError
from callscope.query.query_error import QueryError
from callscope.report.safe_text import clean
from callscope.version import __version__

COMMANDS: Final = {
    "ls": "List calls, newest first.",
    "show": "Show one call: transcript, waits, where the time went.",
    "tail": "Follow calls while they go on.",
    "search": "Search what was said.",
    "stats": "Count and measure calls: by day, agent, model and more.",
    "logs": "Show what processes logged; follow it.",
    "errors": "Group errors that are alike.",
    "compare": "Compare two sets of calls.",
    "gate": "Fail a build when calls got slower, dearer or worse.",
    "cost": "What calls cost: by day, provider, service, model, agent or call.",
    "budget": "Show budgets and how much of them is spent.",
    "price": "Price usage records from a file.",
    "prices": "List prices; list what has none.",
    "reprice": "Price old calls anew.",
    "reconcile": "Compare with what providers charged.",
    "verify": "Check that what the files say adds up.",
    "repair": "Close calls whose writer died, mend what it left.",
    "prune": "Delete old calls.",
    "doctor": "Say whether recording works, and what to do.",
    "reindex": "Make the index anew, or check it.",
    "sql": "Ask the index with SQL.",
    "alerts": "List rules of alerts, try them on the past, send a test.",
    "watch": "Look at the rules of alerts, tell people.",
    "serve": "Show calls in a browser.",
    "receive": "Receive OpenTelemetry traces; make calls of them, live.",
    "export": "Write calls as files: a page, CSV, JSON lines, Parquet, Prometheus, OpenTelemetry.",
    "forward": "Send calls to an OpenTelemetry collector as they end.",
    "import": "Import calls that others recorded: Vapi, Retell, Patter and more.",
    "pack": "Put one call with everything into one file.",
    "unpack": "Take a call out of such a file.",
    "mcp": "Answer a coding assistant's questions about calls.",
    "demo": "Record real calls, offline, and show them.",
    "pipecat-setup": "Print the path of the file for PIPECAT_SETUP_FILES.",
}
_MODULES: Final = {"import": "import_calls"}
"""Modules that cannot be named as their command: `import` is a word of Python."""
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141
_EPILOG: Final = """\b
Exit codes:
  0    done
  1    done, and something is wrong (verify, doctor), or an error of another kind
  2    a setting or an argument is not allowed
  3    no such call, no such archive
  4    a file or directory cannot be read
  5    an optional part is not installed
  130  interrupted
  141  whoever read the output went away
"""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's interface
        if cmd_name not in COMMANDS:
            return None
        name = _MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        module = importlib.import_module(f"callscope.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's interface
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callscope", message="%(prog)s %(version)s")
def program() -> None:
    """Read the calls that callscope recorded.

    The archive is the directory given with --root, else the one that PATTER_LOG_DIR names.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    plain_signs.register()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=plain_signs.NAME)
    sys.exit(_run(args))


def _run(args: Sequence[str] | None) -> int:
    try:
        code = _invoke(list(sys.argv[1:] if args is None else args))
        sys.stdout.flush()
    except BrokenPipeError:
        code = _BROKEN_PIPE
    except OSError as error:
        code = _complain(str(error), 1)
    else:
        return code
    # Python flushes stdout once more at exit, which must not complain too.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _invoke(args: list[str]) -> int:
    try:
        with program.make_context("callscope", args) as context:
            program.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except QueryError as error:
        return _complain(str(error), error.exit_code, lines=True)  # its second and third line point at the place
    except CallscopeError as error:
        return _complain(str(error), error.exit_code)
    except click.UsageError as error:
        return _complain(f"{error.format_message()} ({_help_of(error)})", error.exit_code)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    return 0


def _complain(message: str, exit_code: int, *, lines: bool = False) -> int:
    for number, line in enumerate(message.split("\n") if lines else [message]):
        click.echo(f"{'' if number else 'callscope: '}{clean(line)}", err=True)
    return exit_code


def _help_of(error: click.UsageError) -> str:
    return f"see {error.ctx.command_path if error.ctx is not None else 'callscope'} --help"
