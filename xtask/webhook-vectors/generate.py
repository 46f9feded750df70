"""Writes crates/kith-webhooks/tests/data/standard-webhooks-pypi.json: what the library signs in each case.

Run: pip install -r requirements.txt && python generate.py
"""

import json
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from standardwebhooks import Webhook

HERE = Path(__file__).parent
TARGET = HERE / "../../crates/kith-webhooks/tests/data/standard-webhooks-pypi.json"


def signed(case):
    at = datetime.fromtimestamp(case["timestamp"], timezone.utc)
    signature = Webhook(case["secret"]).sign(case["id"], at, case["body"])
    return {**case, "signature": signature}


cases = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
# One case a line, so that a change shows as what it is.
lines = ",\n".join(
    json.dumps(signed(case), ensure_ascii=False, separators=(",", ":")) for case in cases
)
library = f"PyPI standardwebhooks {version('standardwebhooks')}"
TARGET.write_text(
    f'{{"library":"{library}","vectors":[\n{lines}\n]}}\n', encoding="utf-8"
)
