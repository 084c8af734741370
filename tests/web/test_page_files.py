"""The page as files over HTTP: headers, compression, tags. No browser."""

import gzip
import http.client
import re

import pytest

from harness import Client

HEADERS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY",
           "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin"}


def raw(port, path, headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    names = {name.lower(): value for name, value in answer.getheaders()}
    body = answer.read()
    connection.close()
    return answer.status, names, body


@pytest.fixture(scope="module")
def page(small):
    return raw(small.port, "/ui")[2].decode()


def test_every_file_has_the_headers(small, page):
    names = re.findall(r'(?:src|href)="(ui/[^"#]+)"', page)
    assert {"ui/main.js", "ui/base.css", "ui/icon.svg"} <= set(names)
    for path in ["/ui", "/ui/config.json"] + [f"/{name}" for name in names]:
        status, headers, body = raw(small.port, path)
        assert status == 200 and body, path
        assert HEADERS.items() <= headers.items(), path
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, path


def test_the_page_has_no_inline_code(page):
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


def test_every_import_is_served(small):
    """A module that another names is there: none is left out of the binary."""
    wanted, seen = ["main.js"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        status, headers, body = raw(small.port, f"/ui/{name}")
        assert status == 200 and headers["content-type"].startswith("text/javascript"), name
        wanted += re.findall(r'from "\./([^"]+)"', body.decode())
    assert len(seen) > 15


def test_files_are_compressed_for_those_who_take_it(small):
    plain = raw(small.port, "/ui/main.js")
    packed = raw(small.port, "/ui/main.js", {"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain[1] and packed[1]["content-encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2] and len(packed[2]) < len(plain[2]) / 2
    assert packed[1]["etag"] != plain[1]["etag"] and packed[1]["vary"] == "accept-encoding"
    refused = raw(small.port, "/ui/main.js", {"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused[1]


def test_an_unchanged_file_is_not_sent_again(small):
    tag = raw(small.port, "/ui/main.js")[1]["etag"]
    for value in (tag, f'"other", W/{tag}', "*"):
        status, headers, body = raw(small.port, "/ui/main.js", {"If-None-Match": value})
        assert (status, body) == (304, b"") and headers["etag"] == tag, value
    assert raw(small.port, "/ui/main.js", {"If-None-Match": '"other"'})[0] == 200


def test_paths(small):
    status, headers, _ = raw(small.port, "/ui/")
    assert status == 307 and headers["location"] == "../ui"
    assert raw(small.port, "/ui", method="HEAD")[0] == 200
    assert raw(small.port, "/ui/nothing.js")[0] == 404
    assert Client(small.port).post("/ui", {}).status == 405
    status, headers, _ = raw(small.port, "/", {"Accept": "text/html,*/*;q=0.8"})
    assert status in (302, 303, 307) and headers["location"].rstrip("/").endswith("ui")
