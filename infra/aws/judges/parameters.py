"""The template's parameters as whoever deploys meets them: each described, bounded and in a group of the console's interface,
and an answer is needed only to what the first group asks."""

import sys
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

template = yaml_parse((Path(__file__).resolve().parent.parent / "template.yaml").read_text())
parameters = template["Parameters"]
groups = [group["Parameters"] for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]]
grouped = [name for group in groups for name in group]
BOUNDS = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"}

wrong = []
for name, parameter in parameters.items():
    if not parameter.get("Description"):
        wrong.append(f"{name} has no description")
    # CloudFormation itself looks whether there is such a subnet, or route table.
    if parameter["Type"] in ("String", "Number") and not BOUNDS & parameter.keys():
        wrong.append(f"{name} takes anything")
    if "AllowedPattern" in parameter and "ConstraintDescription" not in parameter:
        wrong.append(f"{name} does not say what it must look like")
    if grouped.count(name) != 1:
        wrong.append(f"{name} is in {grouped.count(name)} groups")
    if "Default" not in parameter and name not in groups[0]:
        wrong.append(f"{name} must be given, but is not in the first group")
wrong += [f"there is no parameter {name}, which a group has" for name in grouped if name not in parameters]
print(*(f"parameters: {each}" for each in wrong), sep="\n", end="\n" if wrong else "")
print(f"parameters: {len(parameters)} in {len(groups)} groups, {len(wrong)} findings")
sys.exit(1 if wrong else 0)
