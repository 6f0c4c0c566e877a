"""Write every dashboard."""

import sys
from pathlib import Path

from charts.dashboards import BOARDS
from charts.dashboards.drawing import draw

SHIPPED = Path(__file__).parents[1] / "signet/dashboards"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    folder.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.name}.json").write_text(draw(board) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
