"""gunicorn's entry, and that of the commands."""

import sys

from portal.app import create_app
from portal.config import ConfigurationError, load_settings, refusal
from portal.observability import share_figures

try:
    # The background worker's figures belong to the web's; those of the other commands to nobody.
    if "worker" in sys.argv[1:]:
        share_figures(load_settings())
    app = create_app()
except ConfigurationError as error:
    # The problems are sentences for the operator; a traceback would bury them.
    sys.exit(refusal(error))
