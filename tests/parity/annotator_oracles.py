"""controlnet-aux beside our annotators: 0.0.10, and 0.0.1, which the original templates ran.

Both are installed without what they depend on, so their packages cannot be imported whole: parts of
them are, below a package that only knows the folder. torchvision is not there even where it is
installed, and only while they are imported: none of them computes with it, and where transformers
sees it, it picks other image processors.
"""
import colorsys
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.ndimage
import torch

ORIGINAL = Path(sys.prefix).parent / "controlnet-aux-0.0.1" / "controlnet_aux"


class Hollow(types.ModuleType):
    """A module in which every name is an empty class."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class HollowFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes every module of torchvision hollow, and what timm does with it to data sets."""

    @staticmethod
    def is_hollow(name):
        return name.partition(".")[0] == "torchvision" or (name + ".").startswith("timm.data.")

    def find_spec(self, name, path=None, target=None):
        if self.is_hollow(name):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Hollow(spec.name)

    def exec_module(self, module):
        pass


@contextlib.contextmanager
def without_torchvision():
    finder = HollowFinder()
    known = {name: sys.modules.pop(name) for name in list(sys.modules) if finder.is_hollow(name)}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if finder.is_hollow(name)]:
            del sys.modules[name]
        sys.modules.update(known)


# Of matplotlib one function is used; others, who ask whether it is there, must not find this.
COLORS_ALONE = types.SimpleNamespace(colors=types.SimpleNamespace(
    hsv_to_rgb=lambda hsv: np.array(colorsys.hsv_to_rgb(*hsv))))


@contextlib.contextmanager
def with_colors():
    if importlib.util.find_spec("matplotlib") is not None:
        yield
        return
    sys.modules["matplotlib"] = COLORS_ALONE
    try:
        yield
    finally:
        del sys.modules["matplotlib"]


sys.modules.setdefault("scipy.ndimage.filters", scipy.ndimage)


def package(name, folder):
    made = types.ModuleType(name)
    made.__path__ = [str(folder)]
    sys.modules[name] = made


package("aux", importlib.util.find_spec("controlnet_aux").submodule_search_locations[0])
package("original", ORIGINAL)


def aux(name):
    """A module of controlnet-aux 0.0.10."""
    with without_torchvision():
        return importlib.import_module(f"aux.{name}")


def original(name):
    """A module of controlnet-aux 0.0.1."""
    with without_torchvision():
        return importlib.import_module(f"original.{name}")


def original_hed():
    """The network on BSDS500, without the file that its constructor reads."""
    network = original("hed").Network
    with mock.patch.object(network, "load_state_dict"), mock.patch("torch.load", return_value={}):
        return network("")


class Answering(torch.nn.Module):
    """A network that answers with given maps, call by call, and keeps what it was asked."""

    def __init__(self, *answers):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # where detectors read the device
        self.answers, self.asked = list(answers), []

    def forward(self, sample):
        self.asked.append(sample.numpy().copy())
        answer = self.answers[len(self.asked) - 1]
        maps = [torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in answer]
        return maps[0] if len(maps) == 1 else maps
