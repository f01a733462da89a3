"""Compares checkov's findings with the list of accepted ones."""

import json
import sys

from exceptions import compared

findings_path, exceptions_path = sys.argv[1:]
with open(findings_path, encoding="utf-8") as file:
    report = json.load(file)
if report["summary"]["parsing_errors"] or report["summary"]["resource_count"] == 0:
    sys.exit("checkov could not read the template")
findings = {(check["check_id"], check["resource"]): check["check_name"] for check in report["results"]["failed_checks"]}
errors = compared(findings, exceptions_path)
print("\n".join(errors) or f"{report['summary']['passed']} checks passed, {len(findings)} findings are accepted with a reason")
sys.exit(bool(errors))
