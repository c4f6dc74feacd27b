"""The course's notebooks as files: run in place, or copied for other readers.

`gancourse notebooks refresh|jupyter|student|solved` calls these functions. The notebooks are
written for the book, in MyST; every copy is in plain Markdown (see `plain`):

    jupyter   for Colab, Jupyter and GitHub: everything, with solutions folded
    student   to hand out: no solutions and no outputs
    solved    what a perfect student hands in
    kept      of a published run: everything, with solutions folded, and small

Tags say what a code cell is:

    exercise-setup    imports what the exercises need
    stub              for the student to fill in
    check             calls the stub's checker
    solution          follows its stub, between sphinx-exercise's {solution-start} and
                      {solution-end}; tagged `check` as well, it checks the solution
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from gancourse.files import CourseError, read_json
from gancourse.press import executed, shrinking
from gancourse.press.dossier import Dossier
from gancourse.press.publishing import write_pages, write_record
from gancourse.press.running import ANSI, read, run, with_plain_line_ends, write
from gancourse.press.running import notebook as source_of
from gancourse.school import guards, plain
from gancourse.school.book import Page
from gancourse.school.guards import tags
from gancourse.school.plain import Mark

WIDGET = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"\d+%\||\[\d\d:\d\d(:\d\d)?[<,]")  # tqdm's, with or without a known end


def refresh(path: str | Path, timeout: int = 600) -> float:
    """Run a notebook in place, in its own folder, and return the seconds it took.

    Outputs that differ from run to run, or that need a kernel to be seen, are left out: see `tidy`.

    Args:
        timeout: seconds that one cell may take.

    Raises:
        CourseError: it is no notebook or failed (see `running.run`); the file is as it was.
    """
    path, began = Path(path), time.perf_counter()
    notebook = read(path)
    run(notebook, path, timeout)
    write(tidy(notebook), path)
    return time.perf_counter() - began


def tidy(notebook: NotebookNode) -> NotebookNode:
    """A copy without widgets, progress bars, execution times and the version of Python."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(without_progress, cell.outputs) if output]
    return notebook


def without_progress(output: NotebookNode) -> NotebookNode | None:
    """An output without what only a running kernel can show, or None if nothing is left."""
    if WIDGET in output.get("data", {}):
        return None
    if output.output_type != "stream" or output.name != "stderr":
        return output
    lines = ANSI.sub("", output.text).replace("\r", "\n").splitlines()
    kept = [line for line in lines if line.strip() and not BAR.search(line)]
    return NotebookNode({**output, "text": "\n".join(kept) + "\n"}) if kept else None


def keep(folder: Path) -> dict[str, Path]:
    """Keep the executed notebook in a folder for the published models that it made, together with
    the record of that run: their weights are the same, and its seconds go with the notebook.

    Args:
        folder: that `gancourse run` filled.

    Returns:
        The models' names -> where the notebook of each is kept.

    Raises:
        CourseError: there is no such notebook, it made none of the published models, or as `kept`
            does.
    """
    published = {each: executed.made_of(each) for each in executed.runs_in(folder)}
    runs = [each for each, names in published.items() if names]
    if not runs:
        raise CourseError(
            f"{folder}: holds no run whose weights are published; publish it first, with "
            "`gancourse publish NAME RUN`, which keeps the notebook as well."
        )
    made, chapter = kept(folder / executed.NAME, runs)
    dossiers = {Dossier(name): each for each in runs for name in published[each]}
    for dossier, each in dossiers.items():
        write_record(dossier, each)
    names = [dossier.name for dossier in dossiers]
    path = executed.keep(made, chapter, names)
    write_pages(dossiers)
    return dict.fromkeys(names, path)


def kept(path: Path, runs: Sequence[Path]) -> tuple[NotebookNode, str]:
    """(copy, chapter): an executed notebook as the repository keeps it for runs that it made.

    In plain Markdown, with solutions folded, as `jupyter` makes it, and small.

    Args:
        path: the notebook as `gancourse run` left it.
        runs: their folders.

    Raises:
        CourseError: it did not make one of the runs (see `executed.check`), or it cannot be copied
            (see `jupyter`) or made small (see `shrinking.small`).
    """
    notebook = read(path)
    for folder in runs:
        executed.check(notebook, path, folder)
    chapter = read_json(runs[0] / "config.json")["chapter"]
    page = Page.of(source_of(executed.source_name(notebook, chapter)))
    began, ended = shrinking.times(notebook)
    if began:  # noted now, for the cells of solutions take their times with them
        when = {"start_time": began.isoformat(), "end_time": ended.isoformat()}
        notebook.metadata["papermill"] |= when
    try:
        told = retold(notebook, page, keep=True, words=executed_words(notebook, page))
        refuse_open(notebook, told)
        return shrinking.small(told), chapter
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error


def executed_words(notebook: NotebookNode, page: Page) -> str:
    """What an executed notebook says of itself."""
    began, ended = shrinking.times(notebook)
    when = (
        f" on {began:%d %B %Y}, in {(ended - began).total_seconds():,.0f} seconds" if began else ""
    )
    folded = "solutions are folded, " if page.kind == "chapter" else ""
    return (
        f"This is [a {page.kind} of the book]({page.url}) as `gancourse run` executed it{when}. A "
        "run that was stopped goes on from its checkpoints; its dossier says how long its "
        "training took. To lie in the repository, the notebook was made small: pictures are at "
        f"most {shrinking.LEVELS[0][0]} pixels wide, widgets and long results are left out where a "
        f"line says so, {folded}and RUN, DATA and … stand for folders of the machine."
    )


def jupyter(notebook: NotebookNode, page: Page | None = None) -> NotebookNode:
    """A copy for Colab, Jupyter and GitHub: plain Markdown, and solutions folded.

    A solution becomes a text cell whose <details> holds its words and its code. Colab and Jupyter
    could fold the code cell itself, each by metadata of its own, but GitHub, VS Code and nbviewer
    would show it. And as a code cell it would run, and replace the reader's own function by ours.

    Args:
        page: where the notebook stands in the book; None for a notebook outside one.

    Raises:
        CourseError: something has no plain form (see `plain`), a solution lacks its start or end,
            or one is left to be seen.
    """
    made = retold(tidy(notebook), page or Page(), keep=True)
    refuse_open(notebook, made)
    return made


def refuse_open(notebook: NotebookNode, made: NotebookNode) -> None:
    """Raise a CourseError if a copy shows a solution at once."""
    if found := guards.unfolded(notebook, made):
        raise CourseError(
            f"{found[0]!r} would show a solution; move it between {{solution-start}} and "
            "{solution-end}, or tag its cell `solution`."
        )


def student(notebook: NotebookNode, page: Page | None = None) -> NotebookNode:
    """A copy to work in: plain Markdown, no solutions and no outputs.

    Args:
        page: as for `jupyter`.

    Raises:
        CourseError: as for `jupyter`, or something of a solution is left (see `guards.leaks`).
    """
    made = retold(tidy(notebook), page or Page(), keep=False)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if found := guards.leaks(notebook, made):
        raise CourseError(
            f"{found[0]!r} would give a solution away; move it between {{solution-start}} and "
            "{solution-end}, tag its cell `solution`, or correct the mark."
        )
    return made


def retold(notebook: NotebookNode, page: Page, keep: bool, words: str = "") -> NotebookNode:
    """The notebook in plain Markdown.

    Args:
        keep: fold the solutions; or leave them out.
        words: what kind of copy this is, for its second cell; by default those of `about`.

    Raises:
        CourseError: something has no plain form, MyST is left, or half a solution stands there.
    """
    made = with_plain_line_ends(notebook)
    made.nbformat_minor = max(made.nbformat_minor, 5)  # from which on cells have an id
    cells: list[NotebookNode] = []
    parts: list[str] | None = None  # of the solution that is open
    name = ""
    for number, cell in enumerate(made.cells, 1):
        cell.setdefault("id", f"cell-{number}")
        try:
            is_text = cell.cell_type == "markdown"
            pieces = plain.pieces(cell.source, page) if is_text else [cell]
            for place, piece in enumerate(pieces):
                if isinstance(piece, Mark):
                    parts, name = turn(parts, name, piece, page, cells, f"{cell.id}-{place}")
                elif parts is not None:
                    parts += solved_part(cell, piece, page)
                elif "solution" in tags(cell):
                    if own := solved_part(cell, piece, page):
                        cells.append(fold("Solution", own, f"{cell.id}-{place}"))
                elif not is_text:
                    cells += shown(cell, page)
                elif piece:
                    identity = f"{cell.id}-{place}" if place else cell.id
                    cells.append(NotebookNode({**cell, "source": piece, "id": identity}))
        except CourseError as error:
            raise CourseError(f"cell {number}: {error}") from error
    if parts is not None:
        raise CourseError(
            "the last {solution-start} has no {solution-end}; add one below its last cell."
        )
    if not keep:
        cells = [cell for cell in cells if not cell.metadata.pop("folded", False)]
    if page.name:
        cells.insert(1, new_markdown_cell(f"*{words or about(page, keep)}*", id="about-this-copy"))
    for cell in cells:
        cell.metadata.pop("folded", None)
    made.cells = cells
    if found := guards.raw(made):
        raise CourseError(
            f"{found[0]}: would stand there as source text; write it as Markdown, or so that the "
            "book understands it as well."
        )
    return made


def turn(
    parts: list[str] | None,
    name: str,
    mark: Mark,
    page: Page,
    cells: list[NotebookNode],
    identity: str,
) -> tuple[list[str] | None, str]:
    """Start or end a solution; one that ends becomes a cell."""
    if mark.starts == (parts is not None):
        kind = "solution-start" if mark.starts else "solution-end"
        said = "has another one inside" if mark.starts else "has no {solution-start} above"
        raise CourseError(f"a {{{kind}}} {said}; let solutions start and end in turn.")
    if mark.starts:
        return [], f"Solution of {plain.exercise_name(mark.label, page).lower()}"
    cells.append(fold(name, parts, identity))
    return None, ""


def fold(name: str, parts: list[str], identity: str) -> NotebookNode:
    """A text cell that shows its name, and the rest when a reader asks for it."""
    return new_markdown_cell(
        plain.details(name, "\n\n".join(parts)), metadata={"folded": True}, id=identity
    )


def solved_part(cell: NotebookNode, piece: str | NotebookNode, page: Page) -> list[str]:
    """What a cell adds to its solution: words, or code to read. A checker's call adds nothing."""
    if isinstance(piece, str):
        return [piece] if piece else []
    if cell.cell_type != "code" or "check" in tags(cell):
        return []
    made = [plain.fenced(cell.source, "python")]
    if page.name and any("image/png" in output.get("data", {}) for output in cell.outputs):
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        url = page.label(name, "ref").url if name else page.url
        made.append(f"What this draws is [in the book]({url}).")
    return made


def shown(cell: NotebookNode, page: Page) -> list[NotebookNode]:
    """A code cell, and below it the caption that the book puts under its picture."""
    book = cell.metadata.pop("mystnb", {})
    cells = [cell]
    if caption := book.get("figure", {}).get("caption"):
        name = book["figure"].get("name", "")
        number = page.label(name, "ref").number if name and page.name else ""
        words = plain.caption(number, plain.plain(caption, page))
        cells.append(new_markdown_cell(words, id=f"{cell.id}-caption"))
    if alt := book.get("image", {}).get("alt"):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.metadata.setdefault("image/png", {})["alt"] = alt
    return cells


def about(page: Page, keep: bool) -> str:
    """What kind of copy this is, in words."""
    solutions = "solutions are folded under their exercises" if keep else "it has no solutions"
    solutions = f"; {solutions}" if page.kind == "chapter" else ""
    return (
        f"This is [a {page.kind} of the book]({page.url}) as a notebook for Colab and Jupyter"
        f"{solutions}. Figures that run in the book's page are still pictures here. In Colab, "
        "switch the GPU on before you run the first cell: Runtime → Change runtime type."
    )


def solved(notebook: NotebookNode, page: Page | None = None) -> NotebookNode:
    """The student's copy with each stub replaced by its solution: what a perfect student hands in.

    Raises:
        CourseError: a stub has no solution, a solution has no stub, or as `student` does.
    """
    notebook, answers = copy.deepcopy(notebook), {}
    for place, cell in enumerate(notebook.cells):
        if "stub" in tags(cell):
            answers[place] = []
        elif cell.cell_type == "code" and "solution" in tags(cell) and "check" not in tags(cell):
            if not answers:
                raise CourseError(f"cell {place + 1}: a solution without a stub above; add one.")
            answers[max(answers)].append(cell.source)
    for place, sources in answers.items():
        if not sources:
            raise CourseError(
                f"cell {place + 1}: a stub without a solution; add a cell tagged `solution`."
            )
        notebook.cells[place].source = "\n\n".join(sources)
    return student(notebook, page)


COPIES = {"jupyter": jupyter, "student": student, "solved": solved}


def hand_out(path: Path, action: str, folder: Path) -> Path:
    """Write a `jupyter`, `student` or `solved` copy of a notebook into a folder; return its path.

    Raises:
        CourseError: no copy can be made (see each), or it would replace the notebook itself.
    """
    target = folder / path.name
    if target.resolve() == path.resolve():
        raise CourseError(f"{target}: would be overwritten by its copy; give another folder, --to.")
    notebook = read(path)
    try:
        made = COPIES[action](notebook, Page.of(path))
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error
    write(made, target)
    return target
