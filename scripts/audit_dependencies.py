"""List known vulnerabilities of the exact versions in .ci/constraints-*.txt, with pip-audit.

Needs pip-audit (pip install pip-audit) and the network. The exit code is 0 if nothing is known, 1 if something is, 3
if the database could not be asked about every package: silence is not safety.

Example: python scripts/audit_dependencies.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

FOUND, NOT_ASKED = 1, 3
FOLDER = Path(__file__).resolve().parent.parent / ".ci"


def audit(constraints: Path) -> int:
    """Print what is known about the packages of one file; return how that ended."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"{constraints.name}: could not look: {reason}")
        return NOT_ASKED
    not_asked = [package["name"] for package in packages if "skip_reason" in package]
    known = [(package, entry) for package in packages for entry in package.get("vulns", [])]
    for package, entry in known:
        fixed = ", ".join(entry["fix_versions"]) or "no version"
        print(f"{constraints.name}: {package['name']} {package['version']}: {entry['id']}, fixed in {fixed}")
    print(f"{constraints.name}: {len(packages)} packages, {len(known)} known, {len(not_asked)} could not be looked up")
    return NOT_ASKED if not_asked else FOUND if known else 0


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.parse_args()
sys.exit(max(audit(path) for path in sorted(FOLDER.glob("constraints-*.txt"))))
