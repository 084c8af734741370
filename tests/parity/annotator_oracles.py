"""controlnet-aux beside our annotators: 0.0.10, and 0.0.1, which the original templates ran.

Both are installed without what they depend on, so their packages cannot be imported whole: parts of
them are, below a package that only knows the folder.
"""
import colorsys
import importlib
import importlib.util
import sys
import types
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.ndimage
import torch

ORIGINAL = Path(sys.prefix).parent / "controlnet-aux-0.0.1" / "controlnet_aux"


def stand_in(name, **members):
    """What a part imports and no test uses, or uses for one function."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        for i, _ in enumerate(name.split(".")):
            sys.modules.setdefault(".".join(name.split(".")[:i + 1]), types.ModuleType(name))
        vars(sys.modules[name]).update(members)


stand_in("torchvision.transforms", ToPILImage=object, ToTensor=object)
if importlib.util.find_spec("matplotlib") is None:
    sys.modules["matplotlib"] = types.SimpleNamespace(colors=types.SimpleNamespace(
        hsv_to_rgb=lambda hsv: np.array(colorsys.hsv_to_rgb(*hsv))))
sys.modules.setdefault("scipy.ndimage.filters", scipy.ndimage)


def package(name, folder):
    made = types.ModuleType(name)
    made.__path__ = [str(folder)]
    sys.modules[name] = made


package("aux", importlib.util.find_spec("controlnet_aux").submodule_search_locations[0])
package("original", ORIGINAL)


def aux(name):
    """A module of controlnet-aux 0.0.10."""
    return importlib.import_module(f"aux.{name}")


def original(name):
    """A module of controlnet-aux 0.0.1."""
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
