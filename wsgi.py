"""gunicorn's entry."""

import sys

from portal.app import create_app
from portal.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    # The problems are sentences for the operator; a traceback would bury them.
    sys.exit("\n".join(["门户没有启动：", *(f"  {problem}" for problem in error.problems)]))
