"""`python -m identities`."""

import sys

from identities.cli import main

if __name__ == "__main__":
    sys.exit(main())
