"""A fox, step by step: generate, watch, cancel, and what the gallery does with the results."""

import re

import pytest
from playwright.sync_api import expect

from harness import wait_until
from playground import picture_of

FOX = {"prompt": "a fox on a blue background", "num_inference_steps": 6, "seed": 7}


@pytest.fixture
def playground(open_page, vanilla):
    return open_page(f"http://127.0.0.1:{vanilla.port}/ui").ready()


def fill_fox(playground, steps=6):
    playground.field("Prompt").fill(FOX["prompt"])
    playground.field("Num inference steps").fill(str(steps))
    playground.field("Seed").fill("7")


def watch(playground):
    """Keeps every text of the progress line, and counts the previews."""
    playground.page.evaluate("""() => {
      window.seen = {texts: [], previews: 0, values: []};
      new MutationObserver(() => {
        const text = document.querySelector("#progress-text")?.textContent;
        if (text && text !== window.seen.texts.at(-1)) window.seen.texts.push(text);
        const bar = document.querySelector(".progress progress");
        if (bar?.hasAttribute("value")) window.seen.values.push(bar.value);
        const preview = document.querySelector("img.preview:not([hidden])");
        if (preview && preview.src !== window.seen.last) {
          window.seen.last = preview.src;
          window.seen.previews += 1;
        }
      }).observe(document.querySelector("#viewer"),
                 {subtree: true, childList: true, characterData: true, attributes: true});
    }""")


def test_a_fox_appears_step_by_step(playground, vanilla):
    watch(playground)
    fill_fox(playground, steps=60)    # some two seconds: previews come two a second
    playground.generate()
    expect(playground.button("Generating …")).to_have_attribute("aria-disabled", "true")
    playground.finished()

    seen = playground.page.evaluate("window.seen")
    steps = {int(found[1]) for text in seen["texts"]
             if (found := re.match(r"Step (\d+) of 60", text))}
    assert len(steps) >= 4, seen["texts"]
    assert any(re.search(r"it/s|s/it", text) for text in seen["texts"]), seen["texts"]
    assert any(re.search(r"about .* left", text) for text in seen["texts"]), seen["texts"]
    assert seen["values"] == sorted(seen["values"])
    assert seen["previews"] >= 3, "no picture was seen while it was drawn"

    picture = playground.stage.get_by_role("img", name="a fox on a blue background, seed 7")
    expect(picture).to_be_visible()
    expect(playground.stage.get_by_text("128 × 128", exact=True)).to_be_visible()
    expect(playground.stage.get_by_text("seed 7", exact=True)).to_be_visible()
    # The very picture that any other client gets.
    shown = playground.page.evaluate("""async () => {
      const image = document.querySelector("img.picture");
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
    }""")
    answer = vanilla.predict({**FOX, "num_inference_steps": 60}).json
    assert bytes(shown) == picture_of(answer["output"][0]).convert("RGBA").tobytes()


def test_cancel_ends_the_run_and_frees_the_server(playground, vanilla):
    fill_fox(playground, steps=500)
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_contain_text("of 500", timeout=30000)
    playground.button("Cancel").click()
    playground.finished(20)
    expect(playground.stage.get_by_text("What you make appears here")).to_be_visible()
    expect(playground.page.locator("#live")).to_have_text("Canceled")
    assert playground.tiles().count() == 0
    wait_until(lambda: vanilla.health() == "READY", what="a free slot")


def test_the_gallery_outlives_the_page(playground):
    fill_fox(playground, steps=2)
    playground.field("Num outputs").fill("2")
    playground.generate()
    playground.finished()
    expect(playground.tiles()).to_have_count(2)
    expect(playground.tiles().nth(1)).to_contain_text("seed 8")

    playground.page.reload()
    playground.ready()
    expect(playground.tiles()).to_have_count(2)
    # What was typed is there again too.
    expect(playground.field("Seed")).to_have_value("7")
    playground.button("Reset").click()
    expect(playground.field("Seed")).to_have_value("")
    expect(playground.field("Prompt")).to_have_value("a fox")

    playground.tiles().nth(1).get_by_role("button").click()
    playground.button("Use these settings").click()
    expect(playground.field("Prompt")).to_have_value("a fox on a blue background")
    expect(playground.field("Num inference steps")).to_have_value("2")
    expect(playground.field("Seed")).to_have_value("8")
    expect(playground.button("Generate")).to_be_focused()

    with playground.page.expect_download() as download:
        playground.button("Download").click()
    assert download.value.suggested_filename == "seed-8.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")

    playground.button("Use as image").click()
    expect(playground.page.get_by_role("group", name="Image", exact=True)
           .get_by_text("128 × 128")).to_be_visible()

    playground.button("Delete").click()
    expect(playground.tiles()).to_have_count(0)
    playground.page.reload()
    playground.ready()
    expect(playground.tiles()).to_have_count(0)


def test_all_by_keyboard(playground):
    page = playground.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the pictures")).to_be_focused()

    def tab_to(locator, most=60):
        for _ in range(most):
            if locator.evaluate("(element) => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{locator} is not reached by Tab")

    tab_to(playground.field("Prompt"))
    page.keyboard.press("Control+A")
    page.keyboard.type("a rocket")
    tab_to(playground.field("Num inference steps"))
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("ArrowUp")
    tab_to(playground.field("Scheduler"))
    page.keyboard.type("K_EULER")
    page.keyboard.press("Control+Enter")
    playground.finished()
    expect(playground.stage.get_by_role("img", name=re.compile("^a rocket, seed"))).to_be_visible()
    assert playground.sent[-1]["input"]["num_inference_steps"] == 3
    assert playground.sent[-1]["input"]["scheduler"].startswith("K_EULER")
    tab_to(playground.button("Delete"))
    page.keyboard.press("Enter")
    expect(playground.tiles()).to_have_count(0)


def test_other_templates_have_forms_of_their_own(playground):
    page = playground.page
    playground.field("Template").select_option("echo")
    expect(page).to_have_url(re.compile(r"\?template=echo$"))
    page.reload()
    playground.ready()
    playground.run(Text="hello", Number="2.5", Secret="hush", Note="", Either="12")
    output = playground.stage.locator(".text-output")
    expect(output).to_contain_text('"number": 2.5')
    expect(output).to_contain_text('"either": 12')
    expect(output).to_contain_text('"secret": "***"')
    page.get_by_text("Settings", exact=True).click()
    expect(playground.stage.locator("dl")).not_to_contain_text("hush")
