"""``python -m vibecode.agent``."""

import sys

from vibecode.agent.main import main

sys.exit(main())
