"""Whatever can carry tags, by CloudFormation's own schemas, carries the pipeline's: on the translated template."""

import json
import sys
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

resources = json.loads(Path(sys.argv[1]).read_text())["Resources"]
tagged, bare = 0, []
for name, resource in resources.items():
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    place = schema.get("tagging", {}).get("tagProperty", "/properties/Tags").rsplit("/", 1)[-1]
    if place not in schema["properties"]:
        continue
    tags = resource.get("Properties", {}).get(place, {})
    keys = set(tags) if isinstance(tags, dict) else {tag["Key"] for tag in tags}
    tagged += 1
    if "pipeline" not in keys:
        bare.append(f"tags: {name} ({resource['Type']}) has no tag pipeline in {place}")
print(*bare, f"tags: {tagged - len(bare)} of {tagged} resources that can carry tags do", sep="\n")
sys.exit(1 if bare or not tagged else 0)
