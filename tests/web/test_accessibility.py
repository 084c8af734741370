"""axe finds nothing, in light and dark, on wide and narrow screens, in every state of the page."""

import pytest
from PIL import Image
from playwright.sync_api import expect

from playground import png_bytes

PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_all_its_states(ui, open_page, scheme):
    playground = open_page(f"{ui.url}/ui", color_scheme=scheme, reduced_motion="reduce").ready()
    playground.check_accessibility(f"{scheme}: the empty page")
    playground.button("Give a link: Picture").click()
    playground.button("Add: Numbers").click()
    playground.page.keyboard.type("1")
    playground.field("Extra").fill("{")
    playground.generate()
    playground.check_accessibility(f"{scheme}: with errors")

    playground.field("Extra").fill("")
    playground.run(Text="a red square", Steps=2)
    playground.check_accessibility(f"{scheme}: a result")
    playground.page.set_viewport_size(PHONE)
    playground.check_accessibility(f"{scheme}: a result on a phone")
    playground.field("Mode").select_option("fail")
    playground.run()
    playground.check_accessibility(f"{scheme}: a failure")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_and_a_run(ui, open_page, stub, scheme):
    playground = open_page(f"{ui.url}/ui", color_scheme=scheme, reduced_motion="reduce").ready()
    playground.choose_file("Picture", "p.png", png_bytes(Image.new("RGB", (64, 64), "white")))
    playground.button("Paint: Picture mask").click()
    playground.check_accessibility(f"{scheme}: the mask")
    playground.page.keyboard.press("Escape")
    playground.field("Text").fill("x")
    playground.button("Code").click()
    playground.check_accessibility(f"{scheme}: code")
    playground.page.keyboard.press("Escape")
    stub.step_s = 0.2
    playground.field("Steps").fill("500")
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_contain_text("of 500")
    playground.check_accessibility(f"{scheme}: a run")
    playground.button("Cancel").click()
    playground.finished(10)


def test_a_narrow_page_does_not_scroll_sideways(open_page, vanilla):
    playground = open_page(f"http://127.0.0.1:{vanilla.port}/ui", viewport={"width": 320,
                                                                            "height": 640}).ready()
    playground.page.get_by_text("More settings").click()
    wide = playground.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"the page is {wide} pixels wide"
    expect(playground.button("Generate")).to_be_in_viewport()


def test_the_theme_can_be_chosen_and_is_kept(ui, open_page):
    playground = open_page(f"{ui.url}/ui", color_scheme="light").ready()
    colour = "getComputedStyle(document.body).backgroundColor"
    light = playground.page.evaluate(colour)
    toggle = playground.page.get_by_role("button", name="Theme:")
    toggle.click()
    toggle.click()
    expect(toggle).to_have_accessible_name("Theme: dark")
    dark = playground.page.evaluate(colour)
    assert dark != light
    playground.page.reload()
    assert playground.page.evaluate(colour) == dark
