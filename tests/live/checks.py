"""What must be true of a live figure, each check a function that returns what is wrong.

Every one of them is itself tried on a figure that is wrong (test_checks.py).
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

WEIGHT = 2.5e6  # bytes, gzip: what a page may weigh before its figure wakes
GROWTH = 40  # CSS px that a figure may grow or shrink by when it wakes, on a desktop
SHIFT = 0.05  # layout shift score while a reader scrolls by; what Google calls good is below 0.1
FOCUSABLE = (
    "button, input:not([type=hidden]), select, textarea, a[href], [tabindex], [role=button], "
    "[role=slider], [role=checkbox], [role=radio], [role=switch]"
)
# Roles without which a screen reader's user does not know what is there.
NAMED = {
    "button", "checkbox", "combobox", "image", "img", "link", "listbox", "meter",
    "radio", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip


def outside(visit) -> list[str]:
    """Requests that leave the book."""
    own = (visit.home, "data:", "blob:")
    return [f"asks for {url}" for url in visit.requests if not url.startswith(own)]


def unsettled(visit) -> list[str]:
    """Errors and requests so far."""
    return visit.errors + outside(visit)


def overflow(visit, name: str) -> list[str]:
    """What is wider than the window, or sticks out of the figure."""
    return visit.page.evaluate(
        """(name) => {
          const wrong = [], page = document.documentElement;
          const width = page.clientWidth;
          if (page.scrollWidth > width) wrong.push(`the page is ${page.scrollWidth} px wide in a window of ${width}`);
          const root = document.getElementById(`live-${name}`);
          const { left, right } = root.getBoundingClientRect();
          const cut = (each) => {
            for (let up = each.parentElement; up && up !== root; up = up.parentElement) {
              if (getComputedStyle(up).overflowX !== "visible") return true;
            }
            return false;
          };
          for (const each of root.querySelectorAll("*")) {
            const box = each.getBoundingClientRect();
            if (box.width && (box.right > right + 1 || box.left < left - 1) && !cut(each)) {
              wrong.push(`${each.tagName.toLowerCase()}.${each.className} from ${Math.round(box.left)} to `
                + `${Math.round(box.right)} px sticks out of the figure, ${Math.round(left)} to ${Math.round(right)}`);
            }
          }
          return wrong;
        }""",
        name,
    )


def growth(visit, name: str) -> list[str]:
    """Wake a figure that is kept asleep, and see whether its height changes."""
    height = "(root) => root.getBoundingClientRect().height"
    figure = visit.figure(name)
    figure.scroll_into_view_if_needed()
    visit.page.wait_for_function(
        "(name) => { const still = document.querySelector(`#live-${name} .live-still`);"
        " return !still || still.complete; }",
        arg=name,
    )
    before = figure.evaluate(height)
    figure.evaluate("(root) => { Live.wake(root); }")
    visit.wake(name)
    after = figure.evaluate(height)
    if abs(after - before) <= GROWTH:
        return []
    return [f"{before:.0f} px high before it wakes, {after:.0f} px after; {GROWTH} px are allowed"]


TOP = "(root) => root.getBoundingClientRect().top"


def shift(visit, name: str) -> list[str]:
    """Scroll down to the figure as a reader does, and see whether what is on screen jumps."""
    page = visit.page
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    visit.settle()
    page.evaluate("window.layoutShift = 0")
    place, last = visit.figure(name).evaluate(TOP), None
    while place > 200 and place != last:  # at the page's end it stays where it is
        # The last stretch in small steps: the figure wakes on it.
        page.mouse.wheel(0, 150 if place < 1700 else place - 1500)
        visit.settle(20)
        place, last = visit.figure(name).evaluate(TOP), place
    visit.wake(name)
    score = page.evaluate("window.layoutShift")
    return [] if score <= SHIFT else [f"layout shift of {score:.3f}; {SHIFT} is allowed"]


def controls(visit, name: str) -> list[str]:
    """Controls that Tab does not reach, or nothing but a pointer moves."""
    return _unreached(visit, name) + visit.page.evaluate(
        """([name, focusable]) => [...document.querySelectorAll(`#live-${name} .live-drag`)]
          .filter((each) => !each.matches("[tabindex]") && !each.parentElement.querySelector(focusable))
          .map((each) => `${each.tagName.toLowerCase()}.${each.className} is dragged; no key does the same`)
        """,
        [name, FOCUSABLE],
    )


def _unreached(visit, name: str) -> list[str]:
    page = visit.page
    count = page.evaluate(
        """([name, focusable]) => {
          const root = document.getElementById(`live-${name}`);
          window.toReach = new Set([...root.querySelectorAll(focusable)].filter(
            (each) => each.checkVisibility() && !each.disabled && each.getAttribute("tabindex") !== "-1"
              && !(each.type === "radio" && !each.checked)));
          root.tabIndex = -1;
          root.focus();
          return window.toReach.size;
        }""",
        [name, FOCUSABLE],
    )
    for _ in range(count + 5):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "(name) => { window.toReach.delete(document.activeElement);"
            " return document.getElementById(`live-${name}`).contains(document.activeElement); }",
            name,
        )
        if not inside:
            break
    return page.evaluate(
        "() => [...window.toReach].map((each) => `Tab does not reach ${each.outerHTML.slice(0, 100)}`)"
    )


def nameless(visit, name: str) -> list[str]:
    """Controls and pictures of which a screen reader has nothing to say."""
    session = visit.page.context.new_cdp_session(visit.page)
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    figure = {"nodeId": root, "selector": f"#live-{name}"}
    node = session.send("DOM.querySelector", figure)["nodeId"]
    nodes = session.send("Accessibility.queryAXTree", {"nodeId": node})["nodes"]
    session.detach()
    roles = [
        each.get("role", {}).get("value", "")
        for each in nodes
        if not each.get("ignored") and not each.get("name", {}).get("value", "").strip()
    ]
    # The tree leaves out a canvas that says nothing. In a button, the button speaks.
    silent = visit.figure(name).evaluate(
        """(root) => [...root.querySelectorAll("canvas")].filter((each) => each.checkVisibility()
          && !each.closest("[aria-hidden=true], button, [role=img]") && !each.textContent.trim()
          && !each.ariaLabel && !each.title && !each.hasAttribute("aria-labelledby")).length"""
    )
    return [f"a {role} has no name" for role in roles if role in NAMED] + silent * [
        "a canvas has no name"
    ]


def drag_by_finger(visit, places: list[tuple[float, float]]) -> None:
    """Playwright has a mouse and taps; a finger that moves is Chromium's own."""
    session = visit.page.context.new_cdp_session(visit.page)

    def tell(kind: str, *points) -> None:
        touching = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touching})

    tell("touchStart", places[0])
    for (x, y), (to_x, to_y) in zip(places, places[1:], strict=False):
        for part in (0.25, 0.5, 0.75, 1):
            tell("touchMove", (x + part * (to_x - x), y + part * (to_y - y)))
    visit.settle()  # a finger that leaves in motion flings, and the next tap would only end that
    tell("touchMove", places[-1])
    tell("touchEnd")
    session.detach()


def poke(visit, name: str) -> list[str]:
    """Click every button, press keys on every slider and list, drag across everything that is drawn
    on; -> what was thrown, what could not be clicked.
    """
    page, figure = visit.page, visit.figure(name)
    known, wrong = len(unsettled(visit)), []

    def each(selector: str, what, act) -> None:
        index = 0
        while index < (found := figure.locator(f".live-stage {selector}")).count():
            target, index = found.nth(index), index + 1
            if not target.is_visible() or target.is_disabled():
                continue
            before = len(unsettled(visit))
            label = target.evaluate(
                "(each) => each.textContent.trim().slice(0, 40) || each.getAttribute('aria-label') || each.className"
            )
            try:
                act(target)
                visit.settle(0)
            except Exception as error:  # Playwright's, whatever kept it from acting
                wrong.append(f"{what} {label!r}: {str(error).splitlines()[0]}")
            wrong.extend(f"{what} {label!r}: {new}" for new in unsettled(visit)[before:])

    def press(*keys: str):
        def act(target) -> None:
            target.focus()
            for key in keys:
                page.keyboard.press(key)

        return act

    def click(target) -> None:
        (target.tap if visit.touch else target.click)(timeout=3000)

    def drag(target) -> None:
        drawn_on = target.evaluate("(each) => each.matches('.live-drag')")
        if visit.touch and not drawn_on:
            return  # there a finger scrolls
        # In the middle of the window: the theme's bar lies over its top.
        target.evaluate("(each) => each.scrollIntoView({ block: 'center', behavior: 'instant' })")
        box = target.bounding_box()
        # Down first: a finger that swipes sideways leaves the page, unless the target keeps it.
        across = [(0.3, 0.2), (0.3, 0.8), (0.8, 0.5), (0.6, 0.9), (0.9, 0.1)]
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in across]
        if visit.touch:
            target.evaluate(
                "(it) => it.addEventListener('pointercancel', () => { it.lost = true; })"
            )
            drag_by_finger(visit, places)
            if target.evaluate("(it) => it.lost"):
                wrong.append("a finger that drags scrolls the page")
            return
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in [*places[1:], (box["x"] + 1.3 * box["width"], places[0][1])]:
            page.mouse.move(*place, steps=3)
        page.mouse.up()

    def write(target) -> None:
        target.fill("two")
        target.press("Enter")

    slides = ["ArrowRight", "ArrowUp", "ArrowLeft", "End", "Home", "PageUp"]
    each("input[type=range], .live-stage [role=slider]", "keys on", press(*slides))
    each("select", "keys on", press("ArrowDown", "ArrowUp", "End"))
    each("input[type=text], .live-stage textarea", "words in", write)
    each("[tabindex]:not([tabindex='-1'])", "keys on", press(*slides, "Enter", " "))
    each(".live-drag, .live-stage canvas:not(button canvas)", "a drag on", drag)
    each("input:is([type=checkbox], [type=radio])", "a click on", click)
    each("button", "a click on", click)
    visit.settle(300)
    reported = "\n".join(wrong)
    wrong += [late for late in unsettled(visit)[known:] if late not in reported]
    if figure.get_attribute("data-state") != "awake":
        wrong.append("is not awake any more")
    return wrong


def restless(visit, name: str) -> list[str]:
    """Whether anything moves by itself; for a reader who asked the system for less motion.

    A picture of the screen would tell less: an animation looks the same after a whole period, and
    the theme's bars come and go.
    """
    figure = visit.figure(name)
    looks = """(root) => ({
      "a canvas changes by itself": [...root.querySelectorAll("canvas")].map((each) => each.toDataURL()),
      "a control moves by itself": [...root.querySelectorAll("input, select")].map((each) => each.value),
      "the figure changes by itself": root.outerHTML,
    })"""
    figure.page.wait_for_selector(f"#live-{name}:not([aria-busy=true])")  # it is at work
    visit.settle(300)
    before = figure.evaluate(looks)
    visit.settle(500)
    after = figure.evaluate(looks)
    wrong = [what for what, was in before.items() if after[what] != was]
    running = "(root) => root.getAnimations({ subtree: true }).some((each) => each.playState === 'running')"
    return wrong + ["an animation runs by itself"] * figure.evaluate(running)


def still_missing(visit, name: str) -> list[str]:
    """What a reader without JavaScript lacks: a picture, its words, a caption."""
    figure = visit.figure(name)
    figure.scroll_into_view_if_needed()
    stills = figure.locator("img.live-still")
    if stills.count() != 1 or not stills.is_visible():
        return ["shows no still picture"]
    wrong = [] if (stills.get_attribute("alt") or "").strip() else ["the still has no alt text"]
    wrong += [
        f"the still has no {side}" for side in ("width", "height") if not stills.get_attribute(side)
    ]
    if not stills.evaluate(
        "async (each) => { await each.decode().catch(() => 0); return each.naturalWidth; }"
    ):
        wrong.append("the still's file is missing")
    if len(figure.locator("figcaption").inner_text().strip()) < 20:
        wrong.append("has no caption to speak of")
    return wrong


def early(visit) -> list[str]:
    """Networks and data of figures that nobody has come near."""
    return visit.page.evaluate(
        """(urls) => {
          const far = [...document.querySelectorAll("figure.live")].filter((each) => !each.dataset.state);
          const used = new Set([...document.querySelectorAll("figure.live")].filter((each) => each.dataset.state)
            .flatMap((each) => [`data/${each.dataset.figure}.js`,
              ...(each.dataset.models || "").split(" ").map((name) => `models/${name}.js`)]));
          return urls.map((url) => url.match(/live\\/((?:models|data)\\/[^?]+)/)?.[1])
            .filter((path) => path && !used.has(path))
            .map((path) => `${path} is fetched while its figure sleeps (${far.length} do)`);
        }""",
        visit.requests,
    )


@cache
def packed(path: Path) -> int:
    """Bytes of a file as a web server sends it."""
    raw = path.read_bytes()
    return min(len(raw), len(gzip.compress(raw, 6)))


def weight(visit, folder: Path) -> int:
    """Bytes, gzip, of all that the page has asked for, each file once; `folder` is visit.home."""
    paths = {
        folder / unquote(urlsplit(url).path.removeprefix(urlsplit(visit.home).path))
        for url in visit.requests
        if url.startswith(visit.home)
    }
    return sum(packed(path) for path in paths if path.is_file())


def heavy(visit, folder: Path) -> list[str]:
    total = weight(visit, folder)
    if total < WEIGHT:
        return []
    return [f"weighs {total / 1e6:.2f} MB gzip before a figure wakes; {WEIGHT / 1e6} are allowed"]


# Two habits of the theme, outside the figures: a button whose label differs from its text, and
# bars that lie in no landmark.
THEMES = {"label-content-name-mismatch", "region"}


@cache
def axe() -> str:
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def barriers(visit) -> list[str]:
    """What axe-core finds: rules of WCAG 2 A and AA, and good practice."""
    if not visit.page.evaluate("'axe' in window"):
        visit.page.evaluate(axe())
    found = visit.page.evaluate(
        """async (themes) => {
          const { violations } = await axe.run(document, { resultTypes: ["violations"], preload: false });
          return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => {
            const place = target.flat().join(" ");
            const ours = document.querySelector(target.flat()[0])?.closest("figure.live");
            return themes.includes(id) && !ours ? null : `${id}: ${help}: ${place}`;
          })).filter(Boolean);
        }""",
        sorted(THEMES),
    )
    return found
