"""Run notebooks in this interpreter, and `gancourse run`: a chapter's notebook, or the workbench
with a published model, at a scale.

nbclient runs the cells and papermill only fills in the parameters. papermill drives nbclient too,
but its own loop writes to disk after every cell and marks failed cells in the file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from gancourse import recipe
from gancourse.files import CHAPTERS, NOTEBOOKS, CourseError, make_folder, replacing, write_text

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WORKBENCH = "workbench"  # the notebook that trains any published model
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def run(
    notebook: NotebookNode, path: Path, timeout: int | None = None, progress: bool = False
) -> None:
    """Run all cells of a notebook in the folder of `path`; their outputs replace those it has.

    Args:
        path: the notebook's file. It is neither read nor written.
        timeout: seconds that one cell may take; None for as long as it needs.
        progress: show a bar that counts cells.

    Raises:
        CourseError: a cell failed or took too long, or the kernel could not start or died.
    """
    # Where no kernelspec is looked up, jupyter_client starts ipykernel in this interpreter. The
    # user's own python3 may be broken, or another environment without this package.
    own_kernel = KernelSpecManager(kernel_dirs=[])
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=own_kernel),
        extra_arguments=["--log-level=ERROR"],  # no warning that this machine talks to itself
        timeout=timeout,
        iopub_timeout=600,  # after that many seconds, nbclient drops the rest of a cell's output
        coalesce_streams=True,
    )
    try:
        with client.setup_kernel(cleanup_kc=True, cwd=str(path.resolve().parent)):
            client.shutdown_kernel = "immediate"  # a busy kernel answers a request with a traceback
            cells = tqdm(notebook.cells, desc=path.name, unit="cell", disable=not progress)
            for index, cell in enumerate(cells):
                first = next(iter(cell.source.strip().splitlines()), "")
                place = f"cell {index + 1} (`{first}`)"
                client.execute_cell(cell, index)
            client.shutdown_kernel = "graceful"  # an idle one may clean up after itself
            reply = client.wait_for_reply(client.kc.kernel_info())
            notebook.metadata["language_info"] = reply["content"]["language_info"]
            client.set_widgets_metadata()
    except CellExecutionError as error:
        said = ANSI.sub("", error.evalue).partition("\n")[0].rstrip(".")
        raise CourseError(
            f"{path}: {place} raised {error.ename}: {said}; correct the cell and run it again. "
            f"Nothing was written.\n{frames(cell)}"
        ) from error
    except CellTimeoutError as error:
        raise CourseError(
            f"{path}: {place} took longer than {timeout} s; allow more with --timeout, or make it "
            "quicker. Nothing was written."
        ) from error
    except DeadKernelError as error:
        raise CourseError(
            f"{path}: the kernel died in {place}, probably for lack of memory; close other "
            "programs or run at a smaller scale. Nothing was written."
        ) from error
    except (RuntimeError, OSError) as error:
        raise CourseError(
            f"{path}: no kernel starts in {sys.executable} ({error}); if ipykernel is missing "
            "there, install it with pip. Nothing was written."
        ) from error


def frames(cell: NotebookNode) -> str:
    """Where in a failed cell the error arose: IPython's traceback without colours and headline."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    parts = [ANSI.sub("", part) for output in errors for part in output.traceback]
    return "\n".join(part for part in parts if part.strip("-") and "Traceback (most" not in part)


def read(path: str | Path) -> NotebookNode:
    """A notebook as version 4, its lines ended by \\n and its kernel python3, whatever wrote it.

    Any encoding that JSON allows is read, with or without a byte order mark.

    Raises:
        CourseError: the file is missing, unreadable or not a notebook.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise CourseError(f"{path}: no such file; give the path of a notebook.") from error
    except OSError as error:
        if Path(path).is_dir():
            remedy = f"a folder; name its notebooks, e.g. {Path(path) / '*.ipynb'}."
        else:
            remedy = f"cannot be read ({error.strerror}); change its permissions or leave it out."
        raise CourseError(f"{path}: {remedy}") from error
    if not content.strip():
        raise CourseError(f"{path}: empty; restore it or leave it out.")
    invalid = {}
    try:
        text = content.decode(json.detect_encoding(content))
        notebook = nbformat.reads(text, as_version=4, capture_validation_error=invalid)
        if invalid:
            raise invalid["ValidationError"]
        nbformat.writes(notebook).encode()  # half a surrogate pair can be read, but not written
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{path}: not UTF-8 text (byte {error.start:,}); save it again as UTF-8."
        ) from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        RecursionError,
        nbformat.ValidationError,
    ) as error:  # what nbformat raises on JSON that is no notebook
        said = str(error).partition("\n")[0].rstrip(".")
        raise CourseError(
            f"{path}: not a notebook ({said}); restore it or leave it out."
        ) from error
    notebook.metadata["kernelspec"] = dict(KERNEL)
    return with_plain_line_ends(notebook)


def with_plain_line_ends(notebook: NotebookNode) -> NotebookNode:
    """The same notebook; editors on Windows end the lines of a cell by \\r\\n."""
    for cell in notebook.cells:
        cell.source = cell.source.replace("\r\n", "\n").replace("\r", "\n")
    return notebook


def write(notebook: NotebookNode, path: str | Path) -> None:
    """Write a notebook whole or not at all."""
    write_text(path, nbformat.writes(notebook) + "\n")


def notebook(name: str) -> Path:
    """A chapter's notebook in this checkout, or the workbench.

    Raises:
        CourseError: there is none.
    """
    found = {path.stem.partition("_")[2]: path for path in NOTEBOOKS.glob(CHAPTERS)}
    if (workbench := NOTEBOOKS / f"{WORKBENCH}.ipynb").is_file():
        found[WORKBENCH] = workbench
    if name not in found:
        remedy = f"give one of {', '.join(sorted(found))}"
        if not found:
            remedy = "run this in a clone of the repository, the installed package has none"
        raise CourseError(f"name={name!r}: no such notebook in {NOTEBOOKS}; {remedy}.")
    return found[name]


def parameters(name: str) -> dict[str, dict[str, str]]:
    """Name -> "inferred_type_name", "default" and "help" of each parameter of a notebook."""
    import papermill

    return papermill.inspect_notebook(read(notebook(name)))


def execute(name: str, scale: str, values: dict[str, str], folder: str | Path) -> Path:
    """Run a chapter's notebook, or the workbench, at a scale; returns the executed notebook,
    FOLDER/notebook.ipynb.

    A run that was stopped continues from its checkpoints when started again with the same folder
    and parameters.

    Args:
        values: the notebook's parameters as text, each read as the type that its cell declares.
        folder: where everything goes.

    Raises:
        CourseError: the notebook has no such parameter, or one of another type; it failed (see
            `run`); or the folder cannot be written.
    """
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    source, known = notebook(name), parameters(name)
    for key, text in values.items():
        if key in ("scale", "folder"):
            raise CourseError(f"{key}={text!r}: has an option of its own; give --{key} {text}.")
        if key not in known:
            raise CourseError(
                f"{key}={text!r}: the notebook has no such parameter; give one of "
                f"{', '.join(known)}."
            )
    kinds = {key: each["inferred_type_name"] for key, each in known.items()}
    given = {key: recipe.read(key, text, kinds[key]) for key, text in values.items()}
    folder = Path(folder).resolve()
    make_folder(folder)
    output = folder / "notebook.ipynb"
    given |= {"scale": scale, "folder": str(folder)}
    book = parameterize_notebook(load_notebook_node(read(source)), given)
    with replacing(output) as temporary:  # first, to find before the run what is in its way
        run(book, source, progress=True)
        nbformat.write(book, temporary)
    return output
