"""A Distributed Map in JSONata: expressions in its ItemReader's Arguments, and its own Output.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html and …/transforming-data.html. The engine runs Distributed
Maps, but reads their fields as JSONPath only. A ResultWriter is ignored: the engine keeps the children's results anyway.
"""

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch

_READ_NOW = """        items = _read_map_items(state_def["ItemReader"], effective, ctx)
"""
_READ_THEN = """        reader = state_def["ItemReader"]
        if is_jsonata:
            reader = {**reader, "Arguments": _apply_jsonata_template(reader.get("Arguments", {}), raw_input, ctx)}
        items = _read_map_items(reader, effective, ctx)
"""
_START_NOW = """    if state_def.get("ItemReader"):
"""
_START_THEN = """    is_jsonata = _state_query_language(state_def, ctx) == "JSONata"
    if state_def.get("ItemReader"):
"""
_END_NOW = """    result = _apply_result_selector(state_def, results)
"""
_END_THEN = """    if is_jsonata:
        output = _apply_jsonata_output(state_def, raw_input, ctx, result=results, default=results)
        _apply_state_assign(state_def, raw_input, ctx, result=results)
        return output, _next_or_end(state_def)
    result = _apply_result_selector(state_def, results)
"""


def apply() -> None:
    patch.edit(
        stepfunctions,
        "_run_distributed_map",
        (_START_NOW, _START_THEN),
        (_READ_NOW, _READ_THEN),
        (_END_NOW, _END_THEN),
    )
