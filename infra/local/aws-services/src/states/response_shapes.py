"""Writes response_shapes.json: what the actions that Task states call most answer with, from botocore's service models
(Apache-2.0): the types, required members, bounds and words of their output shapes. TestState checks mocked results with it.

    python response_shapes.py > response_shapes.json        # wants the pinned botocore of tests/aws_clients
"""
import json, sys
import botocore.session

SERVICES = ["dynamodb", "emr", "events", "kms", "lambda", "s3", "sns", "sqs", "stepfunctions"]
session = botocore.session.get_session()


def shape_of(shape, shapes, service):
    key = shape.name
    if key in shapes:
        return key
    kind = shape.type_name
    spec = {}
    shapes[key] = spec
    if kind == "structure":
        spec["t"] = "object"
        spec["m"] = {name: shape_of(member, shapes, service) for name, member in shape.members.items()}
        if shape.required_members:
            spec["r"] = sorted(shape.required_members)
    elif kind == "list":
        spec["t"] = "array"
        spec["i"] = shape_of(shape.member, shapes, service)
    elif kind == "map":
        spec["t"] = "map"
        spec["i"] = shape_of(shape.value, shapes, service)
    elif kind in ("integer", "long", "float", "double"):
        spec["t"] = "number"
    elif kind == "boolean":
        spec["t"] = "boolean"
    else:
        spec["t"] = "string"
        if getattr(shape, "enum", None):
            spec["e"] = list(shape.enum)
    for bound in ("min", "max"):
        if bound in shape.metadata:
            spec[bound] = shape.metadata[bound]
    return key


out = {}
for service in SERVICES:
    model = session.get_service_model(service)
    shapes, actions = {}, {}
    for name in model.operation_names:
        output = model.operation_model(name).output_shape
        if output is not None:
            actions[name] = shape_of(output, shapes, service)
    out[service] = {"actions": actions, "shapes": shapes}
json.dump(out, sys.stdout, separators=(",", ":"), sort_keys=True)
