"""Parity tests run diffusers and transformers beside the engine: two threads, offline. At the end
they say what was compared and how close it came."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # several programs share the processor
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import pytest  # noqa: E402
import torch  # noqa: E402  (after the environment is set)

import summary  # noqa: E402

torch.set_num_threads(2)
torch.set_grad_enabled(False)


def pytest_sessionfinish(session):
    """A process of pytest-xdist hands what it has recorded to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["sections"] = summary.packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    summary.merge(getattr(node, "workeroutput", {}).get("sections", []))


def pytest_terminal_summary(terminalreporter):
    lines = list(summary.lines())
    if not lines:
        return
    terminalreporter.section("relative errors")
    for line in lines:
        terminalreporter.write_line(line)
