"""The platform's page in a browser: from pictures to a version, and all that can go wrong."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import TimeoutError, expect

from harness import free_port
from platform_page import TOKEN, BarTrainer, PlatformPage, pictures, start_platform

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def trainer():
    with BarTrainer() as running:
        yield running


@pytest.fixture(scope="module")
def platform(tmp_path_factory, trainer):
    folder = tmp_path_factory.mktemp("platform")
    with start_platform(folder, trainer, args=["--trainings-at-once", "8"]) as running:
        yield running


@pytest.fixture
def open_platform(browser):
    """As open_page, for the platform's page."""
    opened = []

    def start(platform, path="", **options):
        opened.append(PlatformPage(browser, platform, path, **options))
        return opened[-1]

    yield start
    for page in opened:
        complaints = page.close()
        assert not complaints, complaints


@pytest.fixture
def page(platform, open_platform):
    return open_platform(platform)


def test_a_token_is_asked_for_and_kept_in_the_tab_alone(platform, open_platform):
    page = open_platform(platform, "#/new", signed_in=False)
    page.sign_in("not-the-right-one")
    expect(page.page.get_by_text("does not take this token")).to_be_visible()
    expect(page.field("Token")).to_be_focused()
    expect(page.field("Token")).to_have_accessible_description(
        re.compile("does not take this token"))
    page.sign_in(TOKEN)
    expect(page.title).to_have_text("New training")
    kept = page.page.evaluate("""() => [JSON.stringify({...sessionStorage}),
        JSON.stringify({...localStorage}), document.cookie, location.href]""")
    assert TOKEN in kept[0] and TOKEN not in "".join(kept[1:])
    page.page.reload()
    expect(page.field("Instance prompt")).to_be_visible()
    page.button("Sign out").click()
    expect(page.field("Token")).to_be_visible()
    assert TOKEN not in page.page.evaluate("JSON.stringify({...sessionStorage})")


def test_from_dropped_pictures_to_a_version(page, platform, trainer):
    page.new()
    drop(page, pictures(3) + pictures(2, "photo-{}.png"))
    group = page.page.get_by_role("group", name="Pictures", exact=True)
    expect(group.get_by_role("img")).to_have_count(5)
    group.get_by_role("button", name="Remove photo-2.png").click()
    expect(group.get_by_text(re.compile("4 pictures"))).to_be_visible()
    page.field("Model").fill("anna/fox")
    page.field("Instance prompt").fill("a photo of cjw fox")
    page.page.get_by_text("More settings").click()
    page.field("Seconds").fill("1.5")
    page.field("Notes").fill("from the page")
    page.button("Start training").click()

    expect(page.title).to_have_text("anna/fox")
    running = page.step("Train").get_by_role("progressbar")
    expect(running).to_be_visible()
    expect(page.step("Train")).to_contain_text(re.compile(rf"Step \d+ of {40} · 19.8 it/s"))
    expect(page.page.get_by_role("log")).to_contain_text("loss=")
    page.status("Succeeded")
    for name in ("Train", "Build image", "Push image"):
        expect(page.step(name)).to_contain_text("Done")
    identity = page.identity()
    training = platform.training(identity)
    assert (training["model"], training["notes"]) == ("anna/fox", "from the page")
    expect(page.page.locator(".success")).to_contain_text(training["version"])
    expect(page.link(re.compile("anna.fox.*Succeeded"))).to_have_attribute("aria-current", "page")

    archive = zipfile.ZipFile(io.BytesIO(fetched(platform, training["input"]["instance_data"])))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == ["photo-0-2.png", "photo-0.png", "photo-1-2.png",
                                          "photo-1.png"]
    assert archive.read("photo-1.png") == pictures(2)[1]["buffer"]
    assert trainer.bodies[identity]["input"]["instance_prompt"] == "a photo of cjw fox"
    with page.page.expect_download() as download:
        page.link("Download the weights").click()
    assert zipfile.ZipFile(download.value.path()).testzip() is None
    page.new()
    expect(page.field("Model")).to_have_value("")  # what was sent is no draft any more
    page.page.go_back()
    page.link("Train again with these settings").click()
    expect(page.field("Model")).to_have_value("anna/fox")
    expect(page.field("Link to a zip: Pictures")).to_have_value(
        training["input"]["instance_data"])


def drop(page, files):
    """Drops files as another program would."""
    page.page.evaluate("""(files) => {
      const transfer = new DataTransfer();
      for (const [i, {name, mimeType, bytes}] of files.entries()) {
        transfer.items.add(new File([new Uint8Array(bytes)], name,
                                    {type: mimeType, lastModified: i}));
      }
      const target = document.querySelector(".pictures");
      for (const type of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true,
                                                  cancelable: true}));
      }
    }""", [{**file, "buffer": None, "bytes": list(file["buffer"])} for file in files])


def fetched(platform, url):
    connection = platform.connection()
    connection.request("GET", url.split(f":{platform.port}", 1)[1])
    return connection.getresponse().read()


def test_a_failure_is_told_with_its_step_and_can_be_tried_again(page, trainer):
    trainer.healed = False
    page.start("anna/sad", pictures(1), Fail="CUDA out of memory", Seconds=0.1)
    page.status("Failed")
    notice = page.page.get_by_role("alert").filter(has_text="The step “Train” failed")
    expect(notice).to_contain_text("CUDA out of memory")
    expect(page.step("Train")).to_have_attribute("data-status", "failed")
    expect(page.step("Build image")).to_contain_text("Not reached")
    expect(page.link(re.compile("anna.sad"))).to_contain_text("at “Train”")
    trainer.healed = True
    page.button("Try again from “Train”").click()
    page.status("Succeeded")
    expect(notice).to_be_hidden()
    page.button("Run again: Push image").click()
    expect(page.step("Push image")).to_contain_text("Done")
    expect(page.page.get_by_role("button", name="Cancel")).to_be_hidden()
    page.status("Succeeded")


def test_a_training_can_be_canceled(page, platform, trainer):
    page.start("anna/slow", pictures(1), Seconds=60)
    page.status("Training")
    page.button("Cancel").click()
    page.button("Keep").click()
    page.status("Training")
    page.button("Cancel").click()
    page.button("Cancel the training").click()
    page.status("Canceled")
    identity = page.identity()
    assert platform.training(identity)["status"] == "canceled" and identity in trainer.cancels
    expect(page.button("Try again")).to_be_visible()


def test_what_is_wrong_is_said_at_its_field(page, platform):
    before = len(platform.get("/v1/trainings").json["results"])
    page.new()
    page.button("Start training").click()
    expect(problem(page, "Pictures")).to_have_text("Pictures are needed")
    zipless = {"name": "broken.zip", "mimeType": "application/zip", "buffer": b"no archive"}
    page.choose_pictures([zipless])
    page.field("Model").fill("Anna Karenina")
    page.field("Instance prompt").fill("x")
    page.field("Max train steps").fill("0")
    page.button("Start training").click()
    expect(problem(page, "Max train steps")).to_have_text("At least 1")
    page.field("Max train steps").fill("5")
    page.expected.append("422")
    page.button("Start training").click()
    expect(problem(page, "Model")).to_contain_text("'Anna Karenina' is not the name of a model")
    expect(page.field("Model")).to_be_focused()
    page.field("Model").fill("anna/karenina")
    page.button("Check only").click()
    expect(problem(page, "Pictures")).to_contain_text("cannot be used as a zip archive")
    page.button("Remove broken.zip").click()
    page.choose_pictures([*pictures(2), {"name": "a.txt", "mimeType": "text/plain",
                                         "buffer": b"x"}])
    expect(problem(page, "Pictures")).to_contain_text("a.txt: no picture")
    page.button("Check only").click()
    expect(page.page.locator(".progress-text")).to_contain_text("All is well")
    assert len(platform.get("/v1/trainings").json["results"]) == before


def problem(page, title):
    return page.page.locator(".field").filter(
        has=page.page.locator(".label", has_text=re.compile(f"^{title}$"))).locator(".problem")


def open_chooser(page):
    """By Enter; on a busy machine the browser may take the key before it has settled."""
    for limit_ms in (5000, 10000, 30000):
        try:
            with page.expect_file_chooser(timeout=limit_ms) as chooser:
                page.keyboard.press("Enter")
            return chooser.value
        except TimeoutError:
            continue
    raise AssertionError("Enter does not open the chooser of files")


def test_by_keyboard_alone(page, trainer):
    trainer.healed = True
    keyboard = page.page.keyboard

    def tab_to(name):
        for _ in range(60):
            keyboard.press("Tab")
            focused = page.page.evaluate("""() => { const e = document.activeElement;
                return e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ??
                    e.textContent; }""")
            if focused.startswith(name):
                return
        raise AssertionError(f"Tab does not come to {name}")

    expect(page.link("New training")).to_be_visible()
    tab_to("New training")
    keyboard.press("Enter")
    expect(page.title).to_be_focused()
    expect(page.field("Instance prompt")).to_be_visible()
    tab_to("Drop pictures here")
    open_chooser(page.page).set_files(pictures(2))
    tab_to("Model")
    keyboard.type("anna/keys")
    tab_to("Instance prompt")
    keyboard.type("a photo of cjw key")
    tab_to("More settings")
    keyboard.press("Enter")
    tab_to("Seconds")
    keyboard.type("60")
    tab_to("Start training")
    keyboard.press("Enter")
    expect(page.title).to_have_text("anna/keys")
    expect(page.title).to_be_focused()
    page.status("Training")
    tab_to("Cancel")
    keyboard.press("Enter")
    expect(page.button("Keep")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    page.status("Canceled")


def test_two_trainers_have_forms_of_their_own(tmp_path, trainer, open_platform):
    with start_platform(tmp_path, trainer, tokens="",
                        args=["--trainer", "other=http://127.0.0.1:9"]) as platform:
        page = open_platform(platform)
        expect(page.page.get_by_text("No trainings yet")).to_be_visible()
        page.new()
        page.field("Model").fill("anna/two")
        expect(page.field("Train text encoder")).to_have_count(1)
        page.field("Trainer").select_option("other")
        expect(page.field("Train text encoder")).to_have_count(0)  # it cannot be asked
        expect(page.field("Instance prompt")).to_be_visible()
        expect(page.field("Model")).to_have_value("anna/two")


def test_the_public_address_may_be_another(tmp_path, trainer, open_platform):
    """Uploads and events go to where the page is from: its policy allows nothing else."""
    trainer.healed = True
    port = free_port()
    with start_platform(tmp_path, trainer, tokens="", port=port,
                        public_url=f"http://localhost:{port}") as platform:
        page = open_platform(platform)
        page.start("anna/away", pictures(1), Seconds=1)
        expect(page.page.get_by_role("log")).to_contain_text("loss=")
        page.status("Succeeded")
        training = platform.training(page.identity())
        assert training["input"]["instance_data"].startswith(f"http://localhost:{port}/")
        page.page.goto("about:blank")  # or it asks a platform that has gone


def test_the_list_goes_on_to_older_ones(tmp_path, trainer, open_platform):
    with start_platform(tmp_path, trainer, tokens="") as platform:
        for i in range(103):
            answer = platform.post("/v1/trainings", {"model": f"anna/m{i}",
                                                     "weights": "http://127.0.0.1:9/output.zip"})
            assert answer.status == 201, answer.text
        page = open_platform(platform)
        cards = page.page.locator(".card")
        expect(cards).to_have_count(100)
        page.button("Show older ones").click()
        expect(cards).to_have_count(103)
        expect(cards.last).to_contain_text("anna/m0")
        expect(page.button("Show older ones")).to_be_hidden()
        page.page.goto("about:blank")


def test_axe_finds_nothing(platform, open_platform, trainer):
    trainer.healed = False
    page = open_platform(platform, signed_in=False, reduced_motion="reduce", color_scheme="light")
    check = Checks(page)
    expect(page.field("Token")).to_be_visible()
    page.sign_in("a-wrong-token")
    expect(page.page.locator("#token-problem")).to_be_visible()
    check("the gate, refused")
    page.sign_in(TOKEN)
    expect(page.link("New training")).to_be_visible()
    page.new()
    page.button("Start training").click()
    page.choose_pictures(pictures(3))
    check("the form with errors and pictures")
    page.start("anna/axe", pictures(1), Seconds=600, Webhook="http://127.0.0.1:9/hook")
    expect(page.step("Train")).to_contain_text("Step")
    check("a run")
    page.button("Cancel").click()
    check("a question")
    page.button("Cancel the training").click()
    page.status("Canceled")
    page.start("anna/axe", pictures(1), Fail="a reason", Seconds=0.1)
    page.status("Failed")
    check("a failure")
    page.page.set_viewport_size(PHONE)
    check("a failure on a phone")
    page.link("All trainings").click()
    check("the list on a phone")


class Checks:
    """All of axe's rules in light; in dark those about colours, which are all that changes."""

    def __init__(self, page):
        self.page = page

    def __call__(self, what):
        self.page.check_accessibility(f"light: {what}")
        self.page.page.emulate_media(color_scheme="dark")
        found = self.page.page.evaluate("axe.run(document, {runOnly: ['color-contrast']})")
        assert not found["violations"], f"dark: {what}: {found['violations']}"
        self.page.page.emulate_media(color_scheme="light")


def test_a_narrow_page_does_not_scroll_sideways(platform, open_platform, trainer):
    trainer.healed = True
    page = open_platform(platform, viewport={"width": 320, "height": 640})
    page.start("anna/" + "long-" * 10 + "name", pictures(4), Seconds=0.1)
    page.status("Succeeded")
    for where in ("a training", "the list", "the form"):
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{where} is {wide} pixels wide"
        if where == "a training":
            page.link("All trainings").click()
        elif where == "the list":
            page.new()
