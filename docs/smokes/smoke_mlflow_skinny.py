"""A run with parameters and metrics, written to a folder and read back."""

import os
import tempfile

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import mlflow

with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(f"file://{folder}")
    mlflow.set_experiment("smoke")
    with mlflow.start_run() as run:
        mlflow.log_param("rate", 0.1)
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.set_tag("kind", "smoke")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params == {"rate": "0.1"}
    assert found.data.metrics == {"loss": 0.5}
    print(found.info.status)
