"""Models, versions, and the playground of a version: with the bundled model as its weights."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from harness import BUILD
from platform_page import BarTrainer, PlatformPage, start_platform

BUNDLED = BUILD / "share/dream/weights/emoji-sd"


def bundled_weights():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(BUNDLED.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(BUNDLED))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("platform")
    with BarTrainer() as trainer, start_platform(folder, trainer, tokens="") as running:
        weights = running.upload(bundled_weights(), "output.zip")
        identity = running.create(model="anna/emoji", weights=weights, notes="drawn by hand")
        assert running.wait_end(identity)["status"] == "succeeded"
        running.made = running.training(identity)
        yield running


@pytest.fixture
def page(platform, browser):
    page = PlatformPage(browser, platform, color_scheme="light", reduced_motion="reduce")
    yield page
    complaints = page.close()
    assert not complaints, complaints


def test_from_a_training_to_a_picture(page, platform):
    version = platform.made["version"]
    page.link(re.compile("anna.emoji")).click()
    page.link("Try it").click()
    expect(page.title).to_have_text("anna/emoji")
    expect(page.page.get_by_label("Version", exact=True)).to_have_value(version)
    expect(page.page.locator(".version-row")).to_contain_text("drawn by hand")
    page.field("Inputs").fill("[1]")
    page.button("Generate").click()
    expect(page.page.locator(".problem:visible")).to_have_text("An object is needed: { … }")
    page.field("Inputs").fill('{"prompt": "a fox", "num_inference_steps": 3, "seed": 7}')
    page.check_accessibility("a version that has not run yet")
    page.button("Generate").click()
    picture = page.stage.get_by_role("img", name="a fox, seed 7")
    expect(picture).to_be_visible(timeout=90_000)
    page.check_accessibility("a result")

    # It is known now what the version takes, and a host is ready.
    expect(page.field("Prompt")).to_have_value("a fox")
    page.field("Seed").fill("8")
    page.button("Generate").click()
    expect(page.stage.get_by_role("img", name="a fox, seed 8")).to_be_visible(timeout=60_000)
    expect(page.tiles()).to_have_count(2)
    page.button("Code").click()
    page.page.get_by_role("tab", name="Python").click()
    code = page.page.get_by_role("tabpanel")
    expect(code).to_contain_text(f'"anna/emoji:{version}"')
    expect(code).to_contain_text("replicate.Client(base_url=")
    page.page.keyboard.press("Escape")
    page.page.emulate_media(color_scheme="dark")
    page.check_accessibility("in dark")


def test_a_field_that_is_wrong_and_a_run_that_is_canceled(page, platform):
    page.link("Models", exact=True).click()
    page.link(re.compile("anna.emoji")).click()
    expect(page.button("Generate")).to_be_visible()
    if page.field("Inputs").count():  # alone, this test finds a version that has not run
        page.field("Inputs").fill('{"num_inference_steps": 1}')
        page.button("Generate").click()
        expect(page.field("Prompt")).to_be_visible(timeout=90_000)
    page.field("Num inference steps").fill("0")
    page.button("Generate").click()
    expect(page.page.locator(".problem:visible")).to_contain_text("At least 1")
    page.field("Num inference steps").fill("500")
    page.button("Generate").click()
    expect(page.page.locator("#progress-text")).to_contain_text("of 500", timeout=60_000)
    page.check_accessibility("a run")
    page.button("Cancel").click()
    expect(page.button("Generate")).to_be_visible()
    expect(page.page.locator("#progress-text")).to_have_count(0, timeout=30_000)


def test_models_that_are_not_there(page):
    page.expected.append("404")
    for path, words in (("anna/none", "no such model"), ("anna/emoji/" + "0" * 64,
                                                         "no such version")):
        page.page.evaluate("(path) => { location.hash = `#/models/${path}`; }", path)
        expect(page.page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(page.link("Models", exact=True)).to_have_attribute("aria-current", "page")


def test_on_a_phone(page):
    page.page.set_viewport_size({"width": 320, "height": 640})
    page.link("Models", exact=True).click()
    page.check_accessibility("the list of models")
    page.link(re.compile("anna.emoji")).click()
    expect(page.button("Generate")).to_be_visible()
    wide = page.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"the page is {wide} pixels wide"
    page.link("All models").click()
    expect(page.link(re.compile("anna.emoji"))).to_be_visible()
