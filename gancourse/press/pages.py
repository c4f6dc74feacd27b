"""What the book's pages say of published runs, written from their dossiers while it is built.

    ```{dossier} gan
    ```

shows a run: film, curves, scores of every seed, machine and recipe. In a sentence,

    {score}`gan classifier_fid`

is the median of one score, formatted as in its table. No page can disagree with the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole

from gancourse.files import CourseError, replacing, sha256, write_text
from gancourse.models import published
from gancourse.press.dossier import POINTER, Dossier, markdown
from gancourse.press.executed import KEPT
from gancourse.press.running import WORKBENCH
from gancourse.show.plots import NOT_CURVES, curves
from gancourse.show.style import LINES
from gancourse.training import read_metrics

MADE = Path("_build", "dossiers")  # of curves; never committed
REPOSITORY = "https://github.com/gancourse/gancourse/tree/main"
CARDS, RUNS = f"{REPOSITORY}/data/weights", f"{REPOSITORY}/runs"


def dossier(name: str) -> Dossier:
    """The dossier of a published model.

    Raises:
        CourseError: there is none of this name.
    """
    if name not in published():
        raise CourseError(
            f"{name!r}: not published; choose one of: {', '.join(sorted(published()))}."
        )
    return Dossier(name)


def score(text: str) -> str:
    """The median that "gan classifier_fid" names, formatted as in the run's table.

    "stackgan first_whole .1%" gives the form of what stands in no column.

    Raises:
        CourseError: no such model or score, no median of it, or no form for it.
    """
    name, key, *form = text.split()
    run = dossier(name)
    scores = run.scores["seeds"][0] | run.scores["median"]
    if key not in scores:
        raise CourseError(f"{key!r}: {name} has no such score; it has {', '.join(scores)}.")
    known = {column.key: column.form for column in run.protocol.columns(run.config)}
    if key in known and key not in run.scores["median"]:
        raise CourseError(f"{key!r}: {name} has no median of it; not every seed was measured.")
    if not form and key not in known:
        raise CourseError(f"{key!r}: stands in no column of {name}; give a form, such as .2f.")
    return format(scores[key], form[0] if form else known[key])


def text_of(run: Dossier, charts: Mapping[str, str]) -> str:
    """A run in Markdown; `charts`: player -> where the curves of its loss lie."""
    name = run.name
    wanted = f" Still wanted: {run.wanted}." if run.wanted else ""
    losses = "\n".join(
        f"""```{{figure}} /{picture}
:alt: The terms of the {player}'s loss in the run of {name}, against its steps.

The {player}'s loss, term by term, as weighted.
```
"""
        for player, picture in charts.items()
    )
    return f"""{run.length} in {run.took} on {run.hardware}.{wanted}

```{{figure}} /runs/{name}/film.webp
:alt: A film of the training of {name}: the same sheet of samples after more and more steps.
:width: 420px

What `{name}` drew while it learned.
```

{losses}
{run.table()}

{run.measured_on}

{made_on(run)}

`gancourse run {name}` makes it again, and `{run.command}` only trains it.
{notebook_of(run)}Its [card]({CARDS}/{name}/README.md) says what it cannot do, and its
[dossier]({RUNS}/{name}) holds every number of this page.
"""


def made_on(run: Dossier) -> str:
    """How long a run took, and on what, as a table in Markdown."""
    made, summary = run.environment, run.summary
    packages = (f"{package} {number}" for package, number in made["packages"].items())
    cuda = [f"CUDA {made['cuda']}"] if made["cuda"] else []
    rows = {
        "Time": f"{summary['seconds']:,.0f} seconds",
        "Speed": f"{summary['images_per_second']:,.0f} samples per second",
        "Peak memory": f"{summary['peak_memory'] / 2**20:,.0f} MiB",
        "Energy": run.energy,
        "Machine": f"{made['device']}, {made['system']}",
        "CPU threads": f"{made['threads']}",
        "Precision": "float32" if made["precision"] == "no" else made["precision"],
        "Software": ", ".join([f"Python {made['python']}", *packages, *cuda]),
    }
    return markdown(["The run", ""], [row for row in rows.items() if row[1]])


def notebook_of(run: Dossier) -> str:
    """Where the executed notebook of a run is, as sentences that end in a blank; "" without one."""
    made = run.notebook
    if made is None:
        return ""
    file, words = made["file"], ""
    source = f"{{doc}}`workbench </notebooks/{WORKBENCH}>`"
    if not file.startswith(f"{WORKBENCH}-"):
        source = "chapter's notebook"
    if made["began"]:
        words = f" on {datetime.fromisoformat(made['began']):%d %B %Y}"
        if made["seconds"] < run.summary["seconds"]:
            words += (
                f" in {made['seconds']:,.0f} seconds, going on from checkpoints that an earlier "
                "call had left"
            )
    return (
        f"The {source}, executed at scale {made['scale']}{words}, is [on GitHub]"
        f"({RUNS}/{KEPT}/{file}); {{download}}`download it </runs/{KEPT}/{file}>`. "
    )


def draw(run: Dossier, folder: Path) -> dict[str, str]:
    """Write the curves of a run's losses, unless they are there: player -> file name."""
    metrics = read_metrics(run.folder)
    names = dict.fromkeys(name for line in metrics for name in line if name not in NOT_CURVES)
    players = dict.fromkeys(name.partition("/")[0] for name in names)
    files = {player: f"{run.name}-{player}.png" for player in players}
    stamp, now = folder / f"{run.name}.sha256", sha256(run.folder / "metrics.jsonl")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == now:
        return files
    for player, file in files.items():
        of_player = [name for name in names if name.startswith(f"{player}/")]
        with replacing(folder / file) as temporary:
            chart = curves(metrics, of_player[: len(LINES)], ylabel="loss, term by term")
            temporary.write_bytes(chart.png())
    write_text(stamp, now)
    return files


class DossierOf(SphinxDirective):
    """```{dossier} NAME"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        run = dossier(self.arguments[0])
        drawn = draw(run, Path(self.env.srcdir, MADE))
        charts = {player: (MADE / file).as_posix() for player, file in drawn.items()}
        lines = StringList(text_of(run, charts).splitlines(), source=run.name)
        node = nodes.container()
        self.state.nested_parse(lines, self.content_offset, node)
        for file in ("scores.json", POINTER):
            self.env.note_dependency(str(run.folder / file))
        return node.children


class Score(SphinxRole):
    """{score}`NAME KEY`"""

    def run(self) -> tuple[list[nodes.Node], list]:
        self.env.note_dependency(str(dossier(self.text.split()[0]).folder / "scores.json"))
        return [nodes.Text(score(self.text))], []


def setup(app) -> dict:
    app.add_directive("dossier", DossierOf)
    app.add_role("score", Score())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
