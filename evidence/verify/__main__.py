"""`python -m evidence.verify BUNDLE --trust trust.json`"""

import sys

from evidence.verify.cli import main

sys.exit(main())
