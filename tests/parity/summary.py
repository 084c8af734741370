"""What the parity suite says at its end: how many cases each test compared and the worst error of
each row. Tests add to it by record(); conftest.py prints it, whatever pytest captures."""
from dataclasses import dataclass, field


@dataclass
class Section:
    unit: str  # of what is counted
    total: int | None = None  # of all there are, where a run takes a part of them
    rows: dict = field(default_factory=dict)  # name → [count, worst error]


SECTIONS = {}


def record(section, row, error, count=1, unit="cases", total=None):
    """`count` cases of a row agree to `error`; 0 where they are equal to the bit."""
    kept = SECTIONS.setdefault(section, Section(unit, total)).rows.setdefault(row, [0, 0.0])
    kept[:] = kept[0] + count, max(kept[1], error)


def packed():
    """All that was recorded, as what can be sent to another process."""
    return [(name, section.unit, section.total, row, count, error)
            for name, section in SECTIONS.items() for row, (count, error) in section.rows.items()]


def merge(entries):
    for name, unit, total, row, count, error in entries:
        record(name, row, error, count, unit, total)


def words(error):
    return "equal" if error == 0 else f"worst {error:.1e}"


def lines():
    for name, section in SECTIONS.items():
        count = sum(row[0] for row in section.rows.values())
        worst = max(row[1] for row in section.rows.values())
        of_all = f" of {section.total}" if section.total else ""
        yield f"{name}: {count}{of_all} {section.unit}, {words(worst)}"
        if len(section.rows) > 1:
            width = max(len(row) for row in section.rows)
            for row, (cases, error) in section.rows.items():
                yield f"  {row:{width}} {cases:5}  {words(error)}"
