"""Types for the checker of expressions. Pure.

CEL knows objects with named members only as protocol buffer messages. So every known shape becomes a message
type that exists in one pool, for checking; at run time values stay JSON and the names are the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from workflows.definition.expressions import ExpressionError, problem_of, within_bounds
from workflows.definition.shapes import Fields, ListOf, MapOf, Plain, Shape

_PACKAGE = "shape"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Mapping[Plain, Any] = {
    Plain.TEXT: _Field.TYPE_STRING,
    Plain.WHOLE: _Field.TYPE_INT64,
    Plain.TRUTH: _Field.TYPE_BOOL,
}
_WELL_KNOWN: Mapping[type, str] = {
    Plain: ".google.protobuf.Value",
    ListOf: ".google.protobuf.ListValue",
    MapOf: ".google.protobuf.Struct",
}
_CEL: Mapping[Plain, Any] = {
    Plain.ANY: cel.Type.DYN,
    Plain.TEXT: cel.Type.STRING,
    Plain.WHOLE: cel.Type.INT,
    Plain.TRUTH: cel.Type.BOOL,
    Plain.NULL: cel.Type.DYN,
}
_NAMED: Mapping[str, Plain] = {
    "STRING": Plain.TEXT,
    "INT": Plain.WHOLE,
    "BOOL": Plain.TRUTH,
    "NULL": Plain.NULL,
    "DYN": Plain.ANY,
}
_LIST, _MAP = re.compile(r"LIST<(.*)>"), re.compile(r"MAP<(?:STRING|DYN), (.*)>")


class NotJson(ExpressionError):
    """The result is no text, whole number, truth, list or map."""


class Types:
    """Shapes by the full name that expressions use (`trigger`, `steps.<id>.output`); `known` are those names."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        messages = _Messages()
        variables = {name: messages.type_of(shape) for name, shape in shapes.items()}
        self._messages = messages
        self._environment = cel.NewEnv(descriptor_pool=messages.pool(), variables=variables)

    def check(self, expression: str) -> Shape:
        """The shape of the result; raises ExpressionError for what cannot be, ExpressionCostly for what costs."""
        within_bounds(expression)
        try:
            result = self._environment.compile(expression).return_type()
        except RuntimeError as error:
            raise problem_of(error) from error
        return self._shape(str(result.name()), expression)

    def members(self, message: str) -> list[str]:
        """The names that an object of an error message has."""
        known = self._messages.by_name.get(message)
        return sorted(known.members) if known else []

    def _shape(self, name: str, expression: str) -> Shape:
        if name in _NAMED:
            return _NAMED[name]
        if inner := _LIST.fullmatch(name):
            return ListOf(self._shape(inner[1], expression))
        if inner := _MAP.fullmatch(name):
            return MapOf(self._shape(inner[1], expression))
        if message := self._messages.by_name.get(name):
            return message
        raise NotJson(f"gives {name.lower()}: use text, whole numbers, lists and maps")


class _Messages:
    """Message types of one environment, one per object of known members."""

    def __init__(self) -> None:
        self.by_name: dict[str, Fields] = {}
        self._file = descriptor_pb2.FileDescriptorProto(
            name="shape.proto", package=_PACKAGE, syntax="proto2", dependency=["google/protobuf/struct.proto"]
        )

    def pool(self) -> DescriptorPool:
        pool = DescriptorPool()
        pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(self._file.SerializeToString())
        return pool

    def type_of(self, shape: Shape) -> Any:
        if isinstance(shape, ListOf):
            return cel.Type.List(self.type_of(shape.item))
        if isinstance(shape, MapOf):
            return cel.Type.Map(cel.Type.STRING, self.type_of(shape.value))
        return cel.Type(self._message(shape)) if isinstance(shape, Fields) else _CEL[shape]

    def _message(self, shape: Fields) -> str:
        known = next((name for name, other in self.by_name.items() if other is shape), None)
        if known is not None:
            return known
        short = f"M{len(self.by_name)}"
        self.by_name[f"{_PACKAGE}.{short}"] = shape
        message = self._file.message_type.add(name=short)
        for number, (name, member) in enumerate(shape.members.items(), start=1):
            many = isinstance(member, ListOf)
            field = message.field.add(name=name, number=number, json_name=name)
            field.label = _Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL
            self._set_type(field, member.item if isinstance(member, ListOf) else member)
        return f"{_PACKAGE}.{short}"

    def _set_type(self, field: Any, shape: Shape) -> None:
        if isinstance(shape, Plain) and shape in _SCALARS:
            field.type = _SCALARS[shape]
            return
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{self._message(shape)}" if isinstance(shape, Fields) else _WELL_KNOWN[type(shape)]
