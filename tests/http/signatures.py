"""Webhook signatures, judged by others: the client library `replicate`, which lies in .deps/cog."""

import base64
import json
import os
import subprocess

from harness import ROOT

CHECK = """
import json, sys
from replicate.webhook import Webhooks, WebhookSigningSecret
for delivery in json.load(sys.stdin):
    Webhooks.validate(headers=delivery["headers"], body=delivery["body"],
                      secret=WebhookSigningSecret(key=delivery["secret"]), tolerance=300)
"""


def new_secret(size=32):
    return "whsec_" + base64.b64encode(os.urandom(size)).decode()


def problem_of(secret, *deliveries):
    """What the library has against any of `deliveries`, (headers, body as text); empty: nothing."""
    wanted = [{"headers": headers, "body": body, "secret": secret} for headers, body in deliveries]
    done = subprocess.run([ROOT / ".deps/cog/bin/python", "-c", CHECK], input=json.dumps(wanted),
                          capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""
