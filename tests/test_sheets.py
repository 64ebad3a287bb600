"""An analysis' table in a terminal: numbers stay whole, however narrow it is."""

from rich.console import Console

from midspec.report.analyses.section import Cell, Sheet
from midspec.sheets import sheet_tables

SHEET = Sheet(
    caption="agentic",
    columns=["Arm", "Score", "Difference", "p, Holm"],
    groups={
        "by MSM with AFT values": [
            ["philosophy-of-mind/reasoning", Cell("0.50", "[0.37, 0.63]"),
             Cell("−0.20", "[−0.33, −0.07]", True, "decided 0.29"), "0.006"],
        ],
        "": [["none", Cell("0.59", "[0.52, 0.66]"), "", ""]],
    },
)  # fmt: skip


def seen(width: int) -> list[list[str]]:
    """Each table's lines, without blanks at their ends."""
    console = Console(width=width, color_system=None)
    tables = []
    for table in sheet_tables(SHEET, width):
        with console.capture() as capture:
            console.print(table)
        tables.append([line.strip() for line in capture.get().splitlines() if line.strip()])
    return tables


def test_where_there_is_room_a_row_is_one_line() -> None:
    (lines,) = seen(120)
    assert "by MSM with AFT values" in lines
    row = next(line for line in lines if line.startswith("philosophy"))
    assert row.split("   ")[0] == "philosophy-of-mind/reasoning"
    assert "0.50 [0.37, 0.63]   −0.20 [−0.33, −0.07] decided 0.29     0.006" in row


def test_where_there_is_less_intervals_stand_below_and_names_are_folded() -> None:
    (lines,) = seen(64)
    assert any("[0.37, 0.63]   [−0.33, −0.07]" in line for line in lines)
    assert any("0.50            −0.20     0.006" in line for line in lines)


def test_columns_without_room_follow_in_another_table() -> None:
    first, second = seen(56)
    assert first[0] == "agentic" and second[0] == "The same rows:"
    assert any(line.endswith("[−0.33, −0.07]") for line in first)
    assert any(line.endswith("0.006") for line in second)


def test_no_number_is_broken_or_cut_at_any_width() -> None:
    for width in range(36, 140):
        text = "\n".join(line for lines in seen(width) for line in lines)
        for number in ("[0.37, 0.63]", "[−0.33, −0.07]", "decided 0.29", "0.006", "[0.52, 0.66]"):
            assert number in text, (width, number)
