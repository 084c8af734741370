"""What a Cog server talks to while it runs a transcript: a file server, an upload target and a
webhook receiver, one set for each server, so that what they receive can be told apart."""

import gzip
import http.server
import json
import time
import urllib.parse

from harness import LocalServer, Receiver

FILES = {"/text.txt": b"downloaded", "/no_suffix": b"downloaded", "/two%20words.txt": b"spaces",
         "/empty.txt": b"", "/large.bin": b"0123456789abcdef" * 65536, "/a/b/c.txt": b"nested",
         "/picture.png": b"\x89PNG\r\n\x1a\n"}
REDIRECTS = {"/redirect": "/text.txt", "/redirect2": "/redirect", "/loop": "/loop",
             "/to_missing": "/missing"}


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Files(Quiet):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path in REDIRECTS:
            self.answer(302, Location=REDIRECTS[path])
        elif path == "/gzip.txt":
            self.answer(200, gzip.compress(b"unpacked"), Content_Encoding="gzip",
                        Content_Type="text/plain")
        elif path.startswith("/status/"):
            self.answer(int(path.rsplit("/", 1)[1]), b"no")
        elif path == "/slow":
            time.sleep(0.5)
            self.answer(200, b"slow")
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"short")
            self.close_connection = True
        elif path == "/named":
            self.answer(200, b"named", Content_Disposition='attachment; filename="name.txt"')
        elif path in FILES:
            self.answer(200, FILES[path], Content_Type="text/plain")
        else:
            self.answer(404, b"not here")


class Background(LocalServer):
    """A client that goes away is no news to it."""

    def __init__(self, handler):
        super().__init__(handler)
        self.server.handle_error = lambda request, client_address: None


class Uploads(Background):
    """Takes files by PUT. The name of a file says how it is answered: fail500.txt with 500,
    located.txt with a Location, moved.txt with a redirect."""

    def __init__(self):
        received = self.received = []
        headers = self.headers = []

        class Target(Quiet):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                name = urllib.parse.unquote(self.path.rsplit("/", 1)[1])
                headers.append({name.lower(): value for name, value in self.headers.items()})
                received.append({"path": self.path, "type": self.headers.get("Content-Type"),
                                 "size": len(body), "body": body[:100].decode("latin-1")})
                if name.startswith("fail"):
                    self.answer(int(name[4:7]))
                elif name.startswith("located") and "stored" not in self.path:
                    self.answer(200, Location=f"/stored/{name}?signature=x")
                elif name.startswith("absolute"):
                    self.answer(200, Location=f"http://{self.headers['Host']}/stored/{name}?a=b")
                elif name.startswith("moved") and "stored" not in self.path:
                    self.answer(307, Location=f"/stored/{name}")
                else:
                    self.answer(201 if name.startswith("created") else 200)

        super().__init__(Target)


class Surroundings:
    def __init__(self):
        self.receiver = Receiver()
        self.files = Background(Files)
        self.uploads = Uploads()
        self.names = {"hook": self.receiver.url, "files": self.files.url,
                      "upload": self.uploads.url}

    def anonymous(self, records):
        """`records` with the placeholders in place of this set's URLs."""
        text = json.dumps(records)
        for name, url in self.names.items():
            text = text.replace(url, "{" + name + "}")
        return json.loads(text)

    def close(self):
        self.receiver.close()
        self.files.close()
        self.uploads.close()
