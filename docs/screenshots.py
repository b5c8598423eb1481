"""Make the pictures of the README from a running demo: what they show is what a newcomer sees."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.chromium import DESKTOP, PHONE, launched
from tests.browser.demo import Demo, running_demo, sign_in

PICTURES = Path(__file__).parent / "pictures"
BEAR_WITHIN_MS = 120_000


def photograph(browser: Browser, demo: Demo, size: ViewportSize, theme: str, stem: str) -> None:
    """The watch page and the alert page, once a bear has come."""
    context = browser.new_context(viewport=size)
    context.add_cookies([{"name": "bearwatch-theme", "value": theme, "url": demo.address}])
    page = context.new_page()
    sign_in(page, demo)
    hero = page.get_by_role("link", name="Look and decide")
    expect(hero).to_be_visible(timeout=BEAR_WITHIN_MS)
    page.wait_for_timeout(1500)  # pictures of the strip and the cameras' ages
    page.screenshot(path=PICTURES / f"watch-{stem}.jpg", type="jpeg", quality=80)
    hero.click()
    page.wait_for_function("() => document.getElementById('stage-image').naturalWidth > 0")
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / f"alert-{stem}.jpg", type="jpeg", quality=80)
    context.close()


def main() -> None:
    """Start the demo and take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as directory, running_demo(Path(directory) / "demo") as demo, launched() as browser:
        photograph(browser, demo, DESKTOP, "light", "desktop")
        photograph(browser, demo, PHONE, "dark", "phone")
        photograph(browser, demo, PHONE, "red", "phone-red")
    print(f"Wrote {len(list(PICTURES.glob('*.jpg')))} pictures to {PICTURES}")


if __name__ == "__main__":
    main()
