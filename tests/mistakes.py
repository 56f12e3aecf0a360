"""What is thrown at a wrong candidate."""

from collections.abc import Callable
from typing import Any

import pytest

from identities import CandidateMismatch


def mismatch(judge: Callable[..., Any], *given: Any, **options: Any) -> CandidateMismatch:
    """What one of the checks raises, which has to be this."""
    with pytest.raises(CandidateMismatch) as caught:
        judge(*given, **options)
    return caught.value


def said(judge: Callable[..., Any], *given: Any, **options: Any) -> str:
    """The first diagnosis, in words."""
    return str(mismatch(judge, *given, **options).diagnosis)
