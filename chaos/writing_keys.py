"""Makes keys for ever and prints each one after it is acknowledged: ``writing_keys.py DATABASE_URL``.

Knows: `aigc.db.keys`. Does not know: who kills it.
"""

from __future__ import annotations

import sys

from aigc.db.keys import Keys

if __name__ == "__main__":
    keys = Keys(sys.argv[1])
    while True:
        record, _ = keys.create("chaos")
        print(record.id, flush=True)
