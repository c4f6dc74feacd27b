"""MyST in plain Markdown: each directive and role by its form, and everything else by its name."""

from __future__ import annotations

import json

import pytest

from gancourse.files import CourseError
from gancourse.school import myst
from gancourse.school.book import RAW, REPOSITORY, SITE, Book, Page
from gancourse.school.plain import Mark, pieces, plain, quotation

BIBLIOGRAPHY = """
@inproceedings{one, author = {G{\\"o}del, Kurt}, title = {A}, year = {2014}, eprint = {1406.2661}}
@misc{two, author = {One, Ann and Two, Bob}, title = {B}, year = {2015}, doi = {10.1/x(y)z}}
@misc{many, author = {van Dam, A. and B, B. and C, C.}, title = {C}, year = {2016}, url = {https://x.org/c}}
"""
GLOSSARY = """# Glossary

:::{glossary}
GAN
  Two networks.

relativistic loss
  A loss, {cite}`one`.
:::
"""
SETUP = "# Set it up\n\n(setup-colab)=\n## In `Colab`\n\nText.\n"
CHAPTER = [
    "# GAN: two players\n\n(gan-idea)=\n## The idea\n\n```{figure} ../runs/film.webp\n:name: fig-film\n\nA film.\n```",
    "$$\na = b\n$$ (eq-a)\n\n```{exercise-start} Try it\n:label: ex-try\n```\n\n```{exercise-end}\n```",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    root = tmp_path_factory.mktemp("course")
    for name, text in {
        "_toc.yml": "",
        "book/glossary.md": GLOSSARY,
        "book/setup.md": SETUP,
        "book/references.bib": BIBLIOGRAPHY,
        "runs/film.webp": "",
        "runs/a film.png": "",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text} for text in CHAPTER]
    figure = {"mystnb": {"figure": {"name": "fig-grid", "caption": "Forty digits."}}}
    cells.append({"cell_type": "code", "metadata": figure, "source": "", "outputs": []})
    path = root / "notebooks" / "01_gan.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8-sig")
    return Page.of(path)


GAN = f"{SITE}/notebooks/01_gan.html"


@pytest.mark.parametrize(
    "source, expected",
    [
        ("{cite}`one`", "[[Gödel, 2014](https://arxiv.org/abs/1406.2661)]"),
        (
            "{cite:p}`two,many`",
            "[[One and Two, 2015](https://doi.org/10.1/x%28y%29z); "
            "[van Dam et al., 2016](https://x.org/c)]",
        ),
        ("{cite:t}`many`", "[van Dam et al. (2016)](https://x.org/c)"),
        ("{doc}`../book/setup`", f"[Set it up]({SITE}/book/setup.html)"),
        ("{doc}`/book/setup`", f"[Set it up]({SITE}/book/setup.html)"),
        ("{doc}`the first\n<01_gan>`", f"[the first]({GAN})"),
        ("{ref}`gan-idea`", f"[The idea]({GAN}#gan-idea)"),
        ("{ref}`there <setup-colab>`", f"[there]({SITE}/book/setup.html#setup-colab)"),
        ("{ref}`setup-colab`", f"[In `Colab`]({SITE}/book/setup.html#setup-colab)"),
        ("{ref}`fig-film`", f"[Figure 1.1]({GAN}#fig-film)"),
        ("{numref}`fig-grid`", f"[Figure 1.2]({GAN}#fig-grid)"),
        ("{numref}`picture %s <fig-grid>`", f"[picture 1.2]({GAN}#fig-grid)"),
        ("{ref}`ex-try`", f"[Exercise 1.1]({GAN}#ex-try)"),
        ("{eq}`eq-a`", f"[(1.1)]({GAN}#eq-a)"),
        ("{term}`gan`", f"[gan]({SITE}/book/glossary.html#term-GAN)"),
        (
            "{term}`relativistic <relativistic loss>`",
            f"[relativistic]({SITE}/book/glossary.html#term-relativistic-loss)",
        ),
        ("{math}`x^2`", "$x^2$"),
        ("H{sub}`2`O", "H<sub>2</sub>O"),
        ("[this](../book/setup.md)", f"[this]({SITE}/book/setup.html)"),
        ("[this *part*](../book/setup.md#x)", f"[this *part*]({SITE}/book/setup.html#x)"),
        ("[](#gan-idea)", f"[The idea]({GAN}#gan-idea)"),
        ("![film](../runs/film.webp)", f"![film]({RAW}/runs/film.webp)"),
        ('[f](../runs/film.webp "a film")', f'[f]({REPOSITORY}/blob/main/runs/film.webp "a film")'),
        ("[a](https://x.org) <https://y.org>", "[a](https://x.org) <https://y.org>"),
        ("so $a +\nb$ is", "so $a + b$ is"),
    ],
)
def test_what_stands_in_a_line(page, source, expected):
    assert plain(source, page) == expected
    assert plain(f"# Before {source.splitlines()[0]}", page) != ""  # also where it is cut in two


@pytest.mark.parametrize(
    "around",
    [
        "Words before *and* {} behind.",
        "First line,\nthen {} there.",
        "- a point\n- another,\n  with {} in it",
        "> quoted\n> {} quoted",
        "1. one\n\n   > deeper {}",
        "| a | b |\n|---|---|\n| cite | {} |\n| {} | x |",
        "# Heading {}",
        "`{{cite}}` stays, {} does not",
        "<details>\n<summary>Answer</summary>\n\nSee {}.\n\n</details>",
    ],
)
def test_roles_are_found_wherever_they_stand(page, around):
    told = plain(around.format(*["{cite:t}`many`"] * 2), page)
    assert told == around.format(*["[van Dam et al. (2016)](https://x.org/c)"] * 2)


@pytest.mark.parametrize(
    "source, expected",
    [
        ("(gan-idea)=\n## The idea", "## The idea"),
        ("Text.\n\n(gan-idea)=\n## The idea\n\nMore.", "Text.\n\n## The idea\n\nMore."),
        ("A.\n\n% a remark\n\n+++\n\nB.", "A.\n\n\n\nB."),
        (
            "```{admonition} Predict\n:class: tip\nWhat is {cite:t}`many`?\n\nThink.\n```",
            "> **Predict**\n>\n> What is [van Dam et al. (2016)](https://x.org/c)?\n>\n> Think.",
        ),
        (":::{note}\nLook out.\n:::", "> **Note**\n>\n> Look out."),
        ("```{seealso} Here.\n```", "> **See also**\n>\n> Here."),
        (
            ":::{admonition} What `D` says\n:class: tip dropdown\nNothing.\n:::",
            "<details>\n<summary>What <code>D</code> says</summary>\n\nNothing.\n\n</details>",
        ),
        (
            "````{note}\n```{figure} ../runs/film.webp\n```\n````",
            f'> **Note**\n>\n> <img src="{RAW}/runs/film.webp" alt="">',
        ),
        (
            '```{figure} ../runs/a film.png\n:name: fig-film\n:width: 360px\n:alt: A "film".\n\nA {ref}`gan-idea`.\n```',
            f'<img src="{RAW}/runs/a%20film.png" alt="A &quot;film&quot;." width="360">\n\n'
            f"**Figure 1.1.** A [The idea]({GAN}#gan-idea).",
        ),
        ("$$\na = b\n$$ (eq-a)", "$$\na = b\n\\tag{1.1}\n$$"),
        ("```{math}\n:label: eq-a\na = b\n```", "$$\na = b\n\\tag{1.1}\n$$"),
        ("$$\na = b\n$$", "$$\na = b\n$$"),
        ("```{code-block} python\nx = 1\n```", "```python\nx = 1\n```"),
        ("```python\nx = {1}\n```", "```python\nx = {1}\n```"),
        (
            "```{exercise-start} Try it\n:label: ex-try\n```\n\n*5 minutes.*",
            "### Exercise 1.1: Try it\n\n*5 minutes.*",
        ),
        ("- a\n\n  ```{tip}\n  b\n  ```\n- c", "- a\n\n  > **Tip**\n  >\n  > b\n- c"),
        ("> ```{tip}\n> b\n> ```", "> > **Tip**\n> >\n> > b"),
    ],
)
def test_what_takes_lines_of_its_own(page, source, expected):
    assert plain(source, page) == expected


def test_text_without_myst_is_left_as_it_is(page):
    text = "\n\n# A title  \n\nWords, `{code}` and $x$; [a](https://x.org).\n\n```python\nf'{x}'\n```\n"
    assert plain(text, page) == text


def test_a_live_figure_becomes_its_still_picture(page):
    told = plain("```{live} ring\nReach {ref}`in <gan-idea>`.\n```", page)
    assert f'<a href="{GAN}#live-ring"><img src="{SITE}/_static/live/stills/ring.webp"' in told
    assert 'alt=""' not in told
    assert f"Reach [in]({GAN}#gan-idea)." in told


def test_solutions_cut_a_text_into_pieces(page):
    text = "A.\n\n```{solution-start} ex-try\n:class: dropdown\n```\n\nB.\n\n```{solution-end}\n```"
    assert pieces(text, page) == ["A.", Mark(True, "ex-try"), "B.", Mark(False), ""]


@pytest.mark.parametrize(
    "source, says",
    [
        ("```{mermaid}\nx\n```", "{mermaid}: a directive without a plain form"),
        ("{kbd}`x`", "{kbd}`x`: a role without a plain form"),
        ("````{note}\n```{mermaid}\nx\n```\n````", "{mermaid}: a directive without a plain form"),
        ("| a |\n|---|\n| {kbd}`x` |", "{kbd}`x`: a role without a plain form"),
        ("```{note", "neither a directive nor a language"),
        ("```{note}text\n```", "neither a directive nor a language"),
        (":::note\n:::", "neither a directive nor a language"),
        ("{ref}`nowhere`", "{ref}`nowhere`: no page of the book has this label"),
        ("{doc}`nowhere`", "{doc}`nowhere`: no page of the book"),
        ("{cite}`nobody`", "{cite}`nobody`: not in book/references.bib"),
        ("{term}`nothing`", "{term}`nothing`: not in the glossary"),
        ("{numref}`gan-idea`", "{numref}`gan-idea`: has no number"),
        ("![x](nowhere.png)", "nowhere.png: no such file"),
        ("```{figure} nowhere.png\n```", "nowhere.png: no such file"),
        ("[a][b]\n\n[b]: ../book/setup.md", "names its target elsewhere"),
        ("A note.[^1]\n\n[^1]: Here.", "a footnote"),
        ("term\n: what it is", "a list of definitions"),
        ("{{ name }}", "a substitution"),
        ("<p>\n{cite}`one`\n</p>", "{cite}`one`: stands in HTML"),
        ('<img src="../runs/film.webp">', "is lost outside the book"),
        ("````{note}\n```{solution} ex-try\nx\n```\n````", "a solution stands inside another box"),
    ],
)
def test_what_has_no_plain_form_is_named(page, source, says):
    with pytest.raises(CourseError) as caught:
        plain(source, page)
    assert says in str(caught.value)


def test_a_notebook_outside_a_book_needs_no_book():
    assert plain("```{exercise-start} A\n:label: a\n```", Page()) == "### Exercise: A"
    with pytest.raises(CourseError, match="no page of the book has this label"):
        plain("{ref}`a`", Page("", Book()))


def test_formulas_in_quotations_stand_on_one_line():
    assert quotation("a\n\n$$\nx \\\\\ny\n$$") == "> a\n>\n> $$ x \\\\ y $$"


@pytest.mark.parametrize(
    "content, options, body",
    [
        (":class: tip\n:open:\n\nBody.\n", {"class": "tip", "open": ""}, "Body."),
        ("---\nclass: tip\nname: 'a b'\n---\nBody.", {"class": "tip", "name": "a b"}, "Body."),
        ("Body: of it.\n:not: an option", {}, "Body: of it.\n:not: an option"),
        ("", {}, ""),
    ],
)
def test_options_of_a_directive(content, options, body):
    assert myst.split_options(content) == (options, body)
