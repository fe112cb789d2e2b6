"""The part as an installed distribution: a folder that importlib.metadata finds when it is on the path."""

from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: ringback-notes\nVersion: 1\n"
ENTRY_POINTS = "[ringback.parts]\nnotes = tests.rooms.notes:PART\n[ringback.commands]\nnoter = tests.rooms.noter\n"


def install(folder: Path, entry_points: str = ENTRY_POINTS) -> Path:
    """Write what an installer writes; the folder to put on the path."""
    found = folder / "ringback_notes-1.dist-info"
    found.mkdir(parents=True)
    (found / "METADATA").write_text(METADATA, "utf-8")
    (found / "entry_points.txt").write_text(entry_points, "utf-8")
    return folder
