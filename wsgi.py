"""gunicorn's entry."""

import sys

from portal.app import create_app
from portal.config import ConfigurationError, refusal

try:
    app = create_app()
except ConfigurationError as error:
    # The problems are sentences for the operator; a traceback would bury them.
    sys.exit(refusal(error))
