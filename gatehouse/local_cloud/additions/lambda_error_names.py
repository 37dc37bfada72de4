"""A failed function reports its exception's class name, so that Retry and Catch match by name.

The engine reports every Python error as ``Runtime.HandlerError``, and throws the worker away, so module state never survives
an error as it does on AWS (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html: ``errorType``, ``stackTrace``;
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: an environment is reused after a handled error).
"""

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from gatehouse.local_cloud.additions import patch


def apply() -> None:
    patch.edit_text(
        lambda_runtime,
        "_PYTHON_WORKER_SCRIPT",
        ('"error": str(e), "trace": traceback', '"error": str(e), "error_type": type(e).__name__, "trace": traceback'),
    )
    patch.edit(
        lambda_runtime.Worker,
        "invoke",
        (
            'if response.get("status") == "error":',
            'if response.get("status") == "error" and "error_type" not in response:',
        ),
    )
    patch.edit(
        lambda_svc,
        "_execute_function_warm",
        ('error_type = "Runtime.HandlerError"', 'error_type = result.get("error_type", "Runtime.HandlerError")'),
        (
            '"errorType": error_type,\n',
            '"errorType": error_type,\n"requestId": request_id,\n"stackTrace": result.get("trace", "").splitlines(),\n',
        ),
    )
