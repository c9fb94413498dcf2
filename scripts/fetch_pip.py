"""Fetch pip's wheel from PyPI for a Python that came without pip, as Debian's does.

A wheel can be run in place: ``python3 pip.whl/pip install ...``.
"""

import hashlib
import json
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

WHEEL = "pip-25.3-py3-none-any.whl"
INDEX = "https://pypi.org/simple/pip/"  # the PEP 691 form of the index

target = Path(sys.argv[1])
request = urllib.request.Request(INDEX, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
with urllib.request.urlopen(request, timeout=60) as answer:
    files = json.load(answer)["files"]
wheel = next(file for file in files if file["filename"] == WHEEL)
with urllib.request.urlopen(urljoin(INDEX, wheel["url"]), timeout=60) as answer:
    content = answer.read()
if hashlib.sha256(content).hexdigest() != wheel["hashes"]["sha256"]:
    sys.exit("error: the pip wheel from PyPI is damaged; try again.")
target.parent.mkdir(parents=True, exist_ok=True)
target.write_bytes(content)
