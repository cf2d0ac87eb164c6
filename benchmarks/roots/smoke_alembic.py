"""A database is moved up and down by revisions that are written from templates.

Root: alembic; has data files, a program, plug-ins.
"""

import io
import re
import sqlite3
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import alembic.ddl
import sqlalchemy as sa
from alembic import command, config, script
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations

out = io.StringIO()
settings = config.Config("alembic.ini", stdout=out, output_buffer=out)
command.list_templates(settings)
for template in ("generic", "async", "multidb"):
    command.init(config.Config(f"{template}.ini", stdout=out), template, template=template)
    print(template, sorted(file.name for file in Path(template).iterdir()))
command.init(settings, "migrations")
text = Path("alembic.ini").read_text(encoding="utf-8")
Path("alembic.ini").write_text(
    re.sub("sqlalchemy.url = .*", "sqlalchemy.url = sqlite:///data.db", text), encoding="utf-8"
)
metadata = sa.MetaData()
table = sa.Table(
    "user", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9), index=True)
)
command.revision(settings, "first", rev_id="aaa1")
file = next(Path("migrations/versions").glob("*.py"))
engine = sa.create_engine("sqlite:///data.db")
with engine.connect() as connection:
    context = MigrationContext.configure(connection)
    changes = produce_migrations(context, metadata)
    code = render_python_code(changes.upgrade_ops)
    print(code)
    print([each[0] for each in compare_metadata(context, metadata)])
text = file.read_text(encoding="utf-8")
file.write_text(text.replace("    pass", code.replace("\n    ", "\n    "), 1), encoding="utf-8")
command.upgrade(settings, "head")
print(sqlite3.connect("data.db").execute("select name from sqlite_master order by name").fetchall())
command.revision(settings, "second", rev_id="bbb2")
command.upgrade(settings, "head", sql=True)
command.history(settings, verbose=False)
command.current(settings)
command.downgrade(settings, "base")
print(out.getvalue().replace(str(Path.cwd()), "."))
print([each.revision for each in script.ScriptDirectory.from_config(settings).walk_revisions()])
with engine.begin() as connection:
    operations = Operations(MigrationContext.configure(connection))
    operations.create_table("t", sa.Column("a", sa.Integer))
    with operations.batch_alter_table("t") as batch:
        batch.add_column(sa.Column("b", sa.Integer))
    print(sa.inspect(connection).get_columns("t")[1]["name"])
print("dialects", sorted(alembic.ddl.impl._impls), sorted(each.name for each in entry_points(group="alembic.plugins")))
done = subprocess.run([sys.executable, "-m", "alembic.config", "heads"], capture_output=True, text=True, check=False)
print(done.returncode, done.stdout, done.stderr[-200:])
try:
    settings.set_main_option("timezone", "Europe/Berlin")
    print(command.revision(settings, "third", rev_id="ccc3").revision)
except Exception as error:
    print(type(error).__name__, error)
