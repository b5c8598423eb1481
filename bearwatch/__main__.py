"""``python -m bearwatch``."""

import sys

from bearwatch.cli import main

sys.exit(main())
