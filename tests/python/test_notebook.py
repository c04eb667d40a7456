"""A notebook, in a real kernel: the bar below the cell, and results as a table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]

# In a process of its own: what runs kernels warns of much.
NOTEBOOK = """
import nbformat
from nbclient import NotebookClient

cells = [
    "from runner import Answer, Job, Simulator, open_midnight, run\\n"
    "answer = Answer.number(0, 5)\\n"
    "job = Job(name='stars', model='Qwen/Qwen3-8B', user='{{ text }}', answer=answer)\\n"
    "rows = [{'text': f'row {n}'} for n in range(40)]\\n"
    "found = run(job, rows, simulator=Simulator(calls_per_day=15))",
    "found.to_pandas()[['text', 'answer']].head(2)",
    "async with open_midnight(simulator=Simulator()) as midnight:\\n"
    "    batch = await midnight.submit(job, rows)\\n"
    "    async for result in midnight.results(batch, progress=True):\\n"
    "        pass\\n"
    "batch",
    "run(job, rows[:3], simulator=Simulator(), progress=False).to_dicts()[0]['state']",
]
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.outputs:
        data = output.get("data", {})
        print(output.output_type, data.get("text/html", data.get("text/plain", output.get("text"))))
    print("-")
"""


@pytest.mark.slow
def test_a_notebook_has_one_bar_a_run_and_tables(tmp_path: Path) -> None:
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    blocking, table, awaited, quiet = ended.stdout.split("-\n")[:4]
    assert blocking.count("<progress") == 1
    assert "40 of 40 rows" in blocking
    assert "stderr" not in blocking
    assert "row 0" in table
    assert awaited.count("<progress") == 1
    assert "40 succeeded, 0 failed, 0 left" in awaited
    assert quiet.strip() == "execute_result 'succeeded'"
