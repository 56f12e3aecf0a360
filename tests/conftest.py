"""What several files of tests look at."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site, made once, with `verdicts.json` beside it."""
    from tests.pages.site import make_site  # what an extra installs is imported where it is needed

    return make_site(tmp_path_factory.mktemp("pages") / "site")
