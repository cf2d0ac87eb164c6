"""Objects in a database in memory, by the core, by the object mapper and in coroutines; other drivers are asked for.

Root: sqlalchemy; has compiled speed-ups, entry points.
"""

import asyncio
from importlib.metadata import entry_points

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import registry
from sqlalchemy.util import concurrency


class Base(orm.DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(30), unique=True)
    posts: orm.Mapped[list["Post"]] = orm.relationship(back_populates="user", cascade="all, delete-orphan")


class Post(Base):
    __tablename__ = "post"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    user_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("user.id"))
    words: orm.Mapped[int | None]
    user: orm.Mapped[User] = orm.relationship(back_populates="posts")


engine = sa.create_engine("sqlite://")
Base.metadata.create_all(engine)
with orm.Session(engine) as session:
    session.add_all([User(name="a", posts=[Post(words=3), Post(words=4)]), User(name="b")])
    session.commit()
    total = sa.func.coalesce(sa.func.sum(Post.words), 0)
    print(session.execute(sa.select(User.name, total).outerjoin(Post).group_by(User.name).order_by(User.name)).all())
    session.add(User(name="a"))
    try:
        session.commit()
    except sa.exc.IntegrityError as error:
        print("refused:", error.orig)
print(sa.inspect(engine).get_table_names(), sa.select(User).where(User.name.in_(["x"])).compile(engine))
for name in ("postgresql", "mysql", "oracle", "mssql"):
    try:
        sa.create_engine(f"{name}://host/db")
    except ModuleNotFoundError as error:
        print(name, error)
    print(str(sa.schema.CreateTable(Post.__table__).compile(dialect=registry.load(name)())).split()[-9:])


async def greet():
    return await concurrency.greenlet_spawn(lambda: concurrency.await_only(asyncio.sleep(0, "from a greenlet")))


try:
    print(asyncio.run(greet()))
except (ImportError, ValueError) as error:
    print(type(error).__name__, str(error)[:60])
try:
    from sqlalchemy.ext import asyncio as coroutines

    coroutines.create_async_engine("sqlite+aiosqlite://")
except ImportError as error:
    print(error)
print("compiled", sa.util.has_compiled_ext(), sa.engine.row.BaseRow.__module__, sa.util.preloaded is not None)
print(
    "plug-ins",
    sorted(each.name for group in ("sqlalchemy.dialects", "sqlalchemy.plugins") for each in entry_points(group=group)),
)
