"""Tables are read, grouped, joined, moved between zones of time and written; optional engines are asked for.

Root: pandas; has compiled modules, data files, entry points.
"""

import io

import numpy as np
import pandas as pd

frame = pd.read_csv(io.StringIO("day,who,n\n2024-03-30,a,1\n2024-03-31,b,2\n2024-04-01,a,4\n"), parse_dates=["day"])
print(frame.dtypes.astype(str).to_dict())
print(frame.groupby("who").n.agg(["sum", "mean"]))
zoned = frame.set_index("day").tz_localize("Europe/Berlin").tz_convert("America/New_York")
print(zoned)
print(
    frame.day.dt.strftime("%d.%m.%y").tolist(),
    pd.to_datetime("3rd of May 2024"),
    pd.Timestamp("2024-05-03 10:00+02:00"),
)
print(pd.date_range("2024-01-31", periods=3, freq="ME").strftime("%F").tolist(), pd.Timedelta("3D 2h").isoformat())
print(
    frame.merge(pd.DataFrame({"who": ["a", "b"], "age": [3, None]}), on="who").to_json(
        orient="records", date_format="iso"
    )
)
print(frame.pivot_table(index="day", columns="who", values="n").rolling(2, min_periods=1).sum().to_string())
print(np.round(frame.n.std(), 6), frame.n.quantile(0.3), frame.query("n > 1 and who == 'a'").shape)
print(pd.offsets.DateOffset(months=1) + pd.Timestamp("2024-01-31"), pd.offsets.BDay(3) + pd.Timestamp("2024-03-29"))
print(pd.Series(["x", None]).dtype, pd.Series(["ab", "cd"]).str.upper().tolist(), pd.Categorical(["b", "a"]).codes)
calls = {
    "parquet": lambda: frame.to_parquet(io.BytesIO()),
    "excel": lambda: frame.to_excel(io.BytesIO()),
    "html": lambda: pd.read_html(io.StringIO("<table><tr><td>1</td></tr></table>")),
    "xml": lambda: frame.to_xml(),
    "markdown": lambda: frame.to_markdown(),
    "plot": lambda: frame.plot(),
    "sparse": lambda: pd.DataFrame.sparse.from_spmatrix(None),
}
for name, call in calls.items():
    try:
        call()
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:90])
    else:
        print(name, "works")
for option in ("compute.use_numexpr", "compute.use_bottleneck"):
    print(option, pd.get_option(option))
