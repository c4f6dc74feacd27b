"""Rewrite data/manifest.json after a bundled file was added or changed: `python
data/make_manifest.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from gancourse.data.sources import MANIFEST, manifest  # noqa: E402
from gancourse.files import write_json  # noqa: E402

if __name__ == "__main__":
    listed = manifest(HERE)
    write_json(HERE / MANIFEST, listed)
    print(
        f"{len(listed)} files, {sum(entry['bytes'] for entry in listed.values()):,} bytes -> {HERE / MANIFEST}"
    )
