"""Pictures of the playground for docs/: `python tests/web/screenshots.py [FOLDER]`.

Serves the bundled model, draws foxes, photographs the page. FOLDER is docs/ unless given.
"""

import pathlib
import sys

from PIL import Image
from playwright.sync_api import expect, sync_playwright

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http")]

from harness import BUILD, ROOT, Server  # noqa: E402
from playground import Playground  # noqa: E402

DRAWN = [("a red apple on a yellow background", 3), ("a rocket on a purple background", 5),
         ("a panda on a green background", 11), ("a fox on a blue background", 7)]


def shoot(playground, folder, name):
    """A small PNG: 256 colours are plenty for a page, and dithered for its pictures."""
    file = folder / f"{name}.png"
    playground.page.screenshot(path=file)
    full = Image.open(file).convert("RGB")
    full.quantize(palette=full.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(
        file, optimize=True)
    print(file, file.stat().st_size // 1000, "kB")


def draw_all(playground):
    for prompt, seed in DRAWN:
        playground.field("Prompt").fill(prompt)
        playground.field("Num inference steps").fill("25")
        playground.field("Seed").fill(str(seed))
        playground.generate()
        playground.finished()


def photograph(browser, url, folder):
    wide = Playground(browser, url, color_scheme="light").ready()
    draw_all(wide)
    wide.page.evaluate("document.querySelector('#fields').scrollTop = 0")
    wide.page.mouse.move(640, 30)
    shoot(wide, folder, "ui")

    dark = wide
    dark.page.emulate_media(color_scheme="dark")
    dark.tiles().first.get_by_role("button").click()
    dark.button("Use as image").click()
    dark.button("Paint: Mask").click()
    box = dark.page.get_by_role("application").bounding_box()
    for part in (0.35, 0.45, 0.55):
        dark.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * part)
        dark.page.mouse.down()
        dark.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * part,
                             steps=8)
        dark.page.mouse.up()
    dark.page.get_by_role("slider", name="Soft edge").fill("12")
    shoot(dark, folder, "ui-mask")
    dark.button("Use this mask").click()
    dark.field("Num inference steps").fill("250")
    dark.generate()
    expect(dark.page.locator("#progress-text")).to_contain_text("of 200", timeout=60000)
    dark.page.wait_for_timeout(1500)
    shoot(dark, folder, "ui-run")
    dark.button("Cancel").click()
    dark.finished()

    phone = wide
    phone.page.emulate_media(color_scheme="light")
    phone.page.set_viewport_size({"width": 390, "height": 844})
    phone.page.reload()
    phone.ready()
    shoot(phone, folder, "ui-phone")
    phone.tiles().first.get_by_role("button").click()
    phone.page.wait_for_timeout(800)
    shoot(phone, folder, "ui-phone-result")
    phone.close()


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    folder.mkdir(exist_ok=True)
    server = Server("vanilla", "controlnet-canny",
                    weights=BUILD / "share/dream/weights/emoji-sd")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium",
                                                 args=["--no-sandbox"])
            photograph(browser, f"http://127.0.0.1:{server.port}/ui", folder)
            browser.close()
    finally:
        server.kill()


if __name__ == "__main__":
    main()
