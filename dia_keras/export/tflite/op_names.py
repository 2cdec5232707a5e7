"""The names of a TFLite file's ops."""

from tensorflow.lite.python import schema_py_generated as schema

# TensorFlow's own function takes every attribute of the schema's class for a name. From Python 3.13 on, a class has its
# line number among them, which is 74 here, the code of SUM.
_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def op_name(model: schema.ModelT, op: schema.OperatorT) -> str | None:
    """Returns the name of an op, such as `"CONV_2D"`; `None` of a code that is not known."""
    code = model.operatorCodes[op.opcodeIndex]
    return _NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode))
