"""Our OpenAPI documents: linted by redocly, and schemathesis takes them at their word against the
running server."""

import json
import os
import re
import subprocess

import pytest
from harness import ROOT, Server
from pairs import openapi_of
from report import add_to_report

REDOCLY = ROOT / ".deps/redocly/node_modules/.bin/redocly"
SCHEMATHESIS = ROOT / ".deps/schemathesis/bin/schemathesis"
EXAMPLES = 300 if os.environ.get("DREAM_FULL") else 30
# As Cog writes the property of a union that may be left out; its clients read it so.
AS_COG = "The `type` field must be defined when the `nullable` field is used."
CHECKS = "not_a_server_error,response_schema_conformance"


@pytest.mark.parametrize("template", ["echo", "rules", "trainer", "counter", "files"])
def test_lint(template, tmp_path):
    if not REDOCLY.exists():
        pytest.skip(".deps/redocly is missing: tools/test installs it")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi_of(template)))
    done = subprocess.run([REDOCLY, "lint", "--extends=minimal", "--format=json", document],
                          capture_output=True, text=True, cwd=tmp_path)
    errors = [problem for problem in json.loads(done.stdout)["problems"]
              if problem["severity"] == "error" and problem["message"] != AS_COG]
    assert not errors, errors
    if template == "echo":
        add_to_report("openapi", "redocly finds no errors")


def with_what_is_added(document):
    """Cog's document, to which answers add nulls and the mask of a secret."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Response"):
            schema["properties"]["error"]["nullable"] = True
            schema["properties"]["input"] = {"type": "object"}  # 1e30 counts as whole, as in Cog
        if name.endswith("Output"):
            schema["nullable"] = True
        for field in schema.get("properties", {}).values():
            field.pop("writeOnly", None)
    return document


@pytest.mark.parametrize("template", ["echo", "rules", "needs"])
def test_schemathesis(template, tmp_path):
    if not SCHEMATHESIS.exists():
        pytest.skip(".deps/schemathesis is missing: tools/test installs it")
    server = Server(template, args=["--concurrency", "2"])
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(with_what_is_added(server.get("/openapi.json").json)))
    done = subprocess.run(
        [SCHEMATHESIS, "run", document, "--url", f"http://127.0.0.1:{server.port}", "--checks",
         CHECKS,
         "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color",
         "--generation-database", "none"], capture_output=True, text=True, timeout=500,
        cwd=tmp_path)
    alive = server.health()
    server.kill()
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert alive == "READY"
    cases = re.search(r"(\d+) generated", done.stdout)
    add_to_report("openapi", f"schemathesis on {template}: {cases[1] if cases else '?'} cases")
