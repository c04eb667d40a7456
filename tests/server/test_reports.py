"""What clients have spent, in the reports."""

from __future__ import annotations

import time
from typing import Any

from support.waiting import PATIENCE_S

from runner.app.reports.reporting import Grouping, ReportQuery
from tests.server.conftest import MODEL, Served, Serving


def test_a_report_tells_what_each_client_has_spent(serving: Serving) -> None:
    messages: Any = [{"role": "user", "content": "hi there"}]

    def ask(served: Served, key: str, times: int) -> None:
        client = served.client(key)
        for _ in range(times):
            client.chat.completions.create(model=MODEL, messages=messages)

    with serving() as served:
        keys = {name: served.add_key(name) for name in ("ada", "bob")}
        ask(served, keys["ada"], 2)
        ask(served, keys["bob"], 1)
        until = time.monotonic() + PATIENCE_S
        while [state for _, state in served.ledger()] != ["done"] * 3:
            assert time.monotonic() < until
            time.sleep(0.05)
        found = served.do(served.application.ledger.report, ReportQuery(by=(Grouping.CLIENT,)))
    lines = {line.labels["client"]: line.figures for line in found.lines}
    assert {name: one.calls for name, one in lines.items()} == {"ada": 2, "bob": 1}
    assert all(one.answered == one.calls and not one.wasted for one in lines.values())
