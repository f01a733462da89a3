"""Checks that a new value of a parameter reaches the functions: they run published versions, and SAM publishes one when the text
of a function changes, not when a parameter's value does (github.com/aws/serverless-application-model/issues/3820)."""

import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    template = json.load(file)
parameters, resources = template["Parameters"], template["Resources"]


def named(node):
    """Parameters that a value depends on."""
    if isinstance(node, list):
        return {name for item in node for name in named(item)}
    if not isinstance(node, dict):
        return set()
    if "Ref" in node:
        return {node["Ref"]} & parameters.keys()
    if isinstance(node.get("Fn::Sub"), str):
        return set(re.findall(r"\$\{(\w+)\}", node["Fn::Sub"])) & parameters.keys()
    if "Condition" in node and isinstance(node["Condition"], str):
        return named(template["Conditions"][node["Condition"]])
    if "Fn::If" in node:
        condition, *values = node["Fn::If"]
        return named(template["Conditions"][condition]) | named(values)
    return {name for value in node.values() for name in named(value)}


errors = []
versions = [(name, version) for name, version in resources.items() if version["Type"] == "AWS::Lambda::Version"]
for name, version in versions:
    function = version["Properties"]["FunctionName"]["Ref"]
    properties = resources[function]["Properties"]
    # A property that changes replaces the version, which needs a function that changes with it.
    description = version["Properties"].get("Description")
    if description is None or description != properties["Environment"]["Variables"].get("CONFIGURATION"):
        errors.append(f"{function}: VersionDescription and CONFIGURATION are not the same text")
        continue
    secret = {parameter for parameter in parameters if parameters[parameter].get("NoEcho")}
    if named(description) & secret:
        errors.append(f"{function}: VersionDescription shows a secret")
    for parameter in sorted(named(properties) - named(description) - secret):
        errors.append(f"{function}: a new {parameter} would publish no new version; name it in VersionDescription and CONFIGURATION")
functions = [name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Function"]
if not functions or len(versions) != len(functions):
    errors.append(f"{len(versions)} versions of {len(functions)} functions")
print("\n".join(errors) or f"{len(versions)} functions get a new version with each parameter of theirs")
sys.exit(bool(errors))
