"""The code of functions, as a page shows it."""

import inspect
import itertools
import textwrap
from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

_LEXER, _FORMATTER = PythonLexer(), HtmlFormatter(nowrap=True)


def highlighted(code: str) -> Markup:
    """Code of Python in colours, which are classes of `style.css`."""
    return Markup(highlight(code, _LEXER, _FORMATTER).rstrip("\n"))


def source_of(function: Callable[..., Any]) -> str:
    """The code of a function from its `def` on: its decorators declare what the page says anyhow."""
    lines = inspect.getsource(inspect.unwrap(function)).splitlines()
    return textwrap.dedent("\n".join(itertools.dropwhile(lambda line: not line.lstrip().startswith("def "), lines)))
