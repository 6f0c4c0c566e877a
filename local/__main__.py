"""`python -m local`: everything on, until Ctrl-C."""

import sys

from local.patience import Patience


def main() -> int:
    patience = Patience()
    patience.heed_signals()
    from local.up import up  # noqa: PLC0415 - after the signals are heeded, so that Ctrl-C is never a stack trace

    return up(patience)


sys.exit(main())
