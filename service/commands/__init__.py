"""The command line: one module for each group of subcommands."""

import sys

from service.commands.root import cli

__all__ = ["cli", "main"]


def main() -> None:
    """Run a command; what can be said in a sentence is said in one, without a stack trace."""
    sys.exit(cli(prog_name="python -m service", standalone_mode=True))
