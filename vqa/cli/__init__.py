"""The ``vqa`` command: one module per subcommand; the scripts call it and no other module imports it.

Modules here import nothing heavy at the top, so that ``vqa --help`` answers at once.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import sys
import warnings
from typing import Any

import click

from vqa.cli._options import STDOUT
from vqa.display import visible
from vqa.errors import OtherWorkerError, OtherWorkerInterrupted, VqaError


class ErrorReportingGroup(click.Group):
    """A command group that turns errors meant for users into one line on stderr and an exit code."""

    def list_commands(self, ctx: click.Context | None = None) -> list[str]:
        """Return the names of the subcommands: those of the modules of this package, underscores as hyphens."""
        return [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"]

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:
        """Return the subcommand of this name; only its module is imported, so that each command starts at once."""
        return self.subcommand(cmd_name) if cmd_name in self.list_commands() else None

    def subcommand(self, name: str) -> click.Command:
        """Return ``command`` of the module of a subcommand."""
        command: click.Command = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").command
        command.name = name
        return command

    def subcommands(self) -> dict[str, click.Command]:
        """Return every subcommand by its name."""
        return {name: self.subcommand(name) for name in self.list_commands()}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands with the whole first sentence of each; click would cut it off."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=10_000)) for name, command in self.subcommands().items()]
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand: 0 fine, 1 a VqaError or a file that cannot be used, 2 usage, 130 interrupted."""
        try:
            return super().invoke(ctx)
        except OtherWorkerError:
            ctx.exit(1)  # the other one says what happened
        except VqaError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            # The reader of our output (head, less) has gone: not an error, and nothing more can be written.
            _silence_stdout()
            ctx.exit(0)
        except OSError as error:
            if error.filename == STDOUT:
                _silence_stdout()
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(visible(f"{place}{error.strerror or error}")) from error
        except KeyboardInterrupt as error:
            if not isinstance(error, OtherWorkerInterrupted):
                click.echo(str(error) or "interrupted", err=True)
            ctx.exit(128 + getattr(error, "signal_number", signal.SIGINT))


def _silence_stdout() -> None:
    """Let Python write nowhere what it still holds for stdout; it would complain of it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=ErrorReportingGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vqa")
def cli() -> None:
    """Visual question answering with evaluation that can be trusted.

    Exit codes: 0 fine, 1 an error (one line on stderr), 2 wrong usage, 130 interrupted.

    \b
    Example:
      vqa train easy_vqa_3 --run runs/easy
      vqa evaluate runs/easy --predictions runs/easy/test.csv
      vqa inspect runs/easy/test.csv --wrong
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    if sys.getfilesystemencoding() == "ascii":
        # Python could name no file and read no question that is not ASCII: start again in its UTF-8 mode.
        started = getattr(sys, "orig_argv", ["", "-m", "vqa.cli", *(arguments or sys.argv[1:])])  # new in Python 3.10
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *started[1:]])
    # Pillow warns of tags of an image; where it cannot read one it also raises an error, which is what is shown.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        cli.main(args=arguments, prog_name="vqa")
    finally:
        # The process ends and its memory goes back whole: the collector need not look through it first.
        gc.freeze()
