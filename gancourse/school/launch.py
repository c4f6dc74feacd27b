"""A Sphinx extension by which the book's readers get notebooks in plain Markdown.

It writes copies beside the pages, jupyter/NAME.ipynb and student/NAME.ipynb. The site's workflow
pushes both with the pages to the branch that is published, where Colab can open them. The theme's
buttons lead to the sources, which are MyST; here they are led to the copies: Colab's to that
branch, the download's to the site. Binder builds its machine from the main branch, so it opens the
copy that postBuild made there.
"""

from __future__ import annotations

from pathlib import Path

from gancourse.school import notebooks
from gancourse.school.book import COLAB

KINDS = ("jupyter", "student")


def is_notebook(app, page: str) -> bool:
    return page in app.env.found_docs and app.env.doc2path(page).endswith(".ipynb")


def redirect(app, page, template, context, doctree) -> None:
    """Change where the theme's buttons lead, on a page that is a notebook."""
    if not is_notebook(app, page):
        return
    name = f"{Path(page).name}.ipynb"
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = f"{COLAB}/jupyter/{name}"
            elif button.get("text") == "Binder":
                button["url"] = button["url"].replace(f"{page}.ipynb", f"jupyter/{name}")
            elif button.get("label") == "download-source-button":
                button["url"] = context["pathto"](f"jupyter/{name}", 1)


def write(app, exception) -> None:
    """Once the pages are written."""
    if exception is None and app.builder.format == "html":
        for page in sorted(app.env.found_docs):
            if is_notebook(app, page):
                for kind in KINDS:
                    notebooks.hand_out(Path(app.env.doc2path(page)), kind, Path(app.outdir, kind))


def setup(app) -> dict:
    app.connect("html-page-context", redirect, priority=900)  # after the theme made its buttons
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
