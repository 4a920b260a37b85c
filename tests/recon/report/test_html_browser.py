"""The page in a real browser, where there is one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from headless_browser import NAMES, Page, browser, browser_path
from made_report import BLUE, GREEN, RED, made_report, tripod

from recon.fusion.mesh import Mesh
from recon.report.html import write_report

pytestmark = pytest.mark.skipif(browser_path() is None, reason=f"none of {', '.join(NAMES)} is installed")

DRAWN = "!!document.querySelector('.viewer.drawn')"
HOSTILE = "</script><script>document.title = 'taken over'</script><img src=x onerror=\"document.title = 'taken over'\">"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(pages: Page, tmp_path: Path) -> Page:
    write_report(tmp_path / "report.html", made_report())
    pages.open(tmp_path / "report.html")
    pages.wait_for(DRAWN)
    return pages


def share(picture: np.ndarray, color: tuple[int, int, int]) -> float:
    """Of the pixels, those whose hue is the color's, whatever the light."""
    strong = int(np.argmax(color))
    others = np.delete(picture.astype(int), strong, axis=2).max(axis=2)
    return float((picture[..., strong] > others + 60).mean())


def centre(page: Page) -> tuple[float, float]:
    return tuple(
        page.evaluate(
            "(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector('canvas').getBoundingClientRect())"
        )
    )


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Of two pictures of the canvas without its rim, which shows whether it has the focus."""
    return float(np.abs(a.astype(int) - b)[5:-5, 5:-5].mean())


def test_the_mesh_is_drawn_without_complaint_or_request(page: Page, tmp_path: Path) -> None:
    picture = page.picture("canvas")
    for color in (RED, GREEN, BLUE):
        assert share(picture, color) > 0.02
    assert page.complaints == []
    asked = {url for url in page.requests if not url.startswith("data:")}
    assert asked == {(tmp_path / "report.html").as_uri()}
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    )


def test_dragging_turns_it_and_reset_turns_it_back(page: Page) -> None:
    before, (x, y) = page.picture("canvas"), centre(page)
    page.drag((x, y), (x + 150, y))
    turned = page.picture("canvas")
    assert difference(before, turned) > 2
    # By 150 of 620 pixels, 44 degrees, from 29 on its right: what faces to the right is seen from behind.
    assert share(turned, RED) < 0.2 * share(before, RED)
    page.evaluate("document.querySelector('[data-do=reset]').click()")
    assert difference(before, page.picture("canvas")) < 0.5


def test_from_above_one_sees_what_faces_up(page: Page) -> None:
    before = page.picture("canvas")
    page.evaluate("document.querySelector('[data-do=above]').click()")
    above = page.picture("canvas")
    assert share(above, GREEN) > 1.5 * share(before, GREEN)
    assert share(above, GREEN) > 2 * max(share(above, RED), share(above, BLUE))  # seen slantwise


def test_the_wheel_zooms_once_the_mesh_was_clicked(page: Page) -> None:
    before, (x, y) = share(page.picture("canvas"), GREEN), centre(page)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=120)  # scrolls the page
    page.wait_for("scrollY > 100")
    assert share(page.picture("canvas"), GREEN) == pytest.approx(before, rel=0.05)
    x, y = centre(page)
    page.drag((x, y), (x, y))
    for _ in range(3):
        page.mouse("mouseWheel", x, y, deltaX=0, deltaY=120)
    assert share(page.picture("canvas"), GREEN) < 0.6 * before


def test_right_drag_moves_it(page: Page) -> None:
    def middle() -> float:
        picture = page.picture("canvas").astype(int)
        return float(np.nonzero(picture[..., 0] > picture[..., 1:].max(axis=2) + 60)[1].mean())

    page.evaluate("document.querySelector('[data-show=path]').click()")  # whose lines are reddish
    before, (x, y) = middle(), centre(page)
    page.drag((x, y), (x + 60, y), "right")
    assert middle() - before == pytest.approx(60, abs=3)


def test_the_path_and_the_colours_can_be_left_out(page: Page) -> None:
    before = page.picture("canvas")
    page.evaluate("document.querySelector('[data-show=path]').click()")
    without_path = page.picture("canvas")
    assert difference(before, without_path) > 0.05
    page.evaluate("document.querySelector('[data-show=colors]').click()")
    assert max(share(page.picture("canvas"), color) for color in (RED, GREEN, BLUE)) == 0


def test_back_faces_are_left_out_until_asked_for(page: Page) -> None:
    """From the other side, (-1, 1, -1), one looks at the backs of red and blue."""
    x, y = centre(page)
    height = page.evaluate("document.querySelector('canvas').clientHeight")
    page.drag((x, y), (x, y - 0.9 * height / 2))  # level with it
    page.drag((x, y), (x + 0.45 * height, y))
    page.drag((x, y), (x + 0.45 * height, y))
    hidden = page.picture("canvas")
    assert share(hidden, BLUE) < 0.01
    page.evaluate("document.querySelector('[data-show=back]').click()")
    assert share(page.picture("canvas"), BLUE) > 0.05


def test_keys_turn_it_too(page: Page) -> None:
    before = page.picture("canvas")
    page.evaluate("document.querySelector('canvas').focus()")
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="ArrowLeft", code="ArrowLeft", windowsVirtualKeyCode=37)
    assert difference(before, page.picture("canvas")) > 0.5


def test_a_name_cannot_become_a_script(pages: Page, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", made_report(HOSTILE))
    pages.complaints.clear()
    pages.open(tmp_path / "report.html")
    pages.wait_for(DRAWN)
    assert pages.evaluate("document.title") == HOSTILE
    assert pages.complaints == []


def test_the_policy_stops_a_script_that_came_in_all_the_same(pages: Page, tmp_path: Path) -> None:
    markup = made_report().html().replace("</main>", "<script>document.title = 'taken over'</script></main>")
    (tmp_path / "report.html").write_text(markup)
    pages.open(tmp_path / "report.html")
    pages.wait_for(DRAWN)
    assert pages.evaluate("document.title") == "kitchen"
    pages.evaluate("fetch('https://example.org').catch(() => 0)")
    assert any("Content Security Policy" in complaint for complaint in pages.complaints)
    pages.complaints.clear()


def test_a_cloud_is_drawn_as_points(pages: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(20_000, 3))
    cloud = Mesh(points, np.zeros((0, 3), np.int32), None, np.tile(np.array(RED, np.uint8), (20_000, 1)))
    write_report(tmp_path / "report.html", made_report(mesh=cloud))
    pages.open(tmp_path / "report.html")
    pages.wait_for(DRAWN)
    assert share(pages.picture("canvas"), RED) > 0.05


def test_dark_pages_are_dark_and_a_phone_needs_no_sideways_scrolling(pages: Page, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", made_report(mesh=tripod()))
    pages.open(tmp_path / "report.html", dark=True)
    assert pages.picture("header").mean() < 60
    pages.open(tmp_path / "report.html", width=360, height=740, phone=True)
    pages.wait_for(DRAWN)
    assert pages.picture("header").mean() > 200
    assert pages.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_webgl_the_page_says_so(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", made_report())
    with browser(tmp_path / "profile", "--disable-3d-apis") as page:
        page.open(tmp_path / "report.html")
        page.wait_for("document.querySelector('.message').textContent.includes('WebGL 2')")
        assert page.evaluate("document.querySelector('.drawn')") is None
        assert page.complaints == []
