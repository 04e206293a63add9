# SPDX-License-Identifier: BSD-2-Clause
"""The HTML page in a real browser: it renders, loads nothing, is usable by everybody, and prints."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pdftext
import pytest
from axe_core_python.base import AXE_SCRIPT
from chromium import Browser, Scheme, browser
from hostile_names import NAMES
from html_samples import EVERYTHING, RUNS, renamed_run

from verifier.model import Run
from verifier.options import Options
from verifier.pipeline import verify
from verifier.report import Style, render

NAMED = ("2015", "listed", "known", "exact", "disagreeing", "proved", "inconclusive", "failed", "several", "none")
WIDTHS = (360, 600, 768, 1024, 1280, 1920)
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "linux-2015-opportunistic.S"
Shown = Callable[[Run], Path]


@pytest.fixture(scope="session")
def _browser() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def chromium(_browser: Browser) -> Browser:
    """The browser, as if it had just been started."""
    _browser.scripting(True)
    _browser.media("light")
    _browser.width(1280)
    return _browser


@pytest.fixture(scope="session")
def runs() -> dict[str, Run]:
    """The runs made by hand, and the sample with the oldest known bug, verified for this test."""
    return RUNS | {"2015": Run((verify(SAMPLE, Options(listing=True)),))}


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Writes the page of a run and says where."""

    def write(run: Run) -> Path:
        path = tmp_path / "report.html"
        path.write_text(render("html", run, Style()), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", NAMED)
def test_it_renders_and_fetches_nothing(chromium: Browser, shown: Shown, runs: dict[str, Run], name: str) -> None:
    """Nothing but the file is asked for, and neither the policy nor the script makes the console say anything."""
    page = shown(runs[name])
    chromium.open(page)
    assert chromium.run("return document.readyState") == "complete"
    assert chromium.run("return document.querySelector('main').getBoundingClientRect().height") > 40
    displayed = (
        "return [...new Set([...document.querySelectorAll('main table')].map(t => getComputedStyle(t).display))]"
    )
    assert set(chromium.run(displayed)) <= {"table"}
    assert chromium.complaints() == []
    assert chromium.requests() == [page.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMED)
def test_everybody_can_read_it(
    chromium: Browser, shown: Shown, runs: dict[str, Run], name: str, scheme: Scheme
) -> None:
    """No rule of WCAG 2.2 AA that a program can check is broken, contrast included, in light and in dark colours."""
    chromium.media(scheme)
    chromium.open(shown(runs[name]))
    # What is folded has to be readable too.
    chromium.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert _broken(chromium) == []
    dark = chromium.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, dark.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == (scheme == "dark")


def test_the_rules_find_what_is_broken(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """The test above can fail: it notices faint text and a button without a name."""
    chromium.open(shown(runs["proved"]))
    chromium.run(
        "document.querySelector('main').append(document.createElement('button'));"
        "document.querySelector('h1').style.color = '#ddd';"
    )
    assert {rule for rule, _ in _broken(chromium)} == {"button-name", "color-contrast"}


def _broken(chromium: Browser) -> list[tuple[str, Any]]:
    """(rule, markup of the first element that breaks it)."""
    chromium.run(AXE_SCRIPT)
    result = chromium.driver.execute_async_script(
        "const done = arguments[1]; axe.run(document, {runOnly: arguments[0]}).then(done, e => done(String(e)));",
        list(TAGS),
    )
    assert isinstance(result, dict), result
    assert result["passes"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in result["violations"]]


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_width(chromium: Browser, shown: Shown, runs: dict[str, Run], width: int) -> None:
    """The page never scrolls sideways, from a narrow telephone to a wide screen; wide parts scroll by themselves."""
    chromium.width(width)
    for name in ("2015", "known", "several"):
        chromium.open(shown(runs[name]))
        chromium.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        wide = chromium.run(
            "return [...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, .graph, .skip, .sr')"
            " && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 120))"
        )
        assert wide == []
        assert chromium.run("return document.documentElement.scrollWidth <= innerWidth")


def test_hostile_names_do_not_widen_it(chromium: Browser, shown: Shown) -> None:
    """A name of thousands of letters is broken into lines."""
    chromium.width(360)
    chromium.open(shown(renamed_run(EVERYTHING, NAMES[-1])))
    assert chromium.run("return document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_hostile_names_stay_text(chromium: Browser, shown: Shown, name: str) -> None:
    """Whatever a name holds, the page has the same elements, loads nothing, runs nothing but its own script."""
    count = (
        "return [document.querySelectorAll('*').length, document.scripts.length,"
        " document.querySelectorAll('img, iframe, object, embed, form, base').length,"
        " [...document.querySelectorAll('[href]')].every(one => one.getAttribute('href').startsWith('#'))]"
    )
    chromium.open(shown(renamed_run(EVERYTHING, "x" if name.strip() else name)))
    harmless = chromium.run(count)
    page = shown(renamed_run(EVERYTHING, name))
    chromium.open(page)
    assert chromium.run(count) == harmless
    assert harmless[1:] == [1, 0, True]
    # An alert would make this command fail.
    assert chromium.run("return document.title.length") > 0
    assert chromium.complaints() == []
    assert chromium.requests() == [page.as_uri()]


def test_the_policy_is_in_force(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """If markup got onto the page after all, it could neither run nor load nor change how the page looks."""
    page = shown(runs["proved"])
    text = page.read_text(encoding="utf-8")
    added = (
        "<script>document.title = 'run'</script><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' "
        "onerror=\"document.title = 'run'\"><style>h1 { color: rgb(1, 2, 3) }</style><p style='color: red'>x</p>"
    )
    page.write_text(text.replace("</main>", f"{added}</main>"), encoding="utf-8")
    chromium.open(page)
    assert chromium.run("return document.title") != "run"
    assert chromium.run("return getComputedStyle(document.querySelector('h1')).color") != "rgb(1, 2, 3)"
    assert sum("Content Security Policy" in line for line in chromium.complaints()) >= 4


def test_the_graph_and_the_listing_lead_to_each_other(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """A click on a box goes to its first row, a click on a row's letter to its box; what belongs together lights up."""
    chromium.open(shown(runs["2015"]))
    boxes = chromium.run("return [...document.querySelectorAll('svg a[id]')].map(a => [a.id, a.getAttribute('href')])")
    assert len(boxes) > 5
    for box, row in boxes:
        at = chromium.run("document.getElementById(arguments[0]).dispatchEvent(new MouseEvent('click', "
                          "{bubbles: true, cancelable: true})); return location.hash", box)  # fmt: skip
        assert at == row
        back = chromium.run(
            "const link = document.querySelector(arguments[0] + ' td.reach a'); link.click(); return location.hash", row
        )
        assert back == f"#{box}"
        lit = chromium.run(
            "document.getElementById(arguments[0]).dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));"
            "return [...document.querySelectorAll('tr.near')].map(one => one.id)",
            box,
        )
        assert row.removeprefix("#") in lit
        assert all(
            chromium.run("return document.getElementById(arguments[0]).dataset.block", one) == box for one in lit
        )


def test_every_link_leads_somewhere(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """The browser finds the target of every link, and opens what is folded around it."""
    chromium.open(shown(runs["several"]))
    assert chromium.run(
        "return [...document.querySelectorAll('a[href]')].filter(a => !document.getElementById("
        "a.getAttribute('href').slice(1))).length"
    ) == 0  # fmt: skip
    page = shown(runs["violated"])
    chromium.open(page)
    folded = chromium.run("return [...document.querySelectorAll('details:not([open]) [id]')].map(one => one.id)")
    assert folded
    chromium.open(page, f"#{folded[0]}")
    assert chromium.run("return document.getElementById(arguments[0]).closest('details').open", folded[0])


def test_the_keyboard_reaches_everything(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """The first Tab shows the skip link, Enter follows it; every fold, link and scrolling part has its turn, seen."""
    chromium.open(shown(runs["2015"]))
    chromium.key("Tab", 9)
    first = chromium.run(
        "const a = document.activeElement; return [a.textContent, a.getBoundingClientRect().left >= 0]"
    )
    assert first == ["Skip to the report", True]
    chromium.key("Enter", 13)
    assert chromium.run("return document.activeElement.id") == "report"
    chromium.open(shown(runs["2015"]))
    wanted = chromium.run(
        "return document.querySelectorAll('a[href], button:enabled:not([hidden]), summary, [tabindex=\"0\"]').length"
    )
    seen: list[str] = []
    for _ in range(wanted):
        chromium.key("Tab", 9)
        seen.append(
            chromium.run(
                "const a = document.activeElement, s = getComputedStyle(a);"
                "if (!a.dataset.seen) { a.dataset.seen = 1; }"
                "return a.tagName.toLowerCase() + (s.outlineStyle === 'none' && !a.closest('svg') ? ' unseen' : '')"
            )
        )
    assert chromium.run("return document.querySelectorAll('[data-seen]').length") == wanted
    assert {"a", "button", "summary", "div"} <= set(seen)
    assert [one for one in seen if "unseen" in one] == []


def test_it_works_without_javascript(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """Without scripts everything is open and there, links work, and no control that would do nothing is shown."""
    chromium.scripting(False)
    chromium.open(shown(runs["2015"]))
    assert chromium.run("return document.querySelectorAll('details').length") > 0
    assert chromium.run("return document.querySelectorAll('details:not([open])').length") == 0
    assert chromium.run("return document.querySelectorAll('button').length") == 0
    assert chromium.run("return document.querySelectorAll('tr.off').length") == 0
    assert "Replay confirmed" in chromium.run("return document.body.innerText")
    chromium.open(shown(runs["2015"]), "#f1-listing")
    assert chromium.run("return document.querySelector(':target').id") == "f1-listing"


def test_the_script_adds_filters_steps_and_colours(chromium: Browser, shown: Shown, runs: dict[str, Run]) -> None:
    """Buttons hide rows by where they lead, walk along the failing path, and change the colours."""
    chromium.open(shown(runs["2015"]))
    visible = "return [...document.querySelectorAll('.listing tr[id]')].filter(one => one.offsetParent).length"
    press = "[...document.querySelectorAll('button')].find(one => one.textContent === arguments[0]).click();"
    everything = chromium.run(visible)
    chromium.run(press, "I")
    some = chromium.run(visible)
    assert 0 < some < everything
    chromium.run(press, "I")
    assert chromium.run(visible) == everything
    for step in (1, 2, 3):
        chromium.run(press, "Step ›")
        here = chromium.run("return [...document.querySelectorAll('tr.here td.step')].map(one => one.textContent)")
        assert here == [f"✗{step}"]
    assert chromium.run("return document.querySelector('output').textContent").startswith("Step 3 of ")
    colour = "return getComputedStyle(document.documentElement).backgroundColor"
    before = chromium.run(colour)
    chromium.run(press, "Dark colours")
    assert chromium.run(colour) != before
    chromium.run(press, "Light colours")
    assert chromium.run(colour) == before
    assert chromium.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints(chromium: Browser, shown: Shown, runs: dict[str, Run], scheme: Scheme) -> None:
    """On paper there is the text of every section, of what is folded as well, and no button; afterwards folds close."""
    chromium.media(scheme)
    chromium.open(shown(runs["2015"]))
    headings = chromium.run("return [...document.querySelectorAll('main :is(h2, h3, h4)')].map(h => h.textContent)")
    folded = chromium.run("return [...document.querySelectorAll('details:not([open])')].map(one => one.textContent)")
    rows = chromium.run("return [...document.querySelectorAll('.listing tr[id] td.asm')].map(one => one.textContent)")
    paper = pdftext.text(chromium.pdf())
    assert len(headings) > 12 and folded and rows
    for wanted in (*headings, *rows):
        assert "".join(unicodedata.normalize("NFKC", wanted).split()) in paper
    # The fields that are equal in both outcomes, the last of them.
    assert "kernel_gs_base0xffff888000000000canonical,kernelhalf0xffff888000000000" in paper
    assert "colours" not in paper and "Copy" not in paper
    assert len(chromium.run("return [...document.querySelectorAll('details:not([open])')]")) == len(folded)
