"""Notebooks as `gancourse run` leaves them, for tests."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

FOLDER, DATA = "/scratch/ann/full-tiny", "/gpfs/projects/x/data sets"


def executed(*outputs: NotebookNode, source: str = "draw()", **given) -> NotebookNode:
    """A notebook with papermill's cell and note, as `running.execute` leaves it."""
    given = {"scale": "full", "folder": FOLDER, "data_root": DATA, **given}
    typed = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in given.items())
    when = {
        "iopub.status.busy": "2026-03-01T10:00:00.5Z",
        "shell.execute_reply": "2026-03-01T10:01:00Z",
    }
    cells = [
        new_markdown_cell("# A chapter"),
        new_code_cell("scale = 'auto'", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell(typed, execution_count=2, metadata={"tags": ["injected-parameters"]}),
        new_code_cell(source, execution_count=3, outputs=list(outputs)),
    ]
    for cell in cells[1:]:
        cell.metadata["execution"] = dict(when)
    note = {"parameters": given, "version": "2.7.0", "environment_variables": {"HOME": "/x"}}
    return new_notebook(cells=cells, metadata={"papermill": note, "widgets": {"state": "w" * 99}})
