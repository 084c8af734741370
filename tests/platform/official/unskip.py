"""A plugin for pytest: the API tests of the official Python client 2.x are marked as skipped, since
its makers have no server for them. Here there is one."""


def pytest_collection_modifyitems(items):
    for item in items:
        item.own_markers[:] = [mark for mark in item.own_markers if not (
            mark.name == "skip" and "Prism" in mark.kwargs.get("reason", ""))]
