"""Expands a SAM template as a deployment would, with its parameters' defaults or what is given: NAME=VALUE …"""

import json
import logging
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names no AWS-managed policy, so none is looked up."""

    def load(self):
        return {}


logging.disable(logging.WARNING)  # it says that a feature of AWS's own fleet is not switched on here
with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # What `sam package` does: the translator takes uploaded artefacts only.
        resource["Properties"]["CodeUri"] = "s3://artefacts/function.zip"
given = dict(argument.split("=", 1) for argument in sys.argv[2:])
unknown = given.keys() - template["Parameters"].keys()
if unknown:
    sys.exit(f"no such parameter: {', '.join(sorted(unknown))}")
values = {name: parameter["Default"] for name, parameter in template["Parameters"].items() if "Default" in parameter}
json.dump(transform(template, values | given, NoManagedPolicies()), sys.stdout, indent=1)
