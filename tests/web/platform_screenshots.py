"""Pictures of the platform's page for docs/: `python tests/web/platform_screenshots.py [FOLDER]`.

Trains with a trainer of the tests, photographs the page. FOLDER is docs/ unless given.
"""

import pathlib
import re
import sys
import tempfile

from PIL import Image, ImageChops, ImageEnhance
from playwright.sync_api import expect, sync_playwright

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http")]

from harness import ROOT  # noqa: E402
from platform_page import BarTrainer, PlatformPage, pictures, start_platform  # noqa: E402
from playground import png_bytes  # noqa: E402
from screenshots import shoot  # noqa: E402
from test_platform_models import bundled_weights  # noqa: E402


def foxes(count):
    """A fox as ten people would have photographed it."""
    fox = Image.open(ROOT / "docs/fox.png").convert("RGB")
    files = []
    for i in range(count):
        shown = fox.rotate((7 * i) % 29 - 14, Image.Resampling.BICUBIC,
                           fillcolor=fox.getpixel((2, 2)))
        red, green, blue = shown.split()
        if i % 3 == 1:
            shown = Image.merge("RGB", (red, ImageChops.lighter(green, blue), green))
        shown = ImageEnhance.Brightness(shown).enhance(0.8 + 0.07 * (i % 6))
        if i % 2:
            shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        files.append({"name": f"fox-{i + 1}.png", "mimeType": "image/png",
                      "buffer": png_bytes(shown)})
    return files


def settle(page, seconds=0.6):
    page.page.mouse.move(900, 20)
    page.page.wait_for_timeout(1000 * seconds)


def try_version(page, platform):
    """Foxes drawn by the bundled model, as if the training had made it."""
    platform.wait_end(platform.create(
        model="anna/emoji-fox", weights=platform.upload(bundled_weights(), "output.zip")))
    page.link("Models", exact=True).click()
    page.link("emoji-fox").click()
    page.field("Inputs").fill('{"prompt": "a fox on a blue background", "seed": 7, '
                              '"num_inference_steps": 25}')
    page.button("Generate").click()
    expect(page.field("Seed")).to_be_visible(timeout=120_000)
    for prompt, seed in (("a rocket on a purple background", 5), ("a panda on a green background",
                                                                   11),
                         ("a fox on a blue background", 7)):
        page.field("Prompt").fill(prompt)
        page.field("Seed").fill(str(seed))
        page.button("Generate").click()
        expect(page.stage.get_by_role("img", name=f"{prompt}, seed {seed}")).to_be_visible(
            timeout=120_000)
    page.page.evaluate("window.scrollTo(0, 0)")
    settle(page)


def photograph(browser, platform, folder):
    page = PlatformPage(browser, platform, color_scheme="light")
    page.start("anna/red-panda", pictures(8), Seconds=0.4)
    page.status("Succeeded")
    page.start("ben/lighthouse", pictures(6), Seconds=0.5,
               Fail="CUDA out of memory: 2.00 GiB were asked for, 1.31 GiB are free")
    page.status("Failed")
    page.start("anna/teapot", pictures(6), Seconds=0.4)
    page.status("Succeeded")

    page.new()
    page.choose_pictures(foxes(11))
    page.field("Model").fill("anna/fox")
    page.field("Instance prompt").fill("a photo of cjw fox")
    page.title.click()
    settle(page)
    shoot(page, folder, "platform-new")
    page.page.get_by_text("More settings").click()
    page.field("Seconds").fill("6")
    page.field("Webhook").fill("http://127.0.0.1:9/trained")
    page.button("Start training").click()
    expect(page.step("Train")).to_contain_text(re.compile(r"Step 1\d of"),
                                               timeout=20000)
    settle(page, 0.1)
    shoot(page, folder, "platform")

    page.status("Succeeded")
    try_version(page, platform)
    shoot(page, folder, "platform-try")

    page.page.go_back()
    page.page.go_back()
    page.page.emulate_media(color_scheme="dark")
    page.page.set_viewport_size({"width": 390, "height": 844})
    page.status("Succeeded")
    settle(page)
    shoot(page, folder, "platform-phone")
    page.link("All trainings").click()
    page.link("lighthouse").click()
    page.status("Failed")
    settle(page)
    shoot(page, folder, "platform-failure")
    page.close()


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data, BarTrainer() as trainer, \
            start_platform(pathlib.Path(data), trainer) as platform, \
            sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium",
                                             args=["--no-sandbox"])
        photograph(browser, platform, folder)
        browser.close()


if __name__ == "__main__":
    main()
