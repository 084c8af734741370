"""TLS as clients see it: all of HTTP over it, certificates that change, files that are no good."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from authority import Authority, openssl
from events import Stream
from harness import JSON, wait_until
from test_server import run_dream


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def files(authority, tmp_path):
    """Certificate and key that a test may replace."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def put(name):
        for made, place in zip(authority.issue(name), (certificate, key)):
            shutil.copy(made, place)
        return certificate, key
    put("first")
    put.flags = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    put.certificate, put.key = certificate, key
    return put


@pytest.fixture
def serve_tls(serve, files, authority):
    def start(*templates, args=(), **options):
        return serve(*templates, args=[*files.flags, *args], trust=authority.trust(), **options)
    return start


def connect(server, trust, timeout=10):
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
    return trust.wrap_socket(plain, server_hostname="localhost")


def common_name(connection):
    return dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]


def test_the_cog_api(serve_tls, receiver):
    server = serve_tls("echo", "sleeper")
    assert f"listening on https://127.0.0.1:{server.port}" in server.log()
    assert server.predict({"text": "x"}).json["output"]["text"] == "x"
    assert server.start({"seconds": 0}, "sleeper", id="a", webhook=receiver.url).status == 202
    assert receiver.terminal("a")["status"] == "succeeded"
    assert server.predict({}).status == 422
    assert server.get("/nope").status == 404
    text = "a" * (20 << 20)
    assert server.predict({"text": text}).json["output"]["text"] == text
    assert "dream_tls_certificate_not_after_seconds" in server.get("/metrics").text
    server.post("/shutdown")
    assert server.wait_exit() == 0


def test_versions_protocols_and_the_chain(serve_tls, authority):
    server = serve_tls("echo")
    with connect(server, authority.trust()) as client:
        assert client.version() == "TLSv1.3" and client.selected_alpn_protocol() == "http/1.1"
        assert common_name(client) == "first"
    older = authority.trust()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(server, older) as client:
        assert client.version() == "TLSv1.2"
    # What Python would not offer by itself: both old versions, at no level of security.
    for version in ("-tls1", "-tls1_1"):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
                               version, "-cipher", "DEFAULT@SECLEVEL=0"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        assert done.returncode != 0 and "protocol version" in done.stderr, done.stderr
    stranger = authority.trust()
    stranger.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(server, stranger)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server, ssl.create_default_context())
    assert server.predict({"text": "x"}).status == 200


def test_keep_alive_and_pipelining(serve_tls, authority):
    server = serve_tls("echo")
    with connect(server, authority.trust()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5
                       + b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := client.recv(65536):  # its end is TLS's own: a cut would raise
            received += chunk
    assert received.count(b"HTTP/1.1 200 OK") == 5 and received.count(b"HTTP/1.1 404") == 1


def test_streams(serve_tls, authority):
    server = serve_tls("counter")
    with Stream(server.port, "POST", "/predictions", {"input": {"count": 20, "delay_ms": 20}},
                trust=authority.trust()) as stream:
        names = [event.name for event in stream]
    assert names.count("output") == 20 and names[-1] == "completed"


def test_a_client_that_goes_away_cancels(serve_tls, receiver, authority):
    server = serve_tls("sleeper", "counter")
    for path, headers in (("/predictions", JSON),
                          ("/templates/counter/predictions",
                           {**JSON, "Accept": "text/event-stream"})):
        fields = '"seconds": 60' if path == "/predictions" else '"count": 1000, "delay_ms": 100'
        identity = path.replace("/", "")
        body = f'{{"id": "{identity}", "webhook": "{receiver.url}", "input": {{{fields}}}}}'
        client = http.client.HTTPSConnection("localhost", server.port, context=authority.trust())
        client.request("POST", path, body, headers)
        wait_until(lambda: receiver.of(identity), what="its start")
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert receiver.terminal(identity)["status"] == "canceled"


def test_plain_http_is_told_what_to_do(serve_tls):
    server = serve_tls("echo")
    for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /predictions HTTP/1.1\r\n" * 500):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            plain.sendall(request)
            received = b""
            while chunk := plain.recv(65536):
                received += chunk
        assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"https://" in received
    for noise in (b"\x00\x01\x02", b"\x16\x03\x01\x00\x05hello", b"\x16" * 1000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            plain.sendall(noise)
            with contextlib.suppress(OSError):  # closed already
                plain.shutdown(socket.SHUT_WR)
                assert not plain.recv(65536).startswith(b"HTTP")
    assert server.predict({"text": "x"}).status == 200


def test_handshakes_that_dawdle_end(serve_tls):
    server = serve_tls("echo")
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    begin = time.monotonic()
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(b"\x16\x03\x01")
    assert server.predict({"text": "x"}).status == 200, "they hold nobody up"
    for client in (half, *silent):
        client.settimeout(20)
        assert client.recv(100) == b""
        assert 8 < time.monotonic() - begin < 15
    assert server.predict({"text": "x"}).status == 200


def test_reload(serve_tls, authority, files):
    server = serve_tls("sleeper")
    trust = authority.trust()
    with connect(server, trust) as old:
        answers = []
        running = threading.Thread(target=lambda: answers.append(server.predict({"seconds": 1})))
        running.start()
        server.wait_for("BUSY")
        files("second")
        server.signal(signal.SIGHUP)
        wait_until(lambda: "TLS files are read again" in server.log())
        with connect(server, trust) as new:
            assert common_name(new) == "second"
        old.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert old.recv(65536).startswith(b"HTTP/1.1 200"), "open connections go on"
        running.join()
        assert answers[0].json["status"] == "succeeded"
        files.key.write_text("damaged")
        server.signal(signal.SIGHUP)
        wait_until(lambda: "what was read before stays in use" in server.log())
        with connect(server, trust) as after:
            assert common_name(after) == "second"


def test_drain_closes_in_tls_own_words(serve_tls, authority):
    server = serve_tls("sleeper")
    with connect(server, authority.trust()) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        server.signal(signal.SIGTERM)
        assert idle.recv(10) == b""
    assert server.wait_exit() == 0


def refused(*arguments):
    done = run_dream(*map(str, arguments))
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_files_that_cannot_be_used(authority, tmp_path):
    certificate, key = authority.issue("good")
    _, other_key = authority.issue("other")
    expired, expired_key = authority.issue("expired", days=-1)
    locked, empty = tmp_path / "locked.key", tmp_path / "empty.pem"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
    empty.write_text("")

    def message(cert, key):
        text = refused("--tls-cert", cert, "--tls-key", key)
        assert str(cert) in text or str(key) in text
        return text
    assert "No such file" in message(tmp_path / "missing.pem", key)
    assert "No such file" in message(certificate, tmp_path / "missing.key")
    assert "Is a directory" in message(tmp_path, key)
    assert "holds no certificate" in message(empty, key)
    assert "holds no certificate" in message(key, key)
    assert "holds no private key" in message(certificate, empty)
    assert "holds no private key" in message(certificate, certificate)
    assert "is encrypted" in message(certificate, locked)
    assert "is not the key of" in message(certificate, other_key)
    assert "has expired" in message(expired, expired_key)
    assert "--tls-key" in refused("--tls-cert", certificate)
    assert "--tls-cert" in refused("--tls-key", key)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all files")
def test_a_key_that_may_not_be_read(authority):
    certificate, key = authority.issue("forbidden")
    key.chmod(0)
    assert "Permission denied" in refused("--tls-cert", certificate, "--tls-key", key)


def test_without_tls_a_hangup_still_ends_the_server(serve):
    server = serve("echo")
    server.signal(signal.SIGHUP)
    assert server.wait_exit() == -signal.SIGHUP
