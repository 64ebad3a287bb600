"""A console that no text steers: whatever is laid out, from names, documents or answers, is shown
without what a terminal would obey."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from midspec.keys import without_keys
from midspec.terminal import plain


class Screen(Console):
    """Rich's console, whose own styles and cursor moves are added after texts were cleaned; what is
    taken out has no width, so layouts stay."""

    def __init__(self, **options: Any) -> None:
        # Rich would make a picture of the `:cat:` in a name or an answer, and colour numbers.
        super().__init__(**{"emoji": False, "highlight": False, **options})

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as Rich does, each piece of text plain."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=plain(without_keys(segment.text)))
