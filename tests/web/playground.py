"""The playground as a user has it: by the names of things, not by their place in the markup."""

import base64
import io
import re

import axe_playwright_python.base as axe
from PIL import Image
from playwright.sync_api import expect

AXE = axe.AXE_SCRIPT


class Playground:
    def __init__(self, browser, url, **options):
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.complaints = []
        self.expected = []      # patterns of complaints that the test brings about
        self.sent = []          # the bodies of predictions
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", self.note)
        self.page.on("request", self.keep)
        # Kept by the page itself: a violation is an event of the document.
        self.page.add_init_script("""
          window.violations = [];
          document.addEventListener("securitypolicyviolation", (e) => window.violations.push(
            [e.violatedDirective, e.blockedURI, e.sourceFile, e.lineNumber].join(" ")));
        """)
        self.page.goto(url)

    def note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def keep(self, request):
        if request.method == "POST" and re.search(r"/predictions(\?|$)", request.url):
            self.sent.append(request.post_data_json)

    def close(self):
        complaints = self.complaints + [f"CSP: {v}" for v in self.page.evaluate("violations")]
        self.context.close()
        return [text for text in complaints
                if not any(re.search(pattern, text) for pattern in self.expected)]

    # What there is on the page.

    def field(self, title):
        """The control with exactly that label; of a slider and its number box the box."""
        return self.page.get_by_label(title, exact=True).and_(
            self.page.locator(":not([type=range])"))

    def button(self, name, exact=True):
        return self.page.get_by_role("button", name=name, exact=exact)

    @property
    def stage(self):
        return self.page.get_by_role("region", name="Result")

    @property
    def gallery(self):
        return self.page.get_by_role("region", name="Gallery")

    def tiles(self):
        return self.gallery.get_by_role("listitem")

    def health(self):
        return self.page.locator("#health")

    def ready(self):
        expect(self.button("Generate")).to_be_visible(timeout=30000)
        return self

    def generate(self):
        self.button("Generate").click()

    def finished(self, timeout_s=60):
        expect(self.page.locator("#cancel")).to_be_hidden(timeout=1000 * timeout_s)
        expect(self.button("Generate")).to_be_visible()

    def run(self, timeout_s=60, **inputs):
        """Fills the fields named by their titles, generates, waits for the end."""
        for title, value in inputs.items():
            self.field(title.replace("_", " ")).fill(str(value))
        self.generate()
        self.finished(timeout_s)

    def choose_file(self, title, name, data, media_type="image/png"):
        group = self.page.get_by_role("group", name=title, exact=True)
        group.locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": media_type, "buffer": data})
        expect(group.get_by_text(name)).to_be_visible()

    # What it must be.

    def check_accessibility(self, what):
        if not self.page.evaluate("typeof window.axe !== 'undefined'"):
            self.page.evaluate(AXE)
        found = self.page.evaluate("""() => axe.run(document, {resultTypes: ['violations'], runOnly:
          ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})""")
        report = [f"{what}: {v['id']} ({v['impact']}): {v['help']}: {node['target']} "
                  f"{node['failureSummary']}" for v in found["violations"] for node in v["nodes"]]
        assert not report, "\n".join(report)


def picture_of(data_url):
    """A data URL as a Pillow picture."""
    return Image.open(io.BytesIO(base64.b64decode(data_url.split(",", 1)[1])))


def png_bytes(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
