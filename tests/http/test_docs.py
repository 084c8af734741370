"""GET /docs, and where browsers go from GET /."""

import html.parser

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Page(html.parser.HTMLParser):
    """Checks that elements nest, and collects text, links and tags."""

    VOID = {"meta", "br", "link", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.links, self.tags = [], [], [], set()
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def test_the_page_shows_every_input_and_needs_nothing_else(echo):
    answer = echo.get("/docs", headers=BROWSER)
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    for name in echo.get("/openapi.json").json["components"]["schemas"]["Input"]["properties"]:
        assert name in page.text
    assert "script" not in page.tags
    assert all(link.startswith("/") for link in page.links)
    for link in page.links:
        if link != "/ui":
            assert echo.get(link).status == 200, link


def test_each_template_has_its_page(echo):
    page = Page(echo.get("/templates/counter/docs").text)
    assert "/templates/counter/predictions" in page.text and "text/event-stream" in page.text
    assert echo.get("/templates/none/docs").status == 404


def test_browsers_go_to_the_playground_and_programs_get_the_index(echo):
    answer = echo.get("/", headers=BROWSER)
    assert (answer.status, answer.headers["location"]) == (302, "/ui")
    for accept in ("*/*", "application/json", None):
        answer = echo.get("/", headers={"Accept": accept} if accept else {})
        assert answer.status == 200 and answer.json["docs_url"] == "/docs"
