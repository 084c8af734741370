"""The platform's page as a user has it, and a trainer that is nice to look at."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "platform")]

from images import make_template  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402
from platforms import Platform  # noqa: E402
from playwright.sync_api import expect  # noqa: E402
from trainer import Trainer  # noqa: E402

from playground import Playground, png_bytes  # noqa: E402

expect.set_options(timeout=20_000)  # many tests may share few cores
TOKEN = "anna-has-a-long-token"
STEPS = 40  # that the bar of a training shows


class BarTrainer(Trainer):
    """Prints a progress bar, and no longer fails once it is healed."""

    healed = False

    def line(self, step):
        shown = min(step, STEPS)
        return (f"Steps: {100 * shown // STEPS:3d}%|{'█' * (shown // 4):10}| {shown}/{STEPS} "
                f"[00:{shown // 20:02d}<00:{(STEPS - shown) // 20:02d}, 19.80it/s, "
                f"loss={0.4 / shown:.4f}]\n")

    def begin(self, identity, body):
        if self.healed:
            body["input"].pop("fail", None)
        return super().begin(identity, body)


def pictures(count, name="photo-{}.png"):
    """Files as a file chooser takes them: a ball in other colours each."""
    files = []
    for i in range(count):
        picture = Image.new("RGB", (160, 160), (250 - 14 * i, 222 - 9 * i, 190 + 5 * i))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((24 + 2 * i, 30, 120 + 2 * i, 126), fill=(200 - 12 * i, 84, 40 + 14 * i))
        draw.ellipse((44 + 2 * i, 44, 66 + 2 * i, 62), fill=(255, 236, 214))
        files.append({"name": name.format(i), "mimeType": "image/png",
                      "buffer": png_bytes(picture)})
    return files


def start_platform(folder, trainer, tokens=f"anna={TOKEN}", **options):
    return Platform(folder / "data", trainer=trainer.url, tokens=tokens,
                    template=make_template(folder / "layout"), **options)


class PlatformPage(Playground):
    def __init__(self, browser, platform, path="", signed_in=True, **options):
        self.platform = platform
        super().__init__(browser, f"http://127.0.0.1:{platform.port}/{path}", **options)
        if platform.token and signed_in:
            self.sign_in(platform.token)

    def sign_in(self, token):
        # The platform refuses the first request: the browser says so in its console.
        self.expected.append("401")
        self.field("Token").fill(token)
        self.button("Sign in").click()

    @property
    def title(self):
        return self.page.locator(".view-title")

    def link(self, name, exact=False):
        return self.page.get_by_role("link", name=name, exact=exact)

    def new(self):
        self.link("New training").click()
        expect(self.field("Instance prompt")).to_be_visible()

    def choose_pictures(self, files, title="Pictures"):
        group = self.page.get_by_role("group", name=title, exact=True)
        group.locator("input[type=file]").set_input_files(files)
        return group

    def start(self, model, files, **inputs):
        self.new()
        self.choose_pictures(files)
        self.field("Model").fill(model)
        self.field("Instance prompt").fill("a photo of cjw fox")
        if inputs:
            self.page.get_by_text("More settings").click()
        for title, value in inputs.items():
            self.field(title).fill(str(value))
        self.button("Start training").click()
        expect(self.title).to_have_text(model)

    def status(self, text, limit_s=30):
        expect(self.page.locator(".view-head .pill")).to_have_text(text, timeout=1000 * limit_s)

    def step(self, name):
        return self.page.get_by_role("list", name="Steps").get_by_role("listitem").filter(
            has_text=name)

    def identity(self):
        return self.page.evaluate("location.hash").rsplit("/", 1)[1]
