"""Lists of accepted findings, compared both ways: an exception that nothing needs is an error, too."""

import fnmatch
import sys


def compared(findings, path):
    """What is wrong: findings, (kind, subject) to text, that no line of the file accepts, and lines that no finding needs."""
    exceptions = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            columns = [column.strip() for column in line.split("|")]
            if len(columns) != 3 or not all(columns):
                sys.exit(f"{path}:{number}: three columns are wanted: kind | subject | reason")
            exceptions.append((number, columns[0], columns[1]))
    errors = []
    for number, kind, pattern in exceptions:
        if not any(kind == found and fnmatch.fnmatchcase(subject, pattern) for found, subject in findings):
            errors.append(f"{path}:{number}: nothing needs this exception any more")
    for (kind, subject), text in sorted(findings.items()):
        if not any(kind == known and fnmatch.fnmatchcase(subject, pattern) for _, known, pattern in exceptions):
            errors.append(f"{kind} {subject}: {text}")
    return errors
