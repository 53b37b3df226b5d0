"""Whether the service in this container is well: the status is 0 where `/healthz` says so.

HEALTH_URL asks elsewhere, such as at `https://127.0.0.1:8765/readyz`. The certificate is not
checked: it is that of the name by which others come, and nobody but this machine answers here.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8765/healthz"


def main(url: str) -> int:
    """Return 0 where it is well; else 1, with a line that says why."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=4, context=context):
            return 0
    except (urllib.error.URLError, OSError, ValueError) as error:
        print(f"{url}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(os.environ.get("HEALTH_URL", URL)))
