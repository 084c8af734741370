"""Writes the seed corpus of fuzz_elf_note: small files that reach each part of the reader."""
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus/elf_note"
GOOD = b"sdk=1.0;tier=c;cxx=gcc12;cxx11abi=1;torch=none;"


def note(text, owner=b"DREAM\0", kind=1, size=None):
    pad = b"\0" * (-len(owner) % 4), b"\0" * (-len(text) % 4)
    header = struct.pack("<III", len(owner), len(text) if size is None else size, kind)
    return header + owner + pad[0] + text + pad[1]


def elf(notes, by_section=False, symbol=b"dream_template_entry", kind=3):
    """ELF header, one PT_NOTE segment or section, .dynsym and .dynstr."""
    names = b"\0" + symbol + b"\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0x1000, 16)
    programs, sections = (0 if by_section else 1), 4
    at = 64 + 56 * programs
    note_at, symbols_at = at, at + len(notes)
    names_at = symbols_at + len(symbols)
    sections_at = names_at + len(names)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, sections_at, 0, 64, 56, programs, 64, sections, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 4, note_at, 0, 0, len(notes), len(notes), 4)
    table = [(0, 0, 0, 0), (7 if by_section else 1, note_at, len(notes), 0),
             (11, symbols_at, len(symbols), 3), (3, names_at, len(names), 0)]
    rows = b"".join(struct.pack("<IIQQQQIIQQ", 0, t, 2, 0, offset, size, link, 0, 4, 24)
                    for t, offset, size, link in table)
    return head + segment * programs + notes + symbols + names + rows


SEEDS = {
    "good": elf(note(GOOD)),
    "by_section": elf(note(GOOD), by_section=True),
    "second_note": elf(note(b"\1\2\3\4", b"GNU\0", 3) + note(GOOD)),
    "no_entry": elf(note(GOOD), symbol=b"other"),
    "no_note": elf(note(b"abcd", b"GNU\0", 3)),
    "newer": elf(note(GOOD.replace(b"1.0", b"1.99"))),
    "torch_tier": elf(note(GOOD.replace(b"=c", b"=torch"))),
    "text_too_long": elf(note(GOOD, size=0x7FFFFFFF)),
    "no_pairs": elf(note(b"hello")),
    "executable": elf(note(GOOD), kind=2),
    "truncated": elf(note(GOOD))[:100],
    "text": GOOD,
}

if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (CORPUS / name).write_bytes(data)
