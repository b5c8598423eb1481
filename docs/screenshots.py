"""Make the pictures of the documentation: of the running demo for the README, and of every page for docs/pages.md."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from bearwatch.embedded import EmbeddedRedis
from core.config_file import parse_config
from core.messages import Box
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from simulation.cameras.builtin import demo_scenes
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Scene, truth
from tests.support.browser.chromium import DESKTOP, PHONE, launched
from tests.support.browser.demo import Demo, running_demo, sign_in
from tests.support.browser.whole_world import World, whole_world

PICTURES = Path(__file__).parent / "pictures"
PAGES = PICTURES / "pages"
BEAR_WITHIN_MS = 120_000
MOST_BYTES = 60 * 1024
MOST_HIGH_PX = 1600
"""A long page is cut off there."""
IN_RED = ("watch", "alert")
PLACES = """\
regions: {sierra: {timezone: America/Los_Angeles, name: Sierra County}}
campsites:
  upper-pines: {region: sierra, name: Upper Pines}
  lower-pines: {region: sierra, name: Lower Pines}
cameras:
  upper-creek: {campsite: upper-pines, url: "rtsp://127.0.0.1:1/creek", name: Creek}
  upper-trail: {campsite: upper-pines, url: "rtsp://127.0.0.1:1/trail", name: Trail}
  lower-meadow: {campsite: lower-pines, url: "rtsp://127.0.0.1:1/meadow", name: Meadow}
"""


class StagedDetector:
    """Pictures of the staged cameras while their bear walks by."""

    def __init__(self) -> None:
        self.scenes = {scene.name: scene for scene in demo_scenes()}
        self.renderers = {name: SceneRenderer(scene) for name, scene in self.scenes.items()}

    def __call__(self, camera: str, number: int) -> tuple[bytes, Box]:
        """The picture and its bear's box; from number 40 on, moments at which there is none."""
        scene = self.scenes[camera]
        bear = next(visit for visit in scene.visits if visit.subject.is_bear)
        at = bear.start_s + 4 + number / 2.5 if number < 40 else float(number % 12)
        _, jpeg = cv2.imencode(".jpg", self.renderers[camera].bgr(int(at * scene.fps)), [cv2.IMWRITE_JPEG_QUALITY, 80])
        return jpeg.tobytes(), _box(scene, at)


def _box(scene: Scene, at: float) -> Box:
    boxes = [each.box for each in truth(scene, at) if each.is_bear]
    return (boxes[0].left, boxes[0].top, boxes[0].right, boxes[0].bottom) if boxes else (0.4, 0.4, 0.6, 0.8)


def photograph(browser: Browser, demo: Demo, size: ViewportSize, theme: str, name: str) -> None:
    """The watch page, or the alert page where ``name`` begins with that, once a bear has come."""
    context = browser.new_context(viewport=size)
    context.add_cookies([{"name": "bearwatch-theme", "value": theme, "url": demo.address}])
    page = context.new_page()
    sign_in(page, demo)
    hero = page.get_by_role("link", name="Look and decide")
    expect(hero).to_be_visible(timeout=BEAR_WITHIN_MS)
    page.wait_for_timeout(5000)  # the bear walks into the picture
    page.reload()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    if name.startswith("alert"):
        hero.click()
        page.wait_for_url("**/alerts/*")
        page.wait_for_function("() => document.getElementById('stage-image').naturalWidth > 0")
        page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=80)
    context.close()


def every_page(browser: Browser) -> int:
    """Every page of a site with something on it, on a phone and on a desktop; returns how many pictures."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory) / "redis") as valkey:
        database = Database(f"sqlite:///{directory}/bearwatch.sqlite3")
        config = parse_config(PLACES, "bearwatch.yaml", {})
        upgrade(database)
        with database.write() as session:
            sync_places(session, config)
        with whole_world(database, config, valkey.url, Path(directory), StagedDetector()) as world:
            for stem, size in (("phone", PHONE), ("desktop", DESKTOP)):
                _album(browser, world, size, stem)
        database.close()
    return len(list(PAGES.glob("*.png")))


def _album(browser: Browser, world: World, size: ViewportSize, stem: str) -> None:
    context = browser.new_context(viewport=size, base_url=world.url, color_scheme="light", service_workers="block")
    public = browser.new_context(viewport=size, base_url=world.url, color_scheme="light", locale="en")
    for sheet, path in world.pages():
        context.add_cookies([{"name": "bearwatch", "value": world.token(sheet.who), "url": world.url}])
        page = (public if sheet.public else context).new_page()
        page.goto(path)
        page.wait_for_timeout(300)
        _take(page, PAGES / f"{sheet.name}-{stem}.png")
        if sheet.name in IN_RED and stem == "phone":
            page.evaluate("document.documentElement.dataset.theme = 'red'")
            _take(page, PAGES / f"{sheet.name}-{stem}-red.png")
        page.close()
    context.close()
    public.close()


def _take(page: Page, to: Path) -> None:
    """Write a picture of the page, with as many colours as fit into :data:`MOST_BYTES`."""
    width = page.evaluate("innerWidth")
    height = min(MOST_HIGH_PX, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": max(height, page.evaluate("innerHeight"))})  # bars at its end
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours, scale in ((128, 1.0), (64, 1.0), (32, 1.0), (32, 0.75), (16, 0.75), (16, 0.5)):
        small = shot if scale == 1.0 else shot.resize((round(shot.width * scale), round(shot.height * scale)))
        data = io.BytesIO()
        small.quantize(colours, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if data.tell() <= MOST_BYTES:
            break
    to.write_bytes(data.getvalue())


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with launched() as browser:
        print(f"Wrote {every_page(browser)} pictures to {PAGES}")
    with TemporaryDirectory() as directory, running_demo(Path(directory) / "demo") as demo, launched() as browser:
        photograph(browser, demo, DESKTOP, "light", "watch-desktop")
        photograph(browser, demo, PHONE, "dark", "watch-phone")
        photograph(browser, demo, PHONE, "red", "alert-phone-red")
    print(f"Wrote {len(list(PICTURES.glob('*.jpg')))} pictures to {PICTURES}")


if __name__ == "__main__":
    main()
