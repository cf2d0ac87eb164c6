"""A layer from the lock by AWS CDK: the bundling installs without dependencies."""

from aws_cdk import BundlingOptions, Stack, aws_lambda as lambda_


def layer(stack: Stack) -> lambda_.LayerVersion:
    """Bundle ``requirements-minimal.txt`` of the folder ``layer``."""
    command = "pip install --no-deps --require-hashes -r requirements-minimal.txt -t /asset-output/python"
    bundling = BundlingOptions(
        image=lambda_.Runtime.PYTHON_3_12.bundling_image,
        command=["bash", "-c", command],
    )
    return lambda_.LayerVersion(
        stack,
        "Minimal",
        code=lambda_.Code.from_asset("layer", bundling=bundling),
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_12],
    )
