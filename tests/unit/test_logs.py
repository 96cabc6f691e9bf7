"""What the logs show, and what they never show."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from vibecode.logs import configure_logging
configure_logging("info")
def fail(authorization):
    raise RuntimeError("it broke")
try:
    fail("Bearer " + "s3cr3t" * 2)
except RuntimeError as error:
    structlog.get_logger().error("unforeseen failure", exc_info=error)
    logging.getLogger("uvicorn.error").exception("in a library")
structlog.get_logger().debug("too small")
"""


def test_a_traceback_is_logged_without_the_values_of_variables() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["unforeseen failure", "in a library"]
    for line in lines:
        assert "it broke" in line["exception"]
        assert line["level"] == "error"
        assert line["timestamp"]
    assert "s3cr3ts3cr3t" not in result.stderr
