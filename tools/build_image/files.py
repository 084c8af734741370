"""The files of one layer: what lies where in the image, and where it comes from here."""
import os
import pathlib
from dataclasses import dataclass

from errors import ImageError


@dataclass(frozen=True)
class Entry:
    """One of: a folder, a link (`target`), a file with `data`, a file copied from `source`."""
    mode: int
    target: str | None = None
    data: bytes | None = None
    source: pathlib.Path | None = None

    @property
    def is_folder(self):
        return self.target is None and self.data is None and self.source is None


class Files:
    """Paths have no leading slash. Folders above a path are made with it."""

    def __init__(self, created_by):
        self.created_by = created_by  # for the image's history
        self.entries = {}

    def _add(self, path, entry):
        path = path.strip("/")
        known = self.entries.get(path)
        if known is not None and known != entry:
            raise ImageError(f"two different files for {path} in the image")
        above = os.path.dirname(path)
        if above and above not in self.entries:
            self._add(above, Entry(0o755))
        self.entries[path] = entry

    def folder(self, path, mode=0o755):
        self._add(path, Entry(mode))

    def link(self, path, target):
        self._add(path, Entry(0o777, target=target))

    def text(self, path, text):
        self._add(path, Entry(0o644, data=text.encode()))

    def copy(self, path, source):
        """The content behind `source`, links followed; executable if it is."""
        source = pathlib.Path(source).resolve()
        if not source.is_file():
            raise ImageError(f"{source} is missing")
        mode = 0o755 if source.stat().st_mode & 0o111 else 0o644
        self._add(path, Entry(mode, source=source))

    def copy_tree(self, path, source, without=()):
        """All below `source`, links as they are, but what `without` names (relative paths)."""
        for file in sorted(pathlib.Path(source).rglob("*")):
            relative = file.relative_to(source)
            if any(relative.is_relative_to(each) for each in without):
                continue
            if file.is_symlink():
                self.link(f"{path}/{relative}", os.readlink(file))
            elif file.is_file():
                self.copy(f"{path}/{relative}", file)

    def __contains__(self, path):
        return path.strip("/") in self.entries

    def sorted(self):
        return sorted(self.entries.items())
