"""The checks of the live figures, tried on a figure that is right and on figures that are wrong."""

from __future__ import annotations

from random import Random

import pytest

from tests.live import browsing, checks, conftest, toybook

OUTSIDE = 'new Image().src = "https://example.org/x.png"'


def awake(visit, path, **how):
    visited = visit(path, **how)
    visited.wake("toy")
    return visited


@pytest.mark.parametrize("how", [{}, {"width": 390, "dark": True}])
def test_a_right_figure_is_let_through(visit, toy_page, how):
    visited = visit(toy_page(), **how)
    assert checks.early(visited) == []
    assert checks.shift(visited, "toy") == []
    for check in (checks.overflow, checks.controls, checks.nameless, checks.poke):
        assert check(visited, "toy") == [], check.__name__
    assert checks.barriers(visited) == []
    assert checks.unsettled(visited) == []
    live = visited.figure("toy").evaluate("(root) => root.live")
    assert live["turns"] == 1 and live["size"] != 20


def test_a_right_figure_is_let_through_over_http(visit, serve, toy_page):
    page = toy_page(models=True)
    visited = awake(visit, f"{serve(page.parent)}/{page.name}")
    assert any("models/toy.js" in url for url in visited.requests)
    assert checks.unsettled(visited) == [] and checks.early(visited) == []


def test_a_figure_that_does_not_wake_is_found(visit, toy_page):
    visited = visit(toy_page(wake='throw new Error("no such thing")'))
    with pytest.raises(AssertionError, match="could not be started: no such thing"):
        visited.wake("toy")


@pytest.mark.parametrize("where", ["click", "drag"])
def test_an_error_on_touch_is_found(visit, toy_page, where):
    visited = awake(visit, toy_page(**{where: 'throw new Error("bad touch")'}))
    assert checks.unsettled(visited) == []
    wrong = checks.poke(visited, "toy")
    assert wrong and all(where in each and "bad touch" in each for each in wrong)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ('console.error("oh no")', "oh no"),
        ('Promise.reject(new Error("unheard"))', "unheard"),
        ('setTimeout(() => { throw new Error("late") })', "late"),
        (
            "new Worker(URL.createObjectURL(new Blob(['console.error(\"worker\")'])))",
            "worker",
        ),
        (
            "new Worker(URL.createObjectURL(new Blob(['throw new Error(\"below\")'])))",
            "below",
        ),
    ],
)
def test_an_error_in_the_page_is_found(visit, toy_page, statement, word):
    visited = awake(visit, toy_page(wake=statement))
    visited.settle(300)
    assert any(word in error for error in visited.errors)


def test_a_request_outside_is_found(visit, serve, toy_page):
    page = toy_page(wake=OUTSIDE)
    for address in (page, f"{serve(page.parent)}/{page.name}"):
        visited = awake(visit, address)
        assert checks.outside(visited) == ["asks for https://example.org/x.png"]


def test_a_file_outside_the_book_is_found(visit, toy_page):
    visited = awake(visit, toy_page(wake='new Image().src = "../elsewhere.png"'))
    assert len(checks.outside(visited)) == 1


def test_overflow_is_found(visit, toy_page):
    wide = 'stage.append(Live.element("div", { style: "width: 900px", textContent: "wide" }))'
    visited = awake(visit, toy_page(wake=wide), width=390)
    wrong = checks.overflow(visited, "toy")
    assert "px wide in a window of 390" in wrong[0] and "sticks out of the figure" in wrong[1]
    visited.page.set_viewport_size({"width": 1280, "height": 800})
    assert checks.overflow(visited, "toy") == []


def test_what_scrolls_in_a_box_of_its_own_is_not_overflow(visit, toy_page):
    box = 'Live.element("div", { style: "overflow-x: auto" }, Live.element("div", { style: "width: 900px" }))'
    visited = awake(visit, toy_page(wake=f"stage.append({box})"), width=390)
    assert checks.overflow(visited, "toy") == []


def test_growth_is_found(visit, toy_page):
    tall = 'stage.append(Live.element("div", { style: "height: 500px" }))'
    visited = visit(toy_page(wake=tall), asleep=True)
    assert "px after" in checks.growth(visited, "toy")[0]


def test_a_figure_of_its_stills_height_is_let_through(visit, toy_page):
    assert checks.growth(visit(toy_page(), asleep=True), "toy") == []


def test_a_jump_is_found(visit, toy_page):
    late = """
    addEventListener("scroll", () => {
      if (root.late || root.getBoundingClientRect().top > 500) return;
      root.late = Live.element("div", { style: "height: 300px" });
      root.before(root.late);
    });
    """
    assert "layout shift" in checks.shift(visit(toy_page(wake=late)), "toy")[0]


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        ('element("button")', "a button has no name"),
        ('element("input", { type: "range" })', "a slider has no name"),
        ('element("select")', "a combobox has no name"),
        ('element("canvas")', "a canvas has no name"),
        ('element("canvas", { attr: { role: "img" } })', "a image has no name"),
    ],
)
def test_a_nameless_part_is_found(visit, toy_page, made, wrong):
    visited = awake(visit, toy_page(wake=f"stage.append(Live.{made})"))
    assert checks.nameless(visited, "toy") == [wrong]


@pytest.mark.parametrize(
    "made",
    [
        'element("div", { textContent: "Go", onclick() {}, attr: { role: "button" } })',
        'element("a", { href: "#", textContent: "Go", onfocus() { this.blur(); } })',
    ],
)
def test_a_control_out_of_reach_is_found(visit, toy_page, made):
    visited = awake(visit, toy_page(wake=f"stage.append(Live.{made})"))
    assert "Tab does not reach" in checks.controls(visited, "toy")[0]


def test_a_sheet_that_no_key_moves_is_found(visit, toy_page):
    lone = 'const box = Live.element("div", {}, Live.element("p")); Live.drag(box.firstChild, () => 0);'
    visited = awake(visit, toy_page(wake=lone + "stage.append(box)"))
    assert "no key does the same" in checks.controls(visited, "toy")[0]


def test_a_button_under_something_is_found(visit, toy_page):
    lid = 'Live.element("div", { style: "position: absolute; inset: 0; z-index: 9" })'
    wake = f'stage.style.position = "relative"; stage.append({lid})'
    assert "a click on 'Again'" in checks.poke(awake(visit, toy_page(wake=wake)), "toy")[0]


def test_a_figure_that_moves_against_the_readers_wish_is_found(visit, toy_page):
    visited = awake(visit, toy_page(force="true"), still=True)
    assert checks.restless(visited, "toy") == ["a canvas changes by itself"]


def test_a_figure_that_rests_is_let_through(visit, toy_page):
    assert checks.restless(awake(visit, toy_page(), still=True), "toy") == []


def test_a_finger_that_scrolls_instead_of_dragging_is_found(visit, toy_page):
    style = "<style>.live-drag { touch-action: auto !important; }</style>"
    wrong = checks.poke(awake(visit, toy_page(head=style), width=390), "toy")
    assert "a finger that drags scrolls the page" in wrong


def test_a_text_that_counts_is_found(visit, toy_page):
    count = """
    const clock = Live.element("p");
    setInterval(() => { clock.textContent = Math.round(performance.now()); }, 50);
    stage.append(clock);
    """
    visited = awake(visit, toy_page(wake=count), still=True)
    assert checks.restless(visited, "toy") == ["the figure moves by itself"]


def test_an_animation_of_the_style_sheet_is_found(visit, toy_page):
    style = "<style>@keyframes spin { to { rotate: 1turn } } .live h2 { animation: spin 1s infinite }</style>"
    page = toy_page(head=style, wake='stage.append(Live.element("h2", { textContent: "Hm" }))')
    visited = awake(visit, page, still=True)
    assert checks.restless(visited, "toy") == ["an animation runs by itself"]


@pytest.mark.parametrize("how", [{}, {"saving": True}, {"asleep": True}])
def test_a_network_that_comes_too_early_is_found(visit, toy_page, how):
    early = '<script src="_static/live/models/toy.js"></script>'
    quiet = "<script>window.Live = { model() {} };</script>"
    visited = visit(toy_page(models=True, head=quiet + early), **how)
    assert "models/toy.js is fetched" in checks.early(visited)[0]


def test_a_network_waits_for_its_figure(visit, toy_page):
    visited = visit(toy_page(models=True))
    assert checks.early(visited) == []
    visited.wake("toy")
    assert any("models/toy.js" in url for url in visited.requests)
    assert checks.early(visited) == []


def test_a_reader_who_saves_data_is_asked(visit, toy_page):
    visited = visit(toy_page(models=True, space=0), saving=True)
    visited.settle(300)
    assert checks.early(visited) == []
    assert not visited.figure("toy").get_attribute("data-state")
    visited.wake("toy", unasked=False)
    assert checks.unsettled(visited) == []


def test_a_heavy_page_is_found(visit, toy_page):
    noise = Random(0).randbytes(3_000_000)
    page = toy_page(body='<script src="noise.js"></script>')
    (page.parent / "noise.js").write_bytes(b"//" + noise.replace(b"\n", b"").replace(b"\r", b""))
    visited = visit(page, asleep=True)
    assert checks.weight(visited, page.parent) > checks.WEIGHT
    assert "MB gzip" in checks.heavy(visited, page.parent)[0]


def test_a_light_page_is_let_through(visit, serve, toy_page):
    page = toy_page(space=0)
    over_http = visit(f"{serve(page.parent)}/{page.name}", asleep=True)
    from_disk = visit(page, asleep=True)
    for visited in (over_http, from_disk):
        visited.page.wait_for_load_state("networkidle")
    assert checks.heavy(from_disk, page.parent) == []
    weight = checks.weight(from_disk, page.parent)
    assert weight == checks.weight(over_http, page.parent)
    kit = checks.packed(page.parent / "_static" / "live" / "live.js")
    assert weight > kit + checks.packed(page) > kit > 1000


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ({"still": ""}, "shows no still picture"),
        (
            {"still": toybook.STILL.replace("A square on a sheet.", " ")},
            "the still has no alt text",
        ),
        ({"still": toybook.STILL.replace('height="400"', "")}, "the still has no height"),
        ({"still": toybook.STILL.replace("toy.png", "no.png")}, "the still's file is missing"),
        ({"caption": ""}, "has no caption to speak of"),
        ({}, None),
    ],
)
def test_what_a_reader_without_scripts_lacks_is_found(visit, toy_page, part, wrong):
    visited = visit(toy_page(**part), scripts=False)
    assert checks.still_missing(visited, "toy") == ([wrong] if wrong else [])


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (
            'element("p", { textContent: "faint", style: "color: #ccc; background: #fff" })',
            "color-contrast",
        ),
        ('element("img", { src: "_static/live/stills/toy.png" })', "image-alt"),
        ('element("p", { attr: { role: "buton" }, textContent: "Go" })', "aria-roles"),
    ],
)
def test_a_barrier_is_found(visit, toy_page, made, rule):
    visited = awake(visit, toy_page(wake=f"stage.append(Live.{made})"))
    assert [each.partition(":")[0] for each in checks.barriers(visited)] == [rule]


def test_the_themes_habits_are_let_through_outside_figures_only(visit, toy_page):
    """A figure that lies in no landmark is ours to mend."""
    page = toy_page(body="</main><p>Beside the page</p>")
    visited = awake(visit, page)
    assert checks.barriers(visited) == []
    page.write_text(page.read_text("utf-8").replace("main", "div"), "utf-8")
    assert {each.partition(":")[0] for each in checks.barriers(awake(visit, page))} > {"region"}


def test_the_live_page_has_the_kit(live_page, live_folder):
    assert live_page.evaluate("Live.random(1).normals(3).length") == 3
    assert live_page.evaluate("typeof Live.engine.open") == "function"
    assert live_page.url.startswith("file://")
    (live_folder / "data").mkdir()
    (live_folder / "data" / "x.js").write_text("window.x = 1;", encoding="utf-8")
    live_page.add_script_tag(url="live/data/x.js")
    assert live_page.evaluate("window.x") == 1


@pytest.mark.parametrize(
    ("wanted", "program"),
    [
        ("", "chromium"),
        ("mychrome", "mychrome"),
        ("firefox", "chromium"),
        ("chrome-that-is-not-there", "chromium"),
    ],
)
def test_the_readers_browser_comes_first(monkeypatch, tmp_path, wanted, program):
    for name in ("chromium-browser", "chromium", "mychrome", "firefox"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BROWSER", wanted)
    assert browsing.find_chromium() == str(tmp_path / program)


def test_without_a_browser_the_reader_is_told_how_to_get_one(monkeypatch):
    monkeypatch.setattr(browsing.shutil, "which", lambda name: None)
    assert browsing.find_chromium() is None
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="get it"):
        conftest.unavailable("how to get it")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="get it"):
        conftest.unavailable("how to get it")
