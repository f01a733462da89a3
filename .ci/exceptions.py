"""Compares checkov's findings with the list of accepted ones, both ways: an exception that nothing needs is an error, too."""

import fnmatch
import json
import sys

findings_path, exceptions_path = sys.argv[1:]
with open(findings_path, encoding="utf-8") as file:
    report = json.load(file)
if report["summary"]["parsing_errors"] or report["summary"]["resource_count"] == 0:
    sys.exit("checkov could not read the template")
findings = {(check["check_id"], check["resource"]): check["check_name"] for check in report["results"]["failed_checks"]}

exceptions = []
with open(exceptions_path, encoding="utf-8") as file:
    for number, line in enumerate(file, 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 3 or not all(columns):
            sys.exit(f"{exceptions_path}:{number}: three columns are wanted: check | resources | reason")
        exceptions.append((number, columns[0], columns[1]))

errors = []
for number, check, pattern in exceptions:
    if not any(check == found and fnmatch.fnmatchcase(resource, pattern) for found, resource in findings):
        errors.append(f"{exceptions_path}:{number}: nothing needs this exception any more")
for (check, resource), name in sorted(findings.items()):
    if not any(check == known and fnmatch.fnmatchcase(resource, pattern) for _, known, pattern in exceptions):
        errors.append(f"{check} {resource}: {name}")
print("\n".join(errors) or f"{report['summary']['passed']} checks passed, {len(findings)} findings are accepted with a reason")
sys.exit(bool(errors))
