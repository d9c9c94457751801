"""The OpenAPI document, made from the operations and the types of their answers."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from callscope.web.api.operations import OPERATIONS, Operation

_REFERENCE: Final = "#/components/schemas/{name}"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    error: str
    """What is wrong and what to do, for people."""
    column: int | None = None
    """Of a filter that is not understood: where, in characters from 0."""


_FAILURES: Final = {
    "400": "A parameter or the filter is not understood.",
    "404": "There is no such call.",
    "503": "The archive or its index cannot be read, or the question takes too long.",
}


def openapi(version: str) -> dict[str, Any]:
    """The document of OpenAPI 3.1; ``version`` is callscope's."""
    types = [Problem, *(operation.answer for operation in OPERATIONS)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    problem, *answers = schemas
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callscope",
            "version": version,
            "description": "Calls of an archive: the same questions as the pages and the terminal. Times are Unix "
            "milliseconds, money is US dollars, what is unknown is null.",
        },
        "paths": {
            f"/api{operation.path}": {"get": _operation(operation, answer, problem)}
            for operation, answer in zip(OPERATIONS, answers, strict=True)
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    failures = {
        status: {"description": text, "content": {"application/json": {"schema": problem}}}
        for status, text in _FAILURES.items()
    }
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            {
                "name": each.name,
                "in": each.where,
                "required": each.required,
                "description": each.text,
                "schema": each.schema,
            }
            for each in operation.parameters
        ],
        "responses": {
            "200": {"description": operation.summary, "content": {"application/json": {"schema": answer}}},
            **failures,
        },
    }
