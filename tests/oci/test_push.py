"""`dream push`, and `dream build` into a registry: what others find there afterwards."""
import base64
import json
import os
import re

import pytest

from images import Layout, check_weights, tool, unpack
from registries import (PASSWORD, USER, Registry, TokenServer, clean_environment, password_auth,
                        token_auth)


def counts(done):
    """blobs that were there, mounted, uploaded"""
    return tuple(map(int, re.search(r"(\d+) blobs were there, (\d+) mounted, (\d+) uploaded",
                                    done.stderr).groups()))


def inspect(reference, *flags, **options):
    return json.loads(tool("skopeo", "inspect", *flags, f"docker://{reference}", **options))


def test_others_find_the_image(dream, built, registry, repository, tmp_path):
    layout, version = built
    target = f"{registry.name}/{repository}:one"
    done = dream("push", f"{layout}:mine", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == version
    assert inspect(target, "--tls-verify=false")["Digest"] == "sha256:" + version
    tool("skopeo", "copy", "--src-tls-verify=false", f"docker://{target}", f"oci:{tmp_path}/p:x")
    check_weights(unpack(tmp_path / "p", "x", tmp_path / "bundle"))
    assert counts(done) == (0, 0, 4)
    assert counts(dream("push", f"{layout}:mine", f"{registry.name}/{repository}:two")) == (4, 0, 0)
    assert set(registry.get(f"{repository}/tags/list")["tags"]) == {"one", "two"}


def test_blobs_are_mounted_from_other_repositories(dream, built, registry, repository):
    layout, _ = built
    assert counts(dream("push", f"{layout}:mine", f"{registry.name}/{repository}:x")) == (0, 0, 4)
    done = dream("push", f"{layout}:mine", f"{registry.name}/{repository}-b:x", "--mount-from",
                 f"{repository}-no", "--mount-from", repository)
    assert done.returncode == 0 and counts(done) == (0, 4, 0)


def test_a_build_beside_its_template_moves_the_weights_alone(build, base, registry, repository,
                                                            tmp_path):
    template = f"{registry.name}/{repository}/template:1"
    tool("skopeo", "copy", "--dest-tls-verify=false", f"oci:{base}:base", f"docker://{template}")
    digest = inspect(template, "--tls-verify=false")["Digest"]
    target = f"{registry.name}/{repository}/model:1"
    result = json.loads(build(target, "--json", template=f"{registry.name}/{repository}/"
                                                         f"template@{digest}"))
    assert result["push"]["mounted"] == 2 and result["push"]["uploaded"] == 2
    assert result["base"] == digest
    assert build(f"{tmp_path}/layout:mine") == result["version"], "wherever it is built"
    assert not list(tmp_path.glob("dream-build-*"))


@pytest.mark.parametrize("same", [True, False], ids=["same registry", "another"])
def test_thin_layouts_find_the_rest_where_the_template_lies(build, base, dream, registry, built,
                                                            repository, tmp_path, same):
    template = f"{base}:base"
    if same:
        template = f"{registry.name}/{repository}/template:1"
        tool("skopeo", "copy", "--dest-tls-verify=false", f"oci:{base}:base",
             f"docker://{template}")
    assert build("./thin:x", "--thin", template=template) == built[1]
    assert len(list((tmp_path / "thin/blobs/sha256").iterdir())) == 3, "layer, config, manifest"
    target = f"{registry.name}/{repository}/model:1"
    done = dream("push", "./thin:x", target)
    assert done.returncode == 2 and "is missing or damaged" in done.stderr
    done = dream("push", "./thin:x", target, "--base", template)
    assert done.returncode == 0, done.stderr
    assert counts(done)[1:] == ((2, 2) if same else (0, 4))
    tool("skopeo", "copy", "--src-tls-verify=false", f"docker://{target}", f"oci:{tmp_path}/p:x")
    check_weights(unpack(tmp_path / "p", "x", tmp_path / "bundle"))


def test_a_build_brings_the_template_from_another_registry(build, base, registry, repository,
                                                          tmp_path):
    elsewhere = Registry(tmp_path / "elsewhere")
    try:
        tool("skopeo", "copy", "--dest-tls-verify=false", f"oci:{base}:base",
             f"docker://{elsewhere.name}/template:1")
        target = f"{registry.name}/{repository}:1"
        build(target, "--compression", "gzip", template=f"{elsewhere.name}/template:1")
    finally:
        elsewhere.stop()
    tool("skopeo", "copy", "--src-tls-verify=false", f"docker://{target}", f"oci:{tmp_path}/p:x")
    check_weights(unpack(tmp_path / "p", "x", tmp_path / "bundle"))


@pytest.fixture(scope="module")
def token_server(certificate):
    server = TokenServer(certificate)
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def token_registry(shared, certificate, token_server):
    server = Registry(shared / "tokens", certificate, token_auth(token_server))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def password_registry(shared, certificate):
    folder = shared / "passwords"
    folder.mkdir()
    server = Registry(folder, certificate, password_auth(folder))
    yield server
    server.stop()


def docker_config(folder, **config):
    path = folder / ".docker/config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def auths(name, user=USER, password=PASSWORD):
    return {name: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}}


def skopeo_digest(registry, certificate, repository):
    folder = certificate.certificate.parent / "trusted"
    folder.mkdir(exist_ok=True)
    (folder / "ca.crt").write_bytes(certificate.certificate.read_bytes())
    return inspect(f"{registry.name}/{repository}:x", "--cert-dir", folder, "--creds",
                   f"{USER}:{PASSWORD}",  # the token server's certificate is asked for elsewhere
                   env=os.environ | {"SSL_CERT_FILE": str(certificate.certificate)})["Digest"]


def test_tokens_over_tls(dream, built, token_registry, token_server, certificate, repository,
                         tmp_path):
    layout, version = built
    docker_config(tmp_path, auths=auths(token_registry.name))
    done = dream("push", f"{layout}:mine", f"{token_registry.name}/{repository}:x", "--ca",
                 certificate.certificate)
    assert done.returncode == 0, done.stderr
    assert skopeo_digest(token_registry, certificate, repository) == "sha256:" + version
    first = len(token_server.requests)
    done = dream("push", f"{layout}:mine", f"{token_registry.name}/{repository}-b:x",
                 "--mount-from", repository, env={"DREAM_REGISTRY_CA": certificate.certificate})
    assert counts(done) == (0, 4, 0)
    scopes = [set(r["scope"]) for r in token_server.requests[first:]]
    assert {f"repository:{repository}:pull", f"repository:{repository}-b:pull,push"} in scopes
    assert len(scopes) <= 3, "tokens are kept as long as they are good"


def test_short_tokens_are_renewed_and_a_busy_token_server_is_asked_again(
        dream, built, token_registry, token_server, certificate, repository, tmp_path):
    docker_config(tmp_path, auths=auths(token_registry.name))
    token_server.life_s, token_server.failures = 1, 1
    try:
        done = dream("push", f"{built[0]}:mine", f"{token_registry.name}/{repository}:x", "--ca",
                     certificate.certificate, "--chunk-size", "16KB")
    finally:
        token_server.life_s = 300
    assert done.returncode == 0, done.stderr


def test_passwords_over_tls(dream, built, password_registry, certificate, repository, tmp_path):
    layout, version = built
    target = f"{password_registry.name}/{repository}:x"
    trust = ("--ca", certificate.certificate)
    done = dream("push", f"{layout}:mine", target, *trust)
    assert done.returncode == 1 and "asks for a login, and there is none" in done.stderr
    done = dream("push", f"{layout}:mine", target, *trust, "--username", USER, "--password-stdin",
                 input="wrong\n")
    assert done.returncode == 1 and "it answered 401" in done.stderr
    assert "wrong" not in done.stderr
    done = dream("push", f"{layout}:mine", target, *trust, "--username", USER, "--password-stdin",
                 input=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    named = docker_config(tmp_path, auths=auths(password_registry.name)).rename(
        tmp_path / "auth.json")
    assert counts(dream("push", f"{layout}:mine", target, *trust, "--credentials", named)) == (
        4, 0, 0)
    assert counts(dream("push", f"{layout}:mine", target, *trust,
                        env={"REGISTRY_AUTH_FILE": named})) == (4, 0, 0)
    assert skopeo_digest(password_registry, certificate, repository) == "sha256:" + version


HELPER = """#!/bin/sh
read -r server
echo "$server" >>"$0.asked"
case "$1 $server" in
  "get @NAME@") @ANSWER@ ;;
  *) echo "credentials not found in native keychain"; exit 1 ;;
esac
"""


def helper(folder, name, answer):
    path = folder / "docker-credential-ring"
    path.write_text(HELPER.replace("@NAME@", name).replace("@ANSWER@", answer))
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_credential_helpers(dream, built, password_registry, certificate, repository, tmp_path):
    docker_config(tmp_path, credsStore="ring")
    target = f"{password_registry.name}/{repository}:x"

    def push(answer, name=password_registry.name):
        return dream("push", f"{built[0]}:mine", target, "--ca", certificate.certificate,
                     env=helper(tmp_path, name, answer))

    secret = json.dumps({"ServerURL": "", "Username": USER, "Secret": PASSWORD})
    done = push(f"echo '{secret}'")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "docker-credential-ring.asked").read_text().split()
    assert asked == [password_registry.name], "once, whatever the number of requests"
    assert "there is none for it" in push("", name="other").stderr
    assert "docker-credential-ring failed: the ring is closed" in push(
        "echo the ring is closed; exit 2").stderr
    assert "is no JSON" in push("echo nonsense").stderr
    assert "more than 65536 bytes" in push("yes | head -c 100000").stderr
    docker_config(tmp_path, credHelpers={password_registry.name: "../evil"})
    assert "no name of a credential helper" in push("").stderr
    docker_config(tmp_path, credsStore="missing")
    assert "docker-credential-missing is not in PATH" in push("").stderr


def test_identity_tokens(dream, built, token_registry, token_server, certificate, repository,
                         tmp_path):
    docker_config(tmp_path, auths={token_registry.name: {"identitytoken": "long-lived"}})
    target = f"{token_registry.name}/{repository}:x"
    done = dream("push", f"{built[0]}:mine", target, "--ca", certificate.certificate)
    assert done.returncode == 1 and "refuses the login of a token" in done.stderr
    assert "long-lived" not in done.stderr
    token_server.refresh = "long-lived"
    done = dream("push", f"{built[0]}:mine", target, "--ca", certificate.certificate)
    assert done.returncode == 0, done.stderr
    assert token_server.requests[-1]["grant_type"] == ["refresh_token"]


def test_rights_are_asked_for_before_the_work(dream, base, weights, token_registry, certificate,
                                             repository, tmp_path):
    done = dream("build", "--template", f"{base}:base", "--weights", weights, "-o",
                 f"{token_registry.name}/{repository}:x", "--ca", certificate.certificate)
    assert done.returncode == 1
    assert "refused access to" in done.stderr and "it answered 401" in done.stderr
    assert "packing" not in done.stderr


def test_only_trusted_certificates(dream, built, token_registry, repository):
    done = dream("push", f"{built[0]}:mine", f"{token_registry.name}/{repository}:x")
    assert done.returncode == 1
    assert "certificate" in done.stderr.lower()


def test_tls_is_not_left(dream, built, registry, certificate, repository):
    """A registry without TLS is no registry for whoever names an authority."""
    done = dream("push", f"{built[0]}:mine", f"{registry.name}/{repository}:x", "--ca",
                 certificate.certificate, "--tries", 2)
    assert done.returncode == 1 and "failed 2 times in a row" in done.stderr


def test_a_home_without_logins_asks_as_nobody(built, token_registry, token_server, certificate,
                                             repository, dream, tmp_path):
    docker_config(tmp_path, auths=auths(token_registry.name))
    target = f"{token_registry.name}/{repository}"
    assert dream("push", f"{built[0]}:mine", f"{target}:x", "--ca",
                 certificate.certificate).returncode == 0
    (tmp_path / "nobody").mkdir()
    done = dream("build", "--template", f"{target}:x", "--weights", tmp_path / "weights", "-o",
                 "./pulled", "--ca", certificate.certificate,
                 env=clean_environment(tmp_path / "nobody"))
    assert done.returncode == 0, done.stderr
    assert "mine" not in Layout(tmp_path / "pulled").tags()
