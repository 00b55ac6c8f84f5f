"""Games and music: levels as grids of tiles, chorales as piano rolls."""

from isthmus.applications.generation.continuation import continue_roll, steps_and_history
from isthmus.applications.generation.legend import SUPER_MARIO, Legend, read_legend
from isthmus.applications.generation.levels import (
    format_level,
    join_windows,
    level_picture,
    level_windows,
    parse_level,
    read_levels,
    write_level,
)
from isthmus.applications.generation.midi import Note
from isthmus.applications.generation.music import (
    PIANO,
    piano_roll,
    read_chorales,
    read_midi,
    roll_notes,
    roll_windows,
    write_midi,
)
from isthmus.applications.generation.playable import (
    Fault,
    Playability,
    check_levels,
    find_faults,
    find_path,
)

__all__ = [
    "PIANO",
    "SUPER_MARIO",
    "Fault",
    "Legend",
    "Note",
    "Playability",
    "check_levels",
    "continue_roll",
    "find_faults",
    "find_path",
    "format_level",
    "join_windows",
    "level_picture",
    "level_windows",
    "parse_level",
    "piano_roll",
    "read_chorales",
    "read_legend",
    "read_levels",
    "read_midi",
    "roll_notes",
    "roll_windows",
    "steps_and_history",
    "write_level",
    "write_midi",
]
