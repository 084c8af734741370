"""Networks and registries that fail: the image arrives all the same, or the reason is told."""
import json
import subprocess
import time

import pytest

import fault_proxy
from conftest import DREAM
from fault_proxy import (Fault, answer, change_headers, cut_answer, damage_answer, drop,
                         lose_answer, refuse_early)
from images import check_weights, tool, unpack

UPLOAD = "/blobs/uploads/."
PIECE = ("--chunk-size", "64KB")


@pytest.fixture
def push(dream, built, proxy, repository):
    """push(faults …) pushes through the proxy; the chunks are small, so there are several."""
    def run(*faults, arguments=PIECE, **options):
        proxy.faults = list(faults)
        return dream("push", f"{built[0]}:mine", f"{proxy.name}/{repository}:x", *arguments,
                     **options)
    return run


@pytest.fixture
def arrived(built, registry, repository, tmp_path):
    """That the registry has the image, whole."""
    def check():
        tool("skopeo", "copy", "--src-tls-verify=false",
             f"docker://{registry.name}/{repository}:x", f"oci:{tmp_path}/pulled:x")
        check_weights(unpack(tmp_path / "pulled", "x", tmp_path / "bundle"))
    return check


UNAUTHORISED = [("WWW-Authenticate", 'Basic realm="x"')]
FAULTS = {
    "dropped in mid-PATCH": Fault("PATCH", UPLOAD, drop(20_000), skip=1),
    "dropped in mid-PATCH, with a part kept": Fault("PATCH", UPLOAD, drop(20_000, forward=True),
                                                    skip=1),
    "dropped before the PATCH": Fault("PATCH", UPLOAD, drop(0)),
    "dropped again and again": Fault("PATCH", UPLOAD, drop(1000), times=3),
    "answer of a PATCH lost": Fault("PATCH", UPLOAD, lose_answer, skip=1),
    "answer of the last PUT lost": Fault("PUT", UPLOAD, lose_answer),
    "answer of the manifest lost": Fault("PUT", "/manifests/", lose_answer),
    "answer of a POST lost": Fault("POST", "/blobs/uploads/$", lose_answer),
    "dropped in mid-PUT": Fault("PUT", UPLOAD, drop(100)),
    "416": Fault("PATCH", UPLOAD, answer(416), skip=1),
    "416 with a Range": Fault("PATCH", UPLOAD, answer(416, [("Range", "0-5")])),
    "429 of a PATCH": Fault("PATCH", UPLOAD, answer(429, [("Retry-After", "1")])),
    "429 of a HEAD": Fault("HEAD", "/blobs/", answer(429, [("Retry-After", "1")])),
    "429 of the manifest": Fault("PUT", "/manifests/", answer(429)),
    "500": Fault("PATCH", UPLOAD, answer(500), times=2),
    "502 before the body": Fault("PATCH", UPLOAD, refuse_early(502), skip=2),
    "503 of a POST": Fault("POST", "/blobs/uploads/", answer(503), times=2),
    "503 of the last PUT": Fault("PUT", UPLOAD, answer(503)),
    "504 after the work": Fault("PUT", "/manifests/", answer(504)),
    "408": Fault("PATCH", UPLOAD, answer(408)),
    "session forgotten": Fault("PATCH", UPLOAD, answer(404), skip=2),
    "session forgotten at the end": Fault("PUT", UPLOAD, answer(404)),
    "Range too short": Fault("PATCH", UPLOAD, change_headers(range="0-9"), skip=1),
    "Range too long": Fault("PATCH", UPLOAD, change_headers(range="0-99999999")),
    "Range of nonsense": Fault("PATCH", UPLOAD, change_headers(range="five")),
    "no Range": Fault("PATCH", UPLOAD, change_headers(range=None), times=9),
    "Range with a unit": Fault("PATCH", UPLOAD, change_headers(range="bytes=0-65535")),
    "no pieces taken": Fault("PATCH", UPLOAD, answer(405), times=99),
    "no pieces taken, told by 416": Fault("PATCH", UPLOAD, answer(416), times=99),
    "large pieces wanted": Fault("POST", "/blobs/uploads/$",
                                 change_headers(oci_chunk_min_length="500000"), times=9),
    "digest called wrong": Fault("PUT", UPLOAD, answer(400, body=json.dumps(
        {"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}).encode())),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_image_arrives(push, arrived, proxy, built, name):
    fault = FAULTS[name]
    fault.hits = 0
    done = push(fault)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == built[1]
    assert fault.hits > fault.skip, "the fault was met"
    arrived()


def test_an_upload_goes_on_after_a_drop(push, proxy, arrived):
    done = push(Fault("PATCH", UPLOAD, drop(20_000), skip=1))
    assert done.returncode == 0, done.stderr
    assert proxy.count("POST") == 4, "one session for each blob"
    ranges = [h["Content-Range"] for m, _, h in proxy.requests if m == "PATCH"]
    assert ranges[:3] == ["0-65535", "65536-131071", "65536-131071"]
    first = ranges[:ranges.index("0-65535", 1)]  # of the first blob that goes in pieces
    assert len(first) == len(set(first)) + 1, "nothing else is sent twice"
    arrived()


def test_what_is_no_loopback_is_spoken_to_with_tls(dream, built, proxy, repository):
    """Seen by a proxy of the environment: no request in the clear unless it is asked for."""
    there = {"http_proxy": f"http://{proxy.name}", "https_proxy": f"http://{proxy.name}"}
    push = ("push", f"{built[0]}:mine", f"registry.test/{repository}:x")
    done = dream(*push, "--tries", 2, env=there)
    assert done.returncode == 1 and "failed 2 times in a row" in done.stderr
    assert {method for method, _, _ in proxy.requests} == {"CONNECT"}
    done = dream(*push, "--plain-http", env=there)
    assert done.returncode == 0, done.stderr


def test_a_401_in_mid_upload_is_answered(push, arrived, proxy, tmp_path):
    """The proxy asks for a login that the registry behind it does not look at."""
    config = tmp_path / "auth.json"
    config.write_text(json.dumps({"auths": {proxy.name: {"username": "u", "password": "p"}}}))
    faults = [Fault("PATCH", UPLOAD, answer(401, UNAUTHORISED), skip=1),
              Fault("PUT", "/manifests/", answer(401, UNAUTHORISED))]
    done = push(*faults, arguments=(*PIECE, "--credentials", config))
    assert done.returncode == 0, done.stderr
    assert all(fault.hits > fault.skip for fault in faults)
    later = [headers for method, _, headers in proxy.requests if method == "PATCH"][2:]
    assert all(headers["Authorization"] == "Basic dTpw" for headers in later)
    arrived()


ENDS = {
    "no login for a 401": (Fault("PATCH", UPLOAD, answer(401, UNAUTHORISED)), "asks for a login"),
    "an unknown kind of login": (Fault("HEAD", "/blobs/", answer(401, [
        ("WWW-Authenticate", "Negotiate")])), "no login that is known here"),
    "a token server without TLS": (Fault("HEAD", "/blobs/", answer(401, [
        ("WWW-Authenticate", 'Bearer realm="http://tokens.example.com/t"')])),
        "expected an https URL"),
    "a token server that is a file": (Fault("HEAD", "/blobs/", answer(401, [
        ("WWW-Authenticate", 'Bearer realm="file:///etc/passwd"')])), "expected an https URL"),
    "403": (Fault("POST", "/blobs/uploads/", answer(403, body=json.dumps(
        {"errors": [{"code": "DENIED", "message": "not yours"}]}).encode())), "DENIED: not yours"),
    "500 for ever": (Fault("PATCH", UPLOAD, answer(500), times=99), "failed 3 times in a row"),
    "a long Retry-After": (Fault("PATCH", UPLOAD, answer(429, [("Retry-After", "4000")])),
                           "wants 4000 s of peace"),
    "drops for ever": (Fault("PATCH", UPLOAD, drop(100), times=99), "failed 3 times in a row"),
    "413": (Fault("PATCH", UPLOAD, answer(413)), "it answered 413"),
    "no Location": (Fault("POST", "/blobs/uploads/", change_headers(location=None)),
                    "names no place for the upload"),
    "a Location that is a file": (Fault("POST", "/blobs/uploads/", change_headers(
        location="file:///etc/passwd")), "names no place for the upload"),
    "another digest of a blob": (Fault("PUT", UPLOAD, change_headers(
        docker_content_digest="sha256:" + "0" * 64)), "stored the blob"),
    "another digest of the manifest": (Fault("PUT", "/manifests/", change_headers(
        docker_content_digest="sha256:" + "0" * 64)), "it changed it"),
    "manifest refused": (Fault("PUT", "/manifests/", answer(400, body=json.dumps(
        {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}).encode())),
        "MANIFEST_BLOB_UNKNOWN: blob unknown"),
    "digest always wrong": (Fault("PUT", UPLOAD, answer(400), times=99), "it answered 400"),
    "an endless error": (Fault("POST", "/blobs/uploads/", answer(403, body=b"x" * (2 << 20))),
                         "more than 1048576 bytes"),
    "a page instead of an error": (Fault("POST", "/blobs/uploads/", answer(
        409, body=b"<html>")), "it answered 409"),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_cannot_be_helped_ends_with_the_reason(push, proxy, name):
    fault, reason = ENDS[name]
    fault.hits = 0
    started = time.monotonic()
    done = push(fault, arguments=(*PIECE, "--tries", 3))
    assert done.returncode in (1, 2), done.stderr
    assert reason in done.stderr
    assert not done.stdout
    assert time.monotonic() - started < 20
    assert proxy.count("PUT", "/manifests/x") <= (1 if "anifest" in name else 0), "no tag was moved"


def test_a_killed_push_is_gone_on_with(built, dream, proxy, repository, environment, arrived):
    command = ["push", f"{built[0]}:mine", f"{proxy.name}/{repository}:x", "--chunk-size", "16KB"]
    proxy.pause_s = 0.1
    running = subprocess.Popen([DREAM, *command], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while proxy.count("PATCH") < 18 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.kill()
    running.wait()
    time.sleep(0.3)  # what was under way reaches the registry, or does not
    proxy.pause_s, before = 0, len(proxy.requests)
    done = dream(*command)
    assert done.returncode == 0, done.stderr
    pieces = [headers["Content-Range"] for method, _, headers in proxy.requests[before:]
              if method == "PATCH"]
    assert pieces and not pieces[0].startswith("0-"), "it goes on where it was"
    arrived()


def test_an_upload_that_a_killed_push_began_is_used(built, dream, proxy, repository, environment,
                                                    arrived):
    """Also where a blob goes in one request: the registry is left with none that nobody ends."""
    command = ["push", f"{built[0]}:mine", f"{proxy.name}/{repository}:x"]
    proxy.pause_s = 1
    running = subprocess.Popen([DREAM, *command], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while proxy.count("PUT", UPLOAD) < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.kill()
    running.wait()
    time.sleep(1.3)  # its client is gone: the blob never arrives
    proxy.pause_s = 0
    assert dream(*command).returncode == 0
    uploads = [path.split("?")[0] for method, path, _ in proxy.requests
               if method == "PUT" and "/blobs/uploads/" in path]
    assert uploads[0] == uploads[1], "the upload that was begun is ended"
    arrived()


def test_ctrl_c_ends_a_push_at_once(built, proxy, repository, environment):
    proxy.pause_s = 0.3
    running = subprocess.Popen([DREAM, "push", f"{built[0]}:mine", f"{proxy.name}/{repository}:x",
                                "--chunk-size", "4KB"], env=environment,
                               stderr=subprocess.DEVNULL)
    while proxy.count("PATCH") < 2:
        time.sleep(0.01)
    running.send_signal(2)
    assert running.wait(5) == 130


PULLS = {
    "cut": (Fault("GET", "/blobs/", cut_answer(1500), skip=1, times=3), ""),
    "cut at once": (Fault("GET", "/blobs/", cut_answer(0), skip=1), ""),
    "503": (Fault("GET", "/blobs/", answer(503), times=2), ""),
    "429 of the manifest": (Fault("GET", "/manifests/", answer(429, [("Retry-After", "1")])), ""),
    "damaged once": (Fault("GET", "/blobs/", damage_answer, skip=1), ""),
    "damaged always": (Fault("GET", "/blobs/", damage_answer, skip=1, times=99),
                       "not what its digest says"),
    "damaged config": (Fault("GET", "/blobs/", damage_answer), "what came is something else"),
    "damaged manifest": (Fault("GET", "/manifests/", damage_answer), "is no JSON"),
    "manifest called something else": (Fault("GET", "/manifests/", change_headers(
        content_type="application/vnd.docker.distribution.manifest.v2+json")), "is served as"),
    "a login page": (Fault("GET", "/manifests/", answer(200, body=b"<html>")), "is no JSON"),
    "a manifest without end": (Fault("GET", "/manifests/", answer(200, body=b" " * (9 << 20))),
                               "more than 8388608 bytes"),
}


@pytest.mark.parametrize("name", PULLS)
def test_templates_come_over_bad_lines(dream, base, weights, proxy, registry, repository, tmp_path,
                                       name):
    tool("skopeo", "copy", "--dest-tls-verify=false", f"oci:{base}:base",
         f"docker://{registry.name}/{repository}:t")
    fault, reason = PULLS[name]
    fault.hits, proxy.faults = 0, [fault]
    done = dream("build", "--template", f"{proxy.name}/{repository}:t", "--weights", weights, "-o",
                 "./image:mine")
    assert fault.hits > fault.skip, "the fault was met"
    if reason:
        assert done.returncode in (1, 2) and reason in done.stderr
        assert not (tmp_path / "image/index.json").exists()
        return
    assert done.returncode == 0, done.stderr
    check_weights(unpack(tmp_path / "image", "mine", tmp_path / "bundle"))
    if name == "cut":
        ranges = [h["Range"] for m, p, h in proxy.requests if "Range" in h]
        assert ranges and ranges[0].startswith("bytes=1500-"), "what came is kept"


def test_a_login_does_not_follow_to_another_host(dream, base, weights, proxy, registry, repository,
                                                 tmp_path):
    """Registries send blobs from elsewhere: a redirect loses the login, an upload too."""
    tool("skopeo", "copy", "--dest-tls-verify=false", f"oci:{base}:base",
         f"docker://{registry.name}/{repository}:t")
    config = tmp_path / "auth.json"
    config.write_text(json.dumps({"auths": {proxy.name: {"username": "u", "password": "p"}}}))
    storage = fault_proxy.FaultProxy(registry.port)

    def elsewhere(handler):
        handler.reply(307, [("Location", f"http://{storage.name}{handler.path}")], b"")

    proxy.faults = [Fault("GET", "/manifests/", answer(401, UNAUTHORISED)),
                    Fault("GET", "/blobs/", elsewhere, times=99)]
    done = dream("build", "--template", f"{proxy.name}/{repository}:t", "--weights", weights, "-o",
                 "./image:mine", "--credentials", config)
    storage.stop()
    assert done.returncode == 0, done.stderr
    assert any("Authorization" in headers for _, _, headers in proxy.requests)
    assert storage.requests and not any("Authorization" in h for _, _, h in storage.requests)
