"""What an image of templates consists of: its layers, from what changes least to what changes
most, and its configuration."""
import json
import os
import pathlib
import platform
import shlex
import subprocess
import time

from base import PROGRAMS, base_files
from errors import ImageError
from files import Files
from libraries import is_elf, system_libraries

HOME = "usr/local"  # where the installed tree goes
TEMPLATES = "lib/dream/templates"
# Not for images: the bundled weights (an image gets its own), and the guide to the sources.
LEFT_OUT = ["share/dream/weights", "share/doc/dream/README.md"]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def installed_templates(prefix):
    return sorted(path.stem for path in (prefix / TEMPLATES).glob("*.so"))


def default_template_first(names):
    return sorted(names, key=lambda name: (name != "vanilla", name))


def created():
    """Of everything; SOURCE_DATE_EPOCH is the usual way to say another time."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isdigit():
        raise ImageError(f"SOURCE_DATE_EPOCH={text}: expected seconds since 1970")
    return int(text)


class Image:
    def __init__(self, prefix, templates):
        """`prefix`: an installed tree. Throws ImageError for what is not in it."""
        self.prefix, self.templates = pathlib.Path(prefix), templates
        known = installed_templates(self.prefix)
        if not (self.prefix / "bin/dream").is_file() or not known:
            raise ImageError(f"{prefix}: no dream with templates is installed there")
        for name in templates:
            if name not in known:
                raise ImageError(f"there is no template '{name}'; built are: {', '.join(known)}")
        if len(set(templates)) != len(templates):
            raise ImageError(f"a template is named twice: {' '.join(templates)}")
        torch = self._torch_libraries()
        self.variant = "cuda" if any(f.name == "libtorch_cuda.so" for f in torch) else "cpu"
        self.created = created()
        self.architecture = ARCHITECTURES.get(platform.machine(), platform.machine())

    def _torch_libraries(self):
        return sorted(path for path in (self.prefix / "lib/dream").glob("*.so*")
                      if path.name != "libdream_engine.so")

    def _programs(self):
        return [path for path in [self.prefix / "bin/dream", self.prefix / "bin/dream-worker",
                                  *sorted((self.prefix / "lib/dream").glob("*.so*")),
                                  *(self.prefix / TEMPLATES / f"{t}.so" for t in self.templates),
                                  *map(pathlib.Path, PROGRAMS.values())] if is_elf(path)]

    def layers(self):
        base = base_files(system_libraries(self._programs(), self.prefix))
        torch = Files("libtorch")
        for path in self._torch_libraries():
            torch.copy(f"{HOME}/lib/dream/{path.name}", path)
        host = Files("dream")
        host.copy_tree(HOME, self.prefix, [TEMPLATES, *LEFT_OUT, *(
            path.relative_to(self.prefix) for path in self._torch_libraries())])
        for name in ("python", "python3"):
            host.link(f"{HOME}/bin/{name}", "../libexec/dream/python")
        template = Files(f"templates: {' '.join(self.templates)}")
        for name in self.templates:
            template.copy(f"{HOME}/{TEMPLATES}/{name}.so", self.prefix / TEMPLATES / f"{name}.so")
        template.text("src/.cog/openapi_schema.json", self._schema())
        return [layer for layer in (base, torch, host, template) if layer.entries]

    def _ask(self, *arguments):
        """What the installed program prints."""
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8",
                       "DREAM_DEFAULT_WEIGHTS": "none"}
        done = subprocess.run([self.prefix / "bin/dream", *arguments], text=True,
                              capture_output=True, env=environment)
        if done.returncode:
            raise ImageError(f"dream {shlex.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _schema(self):
        """The OpenAPI document of the first template, compact."""
        schema = json.loads(self._ask("templates", "schema", self.templates[0]))
        return json.dumps(schema, separators=(",", ":"), ensure_ascii=False)

    def config(self):
        """The "config" of the image: how it is run, and what Cog's tools read from its labels."""
        schema = self._schema()
        about = json.loads(self._ask("version", "--json"))
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
                       "DREAM_TEMPLATES": " ".join(self.templates),
                       "DREAM_DEFAULT_WEIGHTS": "none"}
        if self.variant == "cuda":
            # CUDA's libraries lie beside libtorch, and open one another by name; the other two are
            # what nvidia's container runtime goes by.
            environment |= {"LD_LIBRARY_PATH": f"/{HOME}/lib/dream",
                            "NVIDIA_VISIBLE_DEVICES": "all",
                            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
        cog = {"build": {"gpu": self.variant == "cuda"}, "predict": "predict.py:Predictor"}
        labels = {"run.cog.version": json.loads(schema)["info"]["version"],
                  "run.cog.config": json.dumps(cog, separators=(",", ":")),
                  "run.cog.openapi_schema": schema,
                  "org.opencontainers.image.title": self.templates[0],
                  "org.opencontainers.image.version": about["version"],
                  "org.opencontainers.image.revision": about["revision"]}
        return {"Env": [f"{name}={value}" for name, value in environment.items()],
                "Cmd": ["python", "-m", "cog.server.http"], "WorkingDir": "/src",
                "ExposedPorts": {"5000/tcp": {}}, "Labels": labels}

    def created_text(self):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.created))
