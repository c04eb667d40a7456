"""The report page in a real browser: bars are drawn as tall as their numbers, wide and narrow."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.files import settings, write_job, write_rows

from runner.app.rehearsal import configured_simulator, rehearse
from runner.app.submission import check_submission

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
# Leaves what the browser has laid out in the document, which it is asked to print.
MEASURE = """<pre id="measured"></pre><script>
document.getElementById("measured").textContent = JSON.stringify({
  wide: document.documentElement.scrollWidth, room: window.innerWidth,
  bars: [...document.querySelector("svg").querySelectorAll("rect")].map(
    one => [one.querySelector("title").textContent, +one.dataset.value,
            one.getBoundingClientRect().height])});
</script>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium: apt-get install chromium"),
]


def measured(page: Path, width: int) -> Any:
    """What the browser has drawn, in a window of this width."""
    ended = subprocess.run(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--window-size={width},2000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (found,) = re.findall(r'<pre id="measured">(.*?)</pre>', ended.stdout, re.DOTALL)
    return json.loads(html.unescape(found))


@pytest.mark.parametrize("width", [500, 1200])
def test_bars_are_as_tall_as_the_numbers_of_the_ledger(tmp_path: Path, width: int) -> None:
    chosen = settings(tmp_path, limits={"calls_per_day": 40})
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 100))
    seen = rehearse(chosen, checked, configured_simulator(chosen), START)
    page = tmp_path / "report.html"
    page.write_text(seen.page.replace("</body>", f"{MEASURE}</body>"))
    found = measured(page, width)
    drawn = {title[:10]: value for title, value, _ in found["bars"]}
    assert drawn == {day.day: day.calls for day in seen.days}
    unit = found["bars"][0][2] / found["bars"][0][1]
    for _, value, tall in found["bars"]:
        assert tall == pytest.approx(unit * value, rel=0.02)
    assert found["wide"] <= found["room"], "the page itself does not scroll sideways"
