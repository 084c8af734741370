"""How values get into the form: files in every way, lists, secrets, unions; and what is wrong."""

import pytest
from PIL import Image
from playwright.sync_api import expect

from playground import picture_of, png_bytes
from stub_server import data_url, png

RED = png(255, 0, 0)


@pytest.fixture
def playground(ui, open_page):
    return open_page(f"{ui.url}/ui").ready()


def group(playground, title):
    return playground.page.get_by_role("group", name=title, exact=True)


def drop(playground, title, name="dropped.png", kind="drop"):
    """Drops or pastes a file as the browser does."""
    group(playground, title).evaluate("""(element, {name, bytes, kind}) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
      if (kind === "paste") {
        element.querySelector("button").focus();
        document.activeElement.dispatchEvent(
          new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        return;
      }
      for (const type of ["dragenter", "dragover", "drop"]) {
        element.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true,
                                                   cancelable: true}));
      }
    }""", {"name": name, "bytes": list(RED), "kind": kind})
    expect(group(playground, title).get_by_text(name)).to_be_visible()


@pytest.mark.parametrize("how", ["choose", "drop", "paste"])
def test_a_file_arrives(playground, how):
    if how == "choose":
        playground.choose_file("Picture", "chosen.png", RED)
    else:
        drop(playground, "Picture", kind=how)
    playground.run(Text="x", Steps=1)
    assert playground.sent[-1]["input"]["picture"] == data_url(RED)


def test_a_link_arrives_and_a_file_can_be_taken_away(playground):
    playground.button("Give a link: Picture").click()
    playground.field("Link: Picture").fill("https://example.org/a.png")
    playground.run(Text="x", Steps=1)
    assert playground.sent[-1]["input"]["picture"] == "https://example.org/a.png"
    playground.button("No link: Picture").click()
    drop(playground, "Picture")
    playground.button("Remove: Picture").click()
    playground.run(Text="x", Steps=1)
    assert "picture" not in playground.sent[-1]["input"]


def test_the_camera_takes_a_picture(playground):
    playground.button("Take a picture: Picture").click()
    playground.button("Take the picture").click()
    expect(group(playground, "Picture").get_by_text("camera.png")).to_be_visible()
    playground.run(Text="x", Steps=1)
    assert picture_of(playground.sent[-1]["input"]["picture"]).size >= (160, 120)


def test_what_is_no_picture_is_said_at_the_field(playground):
    group(playground, "Picture").locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"})
    expect(playground.page.get_by_text("notes.txt is not a picture").first).to_be_visible()


def test_every_kind_of_value(playground):
    page = playground.page
    playground.button("Add: Numbers").click()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.keyboard.type("22")
    page.keyboard.press("Enter")
    page.keyboard.press("Backspace")  # an empty item is left
    playground.field("Either").fill("5")
    playground.field("Extra").fill('{"a": [1, 2]}')
    playground.field("Sure").select_option("no")
    playground.field("Token").fill("hush")
    playground.field("Mode").select_option("value")
    page.get_by_role("slider", name="Strength").focus()
    page.keyboard.press("ArrowRight")
    playground.run(Text="x", Steps=1)
    assert playground.sent[-1]["input"] == {
        "text": "x", "steps": 1, "numbers": [1, 22], "either": 5, "extra": {"a": [1, 2]},
        "sure": False, "token": "hush", "mode": "value", "strength": 0.51}
    expect(playground.stage.locator(".text-output")).to_contain_text('"token_length": 4')
    playground.field("Either").fill("five")
    playground.run(Text="x")
    assert playground.sent[-1]["input"]["either"] == "five"
    assert "hush" not in page.evaluate("""async () => {
      const open = indexedDB.open("dream-playground");
      await new Promise((done) => { open.onsuccess = done; });
      const all = open.result.transaction("runs").objectStore("runs").getAll();
      await new Promise((done) => { all.onsuccess = done; });
      return JSON.stringify(all.result) + JSON.stringify({...localStorage, ...sessionStorage});
    }""")


def test_the_form_says_what_it_can_see_is_wrong(playground):
    playground.field("Text").fill("x")
    playground.field("Extra").fill("{")
    playground.field("Steps").fill("0")
    playground.generate()
    expect(playground.page.get_by_text("At least 1")).to_be_visible()
    expect(playground.page.get_by_text("This is not JSON")).to_be_visible()
    expect(playground.field("Steps")).to_be_focused()
    assert playground.sent == []


def test_the_servers_answer_is_said_at_its_fields(playground):
    """422: each message at its input, the first one in focus, told to screen readers."""
    playground.expected.append("422")
    playground.button("Add: Numbers").click()
    playground.page.keyboard.type("1")
    playground.page.keyboard.press("Enter")
    playground.page.keyboard.type("500")
    playground.field("Text").fill("x")
    playground.generate()
    message = playground.page.get_by_text(
        "500 is greater than the maximum of 100", exact=True)
    expect(message).to_be_visible()
    expect(playground.field("Numbers 2")).to_be_focused()
    numbers = group(playground, "Numbers")
    expect(numbers).to_have_attribute("aria-invalid", "true")
    described = numbers.get_attribute("aria-describedby").split()
    texts = [playground.page.locator(f"#{name}").text_content() for name in described]
    assert "500 is greater than the maximum of 100" in texts
    expect(playground.page.locator("#live")).to_contain_text("Numbers: 500 is greater")
    playground.field("Numbers 2").fill("5")
    expect(message).to_be_hidden()
    playground.run()
    assert playground.sent[-1]["input"]["numbers"] == [1, 5]


def test_a_mask_is_painted(playground):
    page = playground.page
    page.get_by_role("group", name="Picture mask", exact=True).get_by_role(
        "button", name="Paint: Picture mask").click()
    expect(page.get_by_text("Choose a picture for “Picture” first").first).to_be_visible()
    playground.choose_file("Picture", "p.png", png_bytes(Image.new("RGB", (200, 100), "white")))
    playground.button("Paint: Picture mask").click()
    board = page.get_by_role("application", name="Mask over the picture")
    box = board.bounding_box()
    scale = box["width"] / 200

    def drag(*points):
        place = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]
        page.mouse.move(*place[0])
        page.mouse.down()
        for point in place[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()

    drag((40, 50), (160, 50))
    status = page.get_by_role("dialog").get_by_role("status")
    expect(status).to_contain_text("% of the picture is repainted")
    page.keyboard.press("Control+z")
    expect(status).to_have_text("Nothing is painted yet")
    page.keyboard.press("Control+Shift+Z")
    # A rectangle by its numbers, then the eraser through both.
    for title, value in {"Left %": 0, "Top %": 0, "Width %": 10, "Height %": 20}.items():
        playground.field(title).fill(str(value))
    playground.button("Paint it").click()
    page.get_by_text("Erase", exact=True).click()
    drag((100, 20), (100, 80))
    playground.button("Use this mask").click()
    playground.run(Text="x", Steps=1)

    mask = picture_of(playground.sent[-1]["input"]["picture_mask"]).convert("L")
    assert mask.size == (200, 100)
    white = {point: mask.getpixel(point) for point in
             [(60, 50), (140, 50), (10, 10), (100, 50), (60, 80), (30, 30)]}
    assert white == {(60, 50): 255, (140, 50): 255, (10, 10): 255, (100, 50): 0, (60, 80): 0,
                     (30, 30): 0}
    colours = picture_of(playground.sent[-1]["input"]["picture_mask"])
    assert colours.getchannel("A").getextrema() == (255, 255) if "A" in colours.mode else True


def test_a_mask_by_keyboard_with_a_soft_edge(playground):
    page = playground.page
    playground.choose_file("Picture", "p.png", png_bytes(Image.new("RGB", (128, 128), "white")))
    playground.button("Paint: Picture mask").click()
    board = page.get_by_role("application", name="Mask over the picture")
    expect(board).to_be_focused()
    page.keyboard.press(" ")       # down, in the middle
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")       # lifted
    expect(page.locator("#live")).to_contain_text("Brush lifted")
    page.keyboard.press("ArrowDown")
    soft = page.get_by_role("slider", name="Soft edge")
    soft.fill("16")
    playground.button("Invert").click()
    playground.button("Use this mask").click()
    playground.run(Text="x", Steps=1)
    mask = picture_of(playground.sent[-1]["input"]["picture_mask"]).convert("L")
    assert mask.getpixel((5, 5)) == 255
    assert mask.getpixel((70, 64)) < 60
    column = [mask.getpixel((70, y)) for y in range(64, 100)]
    assert column == sorted(column) and len(set(column)) > 8, "the edge is not soft"
    # Painting goes on where it ended.
    playground.button("Paint on: Picture mask").click()
    expect(playground.button("Undo")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(playground.button("Paint on: Picture mask")).to_be_focused()
