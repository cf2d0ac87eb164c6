"""A project with a build hook, a version in a file and classifiers is built as wheel, editable wheel and sdist.

Root: hatchling; has plug-ins, entry points, data files.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from hatchling import build
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

os.environ["SOURCE_DATE_EPOCH"] = "1580601600"
Path("src/thing").mkdir(parents=True)
Path("src/thing/__init__.py").write_text('__version__ = "1.2.dev3"\n', encoding="utf-8")
Path("src/thing/data.json").write_text("{}", encoding="utf-8")
Path("src/thing/secret.txt").write_text("no", encoding="utf-8")
Path(".gitignore").write_text("secret.txt\n/dist\n", encoding="utf-8")
Path("README.md").write_text("# Thing\n", encoding="utf-8")
Path("hatch_build.py").write_text(
    "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
    "class Hook(BuildHookInterface):\n"
    "    def initialize(self, version, data):\n        print('hook', self.target_name, version)\n",
    encoding="utf-8",
)
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "Thing.Name"
dynamic = ["version"]
readme = "README.md"
license = "MIT or Apache-2.0"
requires-python = ">=3.8"
dependencies = ["a >=1 ; python_version<'4'", "b[x]"]
classifiers = ["Topic :: Utilities", "Programming Language :: Python :: 3"]
scripts.thing = "thing:main"
[tool.hatch.version]
path = "src/thing/__init__.py"
[tool.hatch.build.hooks.custom]
[tool.hatch.build.targets.wheel]
packages = ["src/thing"]
"""
Path("pyproject.toml").write_text(PROJECT, encoding="utf-8")
wheel = build.build_wheel("dist")
with zipfile.ZipFile(Path("dist", wheel)) as archive:
    print(wheel, archive.namelist())
    print(archive.read("thing_name-1.2.dev3.dist-info/METADATA").decode())
with tarfile.open(Path("dist", build.build_sdist("dist"))) as archive:
    print(sorted(archive.getnames()))
try:
    print(build.build_editable("dist"))
except ModuleNotFoundError as error:
    print(error)
print(build.get_requires_for_build_wheel(), build.get_requires_for_build_editable())
manager = PluginManager()
for kind in ("builder", "build_hook", "metadata_hook", "version_source", "version_scheme"):
    print(kind, sorted(getattr(manager, kind).collect()))
for old, new in (("Topic :: Utilities", "Topic :: None"), ("MIT or", "MIT oder"), ("b[x]", "b[")):
    Path("pyproject.toml").write_text(PROJECT.replace(old, new), encoding="utf-8")
    metadata = ProjectMetadata(str(Path.cwd()), manager)
    try:
        metadata.validate_fields()
    except Exception as error:
        print("refused:", type(error).__name__, str(error)[:100])
done = subprocess.run([sys.executable, "-m", "hatchling", "version"], capture_output=True, text=True, check=False)
print(done.returncode, done.stdout, done.stderr[-200:], WheelBuilder.PLUGIN_NAME)
