"""The dashboards of Grafana, written in Python: one module each, `parts` has what they are made of.

python -m charts.dashboards            writes charts/signet/dashboards/*.json (`make dashboards`)
python -m charts.dashboards FOLDER     writes them into FOLDER, for the test that compares
"""

from charts.dashboards import caches, load_test, overview, pools, runtime, sign_ins, stores, tokens
from charts.dashboards.parts import Board

BOARDS: tuple[Board, ...] = (
    overview.BOARD,
    sign_ins.BOARD,
    tokens.BOARD,
    pools.BOARD,
    caches.BOARD,
    stores.BOARD,
    runtime.BOARD,
    load_test.BOARD,
)
