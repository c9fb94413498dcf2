"""Fetch pip's wheel from PyPI for a Python that came without pip, as Debian's does.

A wheel can be run in place: ``python3 pip.whl/pip install ...``.
"""

import hashlib
import json
import sys
import urllib.request
from pathlib import Path

target = Path(sys.argv[1])
with urllib.request.urlopen("https://pypi.org/pypi/pip/json", timeout=60) as answer:
    files = json.load(answer)["urls"]
wheel = next(file for file in files if file["packagetype"] == "bdist_wheel")
with urllib.request.urlopen(wheel["url"], timeout=60) as answer:
    content = answer.read()
if hashlib.sha256(content).hexdigest() != wheel["digests"]["sha256"]:
    sys.exit("error: the pip wheel from PyPI is damaged; try again.")
target.parent.mkdir(parents=True, exist_ok=True)
target.write_bytes(content)
