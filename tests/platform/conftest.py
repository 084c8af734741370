"""What the tests of the platform share: databases of both kinds, a trainer, a template."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))

import pytest
from harness import Receiver
from images import make_template
from postgres import Cluster
from platforms import Platform
from trainer import Trainer


@pytest.fixture(scope="session")
def cluster():
    with Cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/platform.sqlite"
    return request.getfixturevalue("cluster").new_database()


@pytest.fixture
def trainer():
    with Trainer() as running:
        yield running


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An image without weights, as a layout on disk."""
    return make_template(tmp_path_factory.mktemp("template") / "layout")


@pytest.fixture
def platform(tmp_path, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template) as running:
        yield running
