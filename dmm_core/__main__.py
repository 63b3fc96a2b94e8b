"""`python -m dmm_core`."""

import sys

from dmm_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
